/* reconcile_priv - the entries of a reconciler, for the files of the reconcile module alone. */
#ifndef BX_RECONCILE_PRIV_H
#define BX_RECONCILE_PRIV_H

#include "node/reconcile.h"

#include "mem/map.h"
#include "mem/slab.h"
#include "node/timerheap.h"
#include "rec/rec.h"

#include <sys/queue.h>

#define BX_RECONCILE_MESSAGE_MAX 256u
#define BX_RECONCILE_RETRY_MS 1000u /* after memory ran out, or a bound was met */

enum bx_entry_queue {
    BX_QUEUE_NONE,
    BX_QUEUE_LEADER, /* waits for the leader: for a grant, or for a current state */
    BX_QUEUE_SLOT,   /* waits for one of BX_STARTS_MAX slots */
};

/* One VM of which this node has a row, or the driver a run. */
struct bx_entry {
    struct bx_timer due; /* first: a pointer to it is one to the entry */
    TAILQ_ENTRY(bx_entry) link;
    enum bx_entry_queue queue;
    uint8_t vm[16];
    uint64_t trace; /* of the command that changed its row last; 0: not known */
    /* ---- what the driver observed ---- */
    enum bx_observed observed;
    uint64_t epoch;
    bool failed;
    uint64_t running_since;
    uint32_t reboots; /* of this run */
    char message[BX_RECONCILE_MESSAGE_MAX];
    /* ---- what was done about it ---- */
    enum bx_action asked;    /* of this run: STOP or KILL, else NONE */
    uint64_t asked_again;    /* when it is asked again, as a kill */
    enum bx_phase reported;  /* the newest report, */
    uint64_t reported_epoch; /* its epoch */
    uint64_t report_again;   /* and when it is sent again; 0: nothing was reported */
    uint64_t reboots_again;  /* when reboots may be reported next */
    uint32_t failures;       /* runs in a row that ended unasked */
    uint64_t not_before;     /* of the next start */
    uint64_t counted_epoch;  /* the row of this epoch was asked for failures; see bx_entry_follow */
    bool ran;                /* the run was observed running, or ended while nobody looked */
};
TAILQ_HEAD(bx_entries, bx_entry);

struct bx_reconcile {
    struct bx_reconcile_ports p;
    uint64_t self;
    struct bx_slab slab; /* of entries */
    struct bx_map map;
    struct bx_timer_heap timers;  /* of entries, by the time of the next step */
    struct bx_entries for_leader; /* BX_QUEUE_LEADER */
    struct bx_entries for_slot;   /* BX_QUEUE_SLOT */
    uint32_t starting;            /* entries observed STARTING: they occupy the slots */
    bool adopted;                 /* all runs of the driver are known */
    bool incomplete;              /* an entry could not be kept: look at everything again */
    bool swept;                   /* what the host has stored was compared with the state */
    uint64_t retry;               /* when */
};

/* ---- reconcile_entry.c ---- */

struct bx_entry *bx_entry_find(const struct bx_reconcile *r, const uint8_t vm[16]);
/* NULL when memory is out; everything is looked at again later then. */
struct bx_entry *bx_entry_find_or_add(struct bx_reconcile *r, const uint8_t vm[16]);
/* Frees it; its request for a grant is cancelled. */
void bx_entry_drop(struct bx_reconcile *r, struct bx_entry *e);
/* Take its next step at this boot time. */
void bx_entry_schedule(struct bx_reconcile *r, struct bx_entry *e, uint64_t at);
/* Take it in the coming tick. */
void bx_entry_schedule_now(struct bx_reconcile *r, struct bx_entry *e);
/* The entry must be in no queue. */
void bx_entry_enter_queue(struct bx_reconcile *r, struct bx_entry *e, enum bx_entry_queue queue);
/* Nothing when it is in none. */
void bx_entry_leave_queue(struct bx_reconcile *r, struct bx_entry *e);
/* Keeps count of the slots. */
void bx_entry_set_observed(struct bx_reconcile *r, struct bx_entry *e, enum bx_observed observed);
/* Take over what the row of an epoch says of the runs before it: it is of an earlier daemon of this
 * node, or a command has started the VM anew. */
void bx_entry_follow(struct bx_reconcile *r, struct bx_entry *e, const struct bx_vm *row,
                     uint64_t now);
/* What the driver says about its run. */
void bx_entry_observe(struct bx_reconcile *r, struct bx_entry *e, const struct bx_observation *o,
                      uint64_t now);

/* ---- reconcile_step.c ---- */

/* Take the one step that state/plan.h names; may drop the entry. */
void bx_entry_step(struct bx_reconcile *r, struct bx_entry *e, uint64_t now);
/* Whether this node keeps nothing of the VM, whose row may be NULL: it was deleted, or is elsewhere
 * and has no data here. */
bool bx_entry_has_left(const struct bx_reconcile *r, const struct bx_vm *row);

#endif
