/* jobs - what the daemon does again and again, told to a service that notices when it fails or does
 * not come.
 *
 * The spool is looked through here, soon after the start and once a day: what is too old is
 * deleted also while nothing new comes. */
#include "diagnose/priv.h"

#include "rec/rec.h"
#include "sys/clock.h"
#include "sys/pool.h"

#include <stdio.h>

static const struct {
    const char *monitor;
    uint32_t every_s;
} jobs[DIAG__JOBS] = {
#define X(id, monitor, every) [DIAG_JOB_##id] = {monitor, every},
    DIAG_JOBS(X)
#undef X
};

/* Not while the service is away: one that is late says nothing, and many would push out of the
 * spool what does. */
static void check_in(struct diag *d, enum diag_job job, bool ok, uint64_t ms)
{
    struct bx_check_in c = {.monitor = bx_str(jobs[job].monitor),
                            .status = ok ? BX_CHECK_OK : BX_CHECK_ERROR,
                            .duration_ms = ms,
                            .every_s = job == DIAG_JOB_RECORDER ? d->o.recorder_every_s
                                                                : jobs[job].every_s,
                            .release = bx_str(DIAG_RELEASE),
                            .environment = bx_str(d->environment)};

    if (d->sender.failures > 0) {
        diag_drop(d, DIAG_DROP_BACKOFF, BX_ITEM_CHECK_IN, 1);
        return;
    }
    diag_random(d, c.id, sizeof c.id);
    diag_begin(d);
    bx_envelope_check_in(&d->envelope, &c);
    diag_end(d, BX_ITEM_CHECK_IN);
}

static void report(struct diag *d, enum diag_job job)
{
    struct bx_scope *s = bx_scope_push(&d->scopes, d->process);
    char message[96];
    struct bx_report r = {.level = BX_SEVERITY_ERROR, .logger = bx_str("job")};

    snprintf(message, sizeof message, "the job %s failed; the log has the cause",
             jobs[job].monitor);
    r.message = bx_str(message);
    bx_scope_set_tag(s, bx_str("job"), bx_str(jobs[job].monitor));
    diag_report(d, &r, s);
    bx_scope_pop(s);
}

void diag_job_ended(struct diag *d, enum diag_job job, bool ok, uint64_t ms)
{
    if (d == NULL)
        return;
    if (!ok && !d->job_failed[job])
        report(d, job);
    d->job_failed[job] = !ok;
    if (diag_sends(d))
        check_in(d, job, ok, ms);
}

/* ---- old envelopes ---- */

static uint64_t now_ms(const struct diag *d)
{
    return d->o.clock->ops->boot_ms(d->o.clock);
}

static void run_expire(uv_work_t *work)
{
    struct diag *d = work->data;

    pool_yield_to_loop();
    d->expire.ok = spool_expire(&d->spool, clock_wall_ns());
}

static void done_expire(uv_work_t *work, int status)
{
    struct diag *d = work->data;

    (void)status;
    d->jobs--;
    d->expire.busy = false;
    if (!d->expire.ok)
        BX_WARNING("diag", "old envelopes could not be deleted");
    if (!d->closing)
        diag_job_ended(d, DIAG_JOB_EXPIRE, d->expire.ok, now_ms(d) - d->expire.began_ms);
}

void diag_jobs_tick(struct diag *d)
{
    uint64_t now = now_ms(d);

    if (d->expire.busy || now < d->expire.due_ms)
        return;
    d->expire.busy = true;
    d->expire.began_ms = now;
    d->expire.due_ms = now + DIAG_EXPIRE_S * UINT64_C(1000);
    d->expire.work.data = d;
    d->jobs++;
    uv_queue_work(d->o.loop, &d->expire.work, run_expire, done_expire);
}
