#include "sys/router.h"

#include "mem/buf.h"
#include "rec/rec.h"
#include "sys/log_threads.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <uv.h>

#define BATCH 4096u /* words taken from a queue at a time */
#define SECOND_NS 1000000000u
#define STOP_NS (3ull * SECOND_NS)    /* that a sink may take for its last bytes */
#define TELL_NS (60ull * SECOND_NS)   /* between two events about what the same one has dropped */
#define TROUBLE_NS (2ull * SECOND_NS) /* that it lasts before it is told */
#define SITES 8192u

static struct {
    struct sink sinks[SINKS_MAX];
    uint32_t n;
    uv_thread_t thread;
    int wake; /* an eventfd */
    bool running;
    atomic_bool sleeping, stopping, hurry;

    uv_mutex_t lock; /* of what follows */
    uv_cond_t drained;
    bool idle; /* nothing is left that could be written now */
    struct bx_filter ring, filter[SINKS_MAX];
    bool own[SINKS_MAX]; /* it does not follow --log */
    uint32_t changes;    /* of the filters */

    /* ---- of the thread alone ---- */
    uint32_t seen;
    struct bx_filter now[SINKS_MAX];
    uint8_t takes[SITES]; /* by site: the sinks that may want its events, one bit each */
    uint64_t words[BATCH];
    struct told {
        uint64_t n, at;
    } told_sinks[SINKS_MAX], told_threads[LOG_THREADS];
    bool untold; /* something that it is too early to tell of */
    struct trouble {
        bool told; /* and not that it is over */
        uint64_t at;
    } told_trouble[SINKS_MAX];
} r = {.wake = -1};

_Static_assert(SINKS_MAX <= 8, "a bit for each");

/* ---- taking and routing ---- */

static bool queued(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);

    for (uint32_t i = 0; i < n; i++)
        if (bx_ring_used(&threads[i]->queue) > 0)
            return true;
    return false;
}

/* The filters, if they were changed. */
static void learn_filters(void)
{
    struct bx_sites all = bx_sites();

    uv_mutex_lock(&r.lock);
    if (r.seen != r.changes) {
        r.seen = r.changes;
        memcpy(r.now, r.filter, sizeof r.now);
        for (uint32_t i = 0; i < all.n; i++) {
            r.takes[i] = 0;
            for (uint32_t s = 0; s < r.n; s++)
                r.takes[i] |= (uint8_t)(bx_filter_site(&r.now[s], all.v[i]) << s);
        }
    }
    uv_mutex_unlock(&r.lock);
}

static void route(const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    uint8_t takes = r.takes[e->site->id];

    for (uint32_t s = 0; takes != 0; s++, takes >>= 1)
        if ((takes & 1) != 0 && (r.now[s].n_fields == 0 || bx_filter_event(&r.now[s], e)))
            r.sinks[s].ops->put(&r.sinks[s], e, words, n);
}

static bool take_batch(struct bx_rec_thread *t)
{
    size_t n = bx_ring_take(&t->queue, r.words, BATCH);

    for (size_t at = 0; at < n;) {
        struct bx_recevent e;
        size_t size = bx_recevent_read(r.words + at, n - at, bx_sites(), &e);

        assert(size > 0);
        route(&e, r.words + at, size);
        at += size;
    }
    return n > 0;
}

/* A batch of each queue. False: all were empty. */
static bool take_batches(void)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);
    bool some = false;

    learn_filters();
    for (uint32_t i = 0; i < n; i++)
        some |= take_batch(threads[i]);
    return some;
}

/* True: no sink has anything left that it could write soon. */
static bool flush(bool hurry)
{
    uint64_t now = uv_hrtime();
    bool done = true;

    for (uint32_t i = 0; i < r.n; i++)
        done &= r.sinks[i].ops->flush(&r.sinks[i], now, hurry);
    return done;
}

/* ---- what was dropped ---- */

/* Whether it is time to tell; a sink that has no room has to have some first, or would drop that,
 * too, but others may know. */
static bool is_due(struct told *t, uint64_t n, uint64_t now, bool room)
{
    if (n == t->n)
        return false;
    if (now - t->at < (room ? SECOND_NS : TELL_NS)) {
        r.untold = true;
        return false;
    }
    t->at = now;
    return true;
}

/* A sink whose attempts have failed for a while, and that they do so no more. */
static void tell_trouble(uint64_t now)
{
    for (uint32_t i = 0; i < r.n; i++) {
        const struct sink *s = &r.sinks[i];
        struct trouble *t = &r.told_trouble[i];

        if ((s->trouble != 0) == t->told)
            continue;
        if ((s->trouble != 0 && now - s->trouble < TROUBLE_NS) ||
            (t->at != 0 && now - t->at < TELL_NS)) {
            r.untold = true;
            continue;
        }
        t->told = !t->told;
        t->at = now;
        if (t->told)
            BX_WARNING("log", "a sink fails", "sink", s->name, "state", s->condition);
        else
            BX_INFO("log", "a sink works again", "sink", s->name);
    }
}

