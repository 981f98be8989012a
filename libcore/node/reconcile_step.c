/* The steps of a reconciler: what is done when an entry is due. Every step leaves the entry
 * dropped, in a queue, scheduled again, or waiting for a row or an observation. */
#include "node/reconcile_priv.h"

#include "mutant.h"

#include <string.h>

#define STOP_DEFAULT_S 60u
#define LOST_MESSAGE "run lost: the host was rebooted, or its processes died"

static void report_phase(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                         enum bx_phase phase, uint64_t now)
{
    bool absent = e->observed == BX_OBSERVED_ABSENT;
    struct bx_cmd_vm_report body = {.node = r->self, .epoch = row->epoch, .phase = (uint8_t)phase};

    if (e->report_again > now && e->reported == phase && e->reported_epoch == row->epoch) {
        bx_entry_schedule(r, e, e->report_again);
        return;
    }
    memcpy(body.vm, e->vm, 16);
    if (absent) {
        body.message = bx_str(phase == BX_PHASE_FAILED ? LOST_MESSAGE : "");
    } else {
        body.message = bx_str(e->message);
        body.reboots = e->reboots;
    }
    if (e->observed == BX_OBSERVED_EXITED && e->asked == BX_ACTION_NONE) {
        body.failures = e->failures;
        body.unbegun = !e->ran;
        body.pause_ms = e->not_before > now ? (uint32_t)(e->not_before - now) : 0;
    }
    e->reported = phase;
    e->reported_epoch = row->epoch;
    e->report_again = now + BX_REPORT_AGAIN_MS;
    bx_entry_schedule(r, e, e->report_again);
    r->p.report(r->p.ctx, &body);
}

/* The run, once nothing is missing. The driver tells how it goes on, also when it can not begin. */
static int begin_run(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     struct bx_err *err)
{
    struct bx_vm_config config = bx_vm_whole_config(row);
    struct bx_run run = {.epoch = row->epoch, .node = r->self, .config = &config};

    bx_lease_cancel(r->p.lease, e->vm);
    memcpy(run.vm, e->vm, 16);
    e->epoch = row->epoch;
    e->asked = BX_ACTION_NONE;
    e->running_since = 0;
    e->reboots = 0;
    e->ran = e->failed = false;
    e->message[0] = '\0';
    BX_DEBUG("vm", "starting", "vm", row->name->s, "uuid", bx_uuid(e->vm), "epoch", e->epoch);
    bx_entry_set_observed(r, e, BX_OBSERVED_STARTING);
    return r->p.driver->ops->start(r->p.driver, &run, err);
}

/* A start needs that the pause is over, a grant, and a slot, in this order; it waits for the first
 * that is missing. */
static int start_run(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     uint64_t now, struct bx_err *err)
{
    int rc;

    bx_entry_follow(r, e, row, now);
    if (!r->adopted || now < e->not_before) {
        bx_entry_schedule(r, e, r->adopted ? e->not_before : now + BX_RECONCILE_RETRY_MS);
        return BX_OK;
    }
    rc = bx_lease_request(r->p.lease, e->vm, row->epoch);
    if (rc != BX_OK) {
        bx_entry_schedule(r, e, now + BX_RECONCILE_RETRY_MS);
        return bx_err_set(err, rc, "no lease could be asked for");
    }
    if (!bx_lease_holds(r->p.lease, e->vm, row->epoch) && !BX_MUTATED(START_WITHOUT_GRANT)) {
        bx_entry_enter_queue(r, e, BX_QUEUE_LEADER);
        return BX_OK;
    }
    if (r->starting >= BX_STARTS_MAX) {
        bx_entry_enter_queue(r, e, BX_QUEUE_SLOT);
        return BX_OK;
    }
    return begin_run(r, e, row, err);
}

static void stop_run(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     uint64_t now)
{
    uint32_t s = row->stop_timeout_s == 0 ? STOP_DEFAULT_S : row->stop_timeout_s;
    uint32_t ms = s < UINT32_MAX / 1000 ? s * 1000 : UINT32_MAX;

    e->asked = BX_ACTION_STOP;
    e->asked_again = now + ms + BX_KILL_MS;
    BX_DEBUG("vm", "stopping", "uuid", bx_uuid(e->vm), "epoch", e->epoch, "timeout_ms", ms);
    bx_entry_schedule(r, e, e->asked_again);
    r->p.driver->ops->stop(r->p.driver, e->vm, ms);
}

