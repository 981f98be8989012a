/* sink_file: when a file is followed by another one, what is kept, and that log.query reads on from
 * one file to the next. The clock of the sink is the test's. */
#include "api_node_help.h"

#include "unit/sink_help.h"

#include "mem/alloc.h"
#include "sys/crash.h"
#include "sys/recdir.h"
#include "wire/logquery.h"

#include <stdatomic.h>
#include <string.h>

#define KIB 1024u

/* In the place of libuv's own, in this program. */
static _Atomic uint64_t now_ns = 1000000000000u;

uint64_t uv_hrtime(void)
{
    return atomic_load(&now_ns);
}

static struct api_client asker;
static struct {
    bool more;
    uint32_t n;
    uint64_t numbers[BX_LOG_EVENTS_MAX];
    char after[BX_LOG_AFTER_MAX + 1];
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
    assert_int_equal(r->damage.n, 0);
    for (uint32_t i = 0; i < r->events.n; i++) {
        bx_val fields =
            bx_pack_parse(pack, (const uint8_t *)v[i].fields.p, v[i].fields.n, 1 << 16, NULL);

        assert_true(bx_val_u64(bx_val_get(fields, "i"), &answer.numbers[i]));
    }
    bx_pack_destroy(pack);
    snprintf(answer.after, sizeof answer.after, BX_STR_FMT, BX_STR_ARG(r->after));
    n_answers++;
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)c, (void)call;
    fail_msg("%s", err->msg);
}

static void ended(struct api_client *c)
{
    (void)c;
}

static int setup(void **state)
{
    static const struct api_client_ops ops = {.reply = reply, .fail = refuse, .ended = ended};
    struct bx_err err;

    if (sink_setup(state) != 0 || api_node_setup(state) != 0 ||
        crash_open(sink_dir, "rotation", &err) != BX_OK)
        return -1;
    api_client_init(&asker, api, &ops);
    asker.role = BX_RPC_OPERATOR;
    return 0;
}

static int teardown(void **state)
{
    api_client_gone(&asker);
    api_node_teardown(state);
    crash_close();
    return sink_teardown(state);
}

/* ---- what is there ---- */

static void pass(uint64_t ms)
{
    atomic_fetch_add(&now_ns, ms * 1000000);
}

static unsigned recorded; /* events, in a test */

static void begin(const char *sink)
{
    recorded = 0;
    sink_open_log("off,test=info", sink);
}

/* So many events, and they are in the files. */
static void record(unsigned n)
{
    sink_record(recorded, n);
    recorded += n;
    router_drain(DRAIN_NS);
}

static uint64_t largest_file(void)
{
    static struct recdir_list l;
    uint64_t most = 0;

    recdir_list(crash_directory(), "log", &l);
    for (uint32_t i = 0; i < l.n; i++)
        most = l.v[i].bytes > most ? l.v[i].bytes : most;
    return most;
}

/* Of all events up to the last one recorded, none is missing between two others, or damaged. */
static void look(struct sink_files *f)
{
    struct bx_sink_counts counts;

    sink_read_files(f);
    sink_counts_of("file", &counts);
    assert_true(f->in_order && f->damaged == 0 && f->last == recorded - 1);
    assert_true(counts.events == recorded && counts.dropped == 0 && counts.errors == 0);
    assert_true(f->whole + 1 >= f->n); /* but for the one that grows */
}

/* The numbers of all pages, from the oldest event in the files on, each once and in order. */
static void expect_query(uint64_t first, uint64_t last)
{
    char params[400], after[BX_LOG_AFTER_MAX + 1] = BX_LOG_START;
    uint64_t next = first;

    do {
        snprintf(params, sizeof params,
                 "{\"filter\": \"off,test=info\", \"files\": true, \"after\": \"%s\"}", after);
        n_answers = 0;
        begin_as(&asker, "log.query", params);
        while (n_answers == 0)
            uv_run(&loop, UV_RUN_ONCE);
        for (uint32_t i = 0; i < answer.n; i++)
            assert_int_equal(answer.numbers[i], next++);
        memcpy(after, answer.after, sizeof after);
    } while (answer.more);
    assert_int_equal(next, last + 1);
}

/* Nothing is left of it in memory. */
static void forget_the_rings(void)
{
    struct bx_filter off;
    struct bx_err err;

    assert_int_equal(bx_filter_parse(&off, "off", &err), BX_OK);
    assert_int_equal(router_set_filter(ROUTER_RING, &off, &err), BX_OK);
}

/* ---- rotation ---- */

TEST(a_file_ends_at_its_age_and_not_before)
{
    struct sink_files f;

    begin("file,age=1h");
    record(10);
    pass(3600 * 1000 - 1);
    record(10);
    look(&f);
    assert_true(f.n == 1 && f.whole == 0);
    pass(1);
    record(10);
    look(&f);
    assert_true(f.n == 2 && f.whole == 1 && f.first == 0 && f.events == 30);
    log_close();
    sink_read_files(&f);
    assert_true(f.n == 2 && f.whole == 2 && f.events == 30);
}

TEST(a_file_without_new_events_is_not_followed_by_another)
{
    struct sink_files f;

    begin("file,age=1h");
    record(10);
    pass(10 * 3600 * 1000);
    router_drain(DRAIN_NS);
    look(&f);
    assert_int_equal(f.n, 1);
    log_close();
}

TEST(at_each_age_the_bound_of_files_holds_and_only_the_oldest_go)
{
    struct sink_files f;

    begin("file,age=1h,count=3");
    for (unsigned i = 0; i < 10; i++) {
        record(10);
        look(&f);
        assert_int_equal(f.n, i < 3 ? i + 1 : 3);
        assert_int_equal(f.events, 10 * f.n);
        pass(3600 * 1000);
    }
    log_close();
}

TEST(a_file_is_never_larger_than_its_size_and_the_bound_of_files_holds)
{
    struct sink_files f;
    bool removed = false;

    begin("file,size=256KiB,count=3");
    for (unsigned i = 0; i < 30; i++) {
        record(1000);
        look(&f);
        assert_true(f.n >= 1 && f.n <= 3 && largest_file() <= 256 * KIB);
        assert_true(f.n == 3 || f.first == 0);
        removed |= f.first > 0;
    }
    assert_true(removed);
    log_close();
}

TEST(all_files_together_are_never_larger_than_their_bound)
{
    struct sink_files f;

    begin("file,size=256KiB,total=1MiB,count=1000");
    for (unsigned i = 0; i < 60; i++) {
        record(1000);
        look(&f);
        assert_true(f.bytes <= 1024 * KIB && largest_file() <= 256 * KIB);
    }
    assert_true(f.first > 0 && f.bytes > 512 * KIB);
    log_close();
}

/* ---- the reader ---- */

TEST(a_query_reads_on_from_one_file_to_the_next)
{
    struct sink_files f;

    begin("file,age=1h");
    forget_the_rings();
    record(700);
    pass(3600 * 1000);
    record(900);
    look(&f);
    assert_true(f.n == 2 && f.events == 1600);
    expect_query(0, 1599);
    log_close();
}

TEST(a_query_has_each_event_of_all_files_that_are_kept_once)
{
    struct sink_files f;

    begin("file,size=256KiB,count=3");
    forget_the_rings();
    record(40000);
    look(&f);
    assert_true(f.n == 3 && f.first > 0);
    expect_query(f.first, 39999);
    log_close();
}

int main(void)
{
    return test_run(setup, teardown);
}
