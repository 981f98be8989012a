/* watchdog, snapshot: a loop that does not get on is told, with its stack, while it is stalled. */
#include "lib/testlib.h"

#include "rec/recfile.h"
#include "rec/text.h"
#include "sys/crash.h"
#include "sys/log.h"
#include "sys/snapshot.h"
#include "sys/watchdog.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define EVENTS 5000u

static char *dir;
static uv_loop_t loop;

static int open_all(void **state)
{
    struct log_options log = {.thread = "loop", .node = "n1"};
    struct bx_err err;

    (void)state;
    dir = test_make_dir();
    if (bx_filter_parse(&log.filter, "off", NULL) != BX_OK || log_open(&log, &err) != BX_OK ||
        crash_open(dir, "watchdog_test", &err) != BX_OK || uv_loop_init(&loop) != 0)
        return -1;
    snapshot_open(&loop);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    snapshot_close();
    uv_run(&loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&loop) != 0)
        return -1;
    crash_close();
    log_close();
    test_remove_dir(dir);
    return 0;
}

/* ---- what is in a file ---- */

static uint8_t bytes[4u << 20] __attribute__((aligned(8)));
static char text[1u << 20];

/* The lines of a file's events; the number of those that were counted. */
static unsigned read_file(const char *name, const char *reason)
{
    static struct bx_recfile f;
    struct bx_buf lines = {0};
    struct bx_recevent e;
    unsigned counted = 0;
    int fd = openat(crash_directory(), name, O_RDONLY);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_true(n > 0);
    assert_int_equal(bx_recfile_open(&f, bytes, (size_t)n, NULL), BX_OK);
    while (bx_recfile_next(&f, &e, NULL) == BX_OK) {
        if (e.site->message != NULL && strcmp(e.site->message, "counted") == 0)
            counted++;
        else
            bx_text_event(&lines, BX_TEXT_LOGFMT, &e);
    }
    assert_true(f.complete);
    assert_int_equal(f.meta.reason.n, strlen(reason));
    assert_memory_equal(f.meta.reason.p, reason, f.meta.reason.n);
    bx_recfile_close(&f);
    assert_true(lines.len < sizeof text);
    if (lines.len > 0)
        memcpy(text, lines.data, lines.len);
    text[lines.len] = '\0';
    bx_buf_release(&lines);
    return counted;
}

static unsigned count_files(const char *kind, char name[256])
{
    int fd = openat(crash_directory(), ".", O_RDONLY | O_DIRECTORY);
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    unsigned n = 0;

    assert_non_null(d);
    while ((e = readdir(d)) != NULL)
        if (strncmp(e->d_name, kind, strlen(kind)) == 0 && strstr(e->d_name, ".tmp") == NULL) {
            n++;
            snprintf(name, 256, "%s", e->d_name);
        }
    closedir(d);
    return n;
}

/* ---- snapshots ---- */

struct answer {
    int calls, code;
    struct snapshot_file file;
};

static void on_done(void *ctx, const struct snapshot_file *f, const struct bx_err *err)
{
    struct answer *a = ctx;

    a->calls++;
    a->code = err == NULL ? BX_OK : err->code;
    a->file = *f;
}

TEST(a_snapshot_has_what_the_rings_hold_and_drains_nothing)
{
    for (unsigned i = 0; i < EVENTS; i++)
        BX_INFO("test", "counted", "i", i);
    for (int round = 0; round < 2; round++) {
        struct answer a = {0}, refused = {0};
        struct bx_err err;
        struct stat st;

        assert_int_equal(snapshot_begin(SNAPSHOT_ASKED, false, on_done, &a, &err), BX_OK);
        assert_int_equal(snapshot_begin(SNAPSHOT_ASKED, false, on_done, &refused, &err), BX_BUSY);
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(a.calls, 1);
        assert_int_equal(a.code, BX_OK);
        assert_int_equal(refused.calls, 0);
        assert_true(snapshot_is_name(a.file.name));
        assert_int_equal(read_file(a.file.name, "asked for"), EVENTS);
        assert_true(a.file.events >= EVENTS);
        assert_int_equal(fstatat(crash_directory(), a.file.name, &st, 0), 0);
        assert_int_equal(st.st_size, a.file.bytes);
        assert_true(a.file.bytes < EVENTS * 40u / 2); /* it is compressed */
    }
}

TEST(trouble_is_told_once_and_not_again_at_once)
{
    char name[256];

    for (int i = 0; i < 3; i++) {
        snapshot_on(SNAPSHOT_APPLY);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_int_equal(count_files("trouble", name), 1);
    read_file(name, "slow apply");
    snapshot_on(SNAPSHOT_QUORUM); /* another one */
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(count_files("trouble", name), 2);
}

TEST(names_are_no_paths)
{
    assert_true(snapshot_is_name("crash-20261129T130000-77.bxr"));
    assert_false(snapshot_is_name("../identity"));
    assert_false(snapshot_is_name("../../x.bxr"));
    assert_false(snapshot_is_name(".bxr"));
    assert_false(snapshot_is_name(""));
}

/* ---- the watchdog ---- */

/* Not back before a file is there, as if the loop hung in here. */
__attribute__((noinline)) static bool wait_in_the_loop(void)
{
    uint64_t deadline = uv_hrtime() + UINT64_C(30000000000);
    char name[256];

    while (count_files("stall-", name) == 0)
        if (uv_hrtime() > deadline)
            return false;
    return true;
}

static bool told;

static void on_timer(uv_timer_t *t)
{
    told = wait_in_the_loop();
    watchdog_close();
    uv_close((uv_handle_t *)t, NULL);
}

TEST(a_stalled_loop_is_told_with_its_stack_while_it_is)
{
    uv_timer_t timer;
    struct bx_err err;
    char name[256];

    uv_timer_init(&loop, &timer);
    uv_timer_start(&timer, on_timer, 1, 0);
    assert_int_equal(watchdog_open(&loop, &err), BX_OK);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(told);
    assert_int_equal(count_files("stall-", name), 1);
    read_file(name, "stalled loop");
    assert_non_null(strstr(text, "target=watchdog msg=\"the loop is stalled\" ms=1"));
    assert_non_null(strstr(text, "target=stack msg=frame n=0"));
    assert_non_null(strstr(text, "msg=frame n=4 object="));
    assert_non_null(strstr(text, "object=sys_watchdog_test"));
}

int main(void)
{
    return test_run(open_all, close_all);
}
