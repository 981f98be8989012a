/* rec: what the macros record, at which cost in bytes, and when they record nothing. */
#undef BX_LEVEL_COMPILED
#define BX_LEVEL_COMPILED 8 /* also with --disable-recorder */
#include "lib/testlib.h"

#include "mem/intern.h"
#include "err.h"
#include "rec/names.h"
#include "rec/object.h"
#include "rec/rec.h"
#include "rec/recevent.h"
#include "rec/timed.h"

#include <string.h>

static struct bx_rec_thread thread;
static uint64_t now = 1000, step = 1;
static uint64_t words[BX_REC_RING];

static uint64_t clock_ns(void)
{
    now += step;
    return now - step;
}

static int setup(void **state)
{
    (void)state;
    return bx_rec_thread_open(&thread, "test", 7, 2048, 1024, clock_ns);
}

static int teardown(void **state)
{
    (void)state;
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
    return 0;
}

/* Take from now on what `ring` and `queue` say, and forget what was recorded. */
static void begin(const char *ring, const char *queue)
{
    struct bx_filter f;

    assert_int_equal(bx_filter_parse(&f, ring, NULL), BX_OK);
    bx_rec_filter_ring(&f);
    assert_int_equal(bx_filter_parse(&f, queue, NULL), BX_OK);
    bx_rec_filter_queue(&(const struct bx_filter *){&f}, 1);
    bx_rec_thread_close(bx_rec_used() == NULL ? &thread : (bx_rec_use(NULL), &thread));
    assert_int_equal(bx_rec_thread_open(&thread, "test", 7, 2048, 1024, clock_ns), BX_OK);
    bx_rec_use(&thread);
}

/* The only event of the ring. */
static struct bx_recevent only(void)
{
    struct bx_recevent e = {0};
    size_t n = bx_ring_copy(&thread.ring, words, BX_REC_RING);

    assert_true(n > 0);
    assert_int_equal(bx_recevent_read(words, n, bx_sites(), &e), n);
    return e;
}

static struct bx_rec_latency after(unsigned events, uint64_t each_ns)
{
    struct bx_rec_latency l = {0};

    step = each_ns;
    while (events-- > 0)
        BX_INFO("node", "connected", "address", "127.0.0.1:7000");
    step = 1;
    bx_rec_add_latency(&thread, &l);
    return l;
}

TEST(one_event_of_many_is_timed)
{
    struct bx_rec_latency l;

    begin("debug", "debug");
    l = after(BX_REC_SAMPLE - 1, 1);
    assert_int_equal(l.sum_ns, 0);
    l = after(1, 1);
    assert_int_equal(l.sum_ns, 1);
    assert_int_equal(l.counts[0], 1);
    l = after(BX_REC_SAMPLE, bx_rec_bounds_ns[3]); /* bounds are inclusive */
    assert_int_equal(l.sum_ns, 1 + bx_rec_bounds_ns[3]);
    assert_int_equal(l.counts[3], 1);
    l = after(2 * BX_REC_SAMPLE, bx_rec_bounds_ns[BX_REC_BOUNDS - 1] + 1);
    assert_int_equal(l.counts[BX_REC_BOUNDS], 2);
    assert_int_equal(l.counts[0] + l.counts[3], 2);
}

TEST(an_event_has_its_site_and_its_values)
{
    static const uint8_t uuid[16] = {1, 2, 3};
    const char *address = "127.0.0.1:7000";
    struct bx_recevent e;

    begin("debug", "off");
    BX_INFO("node", "connected", "node", 3u, "address", address, "vm", bx_uuid(uuid), "late", true);
    e = only();
    assert_string_equal(e.site->target, "node");
    assert_string_equal(e.site->message, "connected");
    assert_string_equal(e.site->file, "tests/unit/rec_test.c");
    assert_int_equal(e.level, BX_LEVEL_INFO);
    assert_int_equal(e.thread, 7);
    assert_int_equal(e.n, 4);
    assert_string_equal(e.site->fields[1].key, "address");
    assert_int_equal(e.args[0].u, 3);
    assert_memory_equal(e.args[1].p, address, strlen(address));
    assert_memory_equal(e.args[2].p, uuid, 16);
    assert_int_equal(e.args[3].u, 1);
}

TEST(every_type_of_value_is_kept)
{
    const struct bx_istr *name = &bx_status_running;
    struct bx_recevent e;
    char text[] = "text";

    begin("trace", "off");
    BX_TRACE("x", "types", "i", -5, "l", INT64_MIN, "u", UINT64_MAX, "d", 0.5, "s", text, "n", name,
             "v", bx_str("view"), "c", (uint8_t)200);
    e = only();
    assert_int_equal(e.args[0].i, -5);
    assert_true(e.args[1].i == INT64_MIN);
    assert_true(e.args[2].u == UINT64_MAX);
    assert_true(e.args[3].f == 0.5);
    assert_memory_equal(e.args[4].p, "text", 4);
    assert_int_equal(e.args[5].n, 7);
    assert_memory_equal(e.args[6].p, "view", 4);
    assert_int_equal(e.args[7].u, 200);
}