static void tell_dropped(uint64_t now)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);

    for (uint32_t i = 0; i < n; i++) {
        uint64_t lost = __atomic_load_n(&threads[i]->queue.in.lost, __ATOMIC_RELAXED);

        if (is_due(&r.told_threads[i], lost, now, true)) {
            BX_WARNING("log", "events were dropped: the queue was full", "thread", threads[i]->name,
                       "events", lost - r.told_threads[i].n, "total", lost);
            r.told_threads[i].n = lost;
        }
    }
    for (uint32_t i = 0; i < r.n; i++) {
        const struct sink *s = &r.sinks[i];
        uint64_t lost = s->counts.dropped;

        if (is_due(&r.told_sinks[i], lost, now, s->counts.queued_bytes == 0)) {
            BX_WARNING("log", "events were dropped: the sink had no room", "sink", s->name,
                       "events", lost - r.told_sinks[i].n, "total", lost);
            r.told_sinks[i].n = lost;
        }
    }
}

static void tell(void)
{
    uint64_t now = uv_hrtime();

    r.untold = false;
    tell_trouble(now);
    tell_dropped(now);
}

/* ---- the thread ---- */

static void now_idle(bool idle)
{
    uv_mutex_lock(&r.lock);
    r.idle = idle;
    if (idle)
        uv_cond_broadcast(&r.drained);
    uv_mutex_unlock(&r.lock);
}

/* Until somebody wakes the thread, a descriptor is ready, or a time has come. */
static void wait_for_work(uint64_t until)
{
    struct pollfd fds[SINKS_MAX + 1] = {{.fd = r.wake, .events = POLLIN}};
    uint64_t now = uv_hrtime(), at = until, n;
    nfds_t count = 1;
    int ms = -1;

    for (uint32_t i = 0; i < r.n; i++) {
        struct sink_wait w = {-1, 0, UINT64_MAX};

        r.sinks[i].ops->wait(&r.sinks[i], &w);
        if (w.fd >= 0)
            fds[count++] = (struct pollfd){.fd = w.fd, .events = w.events};
        if (w.at < at)
            at = w.at;
    }
    if (at != UINT64_MAX)
        ms = at <= now ? 0 : (int)((at - now) / 1000000 % 3600000) + 1;
    if (poll(fds, count, ms) > 0 && fds[0].revents != 0)
        (void)!read(r.wake, &n, sizeof n);
}

/* `sleeping` is set before the queues are looked at once more: an event that comes later wakes. */
static void sleep_well(void)
{
    bool done = flush(atomic_load(&r.hurry));

    atomic_exchange(&r.sleeping, true);
    if (!queued()) {
        now_idle(done);
        wait_for_work(r.untold ? uv_hrtime() + SECOND_NS : UINT64_MAX);
        now_idle(false);
    }
    atomic_store(&r.sleeping, false);
}

/* Everything is taken: let the sinks write it, and say at the end what they had to drop. */
static void finish(void)
{
    uint64_t until = uv_hrtime() + STOP_NS;

    while (!flush(true) && uv_hrtime() < until)
        wait_for_work(until);
    for (uint32_t i = 0; i < SINKS_MAX; i++)
        r.told_sinks[i].at = 0;
    for (uint32_t i = 0; i < LOG_THREADS; i++)
        r.told_threads[i].at = 0;
    tell();
    while (take_batches())
        ;
    while (!flush(true) && uv_hrtime() < until)
        wait_for_work(until);
}

/* Whether to stop is asked before the queues are emptied: nothing comes after that was said. */
static void run(void *arg)
{
    (void)arg;
    log_thread_open("log");
    for (;;) {
        bool last = atomic_load(&r.stopping);

        bool some = take_batches();

        if (last && !some)
            break;
        if (some)
            flush(false);
        tell();
        if (!some)
            sleep_well();
    }
    finish();
    bx_rec_use(NULL);
    bx_buf_thread_close();
}

void router_wake(void)
{
    uint64_t one = 1;

    if (atomic_exchange(&r.sleeping, false))
        (void)!write(r.wake, &one, sizeof one);
}

/* ---- starting and stopping ---- */

/* Every sink has a name of its own. */
static void name_sink(uint32_t at)
{
    struct sink *s = &r.sinks[at];
    unsigned same = 1;

    for (uint32_t i = 0; i < at; i++)
        same += r.sinks[i].ops == s->ops;
    if (same == 1)
        snprintf(s->name, sizeof s->name, "%s", s->ops->kind);
    else
        snprintf(s->name, sizeof s->name, "%s-%u", s->ops->kind, same);
}

static void close_sinks(void)
{
    for (uint32_t i = 0; i < r.n; i++)
        r.sinks[i].ops->close(&r.sinks[i]);
    r.n = 0;
    if (r.wake >= 0)
        close(r.wake);
    r.wake = -1;
}

