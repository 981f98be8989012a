/* logfiles - the events in this node's log files and in its recorder, as one; or those in the log
 * files that another node has sent here.
 *
 * An event is known by its time, its thread and its number in that, which are the same in a ring
 * and in a file. A page is the first events behind a place in that order, or the last ones: a job
 * in the pool offers what rings and files have to a bounded, sorted list, in which none is twice.
 * So an event may leave the ring between two pages: it is found in the file then. The place between
 * two pages is that of an event; behind the last one it is a place in the rings.
 *
 * Behind the last page of another node's log it is a place in its files (logplace.h). Files only
 * grow, so whoever follows the log misses none, also when events of two threads arrive in the wrong
 * order, and a file that has not grown is not read. Pages behind such a place are in the order of
 * the files: the key of an event is the number of its file, and its own in that.
 *
 * Files that were begun, or followed by another, at a time that rules them out are not read. An
 * event reaches its file within SLACK_NS, unless a disk blocked the log for longer. */
#include "api/logquery.h"

#include "api/logpage.h"
#include "api/logplace.h"
#include "api/party.h"
#include "api/priv.h"
#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/crash.h"
#include "sys/log_threads.h"
#include "sys/pool.h"
#include "sys/recdir.h"
#include "sys/received.h"
#include "wire/logquery.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLACK_NS 60000000000u
#define RING_WORDS (BX_REC_RING + (LOG_THREADS - 1) * LOG_THREAD_RING)

struct job {
    uv_work_t work;
    struct api_call *call;
    struct bx_recquery query;
    struct bx_recscan scan;
    int dir;       /* of the files */
    bool received; /* they are of another node, whose rings are not here */
    struct logpage page;

    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n_threads, seen[LOG_THREADS]; /* numbers of the newest events */
    bool began[LOG_THREADS];               /* there is one */
    uint64_t words[RING_WORDS];

    struct recdir_list files;
    struct bx_recfile file;
    bool by_position;          /* the page is behind `from` */
    struct logplace from, end; /* end: of the newest file */
    uint32_t reading, number;  /* which of the files; the events of it so far */
    uint32_t damaged;
    char damage[BX_LOG_DAMAGE_MAX + 1]; /* the first one */
    int rc;
};

/* ---- rings ---- */

static int read_ring(struct job *j, uint32_t i)
{
    const struct bx_rec_thread *t = j->threads[i];
    size_t n = bx_ring_copy(&t->ring, j->words, RING_WORDS);
    int rc = BX_OK;

    for (size_t at = 0, size; at < n && rc == BX_OK; at += size) {
        struct bx_recevent e;

        size = bx_recevent_read(j->words + at, n - at, bx_sites(), &e);
        if (size == 0)
            break;
        j->seen[i] = e.seq;
        j->began[i] = true;
        if (bx_recscan_event(&j->scan, &e))
            rc = logpage_offer(&j->page, &(struct logpage_key){e.time_ns, e.seq, e.thread}, &e,
                               bx_str(t->name));
    }
    return rc;
}

static int read_rings(struct job *j)
{
    int rc = BX_OK;

    j->n_threads = log_threads(j->threads);
    for (uint32_t i = 0; i < j->n_threads && rc == BX_OK; i++)
        rc = read_ring(j, i);
    return rc;
}

/* ---- files ---- */

static void tell_damage(struct job *j, const char *name, const char *what)
{
    if (j->damaged++ == 0)
        snprintf(j->damage, sizeof j->damage, "%s: %.150s", name, what);
}

/* The name of a file tells when it was begun: the beginning of one that is begun at this time. */
static bool begun_after(const char *name, uint64_t time_ns)
{
    char then[RECDIR_NAME];

    recdir_name(then, "log", time_ns, 0);
    return strncmp(name, then, strcspn(then + 4, "-") + 4) > 0;
}

/* All events of file i were recorded before this time. The next file was begun before it, and
 * longer ago than the events of two threads may come in the wrong order. */
static bool is_over(const struct job *j, uint32_t i, uint64_t time_ns)
{
    return i + 1 < j->files.n && time_ns > SLACK_NS &&
           !begun_after(j->files.v[i + 1].name, time_ns - SLACK_NS);
}

