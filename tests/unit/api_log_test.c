/* log.query: pages of the events in the recorder's rings, and the places between them. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include "mem/alloc.h"
#include "sys/log_threads.h"
#include "wire/logquery.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#define OURS "off,testlog=trace"

static struct api_client asker;
static struct bx_rec_thread *thread;

/* The last answer. */
static struct {
    bool more, skipped;
    uint32_t n;
    uint64_t first, last; /* field i of the first event and of the last one */
    bool in_order;
    char after[BX_LOG_AFTER_MAX + 1];
} answer;

/* Of events of several producers: of each, the number that was answered last. */
#define PRODUCERS 4u
#define PRODUCER_SHIFT 32
static uint64_t heard[PRODUCERS];
static bool again; /* a number was answered twice, or after a higher one */

static uint64_t number_of(const struct bx_log_event_reply *e)
{
    const uint8_t *p = (const uint8_t *)e->fields.p;
    struct bx_pack *pack = bx_pack_create();
    uint64_t i = 0;

    bx_val_u64(bx_val_get(bx_pack_parse(pack, p, e->fields.n, e->fields.n, NULL), "i"), &i);
    bx_pack_destroy(pack);
    return i;
}

static void hear(uint64_t number)
{
    uint64_t *last = &heard[number >> PRODUCER_SHIFT];

    number &= (UINT64_C(1) << PRODUCER_SHIFT) - 1;
    again |= number <= *last;
    *last = number;
}

static void reply(struct api_client *c, const struct api_call *call, const struct bx_schema *s,
                  const struct bx_items *items)
{
    const struct bx_log_query_reply *r = items->get(items->ctx, 0);
    const struct bx_log_event_reply *v = r->events.v;

    (void)c;
    (void)call;
    assert_ptr_equal(s, &bx_log_query_reply_schema);
    memset(&answer, 0, sizeof answer);
    answer.more = r->more;
    answer.skipped = r->skipped;
    answer.n = r->events.n;
    answer.in_order = true;
    for (uint32_t i = 1; i < r->events.n; i++)
        answer.in_order &= number_of(&v[i]) == number_of(&v[i - 1]) + 1;
    if (r->events.n > 0) {
        answer.first = number_of(&v[0]);
        answer.last = number_of(&v[r->events.n - 1]);
    }
    for (uint32_t i = 0; i < r->events.n; i++)
        hear(number_of(&v[i]));
    snprintf(answer.after, sizeof answer.after, BX_STR_FMT, BX_STR_ARG(r->after));
    n_answers++;
}

static void refuse(struct api_client *c, const struct api_call *call, const struct bx_err *err)
{
    (void)c;
    (void)call;
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
    struct bx_filter all;
    struct bx_rec_thread *threads[LOG_THREADS];
    int rc = api_node_setup(state);

    if (rc != 0 || bx_filter_parse(&all, "trace", NULL) != BX_OK ||
        log_threads_open("test", NULL, NULL) != BX_OK)
        return -1;
    log_threads(threads);
    thread = threads[0];
    bx_rec_filter_ring(&all);
    api_client_init(&asker, api, &ops);
    asker.role = BX_RPC_OPERATOR;
    return 0;
}

static int teardown(void **state)
{
    bx_rec_use(NULL);
    api_client_gone(&asker);
    log_threads_close();
    return api_node_teardown(state);
}

/* Events of these numbers. */
static void record(uint64_t from, uint64_t to)
{
    bx_rec_use(thread);
    for (uint64_t i = from; i <= to; i++)
        BX_DEBUG("testlog", "counted", "i", i);
    bx_rec_use(NULL);
}

static int ask(const char *more)
{
    char params[600];

    snprintf(params, sizeof params, "{\"filter\": \"" OURS "\"%s}", more);
    begin_as(&asker, "log.query", params);
    return error.code;
}

static int ask_after(const char *after, unsigned limit)
{
    char more[400];

    snprintf(more, sizeof more, ", \"after\": \"%s\", \"limit\": %u", after, limit);
    return ask(more);
}

TEST(the_newest_events_are_answered_in_order)
{
    record(1, 2500);
    assert_int_equal(ask(""), BX_OK);
    assert_int_equal(answer.n, BX_LOG_EVENTS_MAX);
    assert_int_equal(answer.last, 2500);
    assert_true(answer.in_order && !answer.more && !answer.skipped);
    assert_int_equal(ask(", \"limit\": 3, \"where\": [\"i<=100\"]"), BX_OK);
    assert_int_equal(answer.n, 3);
    assert_int_equal(answer.first, 98);
}

