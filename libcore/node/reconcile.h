/* reconcile - makes this node's VMs what the state says they should be.
 *
 * Fed with rows that changed, observations of the driver and grants that arrived, it takes for each
 * VM the one next step of state/plan.h, in tick and nowhere else. Steps are bounded: at most
 * BX_STARTS_MAX VMs are starting at once, the others wait in the order they came. A VM that ends
 * without having been asked to is started again with growing pauses (1 s, doubled, to 60 s); a run
 * of 60 s, a VM that rests, or a command that starts it ends the count. Count and pause are part of
 * the report, and so of the row: from it they are known when the daemon was restarted meanwhile;
 * its pause begins anew then. A guest that reboots stays in its run; how often it did is reported
 * every BX_REBOOTS_MS at most, from feature level 2 on. What the driver observes goes back as
 * reports through propose, again every BX_REPORT_AGAIN_MS until the state agrees. A stop that does
 * not end within its timeout and BX_KILL_MS becomes a kill, a kill is repeated every BX_KILL_MS.
 *
 * The files of a VM go with its row. When the node has missed that, because it was away and caught
 * up from a snapshot, what the host has stored tells: after opening and after each snapshot it is
 * compared with the state, once that is known to be current.
 *
 * When memory is out, tick looks at everything again a second later; until all runs of the driver
 * are known, nothing is started. */
#ifndef BX_RECONCILE_H
#define BX_RECONCILE_H

#include "node/lease.h"
#include "node/ports.h"
#include "wire/command.h"

#define BX_STARTS_MAX 64u
#define BX_REPORT_AGAIN_MS 3000u
#define BX_REBOOTS_MS 5000u /* between two reports of the reboots of a VM */
#define BX_PAUSE_MIN_MS 1000u
#define BX_PAUSE_MAX_MS 60000u
#define BX_STEPS_MAX 1024u /* in one tick, which then wants to be called again at once */

struct bx_reconcile;

struct bx_reconcile_ports {
    struct bx_clock *clock;
    struct bx_driver *driver;
    struct bx_lease *lease;
    const struct bx_view *(*view)(void *ctx);
    /* Propose a report; no answer: it is sent again until the row agrees. */
    void (*report)(void *ctx, const struct bx_cmd_vm_report *r);
    void (*wake)(void *ctx); /* an observation came: call tick soon */
    /* A step begins, and ends; see node.h. Both NULL: nobody asks. */
    void (*action)(void *ctx, const char *name, const uint8_t vm[16]);
    void (*action_ended)(void *ctx, const struct bx_err *err);
    void *ctx;
};

/* Takes the driver's observations. NULL when memory is out. */
struct bx_reconcile *bx_reconcile_create(uint64_t self, const struct bx_reconcile_ports *p);
void bx_reconcile_destroy(struct bx_reconcile *r); /* NULL is allowed */
/* Take over what the driver adopted, and look at every VM of this node. Call again after the whole
 * state was replaced by a snapshot. */
void bx_reconcile_resync(struct bx_reconcile *r);
/* A row changed or went; vm is its last state. Rows of other nodes are looked at too: a VM may have
 * left this one. */
void bx_reconcile_on_vm(struct bx_reconcile *r, const struct bx_vm *vm);
/* Grants arrived: start what waits for them. */
void bx_reconcile_on_grant(struct bx_reconcile *r);
/* The VMs that the driver has a run of which has not ended. */
void bx_reconcile_each_run(const struct bx_reconcile *r,
                           void (*fn)(void *ctx, const uint8_t vm[16]), void *ctx);
/* Do what is due; returns the boot time when it wants to be called again. */
uint64_t bx_reconcile_tick(struct bx_reconcile *r);

#endif