static void kill_run(struct bx_reconcile *r, struct bx_entry *e, uint64_t now)
{
    e->asked = BX_ACTION_KILL;
    BX_DEBUG("vm", "killing", "uuid", bx_uuid(e->vm), "epoch", e->epoch);
    e->asked_again = now + BX_KILL_MS;
    bx_entry_schedule(r, e, e->asked_again);
    r->p.driver->ops->kill(r->p.driver, e->vm);
}

/* Ask once; kill when that is not obeyed in its time, or when force is requested. */
static void end_run(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                    enum bx_action action, uint64_t now)
{
    bool first = e->asked == BX_ACTION_NONE;
    bool force = action == BX_ACTION_KILL && e->asked == BX_ACTION_STOP;

    if (!first && !force && now < e->asked_again)
        bx_entry_schedule(r, e, e->asked_again);
    else if (action == BX_ACTION_STOP && first)
        stop_run(r, e, row, now);
    else
        kill_run(r, e, now);
}

/* A run that ended unasked, and what becomes of the VM now that the row says it. */
static void record_end(const struct bx_entry *e, const struct bx_vm *row, uint64_t now)
{
    uint64_t s = e->not_before > now ? (e->not_before - now + 999) / 1000 : 0;
    const char *vm = row->name->s;

    if (row->phase != BX_PHASE_CREATING && row->phase != BX_PHASE_FAILED)
        BX_INFO("vm", "ended", "vm", vm, "uuid", bx_uuid(e->vm), "epoch", e->epoch, "why",
                e->message);
    else if (row->phase == BX_PHASE_FAILED && e->ran)
        BX_WARNING("vm", "failed", "vm", vm, "uuid", bx_uuid(e->vm), "epoch", e->epoch, "err",
                   e->message);
    else if (row->phase == BX_PHASE_FAILED)
        BX_WARNING("vm", "failed to start", "vm", vm, "uuid", bx_uuid(e->vm), "epoch", e->epoch,
                   "err", e->message);
    else if (e->ran)
        BX_WARNING("vm", "failed; it is restarted", "vm", vm, "uuid", bx_uuid(e->vm), "epoch",
                   e->epoch, "err", e->message, "in_s", s);
    else
        BX_WARNING("vm", "failed to start; it is tried again", "vm", vm, "uuid", bx_uuid(e->vm),
                   "epoch", e->epoch, "err", e->message, "in_s", s);
}

/* The end of the run is in the state: its files can go, and the row may ask for the next step. */
static void forget_run(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                       uint64_t now)
{
    if (e->asked == BX_ACTION_NONE && row != NULL)
        record_end(e, row, now);
    BX_DEBUG("vm", "its run is reaped", "uuid", bx_uuid(e->vm), "epoch", e->epoch);
    r->p.driver->ops->forget(r->p.driver, e->vm);
    bx_entry_set_observed(r, e, BX_OBSERVED_ABSENT);
    e->asked = BX_ACTION_NONE;
    e->running_since = 0;
    bx_entry_schedule_now(r, e);
}

/* A disk with data stays wherever it is. */
bool bx_entry_has_left(const struct bx_reconcile *r, const struct bx_vm *row)
{
    return row == NULL || (row->node != r->self && row->node != 0 && !bx_vm_has_data(row));
}

/* What can not be taken back waits until the state is known to be current: in an older one the VM
 * may not be there yet. */
static bool needs_current(const struct bx_reconcile *r, const struct bx_entry *e,
                          const struct bx_vm *row, enum bx_action a)
{
    bool removes =
        a == BX_ACTION_NONE && e->observed == BX_OBSERVED_ABSENT && bx_entry_has_left(r, row);

    return removes || a == BX_ACTION_STOP || a == BX_ACTION_KILL || a == BX_ACTION_FORGET;
}

/* A VM without a run: it is dropped, and its count of failures with it. One that has left leaves
 * its files, which are removed once it is known that no run uses them. */
static void drop_absent(struct bx_reconcile *r, struct bx_entry *e, bool left, uint64_t now)
{
    if (left && !r->adopted) {
        bx_entry_schedule(r, e, now + BX_RECONCILE_RETRY_MS);
        return;
    }
    if (left) {
        BX_DEBUG("vm", "what it left here is removed", "uuid", bx_uuid(e->vm));
        r->p.driver->ops->remove(r->p.driver, e->vm);
    }
    bx_entry_drop(r, e);
}

