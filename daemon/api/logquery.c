/* logquery - the events in this node's recorder.
 *
 * Answered from the rings of all threads, without a barrier. The rings are copied, which disturbs
 * nobody; of what the query selects, in the order of time, a bounded part is the answer. The place
 * behind it is the sequence number of the last event of each thread, after a number of this
 * process: "1a2b:17,0,3". Whoever asks for log files, too, gets a place in time until they have no
 * more (logfiles.c). */
#include "api/logquery.h"

#include "api/priv.h"

#include "mem/alloc.h"
#include "sys/clock.h"
#include "sys/log_threads.h"
#include "wire/logquery.h"

#include <stdlib.h>
#include <string.h>

/* An event that is wanted. */
struct found {
    uint64_t time_ns;
    uint32_t seq;
    uint16_t thread; /* which of `threads` */
    const uint64_t *words;
};

struct query {
    struct bx_recquery query;
    struct bx_recscan scan;
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n_threads;
    uint32_t after[LOG_THREADS]; /* sequence numbers; events up to them were seen */
    bool began[LOG_THREADS];     /* there is such a number */
    bool follows, skipped;
    uint64_t *words; /* of all rings */
    struct found *found;
    size_t n_found, room;
};

/* ---- places ---- */

static uint64_t process_number(void)
{
    static uint64_t number;

    if (number == 0)
        number = clock_wall_ns();
    return number;
}

/* The place of an earlier answer. One of another process, or of none, is before all events. */
static bool parse_after(struct query *q, struct bx_str text)
{
    char copy[BX_LOG_AFTER_MAX + 1], *p = copy, *end;

    snprintf(copy, sizeof copy, BX_STR_FMT, BX_STR_ARG(text));
    q->follows = true;
    if (strcmp(copy, BX_LOG_START) == 0)
        return true;
    q->skipped = strtoull(p, &end, 16) != process_number();
    if (end == p || *end != ':')
        return false;
    p = end + 1;
    for (uint32_t i = 0; *p != '\0' && i < LOG_THREADS; i++) {
        if (*p == '-') {
            end = p + 1;
        } else {
            q->after[i] = (uint32_t)strtoul(p, &end, 10);
            q->began[i] = !q->skipped;
        }
        if (end == p || (*end != ',' && *end != '\0'))
            return false;
        p = end + (*end == ',');
    }
    return *p == '\0';
}

struct bx_str logquery_place(struct api_call *c, const uint32_t *after, const bool *began,
                             uint32_t n)
{
    char *text = api_alloc(c, BX_LOG_AFTER_MAX + 1);
    size_t at =
        (size_t)snprintf(text, BX_LOG_AFTER_MAX + 1, "%llx:", (unsigned long long)process_number());

    for (uint32_t i = 0; i < n; i++) {
        at += (size_t)snprintf(text + at, BX_LOG_AFTER_MAX + 1 - at, i == 0 ? "" : ",");
        at +=
            (size_t)snprintf(text + at, BX_LOG_AFTER_MAX + 1 - at, began[i] ? "%u" : "-", after[i]);
    }
    return bx_str(text);
}
_Static_assert(17 + LOG_THREADS * 11 < BX_LOG_AFTER_MAX, "a place fits");

/* ---- finding ---- */

static bool remember(struct query *q, const struct found *f)
{
    if (q->n_found == q->room) {
        size_t room = q->room == 0 ? 1024 : 2 * q->room;
        struct found *more = bx_realloc(q->found, room * sizeof *more);

        if (more == NULL)
            return false;
        q->found = more;
        q->room = room;
    }
    q->found[q->n_found++] = *f;
    return true;
}

static bool is_after(const struct query *q, uint32_t thread, uint32_t seq)
{
    return !q->began[thread] || (int32_t)(seq - q->after[thread]) > 0;
}

/* Of the events of one ring, in n words, those that are wanted. False: no memory. */
static bool search(struct query *q, uint32_t thread, const uint64_t *words, size_t n)
{
    bool known = q->began[thread];
    uint32_t seen = q->after[thread];

    for (size_t at = 0, size; at < n; at += size) {
        struct bx_recevent e;
        uint32_t seq = (uint32_t)(words[at + 2] >> 32);

        size = bx_recevent_read(words + at, n - at, bx_sites(), &e);
        if (size == 0)
            break;
        if (at == 0 && known && (int32_t)(seq - q->after[thread]) > 1)
            q->skipped = q->follows;
        if (is_after(q, thread, seq) && bx_recscan_event(&q->scan, &e) &&
            !remember(q, &(struct found){e.time_ns, seq, (uint16_t)thread, words + at}))
            return false;
        seen = seq;
        known = true;
    }
    q->after[thread] = seen;
    q->began[thread] = known;
    return true;
}

