/* log.query of the log that another node has sent: whoever reads on from the place of an answer
 * gets each event once. */
#include "api_node_help.h"

#include "lib/testlib.h"
#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/received.h"
#include "sys/recdir.h"
#include "wire/logquery.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define OTHER 2u

static struct api_client asker;
static char *data;
static struct {
    bool more;
    uint32_t n;
    uint64_t numbers[BX_LOG_EVENTS_MAX];
    char after[BX_LOG_AFTER_MAX + 1], damage[BX_LOG_DAMAGE_MAX + 1];
} answer;

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    const struct bx_log_query_reply *r = items->get(items->ctx, 0);
    const struct bx_log_event_reply *v = r->events.v;
    struct bx_pack *pack = bx_pack_create();

    (void)c, (void)call, (void)s;
    answer.n = r->events.n;
    answer.more = r->more;
    for (uint32_t i = 0; i < r->events.n; i++) {
        bx_val fields =
            bx_pack_parse(pack, (const uint8_t *)v[i].fields.p, v[i].fields.n, 1 << 16, NULL);

        assert_true(bx_val_u64(bx_val_get(fields, "i"), &answer.numbers[i]));
    }
    bx_pack_destroy(pack);
    snprintf(answer.after, sizeof answer.after, BX_STR_FMT, BX_STR_ARG(r->after));
    snprintf(answer.damage, sizeof answer.damage, BX_STR_FMT, BX_STR_ARG(r->damage));
    n_answers++;
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)c, (void)call;
    error = *err;
    n_answers++;
}

static void ended(struct api_client *c)
{
    (void)c;
}

static int setup(void **state)
{
    static const struct api_client_ops ops = {.reply = reply, .fail = refuse, .ended = ended};
    struct bx_err err;

    data = test_make_dir();
    if (api_node_setup(state) != 0 || crash_open(data, "follow", &err) != BX_OK)
        return -1;
    add_node(OTHER);
    api_client_init(&asker, api, &ops);
    asker.role = BX_RPC_OPERATOR;
    return 0;
}

static int teardown(void **state)
{
    api_client_gone(&asker);
    api_node_teardown(state);
    crash_close();
    test_remove_dir(data);
    return 0;
}

/* ---- the log ---- */

static struct {
    struct bx_recfile_writer writer;
    struct bx_buf items; /* not there yet */
    uint64_t begun, offset;
} log_file;

static int to_items(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    return bx_buf_append(&log_file.items, p, n);
}

/* What was written arrives, as from a node. */
static void arrive(void)
{
    struct bx_err err;
    uint64_t kept;

    assert_int_equal(received_append(crash_directory(), OTHER, log_file.begun, log_file.offset,
                                     log_file.items.data, log_file.items.len, &kept, &err),
                     BX_OK);
    log_file.offset += log_file.items.len;
    assert_int_equal(kept, log_file.offset);
    bx_buf_release(&log_file.items);
}

static void begin_file(uint64_t begun)
{
    const struct bx_recfile_meta meta = {.program = bx_str("p"), .host = bx_str("h")};

    log_file.begun = begun;
    log_file.offset = 0;
    log_file.writer = (struct bx_recfile_writer){.write = to_items, .form = BX_RECFILE_PACKED};
    assert_int_equal(bx_recfile_begin(&log_file.writer, &meta), BX_OK);
    arrive();
}

static uint64_t event_ns;

static uint64_t event_time(void)
{
    return event_ns++;
}

/* A block of events of these numbers, the first of which was recorded at this time. */
static void put(uint64_t time_ns, uint64_t from, uint64_t to)
{
    static struct bx_rec_thread t;
    static uint64_t words[1 << 16];
    struct bx_filter all;

    event_ns = time_ns;
    bx_filter_parse(&all, "trace", NULL);
    assert_int_equal(bx_rec_thread_open(&t, "loop", 0, 1 << 16, 0, event_time), BX_OK);
    bx_rec_use(&t);
    bx_rec_filter_ring(&all);
    for (uint64_t i = from; i <= to; i++)
        BX_INFO("testlog", "counted", "i", i);
    bx_rec_use(NULL);
    assert_int_equal(
        bx_recfile_put_events(&log_file.writer, 0, words, bx_ring_copy(&t.ring, words, 1 << 16)),
        BX_OK);
    bx_rec_thread_close(&t);
    arrive();
}

/* ---- asking ---- */

static int ask(const char *of, const char *after, unsigned limit, const char *more)
{
    char params[600];

    snprintf(params, sizeof params,
             "{\"filter\": \"off,testlog=trace\"%s, \"after\": \"%s\", \"limit\": %u%s}", of, after,
             limit, more);
    n_answers = 0;
    begin_as(&asker, "log.query", params);
    while (n_answers == 0)
        uv_run(&loop, UV_RUN_ONCE);
    return error.code;
}

