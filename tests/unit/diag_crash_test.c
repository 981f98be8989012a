/* crashed: the envelope that is made of a crash file. */
#include "lib/testlib.h"

#include "diag/envread.h"
#include "diagnose/diag.h"
#include "rec/recfile.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NS 1000000000ull
#define T0 (1764421200 * NS)

static char *dir;
static struct diag_about about = {.node = "n1", .environment = "test"};
static struct spool spool;

static int set_up(void **state)
{
    char path[512];

    (void)state;
    dir = test_make_dir();
    snprintf(path, sizeof path, "%s/recorder", dir);
    return mkdir(path, 0700);
}

static int tear_down(void **state)
{
    (void)state;
    test_remove_dir(dir);
    return 0;
}

static void open_spool(void)
{
    struct bx_err err = {0};
    struct spool_entry all[SPOOL_FILES];
    uint32_t n;

    if (spool_open(&spool, dir, 0, 0, &err) != BX_OK)
        fail_msg("%s", err.msg);
    n = spool_list(&spool, all, SPOOL_FILES);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(spool_delete(&spool, &all[i], &err), BX_OK);
}

static void flip(const char *path, size_t at)
{
    int fd = open(path, O_RDWR);
    uint8_t c;

    assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
    c ^= 0x20;
    assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    close(fd);
}

static uint64_t now(void)
{
    static uint64_t t = T0;

    return t += 1000;
}

