/* logsend and sink_node: what becomes of a part of the log that another node does not take. The
 * clock of the sink is the test's, so pauses are exact. */
#include "api_relay_help.h"

#include "unit/sink_help.h"

#include "mem/alloc.h"
#include "rec/text.h"
#include "wire/recorder.h"

#include <stdatomic.h>
#include <string.h>

#define OTHER 2u /* "m2", which keeps the log */
#define SINK "node:m2,filter=off,test=info"
#define SECOND 1000u

/* In the place of libuv's own, in this program. */
static _Atomic uint64_t now_ns = 1000000000000u;

uint64_t uv_hrtime(void)
{
    return atomic_load(&now_ns);
}

static int setup(void **state)
{
    int rc = sink_setup(state);

    if (rc != 0 || api_node_setup(state) != 0)
        return -1;
    add_node(OTHER);
    relay_link_open();
    return 0;
}

/* The API ends the call that is under way, so the sink goes after it, as in the daemon. */
static int teardown(void **state)
{
    relay_connected = false;
    api_node_teardown(state);
    relay_link_close();
    log_close();
    bx_buf_thread_close();
    return sink_teardown(state);
}

/* ---- the loop and the time ---- */

/* Let so much time pass. Whether a part was sent at the end of it. */
static bool pass(uint64_t ms)
{
    uint32_t before = relay_sent.n;

    atomic_fetch_add(&now_ns, ms * 1000000);
    router_drain(DRAIN_NS);
    api_logsend_tick(api);
    return relay_sent.n > before;
}

static struct bx_sink_counts counts(void)
{
    struct bx_sink_counts c;

    sink_counts_of("node", &c);
    return c;
}

static const char *condition(void)
{
    struct router_report report;

    router_report(&report);
    return router_sink_state(report.v[0].sink);
}

/* Events that wait, and the part that they have become. */
static void begin(unsigned events)
{
    sink_open_log("off", SINK);
    api_logsend_tick(api); /* the sink makes nothing before it was asked */
    sink_record(0, events);
    assert_true(pass(0));
    assert_true(relay_sent.to == OTHER && relay_sent.kind == BX_FRAME_QUERY);
}

static void refuse(int code)
{
    relay_refuse(OTHER, relay_sent.number, code);
    router_drain(DRAIN_NS);
}

/* ---- what was sent ---- */

struct part {
    uint64_t begun, offset, hash;
    size_t n;
};

static struct part sent(void)
{
    struct bx_pack *pack = bx_pack_create();
    bx_val root = bx_pack_parse(pack, relay_sent.message.data, relay_sent.message.len,
                                BX_RPC_FRAME_MAX, NULL);
    struct bx_log_append_params p;
    struct bx_arena arena = {0};
    struct part out;
    struct bx_err err;

    bx_params_init(BX_M_LOG_APPEND, &p);
    if (bx_params_read(BX_M_LOG_APPEND, bx_val_at(bx_val_at(root, 3), 0), &p, &arena, &err) !=
        BX_OK)
        fail_msg("%s", err.msg);
    out = (struct part){p.begun, p.offset, bx_hash(p.items.p, p.items.n), p.items.n};
    bx_arena_close(&arena);
    bx_pack_destroy(pack);
    return out;
}

static bool same(const struct part *a, const struct part *b)
{
    return a->begun == b->begun && a->offset == b->offset && a->hash == b->hash && a->n == b->n;
}

/* The other node keeps it all, part by part, until it has so many events. */
static void accept_until(uint64_t events)
{
    for (unsigned i = 0; counts().events < events; i++) {
        struct part p = sent();
        struct bx_log_append_reply r = {p.offset + p.n};

        assert_true(i < 1000);
        relay_answer(OTHER, relay_sent.number, &bx_log_append_reply_schema, &r);
        pass(250);
    }
}

/* ---- what was told ---- */

