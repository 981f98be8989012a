/* model - the sequential specification of one VM name, as a user sees it.
 *
 * A name has no VM, or one VM in one of seven states. Requests move it as fsm_vm.c says. Runs that
 * end and nodes that are removed move it too, without anybody asking:
 *
 *   ACTIVE      -> RESTED, FAILED   its run ended, and the restart policy lets it rest
 *   RESTARTING  -> ACTIVE           the old run ended, the next begins
 *   STOPPING, CUTTING -> RESTED     CUTTING was asked without asking the guest (stop --force)
 *   DELETING    -> ABSENT           the run ended, and the row went
 *   ACTIVE, RESTARTING -> FAILED    its node was removed */
#ifndef MODEL_H
#define MODEL_H

#include "sim/history.h"

enum model_state {
    MODEL_ABSENT,
    MODEL_ACTIVE, /* wanted running, and not known to have ended */
    MODEL_RESTARTING,
    MODEL_FAILED, /* wanted running, and given up */
    MODEL_STOPPING,
    MODEL_CUTTING,
    MODEL_RESTED,
    MODEL_DELETING,
    MODEL__STATES
};

/* What is known of a name: in which states it may be. */
struct model {
    uint32_t vm;     /* the VM's number, 0: none; whoever calls numbers uuids from 1 */
    uint8_t states;  /* bit 1 << enum model_state */
    uint8_t restart; /* enum bx_restart of that VM */
    bool nodes_go;   /* nodes may be removed: then a start may find no place */
};

/* A name that nobody used yet. */
struct model model_empty(bool nodes_go);
/* What is known after op gave the answer that it gave, op->uuid being VM number vm. False: in none
 * of the states that were possible can that be the answer. */
bool model_answered(const struct model *before, const struct sim_op *op, uint32_t vm,
                    struct model *after);
/* What is known after op, whose answer nobody got, changed something; vm is the number that a VM
 * made by it gets. False: it can have changed nothing. */
bool model_unanswered(const struct model *before, const struct sim_op *op, uint32_t vm,
                      struct model *after);
/* Its node told of this phase; BX__PHASES: that the run of a VM to be deleted ended. False: it can
 * not have. */
bool model_reported(struct model *m, uint8_t phase);
/* Its node was removed. */
void model_orphaned(struct model *m);
/* Whatever happens without anybody asking may have happened by now. */
void model_unseen(struct model *m);
/* Is this the phase of a VM in one of its states? BX__PHASES: is there none? */
bool model_has_phase(const struct model *m, uint8_t phase);

#endif