static bool is_later(const struct job *j, uint32_t i, uint64_t time_ns)
{
    return time_ns < UINT64_MAX - SLACK_NS && begun_after(j->files.v[i].name, time_ns + SLACK_NS);
}

/* Whether file i may have events behind the position. */
static bool is_behind(const struct job *j, uint32_t i)
{
    int order = strcmp(j->files.v[i].name, j->from.file);

    return order > 0 || (order == 0 && j->files.v[i].bytes != j->from.bytes);
}

/* Whether file i may have events that are asked for. */
static bool is_asked(const struct job *j, uint32_t i)
{
    uint64_t until = j->query.until_ns;

    if (j->by_position)
        return is_behind(j, i);
    return !is_over(j, i, j->query.since_ns) && !is_over(j, i, j->page.after.time_ns) &&
           (until == 0 || !is_later(j, i, until));
}

/* Whether file i can not change the page. */
static bool is_needless(const struct job *j, uint32_t i)
{
    if (!logpage_is_full(&j->page) || j->by_position)
        return logpage_is_full(&j->page);
    return j->page.newest ? is_over(j, i, j->page.v[0]->key.time_ns)
                          : is_later(j, i, j->page.v[j->page.n - 1]->key.time_ns);
}

/* Of an event of the file that is read. */
static struct logpage_key key_of(const struct job *j, uint64_t time_ns, uint32_t seq,
                                 uint16_t thread)
{
    if (j->by_position)
        return (struct logpage_key){j->reading, j->number, 0};
    return (struct logpage_key){time_ns, seq, thread};
}

static bool want(void *ctx, const struct bx_site *site, const uint64_t *head)
{
    struct job *j = ctx;
    struct logpage_key k;

    j->number++;
    k = key_of(j, head[1], (uint32_t)(head[2] >> 32), (uint16_t)head[2]);
    return bx_recscan_head(&j->scan, site, head) &&
           (logpage_has_place(&j->page, &k) || (!j->page.more && logpage_is_behind(&j->page, &k)));
}

/* A thread of another process may have had another name. */
static struct bx_str thread_of(const struct job *j, const struct bx_recevent *e)
{
    bool ours = j->file.meta.pid == (uint32_t)getpid() && e->thread < j->n_threads;

    for (uint32_t i = 0; i < j->file.n_threads; i++)
        if (j->file.threads[i].index == e->thread)
            return j->file.threads[i].name;
    return bx_str(ours ? j->threads[e->thread]->name : "");
}