TEST(an_event_takes_32_bytes_and_one_with_four_numbers_64)
{
    begin("debug", "off");
    BX_INFO("x", "nothing");
    assert_int_equal(bx_ring_used(&thread.ring) * 8, 32);
    begin("debug", "off");
    BX_INFO("x", "four", "a", 1, "b", 2u, "c", true, "d", 4.0);
    assert_int_equal(bx_ring_used(&thread.ring) * 8, 64);
}

TEST(a_level_that_is_off_evaluates_nothing)
{
    int evaluated = 0;

    begin("info", "off");
    BX_DEBUG("x", "no", "n", ++evaluated);
    assert_int_equal(evaluated, 0);
    assert_int_equal(bx_ring_used(&thread.ring), 0);
    BX_WARNING("x", "yes", "n", ++evaluated);
    assert_int_equal(evaluated, 1);
    begin("off", "off");
    BX_ERROR("x", "no", "n", ++evaluated);
    assert_int_equal(evaluated, 1);
}

TEST(ring_and_queue_take_what_their_own_filters_say)
{
    begin("debug", "warning");
    for (int i = 0; i < 3; i++)
        BX_DEBUG("x", "detail");
    BX_WARNING("x", "trouble");
    assert_int_equal(thread.ring.in.records, 4);
    assert_int_equal(thread.queue.in.records, 1);
}

TEST(a_thread_without_rings_records_nothing)
{
    begin("debug", "debug");
    bx_rec_use(NULL);
    BX_INFO("x", "nobody");
    assert_int_equal(thread.ring.in.records, 0);
}

TEST(a_long_string_is_cut_and_marked)
{
    char text[5000];
    struct bx_recevent e;

    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    begin("debug", "off");
    BX_INFO("x", "long", "a", "short", "b", (const char *)text, "c", "none");
    e = only();
    assert_true(e.cut);
    assert_int_equal(e.args[1].n, BX_RECEVENT_STR - 5);
    assert_int_equal(e.args[2].n, 0);
    assert_int_equal(thread.cut, 1);
}

TEST(the_trace_id_of_the_thread_is_recorded)
{
    begin("debug", "off");
    assert_int_equal(bx_rec_trace(0x1234), 0);
    BX_INFO("x", "traced");
    assert_int_equal(only().trace, 0x1234);
    assert_int_equal(bx_rec_trace(0), 0x1234);
}

TEST(a_record_has_the_last_digits_of_a_trace_id)
{
    static const uint8_t id[16] = {1, 2, 3, 4, 5, 6, 7, 8, 0xa1, 0xb2, 0xc3, 4, 5, 6, 7, 8};
    uint8_t made[16];

    assert_true(bx_trace_of(id) == UINT64_C(0xa1b2c30405060708));
    bx_trace_id(bx_trace_of(id), made);
    assert_memory_equal(made + 8, id + 8, 8);
    assert_true(bx_trace_of(made) == bx_trace_of(id));
}

TEST(a_thread_that_records_nothing_has_no_trace)
{
    assert_int_equal(bx_rec_trace(7), 0);
    assert_int_equal(bx_rec_traced(), 0);
}

TEST(a_line_of_a_library_is_an_event)
{
    struct bx_recevent e;

    begin("debug", "off");
    assert_true(bx_rec_line_on(BX_LINE_RAFT, 7));
    assert_false(bx_rec_line_on(BX_LINE_RAFT, 8));
    bx_rec_line(BX_LINE_RAFT, 4, "a quorum is lost", 16);
    e = only();
    assert_string_equal(e.site->target, "libraft");
    assert_int_equal(e.level, BX_LEVEL_WARNING);
    assert_memory_equal(e.args[0].p, "a quorum is lost", 16);
}

TEST(no_damaged_record_is_read_beyond_its_end)
{
    struct bx_recevent e;
    size_t n;

    begin("debug", "off");
    BX_INFO("x", "victim", "a", "some text", "b", 5, "c", "more of it");
    n = bx_ring_copy(&thread.ring, words, BX_REC_RING);
    for (size_t word = 0; word < n; word++)
        for (int bit = 0; bit < 64; bit++) {
            uint64_t copy[BX_RECEVENT_WORDS]; /* ASan watches its end */

            memcpy(copy + BX_RECEVENT_WORDS - n, words, n * 8);
            copy[BX_RECEVENT_WORDS - n + word] ^= UINT64_C(1) << bit;
            if (bx_recevent_read(copy + BX_RECEVENT_WORDS - n, n, bx_sites(), &e) == n)
                for (int i = 0; i < e.n; i++)
                    assert_true(e.site->fields[i].type != BX_ARG_STR ||
                                (const uint64_t *)e.args[i].p + (e.args[i].n + 7) / 8 <=
                                    copy + BX_RECEVENT_WORDS);
        }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(bx_recevent_read(words, cut, bx_sites(), &e), 0);
}