static int open_sinks(const struct router_options *o, struct bx_err *err)
{
    int rc = BX_OK;

    assert(o->n <= SINKS_MAX && bx_sites().n <= SITES);
    r.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (r.wake < 0)
        return bx_err_set(err, BX_IO, "cannot make an eventfd");
    for (uint32_t i = 0; i < o->n && rc == BX_OK; i++) {
        r.sinks[i] = (struct sink){.ops = o->sinks[i].ops, .spec = o->sinks[i], .node = o->node};
        name_sink(i);
        r.own[i] = o->sinks[i].filtered;
        r.filter[i] = r.own[i] ? o->sinks[i].filter : o->filter;
        r.n = i + 1;
        rc = r.sinks[i].ops->open(&r.sinks[i], err);
    }
    return rc;
}

/* Tell the sites; under the lock, or before the thread runs. */
static void set_sites(void)
{
    const struct bx_filter *f[SINKS_MAX];

    for (uint32_t i = 0; i < r.n; i++)
        f[i] = &r.filter[i];
    bx_rec_filter_ring(&r.ring);
    bx_rec_filter_queue(f, r.n);
    r.changes++;
}

int router_start(const struct router_options *o, struct bx_err *err)
{
    int rc = open_sinks(o, err);

    if (rc != BX_OK) {
        close_sinks();
        return rc;
    }
    uv_mutex_init(&r.lock);
    uv_cond_init(&r.drained);
    bx_filter_parse(&r.ring, BX_REC_RING_SPEC, NULL);
    set_sites();
    memset(r.told_sinks, 0, sizeof r.told_sinks);
    memset(r.told_threads, 0, sizeof r.told_threads);
    memset(r.told_trouble, 0, sizeof r.told_trouble);
    atomic_store(&r.stopping, false);
    if (uv_thread_create(&r.thread, run, NULL) == 0) {
        r.running = true;
        return BX_OK;
    }
    uv_cond_destroy(&r.drained);
    uv_mutex_destroy(&r.lock);
    close_sinks();
    return bx_err_set(err, BX_IO, "cannot start the thread of the log");
}

void router_stop(void)
{
    uint64_t one = 1;

    if (!r.running)
        return;
    atomic_store(&r.stopping, true);
    (void)!write(r.wake, &one, sizeof one);
    uv_thread_join(&r.thread);
    r.running = false;
    close_sinks();
    uv_cond_destroy(&r.drained);
    uv_mutex_destroy(&r.lock);
}

void router_drain(uint64_t ns)
{
    uint64_t until = uv_hrtime() + ns, now = 0, one = 1;

    if (!r.running)
        return;
    atomic_store(&r.hurry, true);
    uv_mutex_lock(&r.lock);
    r.idle = false; /* before the thread is woken, which says so only once */
    (void)!write(r.wake, &one, sizeof one);
    while ((!r.idle || queued()) && (now = uv_hrtime()) < until)
        uv_cond_timedwait(&r.drained, &r.lock, until - now);
    uv_mutex_unlock(&r.lock);
    atomic_store(&r.hurry, false);
}

/* ---- while it runs ---- */

static int no_sink(const char *name, struct bx_err *err)
{
    char names[SINKS_MAX * (BX_LOG_SINK_MAX + 2) + 8] = ROUTER_RING;
    size_t at = sizeof ROUTER_RING - 1;

    for (uint32_t i = 0; i < r.n; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, ", %s", r.sinks[i].name);
    bx_err_set(err, BX_NOT_FOUND, "there is no sink \"%s\"", name);
    bx_err_hint(err, "sinks: %s", names);
    return BX_NOT_FOUND;
}

int router_set_filter(const char *name, const struct bx_filter *f, struct bx_err *err)
{
    bool found = *name == '\0';

    if (!r.running)
        return bx_err_set(err, BX_UNSUPPORTED, "this daemon has no log");
    uv_mutex_lock(&r.lock);
    if (strcmp(name, ROUTER_RING) == 0) {
        r.ring = *f;
        found = true;
    }
    for (uint32_t i = 0; i < r.n; i++) {
        bool named = strcmp(name, r.sinks[i].name) == 0;

        if (named || (*name == '\0' && !r.own[i]))
            r.filter[i] = *f;
        found |= named;
        r.own[i] |= named;
    }
    if (found)
        set_sites();
    uv_mutex_unlock(&r.lock);
    return found ? BX_OK : no_sink(name, err);
}

void router_report(struct router_report *out)
{
    *out = (struct router_report){.n = 0};
    if (!r.running)
        return;
    uv_mutex_lock(&r.lock);
    out->ring = r.ring;
    out->n = r.n;
    for (uint32_t i = 0; i < r.n; i++) {
        out->v[i].sink = &r.sinks[i];
        out->v[i].filter = r.filter[i];
    }
    uv_mutex_unlock(&r.lock);
}
