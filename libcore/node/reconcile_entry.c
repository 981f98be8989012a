/* The entries of a reconciler: the table, its queues, and what the driver observes. */
#include "node/reconcile_priv.h"

#include "mutant.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define GOOD_RUN_MS 60000u /* a run of this length ends the count of failures */

/* ---- the table ---- */

static bool is_entry(const void *item, const void *vm)
{
    return memcmp(((const struct bx_entry *)item)->vm, vm, 16) == 0;
}

struct bx_entry *bx_entry_find(const struct bx_reconcile *r, const uint8_t vm[16])
{
    return bx_map_get(&r->map, bx_hash(vm, 16), is_entry, vm);
}

struct bx_entry *bx_entry_find_or_add(struct bx_reconcile *r, const uint8_t vm[16])
{
    struct bx_entry *e = bx_entry_find(r, vm);

    if (e != NULL)
        return e;
    e = bx_slab_calloc(&r->slab, sizeof *e);
    if (e == NULL)
        goto fail;
    memcpy(e->vm, vm, 16);
    if (bx_timer_heap_reserve(&r->timers, r->map.n + 1) != BX_OK ||
        bx_map_add(&r->map, bx_hash(vm, 16), e) != BX_OK)
        goto fail;
    return e;
fail:
    bx_slab_free(&r->slab, e, sizeof *e);
    r->incomplete = true;
    return NULL;
}

void bx_entry_drop(struct bx_reconcile *r, struct bx_entry *e)
{
    bx_lease_cancel(r->p.lease, e->vm);
    bx_entry_leave_queue(r, e);
    bx_timer_heap_remove(&r->timers, &e->due);
    bx_map_remove(&r->map, bx_hash(e->vm, 16), e);
    bx_slab_free(&r->slab, e, sizeof *e);
}

void bx_entry_schedule(struct bx_reconcile *r, struct bx_entry *e, uint64_t at)
{
    bx_timer_heap_set(&r->timers, &e->due, at);
}

void bx_entry_schedule_now(struct bx_reconcile *r, struct bx_entry *e)
{
    bx_entry_schedule(r, e, 0);
}

/* ---- queues ---- */

static struct bx_entries *queue_of(struct bx_reconcile *r, enum bx_entry_queue queue)
{
    return queue == BX_QUEUE_LEADER ? &r->for_leader : &r->for_slot;
}

void bx_entry_enter_queue(struct bx_reconcile *r, struct bx_entry *e, enum bx_entry_queue queue)
{
    assert(e->queue == BX_QUEUE_NONE && queue != BX_QUEUE_NONE);
    TAILQ_INSERT_TAIL(queue_of(r, queue), e, link);
    e->queue = queue;
}

void bx_entry_leave_queue(struct bx_reconcile *r, struct bx_entry *e)
{
    if (e->queue != BX_QUEUE_NONE)
        TAILQ_REMOVE(queue_of(r, e->queue), e, link);
    e->queue = BX_QUEUE_NONE;
}

/* ---- observations ---- */

void bx_entry_set_observed(struct bx_reconcile *r, struct bx_entry *e, enum bx_observed observed)
{
    if (e->observed == BX_OBSERVED_STARTING)
        r->starting--;
    if (observed == BX_OBSERVED_STARTING)
        r->starting++;
    e->observed = observed;
}

static uint64_t pause_ms(uint32_t failures)
{
    uint32_t doubled = failures > 16 ? 16 : failures - 1;
    uint64_t ms = (uint64_t)BX_PAUSE_MIN_MS << doubled;

    return ms < BX_PAUSE_MAX_MS ? ms : BX_PAUSE_MAX_MS;
}

/* A run that began under an earlier daemon, long enough ago, has ended the count in its row. */
static uint32_t failures_of(const struct bx_vm *row, uint64_t time_ms)
{
    bool good = row->phase == BX_PHASE_RUNNING && time_ms >= row->modified_ms + GOOD_RUN_MS;

    return good ? 0 : row->failures;
}

void bx_entry_follow(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     uint64_t now)
{
    struct bx_cluster_info cluster;
    uint32_t failures;

    bx_view_cluster(r->p.view(r->p.ctx), &cluster);
    if (cluster.level < 2 || e->counted_epoch == row->epoch || BX_MUTATED(FORGET_FAILURES))
        return; /* at level 1 rows have no count */
    e->counted_epoch = row->epoch;
    failures = failures_of(row, cluster.time_ms);
    if (e->failures == failures)
        return;
    e->failures = failures;
    e->not_before = e->failures == 0 ? 0 : now + pause_ms(e->failures);
}

/* A run that ended unasked delays the next start. */
static void count_failure(struct bx_entry *e, uint64_t now)
{
    if (e->asked != BX_ACTION_NONE)
        return;
    if (e->running_since != 0 && now - e->running_since >= GOOD_RUN_MS)
        e->failures = 0;
    e->failures++;
    e->not_before = now + pause_ms(e->failures);
}

/* Reports are UTF-8; a message of the guest or of QEMU may be any bytes, and may be truncated. */
static void keep_message(struct bx_entry *e, const char *message)
{
    snprintf(e->message, sizeof e->message, "%s", message == NULL ? "" : message);
    if (bx_utf8_valid(e->message, strlen(e->message)))
        return;
    for (char *p = e->message; *p != '\0'; p++) {
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    }
}

void bx_entry_observe(struct bx_reconcile *r, struct bx_entry *e, const struct bx_observation *o,
                      uint64_t now)
{
    const struct bx_vm *row = bx_view_vm(r->p.view(r->p.ctx), e->vm);
    uint64_t before = bx_rec_trace(e->trace);

    if (row != NULL && row->node == r->self && row->epoch == o->epoch)
        bx_entry_follow(r, e, row, now);
    if (o->epoch != e->epoch) {
        e->asked = BX_ACTION_NONE;
        e->reboots = 0;
    }
    if (o->reboots > e->reboots)
        e->reboots = o->reboots;
    if (o->observed == BX_OBSERVED_RUNNING && e->observed != BX_OBSERVED_RUNNING) {
        e->running_since = now;
        e->ran = true;
    }
    if (o->observed != e->observed)
        BX_DEBUG("vm", "observed", "vm", row == NULL ? "" : row->name->s, "uuid", bx_uuid(e->vm),
                 "epoch", o->epoch, "state", bx_observed_names[o->observed]);
    bx_rec_trace(before);
    e->epoch = o->epoch;
    e->failed = o->failed;
    keep_message(e, o->message);
    if (o->observed == BX_OBSERVED_EXITED && e->observed != BX_OBSERVED_EXITED)
        count_failure(e, now);
    bx_entry_set_observed(r, e, o->observed);
    bx_entry_schedule_now(r, e);
}