/* How many of the recorded events have this text. */
static unsigned said(const char *text)
{
    static uint64_t words[BX_REC_RING];
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);
    unsigned found = 0;

    for (uint32_t i = 0; i < n; i++) {
        size_t m = bx_ring_copy(&threads[i]->ring, words, BX_REC_RING);
        struct bx_recevent e;

        for (size_t at = 0, size; at < m; at += size) {
            struct bx_buf line = {0};

            size = bx_recevent_read(words + at, m - at, bx_sites(), &e);
            assert_true(size > 0);
            bx_text_event(&line, BX_TEXT_CONSOLE, &e);
            bx_buf_append(&line, "", 1);
            found += strstr((const char *)line.data, text) != NULL;
            bx_buf_release(&line);
        }
    }
    return found;
}

/* ---- what is retried, and when ---- */

/* Each attempt but the last is refused; the same bytes go again, after pauses that double. */
static void expect_pauses(int code)
{
    static const unsigned pauses_s[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct part first = sent();

    for (unsigned i = 0; i < sizeof pauses_s / sizeof pauses_s[0]; i++) {
        struct part again;

        refuse(code);
        assert_int_equal(counts().errors, i + 1);
        assert_false(pass(0));
        assert_false(pass(pauses_s[i] * SECOND - 1));
        assert_true(pass(1));
        again = sent();
        assert_true(same(&first, &again));
    }
    assert_int_equal(counts().dropped, 0);
    accept_until(10);
    assert_string_equal(condition(), "ok");
}

TEST(what_is_denied_is_sent_again_after_pauses_that_grow)
{
    begin(10);
    expect_pauses(BX_DENIED);
}

TEST(what_is_invalid_there_is_sent_again_after_pauses_that_grow)
{
    begin(10);
    expect_pauses(BX_INVALID);
}

TEST(what_has_no_place_there_is_sent_again_after_pauses_that_grow)
{
    begin(10);
    expect_pauses(BX_TOO_LARGE);
}

/* An older build, until it is upgraded. */
TEST(what_is_unknown_there_is_sent_again_after_pauses_that_grow)
{
    begin(10);
    expect_pauses(BX_UNSUPPORTED);
}

TEST(the_pause_is_short_again_after_a_success)
{
    begin(10);
    for (unsigned i = 0; i < 4; i++) {
        refuse(BX_NO_SPACE);
        assert_true(pass((1u << i) * SECOND));
    }
    accept_until(10);
    sink_record(10, 10);
    assert_true(pass(SECOND));
    refuse(BX_NO_SPACE);
    assert_false(pass(SECOND - 1));
    assert_true(pass(1));
}

TEST(a_node_that_is_busy_is_asked_again_soon)
{
    struct part first, again;

    begin(10);
    first = sent();
    for (unsigned i = 0; i < 20; i++) {
        refuse(BX_BUSY);
        assert_false(pass(199));
        assert_true(pass(1));
    }
    again = sent();
    assert_true(same(&first, &again));
    assert_string_equal(condition(), "the node is busy");
    accept_until(10);
    assert_int_equal(counts().dropped, 0);
}

TEST(without_a_connection_nothing_is_sent_until_there_is_one)
{
    begin(10);
    refuse(BX_NO_SPACE);
    relay_connected = false;
    assert_false(pass(SECOND));
    assert_false(pass(0)); /* the sink has seen that */
    assert_string_equal(condition(), "the node is not reachable");
    assert_int_equal(counts().errors, 2);
    relay_connected = true;
    assert_false(pass(2 * SECOND - 1));
    assert_true(pass(1));
    accept_until(10);
}

static uint64_t boot_ms(void)
{
    return api->o.clock->ops->boot_ms(api->o.clock);
}

/* The call ends at its time; what comes after that is the answer to nothing. */
TEST(a_part_whose_answer_is_lost_is_sent_again)
{
    struct part first, again;
    struct bx_log_append_reply all;
    uint64_t query;

    begin(10);
    first = sent();
    query = relay_sent.number;
    api_waits_expire(api, boot_ms() + BX_TIMEOUT_DEFAULT_MS - 5000);
    assert_false(pass(SECOND));
    assert_int_equal(counts().errors, 0);
    api_waits_expire(api, boot_ms() + BX_TIMEOUT_DEFAULT_MS);
    assert_false(pass(0));
    assert_int_equal(counts().errors, 1);
    assert_string_equal(condition(), "the node is not reachable");
    all = (struct bx_log_append_reply){first.offset + first.n};
    relay_answer(OTHER, query, &bx_log_append_reply_schema, &all);
    assert_false(pass(SECOND - 1));
    assert_true(pass(1));
    again = sent();
    assert_true(same(&first, &again) && relay_sent.number != query);
    relay_answer(OTHER, query, &bx_log_append_reply_schema, &all); /* late, and still for nothing */
    assert_false(pass(0));
    assert_int_equal(counts().bytes, 0);
    accept_until(10);
}

/* Nobody else may answer, or the log of this node would be gone for nothing. */
TEST(only_the_node_that_was_asked_may_answer)
{
    struct bx_log_append_reply all;

    begin(10);
    all = (struct bx_log_append_reply){sent().offset + sent().n};
    relay_answer(OTHER + 1, relay_sent.number, &bx_log_append_reply_schema, &all);
    assert_false(pass(SECOND));
    assert_true(counts().bytes == 0 && counts().errors == 0);
    accept_until(10);
}

/* ---- what is dropped ---- */

TEST(what_has_no_room_while_a_node_refuses_is_dropped_counted_and_told)
{
    uint64_t dropped;

    begin(10);
    refuse(BX_TOO_LARGE);
    sink_record(10, 40000);
    dropped = counts().dropped;
    assert_true(dropped > 0 && dropped < 40000);
    assert_int_equal(said("events were dropped: the sink had no room"), 1);
    pass(60 * SECOND - 1);
    assert_int_equal(said("events were dropped: the sink had no room"), 1);
    pass(1);
    assert_int_equal(said("events were dropped: the sink had no room"), 2);
    accept_until(40010 - dropped);
    assert_int_equal(counts().dropped, dropped);
}

/* It will never be taken, and what comes after it must not wait for it. */
TEST(a_part_that_is_malformed_is_dropped_and_counted_and_the_rest_arrives)
{
    struct bx_log_append_reply all;
    struct part first, next;

    begin(10);
    first = sent();
    all = (struct bx_log_append_reply){first.n};
    relay_answer(OTHER, relay_sent.number, &bx_log_append_reply_schema, &all);
    assert_true(pass(0));
    refuse(BX_MALFORMED);
    assert_int_equal(counts().dropped, 10);
    assert_string_equal(condition(), "the node found a part malformed");
    sink_record(10, 5);
    assert_false(pass(SECOND - 1));
    assert_true(pass(1));
    next = sent();
    assert_true(next.offset == 0 && next.begun > first.begun);
    accept_until(5);
    assert_int_equal(counts().dropped, 10);
}

/* ---- what is told ---- */

TEST(that_a_sink_fails_is_told_once_and_that_it_works_again)
{
    begin(10);
    refuse(BX_DENIED);
    pass(1999);
    assert_int_equal(said("a sink fails"), 0);
    pass(1);
    refuse(BX_DENIED);
    pass(1);
    assert_int_equal(said("a sink fails sink=node state=\"the node does not take it\""), 1);
    for (unsigned i = 0; i < 10; i++) {
        pass(60 * SECOND);
        refuse(BX_NO_SPACE);
    }
    assert_int_equal(said("a sink fails"), 1);
    pass(60 * SECOND);
    accept_until(10);
    pass(1);
    assert_int_equal(said("a sink works again"), 1);
    if (BX_LEVEL_COMPILED >= BX_LEVEL_DEBUG)
        assert_int_equal(said("a part was not sent"), 12);
}

int main(void)
{
    return test_run(setup, teardown);
}
