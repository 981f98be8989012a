/* The life of a VM on its node:
 *
 *   row: creating    START -> a grant is requested -> granted -> a slot is free -> the driver
 *                    starts it ("starting" is assumed until the driver observes something)
 *   observed running REPORT running, until the row says so
 *   row: stopping    STOP -> observed exited -> REPORT stopped -> row: stopped -> FORGET ->
 *                    dropped
 *
 * Failures:
 *   no grant arrives           the entry stays in `for_leader`; the lease repeats the request
 *   all slots are taken        it stays in `for_slot`; tick takes as many as slots become free
 *   the grant ends meanwhile   it does not hold any more, and is requested again
 *   a report is lost           it is sent again after BX_REPORT_AGAIN_MS while the row differs
 *   a run ends unasked         reported; the next epoch's start waits until not_before
 *   a stop or kill has no effect    it is repeated later, as a kill
 *   the daemon was restarted   the state here may be older than the runs it adopted: nothing is
 *                              ended or forgotten until the lease says that the state is current
 *   the node was away          VMs that were deleted or placed elsewhere meanwhile are found by
 *                              their files
 *   memory is out              an entry is missing: `incomplete`, everything is looked at again
 *
 * Every entry that has something to do is in the heap with the time of its next step; rows,
 * observations and grants only make that time now. So no step is taken from inside a callback of
 * the state machine, the driver or the lease. The files: reconcile_entry.c keeps the entries,
 * reconcile_step.c takes their steps, this one has what comes in, and time. */
#include "node/reconcile_priv.h"

#include "mem/alloc.h"

static uint64_t now_ms(const struct bx_reconcile *r)
{
    return r->p.clock->ops->boot_ms(r->p.clock);
}

/* ---- what comes in ---- */

static void on_observation(void *ctx, const struct bx_observation *o)
{
    struct bx_reconcile *r = ctx;
    struct bx_entry *e = bx_entry_find_or_add(r, o->vm);

    if (e != NULL)
        bx_entry_observe(r, e, o, now_ms(r));
    else
        r->adopted = false; /* the driver has a run that is not known here */
    r->p.wake(r->p.ctx);
}

static void on_adopted(void *ctx, const struct bx_observation *o)
{
    struct bx_reconcile *r = ctx;
    struct bx_entry *e = bx_entry_find_or_add(r, o->vm);

    if (e == NULL) {
        r->adopted = false;
    } else if (e->observed == BX_OBSERVED_ABSENT) {
        bx_entry_observe(r, e, o, now_ms(r));
        e->ran = true; /* as far as is known */
    }
}

/* One that is gone, or was placed elsewhere, leaves its files, which its step removes. In its first
 * run it was nowhere else. The first that is seen of the next one may be any of its phases. */
static bool may_have_left(const struct bx_reconcile *r, const struct bx_vm *vm)
{
    return vm->epoch > 1 && !bx_vm_has_data(vm) &&
           (bx_phase_active((enum bx_phase)vm->phase) ||
            bx_view_vm(r->p.view(r->p.ctx), vm->uuid) == NULL);
}

void bx_reconcile_on_vm(struct bx_reconcile *r, const struct bx_vm *vm)
{
    struct bx_entry *e = vm->node == r->self || may_have_left(r, vm)
                             ? bx_entry_find_or_add(r, vm->uuid)
                             : bx_entry_find(r, vm->uuid);

    if (e != NULL && bx_rec_traced() != 0)
        e->trace = bx_rec_traced();
    if (e != NULL)
        bx_entry_schedule_now(r, e);
}

void bx_reconcile_on_grant(struct bx_reconcile *r)
{
    struct bx_entry *e;

    TAILQ_FOREACH(e, &r->for_leader, link)
    bx_entry_schedule_now(r, e);
}

/* ---- life and time ---- */

struct bx_reconcile *bx_reconcile_create(uint64_t self, const struct bx_reconcile_ports *p)
{
    struct bx_reconcile *r = bx_calloc(1, sizeof *r);

    if (r == NULL)
        return NULL;
    r->p = *p;
    r->self = self;
    TAILQ_INIT(&r->for_leader);
    TAILQ_INIT(&r->for_slot);
    p->driver->ctx = r;
    p->driver->observe = on_observation;
    return r;
}