static int timed_work(int code, uint64_t ticks)
{
    BX_DEBUG_TIMED("x", "worked", timed);

    now += ticks;
    if (code != BX_OK)
        return timed.code = code;
    return BX_OK;
}

TEST(a_timed_scope_has_its_duration_and_its_outcome)
{
    struct bx_recevent e;

    begin("debug", "off");
    timed_work(BX_OK, 500);
    e = only();
    assert_string_equal(e.site->message, "worked");
    assert_int_equal(e.args[0].u, 501); /* and the tick that reading the clock takes */
    assert_memory_equal(e.args[1].p, "ok", 2);

    begin("debug", "off");
    timed_work(BX_NOT_FOUND, 5);
    e = only();
    assert_int_equal(e.args[1].n, strlen("not_found"));
    assert_memory_equal(e.args[1].p, "not_found", e.args[1].n);
}

TEST(a_timed_scope_that_nobody_takes_reads_no_clock)
{
    uint64_t before;

    begin("info", "off");
    before = now;
    timed_work(BX_OK, 0);
    assert_int_equal(now, before);
    assert_int_equal(thread.ring.in.records, 0);
}

struct inner {
    struct bx_str host;
    uint16_t port;
};
struct outer {
    uint32_t id;
    uint8_t secret[16], uuid[16], color;
    bool ready;
    int64_t balance;
    struct bx_str name, data;
    struct inner at;
    uint64_t beyond;
};
static const char *const colors[] = {"red", "green", NULL};
static const struct bx_field inner_fields[] = {
    BX_FIELD(inner, host, BX_T_STR),
    BX_FIELD(inner, port, BX_T_U16),
};
static const struct bx_schema inner_schema = BX_SCHEMA("inner", 0, inner, inner_fields);
static const struct bx_field outer_fields[] = {
    BX_FIELD(outer, id, BX_T_U32),
    BX_FIELD(outer, secret, BX_T_UUID, .secret = true),
    BX_FIELD(outer, uuid, BX_T_UUID),
    BX_FIELD(outer, color, BX_T_ENUM, .names = colors),
    BX_FIELD(outer, ready, BX_T_BOOL),
    BX_FIELD(outer, balance, BX_T_I64),
    BX_FIELD(outer, name, BX_T_STR),
    BX_FIELD(outer, data, BX_T_BYTES),
    BX_FIELD(outer, at, BX_T_RECORD, .sub = &inner_schema),
    BX_FIELD(outer, beyond, BX_T_U64),
};
static const struct bx_schema outer_schema = BX_SCHEMA("outer", 0, outer, outer_fields);

/* Eight fields, in the order of the schema; what is secret or no scalar is not among them. */
TEST(an_object_of_a_schema_gives_the_fields_of_an_event)
{
    static const char *const keys[] = {"id",      "uuid", "color",   "ready",
                                       "balance", "name", "at.host", "at.port"};
    struct outer o = {.id = 7,
                      .secret = "do not tell",
                      .uuid = {9},
                      .color = 1,
                      .ready = true,
                      .balance = -5,
                      .name = bx_str("web-1"),
                      .data = bx_str("bytes"),
                      .at = {bx_str("example"), 443},
                      .beyond = 1};
    struct bx_recevent e;

    begin("info", "off");
    BX_OBJECT(BX_LEVEL_INFO, "x", "an object", outer_schema, &o);
    e = only();
    assert_int_equal(e.n, BX_SITE_FIELDS);
    for (size_t i = 0; i < BX_SITE_FIELDS; i++)
        assert_string_equal(e.site->fields[i].key, keys[i]);
    assert_int_equal(e.args[0].u, 7);
    assert_memory_equal(e.args[1].p, o.uuid, 16);
    assert_memory_equal(e.args[2].p, "green", 5);
    assert_int_equal(e.args[3].u, 1);
    assert_int_equal(e.args[4].i, -5);
    assert_memory_equal(e.args[5].p, "web-1", 5);
    assert_memory_equal(e.args[6].p, "example", 7);
    assert_int_equal(e.args[7].u, 443);
    for (size_t i = 0; i + 2 < sizeof words / 8 && i < 100; i++)
        assert_true(memcmp(&words[i], "do not t", 8) != 0);
}

TEST(the_table_of_names_has_the_targets_of_events_from_the_start)
{
    struct bx_intern_stats before, after;

    assert_null(bx_names());
    assert_non_null(bx_names_open(0, 0, NULL));
    bx_intern_stats(bx_names(), &before);
    assert_true(before.kept >= 2); /* node and x; the text of a line has its source for a target */
    assert_int_equal(before.live, 0);
    bx_intern_release(bx_names(), bx_intern_get(bx_names(), "node", 4));
    bx_intern_release(bx_names(), bx_intern_get(bx_names(), "x", 1));
    bx_intern_stats(bx_names(), &after);
    assert_int_equal(after.hits, before.hits + 2);
    assert_int_equal(after.misses, before.misses);
    bx_names_close();
    assert_null(bx_names());
    bx_names_close();
}

int main(void)
{
    return test_run(setup, teardown);
}
