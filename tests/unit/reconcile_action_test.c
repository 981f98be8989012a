/* reconcile: what is told of the steps that it takes, and how they ended. */
#include "unit/reconcile_help.h"

#include <string.h>

/* The simulated driver, whose runs can not begin while `refuse` is a code. */
static const struct bx_driver_ops *sim_ops;
static struct bx_driver_ops ops;
static int refuse;

static int start(struct bx_driver *d, const struct bx_run *run, struct bx_err *err)
{
    struct bx_observation o = {
        .epoch = run->epoch, .observed = BX_OBSERVED_EXITED, .failed = true, .message = "refused"};

    if (refuse == BX_OK)
        return sim_ops->start(d, run, err);
    memcpy(o.vm, run->vm, 16);
    d->observe(d->ctx, &o);
    return bx_err_set(err, refuse, "no disk could be made");
}

static int set_up(void **state)
{
    reconcile_setup(state);
    sim_ops = w.driver->ops;
    ops = *sim_ops;
    ops.start = start;
    w.driver->ops = &ops;
    refuse = BX_OK;
    return 0;
}

TEST(a_start_that_the_driver_refuses_ends_with_its_error)
{
    uint8_t vm[16];

    refuse = BX_NO_SPACE;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    assert_int_equal(w.failed, 1);
    assert_string_equal(w.failed_step, "reconcile.start");
    assert_int_equal(w.failed_err.code, BX_NO_SPACE);
    assert_string_equal(w.failed_err.msg, "no disk could be made");
    refuse = BX_OK;
    run_ms(2 * BX_PAUSE_MIN_MS);
    vm_is(vm, BX_PHASE_RUNNING, 2);
    assert_int_equal(w.failed, 1);
}

TEST(steps_that_are_taken_end_without_an_error)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    vm_is(vm, BX_PHASE_RUNNING, 1);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run_ms(1000);
    vm_is(vm, BX_PHASE_STOPPED, 1);
    assert_true(w.steps >= 5); /* start, report, stop, report, forget */
    assert_int_equal(w.failed, 0);
}

int main(void)
{
    return test_run(set_up, reconcile_teardown);
}
