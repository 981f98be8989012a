/* The life of a VM on its node, all going well:
 *
 *   row: creating    START -> wanting: a grant is asked for -> granted -> a slot is free -> the
 *                    driver starts it (an observation "starting" is assumed until it speaks)
 *   observed running REPORT running, until the row says so
 *   row: stopping    STOP -> observed exited -> REPORT stopped -> row: stopped -> FORGET ->
 *                    gone here
 *
 * What goes wrong:
 *   no grant comes           it stays in `wanting`; the lease asks again by itself
 *   all slots are taken      it stays in `waiting`; tick lets as many go on as slots become free
 *   the grant ended while waiting    it is found not to hold, and is wanted again
 *   a report is lost         it is due again BX_REPORT_AGAIN_MS later, while the row still differs
 *   a run ends unasked       reported; the next epoch's start is held back until not_before
 *   a stop or kill is not obeyed    it is due again later, as a kill
 *   this daemon just began   the state here may be older than the runs it adopted: nothing is ended
 *                            or forgotten before the lease says that the state is current
 *   memory is out            an entry is missing: `incomplete`, and everything is looked at again
 *
 * Every entry that has something to do is in the heap with the time of its next step; rows,
 * observations and grants only make that time now. So nothing here is done from inside a callback
 * of the state machine, the driver or the lease. */
#include "node/reconcile.h"

#include "mem/alloc.h"
#include "mem/slab.h"
#include "mem/map.h"
#include "node/timerheap.h"
#include "mutant.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/queue.h>

#define MESSAGE_MAX 256u
#define RETRY_MS 1000u     /* after memory ran out, or a bound was met */
#define GOOD_RUN_MS 60000u /* a run so long ends the count of failures */
#define STOP_DEFAULT_S 60u
#define LOST_MESSAGE "the run is gone: the host was restarted, or the run was lost"

enum queue { IN_NONE, IN_WANTING, IN_WAITING };

struct entry {
    struct bx_timer due; /* first: a pointer to it is one to the entry */
    TAILQ_ENTRY(entry) link;
    enum queue queue;
    uint8_t vm[16];
    /* ---- what the driver knows ---- */
    enum bx_observed observed;
    uint64_t epoch;
    bool failed;
    uint64_t running_since;
    char message[MESSAGE_MAX];
    /* ---- what was done about it ---- */
    enum bx_action asked; /* of this run: STOP or KILL, else NONE */
    uint64_t asked_again; /* when it is asked again, as a kill */
    enum bx_phase reported;
    uint64_t reported_epoch, report_again; /* report_again 0: nothing was reported */
    uint32_t failures;                     /* runs in a row that ended unasked */
    uint64_t not_before;                   /* of the next start */
};
TAILQ_HEAD(entries, entry);

struct bx_reconcile {
    struct bx_reconcile_ports p;
    uint64_t self;
    struct bx_slab slab; /* of entries */
    struct bx_map map;
    struct bx_timer_heap dues;
    struct entries wanting; /* for the leader's word: a grant, or a current state */
    struct entries waiting; /* for a slot */
    uint32_t starting;      /* entries whose run is observed STARTING: they take the slots */
    bool adopted;           /* all runs of the driver are known */
    bool incomplete;        /* something could not be kept: look at everything again */
    uint64_t retry;         /* when */
};

static uint64_t now_ms(const struct bx_reconcile *r)
{
    return r->p.clock->ops->boot_ms(r->p.clock);
}

/* ---- entries ---- */

static bool is_entry(const void *item, const void *vm)
{
    return memcmp(((const struct entry *)item)->vm, vm, 16) == 0;
}

static struct entry *find(const struct bx_reconcile *r, const uint8_t vm[16])
{
    return bx_map_get(&r->map, bx_hash(vm, 16), is_entry, vm);
}

/* NULL when memory is out: then everything is looked at again later. */
static struct entry *find_or_add(struct bx_reconcile *r, const uint8_t vm[16])
{
    struct entry *e = find(r, vm);

    if (e != NULL)
        return e;
    e = bx_slab_calloc(&r->slab, sizeof *e);
    if (e == NULL)
        goto fail;
    memcpy(e->vm, vm, 16);
    if (bx_timer_heap_reserve(&r->dues, r->map.n + 1) != BX_OK ||
        bx_map_add(&r->map, bx_hash(vm, 16), e) != BX_OK)
        goto fail;
    return e;
fail:
    bx_slab_free(&r->slab, e, sizeof *e);
    r->incomplete = true;
    return NULL;
}

