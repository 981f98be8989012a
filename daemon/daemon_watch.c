/* What is looked at four times a second: whether there is a reason to keep what the recorder holds,
 * and a log file to archive. */
#include "daemon.h"

#include "diagnose/diag.h"
#include "sys/archive.h"
#include "sys/log.h"
#include "sys/snapshot.h"
#include "sys/watchdog.h"
#include "node/stats.h"

#define LOOK_MS 250
#define SLOW_NS UINT64_C(250000000) /* of applying entries, in one turn of the loop */

static uint64_t slow_applies(const struct daemon *d)
{
    const struct bx_histogram_info *info = &bx_latencies[BX_LATENCY_APPLY];
    struct bx_histogram h;
    uint64_t n = 0;

    bx_node_latency(d->node, BX_LATENCY_APPLY, &h);
    for (uint32_t i = 1; i <= info->n; i++)
        n += info->bounds[i - 1] >= SLOW_NS ? h.counts[i] : 0;
    return n;
}

static void look_at_node(struct daemon *d)
{
    struct daemon_watch *w = &d->watch;
    uint64_t slow = slow_applies(d);
    bool quorum = bx_node_has_quorum(d->node);

    if (w->quorum && !quorum)
        snapshot_on(SNAPSHOT_QUORUM);
    if (slow > w->slow)
        snapshot_on(SNAPSHOT_APPLY);
    w->quorum = quorum;
    w->slow = slow;
}

static void on_periodic(void *ctx, const struct snapshot_file *f, const struct bx_err *err)
{
    struct daemon *d = ctx;

    (void)f;
    if (err != NULL)
        log_write(LOG_WARNING, "periodic: %s", err->msg);
    diag_job_ended(d->diag, DIAG_JOB_RECORDER, err == NULL,
                   uv_now(&d->loop.uv) - d->watch.periodic_began_ms);
}

static void begin_periodic(struct daemon *d)
{
    struct bx_err err;

    d->watch.periodic_began_ms = uv_now(&d->loop.uv);
    if (snapshot_begin(SNAPSHOT_PERIODIC, false, on_periodic, d, &err) != BX_OK)
        on_periodic(d, NULL, &err);
}

static void look(uv_timer_t *timer)
{
    struct daemon *d = timer->data;
    struct daemon_watch *w = &d->watch;
    uint64_t now = uv_now(timer->loop);

    if (d->node != NULL)
        look_at_node(d);
    if (d->options.log_snapshot_every_s != 0 && now >= w->periodic_ms) {
        if (w->periodic_ms != 0)
            begin_periodic(d);
        w->periodic_ms = now + (uint64_t)d->options.log_snapshot_every_s * 1000;
    }
    archive_step();
}

void daemon_watch_open(struct daemon *d)
{
    struct bx_err err;

    uv_timer_init(&d->loop.uv, &d->watch.timer);
    d->watch.timer.data = d;
    uv_timer_start(&d->watch.timer, look, LOOK_MS, LOOK_MS);
    d->watch.open = true;
    if (watchdog_open(&d->loop.uv, &err) != BX_OK)
        log_write(LOG_WARNING, "%s", err.msg);
}

void daemon_watch_close(struct daemon *d)
{
    watchdog_close();
    if (d->watch.open)
        uv_close((uv_handle_t *)&d->watch.timer, NULL);
    d->watch.open = false;
}