/* Behind the last answer. */
static void follow_with(unsigned limit, const char *more)
{
    char after[BX_LOG_AFTER_MAX + 1];

    memcpy(after, answer.after, sizeof after);
    assert_int_equal(ask(", \"of\": \"m2\"", after, limit, more), BX_OK);
}

static void begin_with(const char *after, unsigned limit)
{
    assert_int_equal(ask(", \"of\": \"m2\"", after, limit, ""), BX_OK);
}

static void expect(uint64_t from, uint64_t to)
{
    assert_int_equal(answer.n, to + 1 - from);
    for (uint32_t i = 0; i < answer.n; i++)
        assert_int_equal(answer.numbers[i], from + i);
}

static void expect_none(void)
{
    char before[BX_LOG_AFTER_MAX + 1];

    memcpy(before, answer.after, sizeof before);
    follow_with(100, "");
    assert_true(answer.n == 0 && !answer.more);
    assert_string_equal(answer.after, before);
}

TEST(who_follows_gets_each_event_once_whatever_its_time)
{
    begin_file(1000);
    put(5000, 1, 5);
    begin_with("", 3);
    expect(3, 5);
    expect_none();
    put(2000, 6, 8); /* of a thread whose events come later than those of another one */
    follow_with(100, "");
    expect(6, 8);
    expect_none();
    begin_file(2000);
    put(2500, 9, 9);
    follow_with(100, "");
    expect(9, 9);
    put(2000, 10, 12);
    follow_with(100, "");
    expect(10, 12);
    expect_none();
}

TEST(who_follows_from_the_start_gets_all)
{
    begin_file(1000);
    put(5000, 1, 5);
    begin_with(BX_LOG_START, 100);
    expect(1, 5);
    expect_none();
    put(4000, 6, 7);
    follow_with(100, "");
    expect(6, 7);
}

TEST(what_has_come_since_is_answered_in_pages)
{
    begin_file(1000);
    put(5000, 1, 1);
    begin_with("", 10);
    put(3000, 2, 4);
    begin_file(2000);
    put(2000, 5, 8);
    for (uint64_t i = 2; i <= 8; i += 2) {
        follow_with(2, "");
        expect(i, i == 8 ? 8 : i + 1);
        assert_int_equal(answer.more, i < 8);
    }
    expect_none();
}

TEST(events_that_are_not_asked_for_are_not_looked_at_again)
{
    begin_file(1000);
    put(5000, 1, 5);
    begin_with("", 10);
    put(5100, 6, 9);
    follow_with(10, ", \"where\": [\"i>=9\"]");
    expect(9, 9);
    put(5200, 10, 11);
    follow_with(10, ", \"where\": [\"i>=11\"]");
    expect(11, 11);
    follow_with(10, ""); /* 10 was passed over */
    assert_int_equal(answer.n, 0);
}

TEST(who_follows_a_log_that_there_is_not_gets_its_beginning)
{
    begin_with("", 10);
    assert_int_equal(answer.n, 0);
    expect_none();
    begin_file(1000);
    put(5000, 1, 2);
    follow_with(10, "");
    expect(1, 2);
}

static void lose_the_files(void)
{
    int dir = received_open(crash_directory(), OTHER);

    recdir_prune(dir, "log", 0);
    close(dir);
}

TEST(files_that_were_removed_are_passed_over)
{
    begin_file(1000);
    put(5000, 1, 5);
    begin_with("", 10);
    lose_the_files();
    expect_none();
    begin_file(2000);
    put(6000, 6, 7);
    follow_with(10, "");
    expect(6, 7);
}

/* It is large, and is looked at twice a second. */
TEST(a_file_that_has_not_grown_is_not_read)
{
    char name[RECDIR_NAME];
    int dir, fd;

    begin_file(1000);
    put(5000, 1, 5);
    begin_with("", 10);
    dir = received_open(crash_directory(), OTHER);
    recdir_name(name, "log", 1000, 0);
    fd = openat(dir, name, O_WRONLY);
    assert_int_equal(pwrite(fd, "XXXX", 4, 40), 4);
    close(fd);
    close(dir);
    expect_none();
    assert_string_equal(answer.damage, "");
    begin_with("", 10);
    assert_string_not_equal(answer.damage, "");
}

TEST(what_is_no_place_is_refused_with_a_hint)
{
    static const char *const bad[] = {
        "#",         "#log",
        "#log:",     "#log:1",
        "#log:1:",   "#log:1:2:",
        "#log:1:2x", "#log:x:2",
        "log:1:2",   "##log::2",
        "#:1",       "#0123456789012345678901234567890123456789012345678901234567890123:1:2"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ask(", \"of\": \"m2\"", bad[i], 1, ""), BX_INVALID);
        assert_true(error.hint[0] != '\0');
    }
    assert_int_equal(ask("", "#log:1:2", 1, ""), BX_INVALID); /* of its own log it is none */
    assert_int_equal(ask(", \"of\": \"m2\"", "#log:1:2", 1, ""), BX_OK);
}

int main(void)
{
    return test_run(setup, teardown);
}