/* A guest that reboots all the time is one report in BX_REBOOTS_MS. What is lost is sent again. */
static void report_reboots(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                           uint64_t now)
{
    struct bx_cmd_vm_report body = {
        .node = r->self, .epoch = row->epoch, .phase = BX_PHASE_RUNNING, .reboots = e->reboots};
    struct bx_cluster_info cluster;

    bx_view_cluster(r->p.view(r->p.ctx), &cluster);
    if (row->epoch != e->epoch || row->phase != BX_PHASE_RUNNING || e->reboots <= row->reboots)
        return;
    if (now >= e->reboots_again && cluster.level < 2) {
        e->reboots_again = now + BX_REBOOTS_MS; /* it may be raised */
    } else if (now >= e->reboots_again) {
        memcpy(body.vm, e->vm, 16);
        body.message = bx_str(e->message);
        e->reboots_again = now + BX_REBOOTS_MS;
        r->p.report(r->p.ctx, &body);
    }
    bx_entry_schedule(r, e, e->reboots_again);
}

/* Nothing to do; but a run that was asked to end is watched all the same. */
static void rest(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row, uint64_t now)
{
    if (e->observed == BX_OBSERVED_ABSENT)
        drop_absent(r, e, bx_entry_has_left(r, row), now);
    else if (e->observed == BX_OBSERVED_RUNNING && row != NULL && row->node == r->self)
        report_reboots(r, e, row, now);
    else if (e->observed == BX_OBSERVED_STOPPING && e->asked != BX_ACTION_NONE)
        end_run(r, e, NULL, BX_ACTION_NONE, now);
}

static int take_step(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     const struct bx_plan_input *in, const struct bx_plan *plan, uint64_t now,
                     struct bx_err *err)
{
    switch (plan->action) {
    case BX_ACTION_NONE:
        rest(r, e, row, now);
        break;
    case BX_ACTION_START:
        return start_run(r, e, row, now, err);
    case BX_ACTION_STOP:
    case BX_ACTION_KILL:
        end_run(r, e, row, plan->action, now);
        break;
    case BX_ACTION_FORGET:
        forget_run(r, e, in->vm, now);
        break;
    case BX_ACTION_REPORT:
        if (e->observed == BX_OBSERVED_ABSENT && !r->adopted)
            bx_entry_schedule(r, e, now + BX_RECONCILE_RETRY_MS); /* the driver may have a run */
        else
            report_phase(r, e, row, plan->report, now);
        break;
    }
    return BX_OK;
}

/* The step, between what tells of its beginning and its end; e may be gone after it. */
static void take_told_step(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                           const struct bx_plan_input *in, const struct bx_plan *plan, uint64_t now)
{
    static const char *const names[] = {
        [BX_ACTION_NONE] = NULL,
        [BX_ACTION_START] = "reconcile.start",
        [BX_ACTION_STOP] = "reconcile.stop",
        [BX_ACTION_KILL] = "reconcile.kill",
        [BX_ACTION_FORGET] = "reconcile.forget",
        [BX_ACTION_REPORT] = "reconcile.report",
    };
    bool told = r->p.action != NULL && names[plan->action] != NULL;
    struct bx_err err;
    int rc;

    if (told)
        r->p.action(r->p.ctx, names[plan->action], e->vm);
    rc = take_step(r, e, row, in, plan, now, &err);
    if (told)
        r->p.action_ended(r->p.ctx, rc == BX_OK ? NULL : &err);
}

void bx_entry_step(struct bx_reconcile *r, struct bx_entry *e, uint64_t now)
{
    const struct bx_vm *row = bx_view_vm(r->p.view(r->p.ctx), e->vm);
    struct bx_plan_input in = {.observed = e->observed, .epoch = e->epoch, .failed = e->failed};
    struct bx_plan plan;

    in.vm = row != NULL && row->node == r->self ? row : NULL;
    plan = bx_plan_next(&in);
    bx_entry_leave_queue(r, e);
    if (plan.action != BX_ACTION_START)
        bx_lease_cancel(r->p.lease, e->vm);
    if (needs_current(r, e, row, plan.action) && !bx_lease_current(r->p.lease) &&
        !BX_MUTATED(DECLARE_EARLY)) {
        bx_entry_enter_queue(r, e, BX_QUEUE_LEADER);
        return;
    }
    take_told_step(r, e, row, &in, &plan, now);
}
