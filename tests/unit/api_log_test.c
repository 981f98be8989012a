/* log.query: pages of the events in the recorder's rings, and the places between them. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/clock.h"
#include "sys/crash.h"
#include "sys/log_threads.h"
#include "sys/recdir.h"
#include "wire/logquery.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#define OURS "off,testlog=trace"

static struct api_client asker;
static struct bx_rec_thread *thread;

/* The last answer. */
static struct {
    bool more, skipped;
    uint32_t n;
    uint64_t first, last; /* field i of the first event and of the last one */
    bool in_order;
    char damage[BX_LOG_DAMAGE_MAX + 1];
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
    snprintf(answer.damage, sizeof answer.damage, BX_STR_FMT, BX_STR_ARG(r->damage));
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
        BX_INFO("testlog", "counted", "i", i);
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
    static const char *const bad[] = {"x", "17", "17;5", "17:x", "17:5;", "17:5,-,x", ":", "@1:2"};

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

#define PORTION 200u /* events of a producer; all of them together are more than one answer has */
static atomic_bool stop;
static atomic_uint n_pages;

/* A portion while each page is answered. */
static void *produce(void *arg)
{
    uint64_t which = *(unsigned *)arg, i = 1;

    log_thread_open("producer");
    while (!atomic_load(&stop)) {
        unsigned page = atomic_load(&n_pages);

        for (uint64_t end = i + PORTION; i < end; i++)
            BX_INFO("testlog", "counted", "i", which << PRODUCER_SHIFT | i);
        while (atomic_load(&n_pages) == page && !atomic_load(&stop))
            sched_yield();
    }
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
        atomic_fetch_add(&n_pages, 1);
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < PRODUCERS; i++)
        pthread_join(producers[i], NULL);
}

/* ---- log files ---- */

static char *data;
static struct bx_recfile_writer writer;
static int log_fd = -1;

static int to_file(void *ctx, const void *p, size_t n)
{
    (void)ctx;
    return write(log_fd, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

static void open_data(void)
{
    struct bx_err err;

    data = test_make_dir();
    assert_int_equal(crash_open(data, "api_log_test", &err), BX_OK);
}

static void close_data(void)
{
    crash_close();
    test_remove_dir(data);
}

/* A log file as the sink writes it, begun at this time, with what the ring holds now. */
static void write_log(uint64_t time_ns)
{
    static uint64_t words[BX_REC_RING];
    struct bx_recfile_meta meta = crash_about("log");
    size_t n = bx_ring_copy(&thread->ring, words, BX_REC_RING);
    char name[RECDIR_NAME];

    recdir_name(name, "log", time_ns, meta.pid);
    log_fd = openat(crash_directory(), name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(log_fd >= 0);
    writer = (struct bx_recfile_writer){.write = to_file, .form = BX_RECFILE_PACKED};
    assert_int_equal(bx_recfile_begin(&writer, &meta), BX_OK);
    for (size_t at = 0, run; at < n; at += run) {
        for (run = 0; at + run < n && run < 1000;)
            run += bx_recevent_words(words[at + run]);
        assert_int_equal(bx_recfile_put_events(&writer, 0, words + at, run), BX_OK);
    }
    assert_int_equal(bx_recfile_end(&writer), BX_OK);
    close(log_fd);
}

/* The job of a query has run. */
static void ask_files(const char *after, unsigned limit)
{
    char more[400];

    snprintf(more, sizeof more, ", \"files\": true, \"limit\": %u%s%s%s", limit,
             after == NULL ? "" : ", \"after\": \"", after == NULL ? "" : after,
             after == NULL ? "" : "\"");
    n_answers = 0;
    assert_int_equal(ask(more), BX_OK);
    while (n_answers == 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(error.code, BX_OK);
}

/* Number of the events of all pages, which begin with 1 and leave none out. */
static uint64_t read_pages(unsigned limit)
{
    char after[BX_LOG_AFTER_MAX + 1] = BX_LOG_START;
    uint64_t next = 1;

    do {
        ask_files(after, limit);
        assert_true(answer.in_order);
        assert_true(answer.n == 0 || answer.first == next);
        next += answer.n;
        memcpy(after, answer.after, sizeof after);
    } while (answer.more);
    assert_int_not_equal(after[0], '@');
    return next - 1;
}

TEST(what_the_ring_has_overwritten_is_found_in_log_files)
{
    const uint64_t many = BX_REC_RING / 5; /* events that a ring holds */

    open_data();
    record(1, many);
    write_log(1);
    record(many + 1, 2 * many);
    write_log(clock_wall_ns()); /* its events are in the ring, too */
    record(2 * many + 1, 2 * many + 10);
    assert_int_equal(read_pages(999), 2 * many + 10);
    assert_int_equal(ask_after(answer.after, 5), BX_OK);
    assert_int_equal(answer.n, 0); /* the rings go on behind the last page */
    record(1, 3);
    assert_int_equal(ask_after(answer.after, 5), BX_OK);
    assert_int_equal(answer.n, 3);
    close_data();
}

TEST(an_event_that_leaves_the_ring_between_two_pages_comes_once)
{
    const uint64_t many = BX_REC_RING / 5;
    char after[BX_LOG_AFTER_MAX + 1];

    open_data();
    record(1, 2000);
    write_log(1);
    ask_files(BX_LOG_START, 900);
    assert_true(answer.more && answer.first == 1 && answer.last == 900);
    memcpy(after, answer.after, sizeof after);
    record(2001, 2000 + many);
    ask_files(after, 900);
    assert_true(answer.first == 901 && answer.last == 1800 && answer.in_order);
    close_data();
}

TEST(the_newest_of_files_and_ring_are_given)
{
    open_data();
    record(1, 50);
    write_log(1);
    ask_files(NULL, 7);
    assert_true(answer.n == 7 && answer.last == 50 && answer.in_order && !answer.more);
    close_data();
}

TEST(damage_of_a_log_file_is_told_and_the_rest_is_shown)
{
    char name[RECDIR_NAME];
    struct recdir_list *files = bx_must_calloc(1, sizeof *files);
    int fd;

    open_data();
    record(1, BX_REC_RING / 5);
    write_log(1);
    record(1, BX_REC_RING / 5); /* so that the ring has other ones */
    recdir_list(crash_directory(), "log", files);
    assert_int_equal(files->n, 1);
    snprintf(name, sizeof name, "%s", files->v[0].name);
    fd = openat(crash_directory(), name, O_WRONLY);
    assert_int_equal(pwrite(fd, "XXXX", 4, (off_t)files->v[0].bytes - 300), 4);
    close(fd);
    ask_files(BX_LOG_START, 10);
    assert_int_equal(answer.first, 1);
    assert_non_null(strstr(answer.damage, name));
    assert_non_null(strstr(answer.damage, "damaged from byte"));
    bx_free(files);
    close_data();
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