static void leave_queue(struct bx_reconcile *r, struct entry *e)
{
    if (e->queue == IN_WANTING)
        TAILQ_REMOVE(&r->wanting, e, link);
    else if (e->queue == IN_WAITING)
        TAILQ_REMOVE(&r->waiting, e, link);
    e->queue = IN_NONE;
}

static void enter_queue(struct bx_reconcile *r, struct entry *e, enum queue queue)
{
    assert(e->queue == IN_NONE);
    if (queue == IN_WANTING)
        TAILQ_INSERT_TAIL(&r->wanting, e, link);
    else
        TAILQ_INSERT_TAIL(&r->waiting, e, link);
    e->queue = queue;
}

static void look(struct bx_reconcile *r, struct entry *e)
{
    bx_timer_heap_set(&r->dues, &e->due, 0);
}

static void drop(struct bx_reconcile *r, struct entry *e)
{
    bx_lease_cancel(r->p.lease, e->vm);
    leave_queue(r, e);
    bx_timer_heap_remove(&r->dues, &e->due);
    bx_map_remove(&r->map, bx_hash(e->vm, 16), e);
    bx_slab_free(&r->slab, e, sizeof *e);
}

static void set_observed(struct bx_reconcile *r, struct entry *e, enum bx_observed observed)
{
    if (e->observed == BX_OBSERVED_STARTING)
        r->starting--;
    if (observed == BX_OBSERVED_STARTING)
        r->starting++;
    e->observed = observed;
}

/* ---- pauses ---- */

static uint64_t pause_ms(uint32_t failures)
{
    uint32_t doubled = failures > 16 ? 16 : failures - 1;
    uint64_t ms = (uint64_t)BX_PAUSE_MIN_MS << doubled;

    return ms < BX_PAUSE_MAX_MS ? ms : BX_PAUSE_MAX_MS;
}

static void ended(struct entry *e, uint64_t now)
{
    if (e->asked != BX_ACTION_NONE)
        return;
    if (e->running_since != 0 && now - e->running_since >= GOOD_RUN_MS)
        e->failures = 0;
    e->failures++;
    e->not_before = now + pause_ms(e->failures);
}

/* ---- what comes in ---- */

