/* plan - what a node has to do for one VM: the difference of desired and observed. Pure.
 *
 * What the row asks for, met by what the driver observes, gives one step:
 *
 *   asked for   ABSENT   STARTING  RUNNING  STOPPING  EXITED
 *   nothing     -        KILL      KILL     KILL      FORGET
 *   create      START    starting  running  -         ended
 *   start       failed   -         running  -         ended
 *   run         failed   -         -        -         ended
 *   stop        stopped  STOP      STOP     -         ended
 *   cut         stopped  KILL      KILL     KILL      ended
 *   stay down   -        STOP      STOP     -         FORGET
 *   cut down    -        KILL      KILL     KILL      FORGET
 *
 *   nothing     no row, an observed run of another epoch, or desired running in a phase without a
 *               process (pending, stopped, failed): only a new epoch may run again
 *   create, start, run    desired running, by phase: creating; starting and lost; running and
 *               migrating
 *   stop        desired stopped or deleted, a restart that waits for the stop, or phase stopping;
 *               cut: the same with stop_force
 *   stay down, cut down   the same in a phase without a process
 *
 *   starting, running, stopped, failed: REPORT that phase. `failed` with ABSENT: this epoch ran
 *   here before and is gone, so the host was rebooted or the run lost, and the restart policy
 *   decides.
 *   ended: REPORT stopped, or failed when the run failed; the row then asks for nothing or to stay
 *   down, which is what lets the run be forgotten. */
#ifndef BX_PLAN_H
#define BX_PLAN_H

#include "state/view.h"

/* What the driver knows about a VM on this node. */
enum bx_observed {
    BX_OBSERVED_ABSENT,
    BX_OBSERVED_STARTING,
    BX_OBSERVED_RUNNING,
    BX_OBSERVED_STOPPING,
    BX_OBSERVED_EXITED,
    BX__OBSERVEDS
};

enum bx_action {
    BX_ACTION_NONE,
    BX_ACTION_START,  /* needs a grant for (vm, epoch) */
    BX_ACTION_STOP,   /* ask the guest, then force after the timeout */
    BX_ACTION_KILL,   /* at once: an epoch that is not ours to run, or force */
    BX_ACTION_FORGET, /* remove what an exited run left behind */
    BX_ACTION_REPORT, /* tell the state machine what is observed */
};

struct bx_plan_input {
    const struct bx_vm *vm; /* NULL: the state knows no such VM, or it is not on this node */
    enum bx_observed observed;
    uint64_t epoch; /* of the observed run; ignored with ABSENT */
    bool failed;    /* with EXITED: the run ended by a failure */
};
struct bx_plan {
    enum bx_action action;
    enum bx_phase report; /* with BX_ACTION_REPORT */
};
/* The one next step; calling it again with the same input gives the same step. */
struct bx_plan bx_plan_next(const struct bx_plan_input *in);

#endif
