#include "state/plan.h"

#include <assert.h>

const char *const bx_observed_names[] = {"absent",   "starting", "running",
                                         "stopping", "exited",   NULL};
_Static_assert(sizeof bx_observed_names / sizeof bx_observed_names[0] == BX__OBSERVEDS + 1,
               "an observation has no name");

enum asked {
    ASK_NOTHING,
    ASK_CREATE,
    ASK_START,
    ASK_RUN,
    ASK_STOP,
    ASK_CUT,
    ASK_STAY_DOWN,
    ASK_CUT_DOWN,
    ASKED
};

/* The table of plan.h, columns in the order of enum bx_observed. */
#define NONE                                                                                       \
    {                                                                                              \
        .action = BX_ACTION_NONE                                                                   \
    }
#define START                                                                                      \
    {                                                                                              \
        .action = BX_ACTION_START                                                                  \
    }
#define STOP                                                                                       \
    {                                                                                              \
        .action = BX_ACTION_STOP                                                                   \
    }
#define KILL                                                                                       \
    {                                                                                              \
        .action = BX_ACTION_KILL                                                                   \
    }
#define FORGET                                                                                     \
    {                                                                                              \
        .action = BX_ACTION_FORGET                                                                 \
    }
#define STARTING                                                                                   \
    {                                                                                              \
        .action = BX_ACTION_REPORT, .report = BX_PHASE_STARTING                                    \
    }
#define RUNNING                                                                                    \
    {                                                                                              \
        .action = BX_ACTION_REPORT, .report = BX_PHASE_RUNNING                                     \
    }
#define STOPPED                                                                                    \
    {                                                                                              \
        .action = BX_ACTION_REPORT, .report = BX_PHASE_STOPPED                                     \
    }
#define FAILED                                                                                     \
    {                                                                                              \
        .action = BX_ACTION_REPORT, .report = BX_PHASE_FAILED                                      \
    }
#define ENDED STOPPED /* FAILED when the run failed */
static const struct bx_plan steps[ASKED][BX__OBSERVEDS] = {
    [ASK_NOTHING] = {NONE, KILL, KILL, KILL, FORGET},
    [ASK_CREATE] = {START, STARTING, RUNNING, NONE, ENDED},
    [ASK_START] = {FAILED, NONE, RUNNING, NONE, ENDED},
    [ASK_RUN] = {FAILED, NONE, NONE, NONE, ENDED},
    [ASK_STOP] = {STOPPED, STOP, STOP, NONE, ENDED},
    [ASK_CUT] = {STOPPED, KILL, KILL, KILL, ENDED},
    [ASK_STAY_DOWN] = {NONE, STOP, STOP, NONE, FORGET},
    [ASK_CUT_DOWN] = {NONE, KILL, KILL, KILL, FORGET},
};

static const enum asked asked_to_run[BX__PHASES] = {
    [BX_PHASE_PENDING] = ASK_NOTHING,  [BX_PHASE_CREATING] = ASK_CREATE,
    [BX_PHASE_STARTING] = ASK_START,   [BX_PHASE_RUNNING] = ASK_RUN,
    [BX_PHASE_STOPPING] = ASK_NOTHING, [BX_PHASE_STOPPED] = ASK_NOTHING,
    [BX_PHASE_FAILED] = ASK_NOTHING,   [BX_PHASE_MIGRATING] = ASK_RUN,
    [BX_PHASE_LOST] = ASK_START,
};

static enum asked asked_for(const struct bx_vm *vm)
{
    assert(vm->phase < BX__PHASES);
    if (vm->desired == BX_DESIRED_RUNNING && !vm->restart_pending && vm->phase != BX_PHASE_STOPPING)
        return asked_to_run[vm->phase];
    if (vm->phase == BX_PHASE_PENDING || vm->phase == BX_PHASE_STOPPED ||
        vm->phase == BX_PHASE_FAILED)
        return vm->stop_force ? ASK_CUT_DOWN : ASK_STAY_DOWN;
    return vm->stop_force ? ASK_CUT : ASK_STOP;
}

struct bx_plan bx_plan_next(const struct bx_plan_input *in)
{
    enum asked asked = ASK_NOTHING;
    struct bx_plan plan;

    assert(in->observed < BX__OBSERVEDS);
    if (in->vm != NULL && (in->observed == BX_OBSERVED_ABSENT || in->epoch == in->vm->epoch))
        asked = asked_for(in->vm);
    plan = steps[asked][in->observed];
    if (plan.action == BX_ACTION_REPORT && in->observed == BX_OBSERVED_EXITED && in->failed)
        plan.report = BX_PHASE_FAILED;
    return plan;
}
