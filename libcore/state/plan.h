/* plan - what a node has to do for one VM: the difference of desired and observed. Pure. */
#ifndef BX_PLAN_H
#define BX_PLAN_H

#include "state/view.h"

/* What the driver knows about a VM on this node. */
enum bx_observed { BX_OBSERVED_ABSENT, BX_OBSERVED_STARTING, BX_OBSERVED_RUNNING,
                   BX_OBSERVED_STOPPING, BX_OBSERVED_EXITED };

enum bx_action {
    BX_ACTION_NONE,
    BX_ACTION_START,  /* needs a grant for (vm, epoch) */
    BX_ACTION_STOP,   /* ask the guest, then force after the timeout */
    BX_ACTION_KILL,   /* at once: an epoch that is not ours to run, or force */
    BX_ACTION_FORGET, /* remove what an exited run left behind */
    BX_ACTION_REPORT, /* tell the state machine what is observed */
};

struct bx_plan_input {
    const struct bx_vm *vm;   /* NULL: the state knows no such VM, or it is not on this node */
    enum bx_observed observed;
    uint64_t epoch;           /* of the observed run */
    bool failed;              /* the run ended by a failure */
};
struct bx_plan {
    enum bx_action action;
    enum bx_phase report;     /* with BX_ACTION_REPORT */
};
/* The one next step; calling it again with the same input gives the same step. */
struct bx_plan bx_plan_next(const struct bx_plan_input *in);

#endif
