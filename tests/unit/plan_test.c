/* plan against the table of its header: every desired state, phase, restart, force, observation,
 * epoch and end. */
#include "lib/testlib.h"

#include "state/plan.h"

#include <string.h>

#define NONE ((struct bx_plan){.action = BX_ACTION_NONE})
#define DO(a) ((struct bx_plan){.action = BX_ACTION_##a})
#define TELL(p) ((struct bx_plan){.action = BX_ACTION_REPORT, .report = BX_PHASE_##p})

static void same(struct bx_plan got, struct bx_plan want)
{
    assert_int_equal(got.action, want.action);
    assert_int_equal(got.report, want.report);
}

static bool process_may_exist(uint8_t phase)
{
    return phase != BX_PHASE_PENDING && phase != BX_PHASE_STOPPED && phase != BX_PHASE_FAILED;
}

static struct bx_plan next(const struct bx_vm *vm, enum bx_observed observed, uint64_t epoch,
                           bool failed)
{
    struct bx_plan_input in = {vm, observed, epoch, failed};
    struct bx_plan plan = bx_plan_next(&in);

    same(bx_plan_next(&in), plan); /* asking changes nothing */
    return plan;
}

/* What must not run is killed, what ended is forgotten, and nothing else is done. */
static void must_not_run(const struct bx_vm *vm, uint64_t epoch)
{
    same(next(vm, BX_OBSERVED_STARTING, epoch, false), DO(KILL));
    same(next(vm, BX_OBSERVED_RUNNING, epoch, false), DO(KILL));
    same(next(vm, BX_OBSERVED_STOPPING, epoch, false), DO(KILL));
    same(next(vm, BX_OBSERVED_EXITED, epoch, false), DO(FORGET));
    same(next(vm, BX_OBSERVED_EXITED, epoch, true), DO(FORGET));
}

TEST(without_a_row_nothing_runs)
{
    same(next(NULL, BX_OBSERVED_ABSENT, 0, false), NONE);
    must_not_run(NULL, 1);
}

static void check_end(const struct bx_vm *vm)
{
    if (process_may_exist(vm->phase)) {
        same(next(vm, BX_OBSERVED_EXITED, vm->epoch, false), TELL(STOPPED));
        same(next(vm, BX_OBSERVED_EXITED, vm->epoch, true), TELL(FAILED));
    } else {
        same(next(vm, BX_OBSERVED_EXITED, vm->epoch, false), DO(FORGET));
        same(next(vm, BX_OBSERVED_EXITED, vm->epoch, true), DO(FORGET));
    }
}

/* No restart pending, and phase not stopping. */
static void check_run(const struct bx_vm *vm)
{
    struct bx_plan absent = NONE, starting = NONE, running = NONE;

    switch (vm->phase) {
    case BX_PHASE_CREATING:
        absent = DO(START);
        starting = TELL(STARTING);
        running = TELL(RUNNING);
        break;
    case BX_PHASE_STARTING:
    case BX_PHASE_LOST:
        absent = TELL(FAILED);
        running = TELL(RUNNING);
        break;
    case BX_PHASE_RUNNING:
    case BX_PHASE_MIGRATING:
        absent = TELL(FAILED);
        break;
    default: /* pending, stopped, failed */
        same(next(vm, BX_OBSERVED_ABSENT, 0, false), NONE);
        must_not_run(vm, vm->epoch);
        return;
    }
    same(next(vm, BX_OBSERVED_ABSENT, 0, false), absent);
    same(next(vm, BX_OBSERVED_STARTING, vm->epoch, false), starting);
    same(next(vm, BX_OBSERVED_RUNNING, vm->epoch, false), running);
    same(next(vm, BX_OBSERVED_STOPPING, vm->epoch, false), NONE);
}

static void check_stop(const struct bx_vm *vm)
{
    struct bx_plan end = vm->stop_force ? DO(KILL) : DO(STOP);

    same(next(vm, BX_OBSERVED_ABSENT, 0, false),
         process_may_exist(vm->phase) ? TELL(STOPPED) : NONE);
    same(next(vm, BX_OBSERVED_ABSENT, 0, true), /* of a run before */
         process_may_exist(vm->phase) ? TELL(STOPPED) : NONE);
    same(next(vm, BX_OBSERVED_STARTING, vm->epoch, false), end);
    same(next(vm, BX_OBSERVED_RUNNING, vm->epoch, false), end);
    same(next(vm, BX_OBSERVED_STOPPING, vm->epoch, false), vm->stop_force ? DO(KILL) : NONE);
}

TEST(every_row_meets_every_observation)
{
    unsigned combinations = 0;

    for (unsigned bits = 0; bits < 4; bits++) {
        for (uint8_t desired = 0; desired <= BX_DESIRED_DELETED; desired++) {
            for (uint8_t phase = 0; phase < BX__PHASES; phase++) {
                struct bx_vm vm = {.desired = desired, .phase = phase, .epoch = 7, .node = 1};

                vm.stop_force = bits & 1;
                vm.restart_pending = bits & 2;
                if (desired == BX_DESIRED_RUNNING && !vm.restart_pending &&
                    phase != BX_PHASE_STOPPING)
                    check_run(&vm);
                else
                    check_stop(&vm);
                check_end(&vm);
                must_not_run(&vm, 6);
                must_not_run(&vm, 8);
                combinations++;
            }
        }
    }
    assert_int_equal(combinations, 4 * 3 * BX__PHASES);
}

/* Whatever the row says, a report is a move that the state machine can make. */
TEST(no_report_is_refused)
{
    for (unsigned bits = 0; bits < 16; bits++) {
        for (uint8_t desired = 0; desired <= BX_DESIRED_DELETED; desired++) {
            for (uint8_t phase = 0; phase < BX__PHASES; phase++) {
                for (int o = 0; o < BX__OBSERVEDS; o++) {
                    struct bx_vm vm = {.desired = desired, .phase = phase, .epoch = 7, .node = 1};
                    struct bx_plan plan;

                    vm.stop_force = bits & 1;
                    vm.restart_pending = bits & 2;
                    plan = next(&vm, (enum bx_observed)o, bits & 4 ? 7 : 6, bits & 8);
                    if (plan.action == BX_ACTION_REPORT)
                        assert_true(bx_phase_may((enum bx_phase)phase, plan.report));
                }
            }
        }
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
