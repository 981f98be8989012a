/* plan - the next step of a node for one VM, from the desired and the observed state. Pure.
 *
 * The row's wish and the driver's observation select one step:
 *
 *   wish        ABSENT   STARTING  RUNNING  STOPPING  EXITED
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
 *   here before and is gone, because the host rebooted or the run was lost; the restart policy
 *   decides what follows.
 *   ended: REPORT stopped, or failed if the run failed. After that, the row's wish is `nothing` or
 *   `stay down`, and the run is forgotten. */
#ifndef BX_PLAN_H
#define BX_PLAN_H

#include "state/view.h"

/* The driver's observation of a VM on this node. */
enum bx_observed {
    BX_OBSERVED_ABSENT,
    BX_OBSERVED_STARTING,
    BX_OBSERVED_RUNNING,
    BX_OBSERVED_STOPPING,
    BX_OBSERVED_EXITED,
    BX__OBSERVEDS
};
extern const char *const bx_observed_names[]; /* in the order of the enum */

enum bx_action {
    BX_ACTION_NONE,
    BX_ACTION_START,  /* needs a grant for (vm, epoch) */
    BX_ACTION_STOP,   /* shut the guest down, and kill it after the timeout */
    BX_ACTION_KILL,   /* at once: a run of another epoch, or a forced stop */
    BX_ACTION_FORGET, /* remove the remains of an exited run */
    BX_ACTION_REPORT, /* report the observed phase to the state machine */
};

struct bx_plan_input {
    const struct bx_vm *vm; /* NULL: there is no such VM, or it is not on this node */
    enum bx_observed observed;
    uint64_t epoch; /* of the observed run; ignored with ABSENT */
    bool failed;    /* with EXITED: the run failed */
};
struct bx_plan {
    enum bx_action action;
    enum bx_phase report; /* with BX_ACTION_REPORT */
};
/* Returns the next step. The same input always yields the same step. */
struct bx_plan bx_plan_next(const struct bx_plan_input *in);

#endif