TEST(pages_have_every_event_once)
{
    uint64_t next = 1;

    record(1, 2500);
    assert_int_equal(ask_after(BX_LOG_START, 999), BX_OK);
    for (unsigned pages = 0; pages < 3; pages++) {
        char after[BX_LOG_AFTER_MAX + 1];

        assert_true(answer.in_order);
        assert_int_equal(answer.first, next);
        next = answer.last + 1;
        assert_int_equal(answer.more, pages < 2);
        memcpy(after, answer.after, sizeof after);
        assert_int_equal(ask_after(after, 999), BX_OK);
    }
    assert_int_equal(next, 2501);
    assert_int_equal(answer.n, 0);
    record(2501, 2502);
    assert_int_equal(ask_after(answer.after, 999), BX_OK);
    assert_int_equal(answer.n, 2);
    assert_int_equal(answer.last, 2502);
}

TEST(events_that_were_overwritten_are_told)
{
    char before[BX_LOG_AFTER_MAX + 1];

    record(1, 2);
    assert_int_equal(ask_after(BX_LOG_START, 1), BX_OK);
    memcpy(before, answer.after, sizeof before);
    assert_int_equal(ask_after(before, 1), BX_OK);
    assert_false(answer.skipped);
    record(3, BX_REC_RING / 4);
    assert_int_equal(ask_after(before, 1), BX_OK);
    assert_true(answer.skipped && answer.more);
    assert_true(answer.first > 2);
}

TEST(a_place_of_another_process_is_before_all_events)
{
    record(1, 2);
    assert_int_equal(ask_after("17:5,9", 1), BX_OK);
    assert_true(answer.skipped);
    assert_int_equal(answer.n, 1);
}

TEST(what_is_no_place_or_no_query_is_refused_with_a_hint)
{
    static const char *const bad[] = {"x", "17", "17;5", "17:x", "17:5;", "17:5,-,x", ":"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(ask_after(bad[i], 1), BX_INVALID);
        assert_true(error.hint[0] != '\0');
    }
    assert_int_equal(ask(", \"where\": [\"i\"]"), BX_INVALID);
    assert_true(error.hint[0] != '\0');
    assert_int_equal(ask(", \"node\": \"nobody\""), BX_NOT_FOUND);
    assert_true(error.hint[0] != '\0');
}

TEST(a_query_is_freed)
{
    struct bx_alloc_stats before, after;

    record(1, 100);
    assert_int_equal(ask(""), BX_OK);
    bx_alloc_stats(&before);
    assert_int_equal(ask(""), BX_OK);
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

/* ---- threads ---- */

static atomic_bool stop;

static void *produce(void *arg)
{
    uint64_t which = *(unsigned *)arg, i = 1;

    log_thread_open("producer");
    for (; !atomic_load(&stop); i++)
        BX_DEBUG("testlog", "counted", "i", which << PRODUCER_SHIFT | i);
    return NULL;
}

static bool all_were_heard(void)
{
    for (unsigned i = 0; i < PRODUCERS; i++)
        if (heard[i] < 1000)
            return false;
    return true;
}

TEST(events_are_answered_while_others_record_them)
{
    char after[BX_LOG_AFTER_MAX + 1] = BX_LOG_START;
    pthread_t producers[PRODUCERS];
    unsigned number[PRODUCERS];

    memset(heard, 0, sizeof heard);
    again = false;
    atomic_store(&stop, false);
    for (unsigned i = 0; i < PRODUCERS; i++) {
        number[i] = i;
        assert_int_equal(pthread_create(&producers[i], NULL, produce, &number[i]), 0);
    }
    for (unsigned pages = 0; pages < 20 || !all_were_heard(); pages++) {
        assert_int_equal(ask_after(after, 500), BX_OK);
        memcpy(after, answer.after, sizeof after);
        assert_true(pages < 100000 && !again);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
}

TEST(who_may_only_look_is_refused)
{
    asker.role = BX_RPC_VIEWER;
    assert_int_equal(ask(""), BX_DENIED);
    asker.role = BX_RPC_OPERATOR;
}

int main(void)
{
    return test_run(setup, teardown);
}