/* Reports are UTF-8; what a guest or QEMU says may be anything, and may be cut. */
static void keep_message(struct entry *e, const char *message)
{
    snprintf(e->message, sizeof e->message, "%s", message == NULL ? "" : message);
    if (bx_utf8_valid(e->message, strlen(e->message)))
        return;
    for (char *p = e->message; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
}

static void take(struct bx_reconcile *r, struct entry *e, const struct bx_observation *o)
{
    uint64_t now = now_ms(r);

    if (o->epoch != e->epoch)
        e->asked = BX_ACTION_NONE;
    if (o->observed == BX_OBSERVED_RUNNING && e->observed != BX_OBSERVED_RUNNING)
        e->running_since = now;
    e->epoch = o->epoch;
    e->failed = o->failed;
    keep_message(e, o->message);
    if (o->observed == BX_OBSERVED_EXITED && e->observed != BX_OBSERVED_EXITED)
        ended(e, now);
    set_observed(r, e, o->observed);
    look(r, e);
}

static void on_observation(void *ctx, const struct bx_observation *o)
{
    struct bx_reconcile *r = ctx;
    struct entry *e = find_or_add(r, o->vm);

    if (e != NULL)
        take(r, e, o);
    else
        r->adopted = false; /* the driver has a run that is not known here */
    r->p.wake(r->p.ctx);
}

static void on_adopted(void *ctx, const struct bx_observation *o)
{
    struct bx_reconcile *r = ctx;
    struct entry *e = find_or_add(r, o->vm);

    if (e == NULL)
        r->adopted = false;
    else if (e->observed == BX_OBSERVED_ABSENT)
        take(r, e, o);
}

void bx_reconcile_on_vm(struct bx_reconcile *r, const struct bx_vm *vm, bool gone)
{
    struct entry *e = gone || vm->node != r->self ? find(r, vm->uuid) : find_or_add(r, vm->uuid);

    if (e != NULL)
        look(r, e);
}

void bx_reconcile_on_grant(struct bx_reconcile *r)
{
    struct entry *e;

    TAILQ_FOREACH(e, &r->wanting, link)
    look(r, e);
}

/* ---- steps ---- */

static void do_report(struct bx_reconcile *r, struct entry *e, const struct bx_vm *row,
                      enum bx_phase phase, uint64_t now)
{
    bool absent = e->observed == BX_OBSERVED_ABSENT;
    struct bx_cmd_vm_report report = {
        .node = r->self, .epoch = row->epoch, .phase = (uint8_t)phase};

    if (e->report_again > now && e->reported == phase && e->reported_epoch == row->epoch) {
        bx_timer_heap_set(&r->dues, &e->due, e->report_again);
        return;
    }
    memcpy(report.vm, e->vm, 16);
    if (absent)
        report.message = bx_str(phase == BX_PHASE_FAILED ? LOST_MESSAGE : "");
    else
        report.message = bx_str(e->message);
    e->reported = phase;
    e->reported_epoch = row->epoch;
    e->report_again = now + BX_REPORT_AGAIN_MS;
    bx_timer_heap_set(&r->dues, &e->due, e->report_again);
    r->p.report(r->p.ctx, &report);
}

/* A run of the row's epoch: held back, granted, given a slot, ordered; the first that is missing is
 * waited for. */
static void do_start(struct bx_reconcile *r, struct entry *e, const struct bx_vm *row, uint64_t now)
{
    struct bx_vm_config config = bx_vm_whole_config(row);
    struct bx_run run = {.epoch = row->epoch, .node = r->self, .config = &config};

    if (!r->adopted || now < e->not_before) {
        bx_timer_heap_set(&r->dues, &e->due, r->adopted ? e->not_before : now + RETRY_MS);
        return;
    }
    if (bx_lease_request(r->p.lease, e->vm, row->epoch) != BX_OK) {
        bx_timer_heap_set(&r->dues, &e->due, now + RETRY_MS);
        return;
    }
    if (!bx_lease_holds(r->p.lease, e->vm, row->epoch) && !BX_MUTATED(START_WITHOUT_GRANT)) {
        enter_queue(r, e, IN_WANTING);
        return;
    }
    if (r->starting >= BX_STARTS_MAX) {
        enter_queue(r, e, IN_WAITING);
        return;
    }
    bx_lease_cancel(r->p.lease, e->vm);
    memcpy(run.vm, e->vm, 16);
    e->epoch = row->epoch;
    e->asked = BX_ACTION_NONE;
    e->running_since = 0;
    set_observed(r, e, BX_OBSERVED_STARTING);
    r->p.driver->ops->start(r->p.driver, &run);
}

static void do_stop(struct bx_reconcile *r, struct entry *e, const struct bx_vm *row, uint64_t now)
{
    uint32_t s = row->stop_timeout_s == 0 ? STOP_DEFAULT_S : row->stop_timeout_s;
    uint32_t ms = s < UINT32_MAX / 1000 ? s * 1000 : UINT32_MAX;

    e->asked = BX_ACTION_STOP;
    e->asked_again = now + ms + BX_KILL_MS;
    bx_timer_heap_set(&r->dues, &e->due, e->asked_again);
    r->p.driver->ops->stop(r->p.driver, e->vm, ms);
}

static void do_kill(struct bx_reconcile *r, struct entry *e, uint64_t now)
{
    e->asked = BX_ACTION_KILL;
    e->asked_again = now + BX_KILL_MS;
    bx_timer_heap_set(&r->dues, &e->due, e->asked_again);
    r->p.driver->ops->kill(r->p.driver, e->vm);
}

/* Ask once; when that is not obeyed in its time, or force is wanted now, kill. */
static void do_end(struct bx_reconcile *r, struct entry *e, const struct bx_vm *row,
                   enum bx_action action, uint64_t now)
{
    bool first = e->asked == BX_ACTION_NONE;
    bool sharper = action == BX_ACTION_KILL && e->asked == BX_ACTION_STOP;

    if (!first && !sharper && now < e->asked_again)
        bx_timer_heap_set(&r->dues, &e->due, e->asked_again);
    else if (action == BX_ACTION_STOP && first)
        do_stop(r, e, row, now);
    else
        do_kill(r, e, now);
}

/* The run's report is in the state: its traces can go, and the row may ask for the next step. */
static void do_forget(struct bx_reconcile *r, struct entry *e)
{
    r->p.driver->ops->forget(r->p.driver, e->vm);
    set_observed(r, e, BX_OBSERVED_ABSENT);
    e->asked = BX_ACTION_NONE;
    e->running_since = 0;
    look(r, e);
}

static bool needs_current(enum bx_action a)
{
    return a == BX_ACTION_STOP || a == BX_ACTION_KILL || a == BX_ACTION_FORGET;
}

/* Nothing to do. A VM that rests is dropped, and its count of failures with it; a run that was
 * asked to end is watched all the same. */
static void rest(struct bx_reconcile *r, struct entry *e, uint64_t now)
{
    if (e->observed == BX_OBSERVED_ABSENT)
        drop(r, e);
    else if (e->observed == BX_OBSERVED_STOPPING && e->asked != BX_ACTION_NONE)
        do_end(r, e, NULL, BX_ACTION_NONE, now);
}

static void step(struct bx_reconcile *r, struct entry *e, uint64_t now)
{
    const struct bx_vm *row = bx_view_vm(r->p.view(r->p.ctx), e->vm);
    struct bx_plan_input in = {.observed = e->observed, .epoch = e->epoch, .failed = e->failed};
    struct bx_plan plan;

    in.vm = row != NULL && row->node == r->self ? row : NULL;
    plan = bx_plan_next(&in);
    leave_queue(r, e);
    if (plan.action != BX_ACTION_START)
        bx_lease_cancel(r->p.lease, e->vm);
    if (needs_current(plan.action) && !bx_lease_current(r->p.lease) && !BX_MUTATED(DECLARE_EARLY)) {
        enter_queue(r, e, IN_WANTING);
        return;
    }
    switch (plan.action) {
    case BX_ACTION_NONE:
        rest(r, e, now);
        break;
    case BX_ACTION_START:
        do_start(r, e, row, now);
        break;
    case BX_ACTION_STOP:
    case BX_ACTION_KILL:
        do_end(r, e, row, plan.action, now);
        break;
    case BX_ACTION_FORGET:
        do_forget(r, e);
        break;
    case BX_ACTION_REPORT:
        do_report(r, e, row, plan.report, now);
        break;
    }
}

/* ---- life and time ---- */

struct bx_reconcile *bx_reconcile_create(uint64_t self, const struct bx_reconcile_ports *p)
{
    struct bx_reconcile *r = bx_calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->p = *p;
    r->self = self;
    TAILQ_INIT(&r->wanting);
    TAILQ_INIT(&r->waiting);
    p->driver->ctx = r;
    p->driver->observe = on_observation;
    return r;
}

void bx_reconcile_destroy(struct bx_reconcile *r)
{
    struct entry *e;
    size_t pos = 0;

    if (r == NULL)
        return;
    r->p.driver->observe = NULL;
    while ((e = bx_map_next(&r->map, &pos)) != NULL)
        bx_slab_free(&r->slab, e, sizeof *e);
    bx_map_close(&r->map);
    bx_timer_heap_close(&r->dues);
    bx_slab_close(&r->slab);
    bx_free(r);
}

void bx_reconcile_resync(struct bx_reconcile *r)
{
    const struct bx_view *view = r->p.view(r->p.ctx);
    const struct bx_vm *vm;
    struct entry *e;
    size_t pos = 0;

    r->incomplete = false;
    r->retry = 0;
    if (!r->adopted) {
        r->adopted = true;
        r->p.driver->ops->each(r->p.driver, on_adopted, r);
    }
    while ((vm = bx_view_next_on_node(view, r->self, &pos)) != NULL)
        (void)find_or_add(r, vm->uuid);
    pos = 0;
    while ((e = bx_map_next(&r->map, &pos)) != NULL)
        look(r, e);
}

/* As many as there are free slots: each of them takes its slot or goes elsewhere. */
static void use_slots(struct bx_reconcile *r)
{
    struct entry *e;

    for (uint32_t free = BX_STARTS_MAX; free > r->starting; free--) {
        e = TAILQ_FIRST(&r->waiting);
        if (e == NULL)
            return;
        leave_queue(r, e);
        look(r, e);
    }
}

static struct bx_timer *first_due(const struct bx_reconcile *r, uint64_t now)
{
    struct bx_timer *due = bx_timer_heap_first(&r->dues);

    return due != NULL && due->at <= now ? due : NULL;
}

static uint64_t next_call(struct bx_reconcile *r, uint64_t now)
{
    const struct bx_timer *due = bx_timer_heap_first(&r->dues);
    uint64_t at = due == NULL ? UINT64_MAX : due->at;

    if (r->incomplete && r->retry == 0)
        r->retry = now + RETRY_MS;
    return r->retry != 0 && r->retry < at ? r->retry : at;
}

uint64_t bx_reconcile_tick(struct bx_reconcile *r)
{
    uint64_t now = now_ms(r);
    struct bx_timer *due;

    if (r->retry != 0 && now >= r->retry)
        bx_reconcile_resync(r);
    for (uint32_t steps = 0; steps < BX_STEPS_MAX; steps++) {
        if (first_due(r, now) == NULL)
            use_slots(r);
        due = first_due(r, now);
        if (due == NULL)
            return next_call(r, now);
        bx_timer_heap_remove(&r->dues, due);
        step(r, (struct entry *)due, now);
    }
    return now;
}