static int in_time(const void *x, const void *y)
{
    const struct found *a = x, *b = y;

    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    return (int32_t)(a->seq - b->seq) < 0 ? -1 : a->seq != b->seq;
}

static int find(struct query *q)
{
    size_t room = 0, used = 0;

    q->n_threads = log_threads(q->threads);
    for (uint32_t i = 0; i < q->n_threads; i++)
        room += q->threads[i]->ring.mask + 1;
    q->words = bx_alloc(room * sizeof *q->words);
    if (q->words == NULL || bx_recscan_open(&q->scan, &q->query) != BX_OK)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < q->n_threads; i++) {
        size_t n = bx_ring_copy(&q->threads[i]->ring, q->words + used, room - used);

        if (!search(q, i, q->words + used, n))
            return BX_NO_MEMORY;
        used += n;
    }
    if (q->n_found > 0)
        qsort(q->found, q->n_found, sizeof *q->found, in_time);
    return BX_OK;
}

/* ---- answering ---- */

/* The events from `first` on, up to `limit` of them and the bound in bytes; how many. The place of
 * each thread goes back before the first of its events that is left out. */
static uint32_t describe(struct api_call *c, struct query *q, size_t first, uint32_t limit,
                         struct bx_log_event_reply *out)
{
    size_t bytes = 0, n = 0;

    while (n < limit && first + n < q->n_found) {
        const struct found *f = &q->found[first + n];
        struct bx_recevent e;

        bx_recevent_read(f->words, BX_RECEVENT_WORDS, bx_sites(), &e);
        bx_must_ok(bx_log_event_describe(&e, q->threads[f->thread]->name, &c->arena, &out[n]));
        bytes += sizeof *out + out[n].msg.n + out[n].fields.n + out[n].site.n;
        if (bytes > BX_LOG_EVENTS_BYTES)
            break;
        n++;
    }
    for (size_t i = first + n; i < q->n_found; i++) {
        const struct found *f = &q->found[i];

        if ((int32_t)(f->seq - q->after[f->thread]) <= 0)
            q->after[f->thread] = f->seq - 1;
    }
    return (uint32_t)n;
}

static struct bx_log_query_reply make_reply(struct api_call *c, struct query *q)
{
    const struct bx_log_query_params *p = c->params;
    uint32_t limit = p->common.limit, n;
    struct bx_log_event_reply *events;
    size_t first = 0;

    if (limit == 0 || limit > BX_LOG_EVENTS_MAX)
        limit = BX_LOG_EVENTS_MAX;
    if (!q->follows && q->n_found > limit)
        first = q->n_found - limit;
    events = api_alloc(c, limit * sizeof *events);
    n = describe(c, q, first, limit, events);
    return (struct bx_log_query_reply){.node = bx_str(c->api->o.name),
                                       .events = {events, n},
                                       .after = logquery_place(c, q->after, q->began, q->n_threads),
                                       .more = first + n < q->n_found,
                                       .skipped = q->skipped};
}

static void close_query(struct query *q)
{
    bx_recscan_close(&q->scan);
    bx_free(q->words);
    bx_free(q->found);
}

static int prepare(const struct bx_log_query_params *p, struct query *q, struct bx_err *err)
{
    int rc = bx_log_query_of(p, &q->query, err);

    if (rc == BX_OK && p->common.after.n > 0 && !parse_after(q, p->common.after)) {
        rc = bx_err_set(err, BX_INVALID, "after: not a place in the log");
        bx_err_hint(err, "pass the after of an answer, or \"start\"");
    }
    return rc;
}

static void local(struct api_call *c)
{
    struct query *q = api_alloc(c, sizeof *q);
    struct bx_log_query_reply r;
    struct bx_err err;
    int rc = prepare(c->params, q, &err);

    if (rc == BX_OK && find(q) != BX_OK) {
        rc = bx_err_set(&err, BX_NO_MEMORY, "no memory to read the log");
        bx_err_hint(&err, "try again later");
    }
    if (rc == BX_OK)
        r = make_reply(c, q);
    close_query(q);
    if (rc == BX_OK)
        api_reply(c, &bx_log_query_reply_schema, &r);
    else
        api_fail(c, &err);
}

static void log_query(struct api_call *c)
{
    const struct bx_log_query_params *p = c->params;

    if (api_relay_named(c, p->node))
        return;
    if (logfiles_has(p))
        logfiles_query(c);
    else
        local(c);
}

/* ---- the methods ---- */

const struct api_method api_log_query = {.run = log_query, .expired = api_relay_over};