static int to_file(void *ctx, const void *p, size_t n)
{
    return write(*(int *)ctx, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

static unsigned appended = 1; /* how often the request did that */

static void write_crash(const char *path)
{
    static struct bx_recfile_writer w;
    static struct bx_rec_thread t;
    static uint64_t words[4096];
    struct bx_recfile_meta meta = {.program = bx_str("blixardd"),
                                   .version = bx_str("0.1.0"),
                                   .reason = bx_str("crash"),
                                   .host = bx_str("h"),
                                   .build = bx_str("\x01\x02"),
                                   .pid = 4711,
                                   .time_ns = T0};
    struct bx_filter all;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    uint64_t before = 0x9999, one = 0x1111, two = 0x2222, three = 0x3333;

    bx_filter_parse(&all, "trace", NULL);
    assert_int_equal(bx_rec_thread_open(&t, "loop", 0, 4096, 0, now), BX_OK);
    bx_rec_use(&t);
    bx_rec_filter_ring(&all);
    BX_DEBUG("request", "began", "span", before, "method", "vm.show", "principal", "uid:0");
    BX_DEBUG("request", "step", "span", before, "step", "decoded");
    BX_DEBUG("request", "ended", "span", before, "code", 0);
    BX_DEBUG("request", "began", "span", one, "method", "vm.create", "principal", "uid:0");
    BX_DEBUG("request", "began", "span", two, "method", "vm.list", "principal", "uid:0");
    t.trace = 77;
    BX_DEBUG("request", "step", "span", one, "step", "proposed");
    BX_DEBUG("request", "step", "span", three, "step", "proposed");
    for (unsigned i = 0; i < appended; i++)
        BX_INFO("node", "appended", "index", 5);
    t.trace = 0;
    BX_DEBUG("request", "ended", "span", two, "code", 0);
    BX_DEBUG("request", "step", "span", three, "step", "applied");
    /* As sys/crash.c and sys/stack.c record them; the first frame is one of a stall. */
    BX_ERROR("stack", "frame", "n", 0, "object", "blixardd", "offset", "0x111");
    BX_ERROR("crash", "fatal signal", "signal", 11, "code", 1, "address", "0x10", "sender", 0,
             "thread", "loop");
    BX_ERROR("stack", "frame", "n", 0, "object", "libc.so.6", "offset", "0xdef");
    BX_ERROR("stack", "frame", "n", 1, "object", "blixardd", "offset", "0xabc");
    w = (struct bx_recfile_writer){.write = to_file, .ctx = &fd};
    bx_recfile_begin(&w, &meta);
    bx_recfile_put_events(&w, 0, words, bx_ring_copy(&t.ring, words, 4096));
    assert_int_equal(bx_recfile_end(&w), BX_OK);
    bx_rec_use(NULL);
    bx_rec_thread_close(&t);
    close(fd);
}

static bool has(struct bx_str text, const char *part)
{
    return memmem(text.p, text.n, part, strlen(part)) != NULL;
}

static void check_crash(const struct bx_buf *b)
{
    struct bx_envread_item item;
    struct bx_envread r;
    struct bx_err err = {0};

    assert_int_equal(bx_envread_open(&r, b->data, b->len, &err), BX_OK);
    assert_true(r.has_event);
    assert_int_equal(bx_envread_next(&r, &item, &err), BX_OK);
    assert_int_equal(item.type, BX_ITEM_EVENT);
    assert_true(has(item.payload, "\"type\":\"SIGSEGV\""));
    assert_true(has(item.payload, "\"value\":\"address 0x10\""));
    assert_true(has(item.payload, "\"frames\":[{\"instruction_addr\":\"0x0000000000000abc\"}]"));
    assert_true(has(item.payload, "\"requests_in_flight\":\"2\""));
    assert_true(has(item.payload, "\"extra\":{\"pid\":4711}"));
    assert_true(has(item.payload, "\"data\":{\"span\":\"0000000000001111\","
                                  "\"method\":\"vm.create\"}"));
    assert_true(has(item.payload, "\"message\":\"appended\"")); /* of the same trace */
    assert_true(
        has(item.payload, "\"message\":\"proposed\",\"data\":{\"span\":\"0000000000001111\""));
    assert_true(
        has(item.payload, "\"message\":\"proposed\",\"data\":{\"span\":\"0000000000003333\""));
    assert_true(has(item.payload, "\"span\":\"0000000000003333\""));
    assert_false(has(item.payload, "vm.list")); /* it had ended, */
    assert_false(has(item.payload, "decoded")); /* and so had another one */
    assert_int_equal(bx_envread_next(&r, &item, &err), BX_OK);
    assert_int_equal(item.type, BX_ITEM_LOG);
    assert_int_equal(item.count, 14);
    assert_int_equal(bx_envread_next(&r, &item, &err), BX_OK);
    assert_int_equal(item.type, BX_ITEM_ATTACHMENT);
    assert_true(has(item.filename, ".bxr"));
    assert_int_equal(bx_envread_next(&r, &item, &err), BX_NOT_FOUND);
    bx_envread_close(&r);
}

/* Those of the daemon. */
static uint32_t collect(void)
{
    static const struct diag_vm_files no_vms;

    return diag_collect_crashes(&spool, dir, &about, &no_vms).daemon;
}

TEST(a_crash_file_becomes_one_envelope_with_the_requests_in_flight)
{
    struct spool_entry all[SPOOL_FILES];
    struct bx_err err = {0};
    struct bx_buf b = {0};
    char path[512];

    open_spool();
    assert_int_equal(collect(), 0);
    snprintf(path, sizeof path, "%s/recorder/crash-20251129T130000-1.bxr", dir);
    write_crash(path);
    assert_int_equal(collect(), 1);
    assert_int_equal(collect(), 0);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 1);
    assert_int_equal(spool_read(&spool, &all[0], &b, &err), BX_OK);
    check_crash(&b);
    bx_buf_release(&b);
    spool_close(&spool);
}

/* The only envelope, of a crash file. */
static struct bx_buf crash_envelope(void)
{
    struct spool_entry all[SPOOL_FILES];
    struct bx_err err = {0};
    struct bx_buf b = {0};
    char path[512];

    open_spool();
    snprintf(path, sizeof path, "%s/recorder/crash-20251129T130000-1.bxr", dir);
    write_crash(path);
    assert_int_equal(collect(), 1);
    assert_int_equal(spool_list(&spool, all, SPOOL_FILES), 1);
    assert_int_equal(spool_read(&spool, &all[0], &b, &err), BX_OK);
    spool_close(&spool);
    return b;
}

static struct bx_str text_of(const struct bx_buf *b)
{
    return (struct bx_str){(const char *)b->data, (uint32_t)b->len};
}

TEST(a_breadcrumb_that_repeats_is_told_in_powers_of_ten)
{
    struct bx_buf b;

    appended = 123;
    b = crash_envelope();
    appended = 1;
    assert_true(has(text_of(&b), "\"message\":\"appended\","));
    assert_true(has(text_of(&b), "\"message\":\"appended (10 times)\","));
    assert_true(has(text_of(&b), "\"message\":\"appended (100 times)\","));
    assert_false(has(text_of(&b), "(123 times)"));
    assert_true(has(text_of(&b), "\"message\":\"began\",")); /* it was not pushed out */
    /* The log lines are the last hundred. */
    assert_true(has(text_of(&b), "\"item_count\":100,"));
    assert_true(has(text_of(&b), "\"body\":\"fatal signal\""));
    assert_false(has(text_of(&b), "\"body\":\"began\""));
    bx_buf_release(&b);
}

TEST(a_crash_has_no_more_breadcrumbs_than_were_asked_for)
{
    static const char oldest[] = "\"message\":\"began\"", newest[] = "\"message\":\"applied\"";
    struct bx_buf b;

    about.max_crumbs = 3; /* of six */
    b = crash_envelope();
    about.max_crumbs = 0;
    assert_false(has(text_of(&b), oldest));
    assert_true(has(text_of(&b), newest));
    bx_buf_release(&b);
}

TEST(a_crash_without_names_has_its_breadcrumbs_and_no_recorded_texts)
{
    struct bx_buf b;

    about.nameless = true;
    b = crash_envelope();
    about.nameless = false;
    assert_true(has(text_of(&b), "SIGSEGV") && has(text_of(&b), "\"message\":\"appended\","));
    assert_false(has(text_of(&b), "server_name") || has(text_of(&b), "\"n1\""));
    assert_false(has(text_of(&b), "\"type\":\"log\"") || has(text_of(&b), "attachment"));
    assert_false(has(text_of(&b), "uid:0"));
    bx_buf_release(&b);
}

TEST(a_damaged_crash_file_gives_what_is_left_of_it)
{
    char path[512];
    struct stat st;

    open_spool();
    snprintf(path, sizeof path, "%s/recorder/crash-20251129T130000-1.bxr", dir);
    write_crash(path);
    assert_int_equal(stat(path, &st), 0);
    for (off_t at = 0; at < st.st_size; at += 7) {
        char name[600];

        snprintf(name, sizeof name, "%s/recorder/crash-2-%d.bxr", dir, (int)at);
        flip(path, (size_t)at);
        assert_int_equal(rename(path, name), 0);
        collect();
        unlink(name);
        write_crash(path);
    }
    spool_close(&spool);
}

/* ---- a file that changes ---- */

static char changing[512];
static atomic_bool stop_changing;

/* As long as it is looked at, it has now all of its bytes and now one. */
static void *change(void *arg)
{
    const struct bx_buf *whole = arg;
    int fd = open(changing, O_WRONLY);

    while (!atomic_load(&stop_changing))
        if (ftruncate(fd, 1) != 0 || pwrite(fd, whole->data, whole->len, 0) < 0)
            break;
    close(fd);
    return NULL;
}

TEST(a_crash_file_that_is_cut_while_it_is_read_harms_nobody)
{
    struct diag_vm_files no_vms = {.names = NULL};
    struct bx_buf whole = {0};
    pthread_t writer;
    char seen[512];
    int fd;

    open_spool();
    appended = 1000;
    snprintf(changing, sizeof changing, "%s/recorder/crash-20251129T130000-1.bxr", dir);
    snprintf(seen, sizeof seen, "%s/diag/crashes", dir);
    write_crash(changing);
    appended = 1;
    fd = open(changing, O_RDONLY);
    assert_int_equal(bx_buf_reserve(&whole, 1 << 20), BX_OK);
    whole.len = (size_t)read(fd, whole.data, 1 << 20);
    close(fd);
    atomic_store(&stop_changing, false);
    assert_int_equal(pthread_create(&writer, NULL, change, &whole), 0);
    for (int i = 0; i < 300; i++) {
        diag_collect_crashes(&spool, dir, &about, &no_vms);
        unlink(seen); /* it is looked at again */
    }
    atomic_store(&stop_changing, true);
    pthread_join(writer, NULL);
    bx_buf_release(&whole);
    spool_close(&spool);
}

int main(void)
{
    return test_run(set_up, tear_down);
}