void bx_reconcile_destroy(struct bx_reconcile *r)
{
    struct bx_entry *e;
    size_t pos = 0;

    if (r == NULL)
        return;
    r->p.driver->observe = NULL;
    while ((e = bx_map_next(&r->map, &pos)) != NULL)
        bx_slab_free(&r->slab, e, sizeof *e);
    bx_map_close(&r->map);
    bx_timer_heap_close(&r->timers);
    bx_slab_close(&r->slab);
    bx_free(r);
}

void bx_reconcile_resync(struct bx_reconcile *r)
{
    const struct bx_view *view = r->p.view(r->p.ctx);
    const struct bx_vm *vm;
    struct bx_entry *e;
    size_t pos = 0;

    r->incomplete = false;
    r->swept = false;
    r->retry = 0;
    if (!r->adopted) {
        r->adopted = true;
        r->p.driver->ops->each(r->p.driver, on_adopted, r);
    }
    while ((vm = bx_view_next_on_node(view, r->self, &pos)) != NULL)
        (void)bx_entry_find_or_add(r, vm->uuid);
    pos = 0;
    while ((e = bx_map_next(&r->map, &pos)) != NULL)
        bx_entry_schedule_now(r, e);
}

void bx_reconcile_each_run(const struct bx_reconcile *r,
                           void (*fn)(void *ctx, const uint8_t vm[16]), void *ctx)
{
    const struct bx_entry *e;
    size_t pos = 0;

    while ((e = bx_map_next(&r->map, &pos)) != NULL) {
        if (e->observed != BX_OBSERVED_ABSENT && e->observed != BX_OBSERVED_EXITED)
            fn(ctx, e->vm);
    }
}

static void on_stored(void *ctx, const uint8_t vm[16])
{
    struct bx_reconcile *r = ctx;
    struct bx_entry *e;

    if (!bx_entry_has_left(r, bx_view_vm(r->p.view(r->p.ctx), vm)))
        return;
    e = bx_entry_find_or_add(r, vm);
    if (e != NULL)
        bx_entry_schedule_now(r, e);
}

/* A VM that was deleted while this node was away, and caught up from a snapshot, was never seen to
 * go: what the host has stored is compared with the state, once that is current. */
static void sweep(struct bx_reconcile *r)
{
    if (r->swept || !bx_lease_current(r->p.lease))
        return;
    r->swept = true;
    r->p.driver->ops->each_stored(r->p.driver, on_stored, r);
}

/* As many as there are free slots: each of them takes its slot or goes elsewhere. */
static void use_slots(struct bx_reconcile *r)
{
    struct bx_entry *e;

    for (uint32_t free = BX_STARTS_MAX; free > r->starting; free--) {
        e = TAILQ_FIRST(&r->for_slot);
        if (e == NULL)
            return;
        bx_entry_leave_queue(r, e);
        bx_entry_schedule_now(r, e);
    }
}

static struct bx_timer *first_due(const struct bx_reconcile *r, uint64_t now)
{
    struct bx_timer *due = bx_timer_heap_first(&r->timers);

    return due != NULL && due->at <= now ? due : NULL;
}

static uint64_t next_call(struct bx_reconcile *r, uint64_t now)
{
    const struct bx_timer *due = bx_timer_heap_first(&r->timers);
    uint64_t at = due == NULL ? UINT64_MAX : due->at;

    if (r->incomplete && r->retry == 0)
        r->retry = now + BX_RECONCILE_RETRY_MS;
    return r->retry != 0 && r->retry < at ? r->retry : at;
}

uint64_t bx_reconcile_tick(struct bx_reconcile *r)
{
    uint64_t now = now_ms(r), before;
    struct bx_timer *due;

    if (r->retry != 0 && now >= r->retry)
        bx_reconcile_resync(r);
    sweep(r);
    for (uint32_t steps = 0; steps < BX_STEPS_MAX; steps++) {
        if (first_due(r, now) == NULL)
            use_slots(r);
        due = first_due(r, now);
        if (due == NULL)
            return next_call(r, now);
        bx_timer_heap_remove(&r->timers, due);
        before = bx_rec_trace(((struct bx_entry *)due)->trace);
        bx_entry_step(r, (struct bx_entry *)due, now);
        bx_rec_trace(before);
    }
    return now;
}