static int read_events(struct job *j, const char *name)
{
    struct bx_recevent e;
    struct bx_err err;
    int rc = BX_OK;

    j->file.hooks = (struct bx_recfile_hooks){want, NULL, j};
    while (rc == BX_OK || rc == BX_CORRUPT) {
        rc = bx_recfile_next(&j->file, &e, &err);
        if (rc == BX_CORRUPT) {
            tell_damage(j, name, err.msg);
        } else if (rc == BX_OK && bx_recscan_event(&j->scan, &e)) {
            struct logpage_key k = key_of(j, e.time_ns, e.seq, e.thread);

            rc = logpage_offer(&j->page, &k, &e, thread_of(j, &e));
        }
    }
    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

static void set_position(struct logplace *p, const struct job *j, uint32_t i, uint32_t events,
                         uint64_t bytes)
{
    memcpy(p->file, j->files.v[i].name, sizeof p->file);
    p->events = events;
    p->bytes = bytes;
}

/* BX_OK, BX_NO_MEMORY. A file that was removed meanwhile is none. */
static int read_file(struct job *j, uint32_t i)
{
    const char *name = j->files.v[i].name;
    struct bx_err err;
    uint8_t *p;
    size_t n;
    int rc = recdir_read(j->dir, name, &p, &n);

    if (rc == BX_NOT_FOUND || rc == BX_NO_MEMORY)
        return rc == BX_NOT_FOUND ? BX_OK : rc;
    if (rc != BX_OK) {
        tell_damage(j, name, rc == BX_TOO_LARGE ? "too large to be read here" : "cannot be read");
        return BX_OK;
    }
    rc = bx_recfile_open(&j->file, p, n, &err);
    bx_recscan_reset(&j->scan);
    j->reading = i;
    j->number = 0;
    if (rc == BX_OK)
        rc = read_events(j, name);
    else
        tell_damage(j, name, err.msg);
    if (i + 1 == j->files.n)
        set_position(&j->end, j, i, j->number, j->files.v[i].bytes);
    bx_recfile_close(&j->file);
    bx_free(p);
    return rc == BX_NO_MEMORY ? rc : BX_OK;
}

/* The place that the page is behind, as the key of an event. */
static void find_position(struct job *j)
{
    uint32_t i = 0;

    while (i < j->files.n && strcmp(j->files.v[i].name, j->from.file) < 0)
        i++;
    j->page.after.time_ns = i;
    if (i < j->files.n && strcmp(j->files.v[i].name, j->from.file) == 0)
        j->page.after.seq = j->from.events;
}

/* From the end of time that the page is at. */
static int read_files(struct job *j)
{
    int rc = BX_OK;

    recdir_list(j->dir, "log", &j->files);
    if (j->by_position)
        find_position(j);
    for (uint32_t k = 0; k < j->files.n && rc == BX_OK; k++) {
        uint32_t i = j->page.newest ? j->files.n - 1 - k : k;

        if (!is_asked(j, i))
            continue;
        if (is_needless(j, i))
            j->page.more |= !j->page.newest; /* it may have some for the next page */
        else
            rc = read_file(j, i);
    }
    return rc;
}

/* ---- the job ---- */

static void work(uv_work_t *w)
{
    struct job *j = w->data;

    pool_yield_to_loop();
    j->rc = bx_recscan_open(&j->scan, &j->query);
    if (j->rc == BX_OK && !j->received)
        j->rc = read_rings(j);
    if (j->rc == BX_OK && j->dir >= 0)
        j->rc = read_files(j);
}

/* How many of the page the answer has room for. */
static uint32_t fitting(const struct job *j, struct bx_log_event_reply *out)
{
    uint32_t n = 0;
    size_t bytes = 0;

    while (n < j->page.n) {
        const struct bx_log_event_reply *r = &j->page.v[n]->r;

        bytes += sizeof *r + r->msg.n + r->fields.n + r->site.n;
        if (bytes > BX_LOG_EVENTS_BYTES && n > 0)
            break;
        out[n++] = *r;
    }
    return n;
}

static char *room_for_place(const struct job *j)
{
    return api_alloc(j->call, BX_LOG_AFTER_MAX + 1);
}

/* Behind this event of the page, which others follow. */
static struct bx_str place_between(const struct job *j, const struct logpage_key *k)
{
    struct logplace p;

    if (!j->by_position)
        return logplace_of_event(room_for_place(j), k);
    set_position(&p, j, (uint32_t)k->time_ns, k->seq, 0);
    return logplace_of_file(room_for_place(j), &p);
}

/* Behind all events of another node's log. */
static struct bx_str place_behind(const struct job *j)
{
    bool is_read = strcmp(j->end.file, j->from.file) >= 0 && j->end.file[0] != '\0';

    return logplace_of_file(room_for_place(j), is_read ? &j->end : &j->from);
}

static void reply(struct job *j)
{
    struct api_call *c = j->call;
    struct bx_log_event_reply *events = api_alloc(c, (j->page.n + 1) * sizeof *events);
    uint32_t n = fitting(j, events);
    bool more = j->page.more || n < j->page.n;
    struct bx_log_query_reply r = {.node = bx_str(c->api->o.name),
                                   .events = {events, n},
                                   .more = more,
                                   .damage = bx_str(j->damage)};

    r.after = more          ? place_between(j, &j->page.v[n - 1]->key)
              : j->received ? place_behind(j)
                            : logquery_place(c, j->seen, j->began, j->n_threads);
    api_reply(c, &bx_log_query_reply_schema, &r);
}

static void destroy(struct job *j)
{
    logpage_close(&j->page);
    bx_recscan_close(&j->scan);
    if (j->received && j->dir >= 0)
        close(j->dir);
    bx_free(j);
}

static void done(uv_work_t *w, int status)
{
    struct job *j = w->data;
    struct bx_err err;

    api_party_remove(j->call->party, API_HELD_QUERIES, 1);
    if (status != 0) {
        bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
        api_fail(j->call, &err);
    } else if (j->rc != BX_OK) {
        bx_err_set(&err, j->rc, "no memory to read the log");
        bx_err_hint(&err, "try again later");
        api_fail(j->call, &err);
    } else {
        reply(j);
    }
    destroy(j);
}

/* ---- the question ---- */

static bool refuse_more(struct api_call *c)
{
    const struct api_party *p = api_party_full(c->party, API_HELD_QUERIES, API_SQL_MAX);
    struct bx_err err;

    if (p == NULL)
        return false;
    bx_err_set(&err, BX_BUSY, "too many running queries (%u of %s)",
               (unsigned)p->n[API_HELD_QUERIES], p->name);
    bx_err_hint(&err, "try again later");
    api_fail(c, &err);
    return true;
}

static void start(struct job *j)
{
    struct api_call *c = j->call;
    const struct bx_log_query_params *p = c->params;

    j->page.limit = p->common.limit;
    if (j->page.limit == 0 || j->page.limit > BX_LOG_EVENTS_MAX)
        j->page.limit = BX_LOG_EVENTS_MAX;
    j->work.data = j;
    api_party_add(c->party, API_HELD_QUERIES, 1);
    uv_queue_work(c->api->loop, &j->work, work, done);
}

static int no_such_node(struct bx_str of, struct bx_err *err)
{
    bx_err_set(err, BX_NOT_FOUND, "no node \"%.*s\"", (int)(of.n > 80 ? 80 : of.n), of.p);
    bx_err_hint(err, "name one that was removed by its id");
    return BX_NOT_FOUND;
}

/* The logs that a node has sent here; one that was removed is known by its id. */
static int find_received(struct job *j, struct bx_str of, struct bx_err *err)
{
    const struct api_call *c = j->call;
    const struct bx_node_row *n;
    unsigned long long id = 0;
    char text[24], *end = "";

    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(of));
    j->received = true;
    j->dir = -1;
    if (c->api->node != NULL && bx_view_find_node(api_view(c), of, &n, err) == BX_OK)
        id = n->info.id;
    else if (text[0] >= '0' && text[0] <= '9')
        id = strtoull(text, &end, 10);
    if (id == 0 || *end != '\0')
        return no_such_node(of, err);
    if (crash_directory() >= 0)
        j->dir = received_open(crash_directory(), id);
    return BX_OK;
}

