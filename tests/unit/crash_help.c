#include "unit/crash_help.h"

#include "rec/recfile.h"
#include "rec/text.h"
#include "sys/crash.h"
#include "sys/log.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

char *crash_dir;

int crash_setup(void **state)
{
    (void)state;
    crash_dir = test_make_dir();
    return 0;
}

int crash_teardown(void **state)
{
    (void)state;
    test_remove_dir(crash_dir);
    return 0;
}

void crash_begin(void)
{
    struct log_options log = {.thread = "loop", .node = "n1"};
    struct bx_err err;
    const struct rlimit no_core = {0, 0};

    setrlimit(RLIMIT_CORE, &no_core);
    alarm(20); /* a handler that hangs ends with SIGALRM */
    assert(bx_filter_parse(&log.filter, "off", NULL) == BX_OK);
    assert(log_open(&log, &err) == BX_OK);
    assert(crash_open(crash_dir, "crash_test", &err) == BX_OK);
    for (unsigned i = 0; i < CRASH_EVENTS; i++)
        BX_INFO("test", "counted", "i", i);
}

static void take_event(struct left *left, const struct bx_recevent *e)
{
    struct bx_buf line = {0};

    left->events++;
    if (e->site->message != NULL && strcmp(e->site->message, "counted") == 0) {
        left->counted++;
        left->last = e->args[0].u;
        return;
    }
    bx_text_event(&line, BX_TEXT_LOGFMT, e);
    if (left->n + line.len < sizeof left->text) {
        memcpy(left->text + left->n, line.data, line.len);
        left->n += line.len;
    }
    bx_buf_release(&line);
}

static void read_bytes(struct left *left, const uint8_t *p, size_t n)
{
    static struct bx_recfile f;
    struct bx_recevent e;
    struct bx_err err;
    int rc;

    left->open = bx_recfile_open(&f, p, n, &err);
    if (left->open != BX_OK)
        return;
    while ((rc = bx_recfile_next(&f, &e, &err)) != BX_NOT_FOUND)
        if (rc == BX_OK)
            take_event(left, &e);
    left->complete = f.complete;
    left->damaged = f.damaged;
    bx_recfile_close(&f);
}

static void read_file(struct left *left, int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY);
    struct stat st;
    uint8_t *p;

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    p = malloc((size_t)st.st_size + 1);
    assert_non_null(p);
    assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
    read_bytes(left, p, (size_t)st.st_size);
    free(p);
    close(fd);
}

char crash_name[256];

struct left *crash_look(void)
{
    static struct left left;
    char path[4096];
    const struct dirent *e;
    DIR *d;

    left = (struct left){0};
    snprintf(path, sizeof path, "%s/recorder", crash_dir);
    d = opendir(path);
    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        if (strstr(e->d_name, ".bxr") != NULL && left.files++ == 0) {
            snprintf(crash_name, sizeof crash_name, "%s", e->d_name);
            read_file(&left, dirfd(d), e->d_name);
        }
    closedir(d);
    return &left;
}

void crash_expect_all(const struct left *left)
{
    assert_int_equal(left->files, 1);
    assert_int_equal(left->open, BX_OK);
    assert_int_equal(left->damaged, 0);
    assert_true(left->complete);
    assert_int_equal(left->counted, CRASH_EVENTS);
    assert_int_equal(left->last, CRASH_EVENTS - 1);
}

void crash_expect_text(const struct left *left, const char *text)
{
    if (strstr(left->text, text) == NULL)
        fail_msg("no \"%s\" in:\n%.8000s", text, left->text);
}