static int prepare(struct job *j, const struct bx_log_query_params *p, struct bx_err *err)
{
    struct bx_str after = p->common.after;

    j->page.newest = after.n == 0;
    j->by_position = p->of.n > 0 && logplace_is_file(after, &j->from);
    if (!j->page.newest && !j->by_position && !bx_str_eq(after, bx_str(BX_LOG_START)) &&
        !logplace_is_event(after, &j->page.after)) {
        bx_err_set(err, BX_INVALID, "after: not a place in the log");
        bx_err_hint(err, "pass the after of an answer, or \"start\"");
        return BX_INVALID;
    }
    j->dir = crash_directory();
    if (p->of.n > 0 && find_received(j, p->of, err) != BX_OK)
        return err->code;
    return bx_log_query_of(p, &j->query, err);
}

bool logfiles_has(const struct bx_log_query_params *p)
{
    struct bx_str after = p->common.after;
    struct logpage_key key;

    return p->of.n > 0 || (p->files && (after.n == 0 || bx_str_eq(after, bx_str(BX_LOG_START)) ||
                                        logplace_is_event(after, &key)));
}

void logfiles_query(struct api_call *c)
{
    struct bx_err err;
    struct job *j;

    if (refuse_more(c))
        return;
    j = bx_must_calloc(1, sizeof *j);
    j->call = c;
    if (prepare(j, c->params, &err) == BX_OK) {
        start(j);
        return;
    }
    api_fail(c, &err);
    destroy(j);
}
