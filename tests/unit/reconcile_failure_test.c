/* The reconciler when starts fail, drivers do not obey, or everything happens at once. */
#include "reconcile_help.h"

#include <string.h>

/* ---- failures ---- */

TEST(failing_starts_make_growing_pauses)
{
    static const uint64_t pauses[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
    uint8_t vm[16];

    bx_driver_sim_fail(w.driver, 9);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(400000);
    assert_int_equal(w.trace.len, 10);
    for (size_t i = 0; i < 9; i++) {
        uint64_t pause = w.trace.items[i + 1].began - w.trace.items[i].ended;

        assert_true(pause >= pauses[i] * 1000 && pause < pauses[i] * 1000 + 10);
    }
    vm_is(vm, BX_PHASE_RUNNING, 10);
    run_ms(60000); /* it ran long enough: the count begins anew */
    bx_driver_sim_fail(w.driver, 1);
    /* Somebody else's doing: an end that nobody here asked for. */
    w.driver->ops->kill(w.driver, vm);
    run_ms(1200);
    assert_int_equal(w.trace.len, 11);
    assert_true(w.trace.items[10].began - w.trace.items[9].ended < 1010);
}

static void restart_daemon(void)
{
    end_daemon();
    begin_daemon();
}

/* Run i of the trace began no sooner than so long after the one before had ended, and not much
 * later. */
static void began_after(size_t i, uint64_t ms)
{
    uint64_t pause = w.trace.items[i].began - w.trace.items[i - 1].ended;

    if (pause < ms || pause > ms + 100)
        fail_msg("run %zu began after %llu ms", i, (unsigned long long)pause);
}

TEST(a_failing_vm_says_in_its_row_and_in_the_log_how_often_and_until_when)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 3);
    bx_driver_sim_fail(w.driver, 3);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(1100); /* 0, pause of 1 s */
    run_ms(100);
    vm_is(vm, BX_PHASE_CREATING, 3);
    assert_int_equal(row_of(vm)->failures, 2);
    assert_true(row_of(vm)->unbegun);
    assert_true(row_of(vm)->next_try_ms > row_of(vm)->modified_ms + 1900);
    assert_true(row_of(vm)->next_try_ms <= row_of(vm)->modified_ms + 2000);
    assert_true(test_rec_said("warning vm: failed to start; it is tried again vm=web uuid="));
    assert_true(test_rec_said(" epoch=2 err=\"told to fail\" in_s=2"));
    assert_int_equal(test_rec.lines, 2);
    run_ms(10000);
    vm_is(vm, BX_PHASE_RUNNING, 4);
    assert_int_equal(test_rec.lines, 3);
    w.driver->ops->kill(w.driver, vm);
    run_ms(100);
    assert_int_equal(row_of(vm)->failures, 4);
    assert_false(row_of(vm)->unbegun); /* it ran */
    assert_true(test_rec_said("warning vm: failed; it is restarted vm=web uuid="));
    assert_true(test_rec_said(" epoch=4 err=\"killed by signal 9\" in_s=8"));
}

TEST(a_vm_that_is_not_started_again_is_logged_too)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 2);
    bx_driver_sim_fail(w.driver, 1);
    create_vm("once", BX_RESTART_NEVER, vm);
    run_ms(1000);
    vm_is(vm, BX_PHASE_FAILED, 1);
    assert_int_equal(row_of(vm)->failures, 0);
    assert_true(test_rec_said("warning vm: failed to start vm=once uuid="));
    test_fsm_desire(&w.t, "once", BX_DESIRED_RUNNING, false, false);
    run_ms(1000);
    test_fsm_desire(&w.t, "once", BX_DESIRED_STOPPED, false, false);
    run_ms(1000);
    vm_is(vm, BX_PHASE_STOPPED, 2);
    assert_int_equal(test_rec.lines, 1); /* a stop that was asked for is no news */
}

/* Without that, each restart of the daemon would begin with a start of every broken VM. */
TEST(a_pause_outlives_the_daemon)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 2);
    bx_driver_sim_fail(w.driver, 5);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(8000); /* failures at 0, 1, 3 and 7 s: the pause is 8 s */
    assert_int_equal(row_of(vm)->failures, 4);
    assert_int_equal(w.trace.len, 4);
    restart_daemon();
    run_ms(7900);
    assert_int_equal(w.trace.len, 4);
    run_ms(200);
    assert_int_equal(w.trace.len, 5);
    assert_int_equal(row_of(vm)->failures, 5); /* and goes on counting */
    run_ms(20000);
    began_after(5, 16000);
    vm_is(vm, BX_PHASE_RUNNING, 6);
    restart_daemon();
    run_ms(100);
    w.driver->ops->kill(w.driver, vm); /* soon after: it still fails */
    run_ms(100);
    assert_int_equal(row_of(vm)->failures, 6);
}

TEST(a_command_ends_the_pause)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 2);
    bx_driver_sim_fail(w.driver, 5);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(8000);
    assert_int_equal(w.trace.len, 4);
    bx_driver_sim_fail(w.driver, 0);
    test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, true, false);
    assert_int_equal(row_of(vm)->phase, BX_PHASE_STOPPING);
    run_ms(200);
    vm_is(vm, BX_PHASE_RUNNING, 6);
    assert_int_equal(row_of(vm)->failures, 0);
}

TEST(a_host_that_was_restarted_starts_its_vms_at_once)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 2);
    bx_driver_sim_fail(w.driver, 3);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(20000);
    vm_is(vm, BX_PHASE_RUNNING, 4);
    end_daemon();
    bx_driver_sim_destroy(w.driver);
    w.driver = new_driver(0);
    begin_daemon();
    run_ms(200);
    vm_is(vm, BX_PHASE_RUNNING, 5);
    assert_int_equal(row_of(vm)->failures, 0);
}

TEST(a_vm_that_rests_may_start_at_once)
{
    uint8_t vm[16];

    bx_driver_sim_fail(w.driver, 1);
    create_vm("web", BX_RESTART_NEVER, vm);
    run_ms(100);
    vm_is(vm, BX_PHASE_FAILED, 1);
    assert_int_equal(row_of(vm)->message.n, strlen("told to fail"));
    assert_int_equal(known_to_driver(), 0);
    test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false);
    run_ms(100); /* no pause: somebody asked for it */
    vm_is(vm, BX_PHASE_RUNNING, 2);
    w.driver->ops->kill(w.driver, vm);
    run_ms(60000);
    vm_is(vm, BX_PHASE_STOPPED, 2);
    assert_int_equal(w.trace.len, 2);
}

TEST(a_lost_run_is_reported_failed)
{
    uint8_t always[16], never[16];

    create_vm("always", BX_RESTART_ALWAYS, always);
    create_vm("never", BX_RESTART_NEVER, never);
    run_ms(200);
    end_daemon();
    bx_driver_sim_destroy(w.driver); /* the host is restarted */
    w.driver = new_driver(0);
    begin_daemon();
    run_ms(200);
    vm_is(always, BX_PHASE_RUNNING, 2);
    vm_is(never, BX_PHASE_FAILED, 1);
    assert_true(row_of(never)->message.n > 0);
}

/* ---- bounds ---- */

static uint32_t starting_now(void)
{
    uint32_t n = 0;

    for (size_t i = 0; i < w.trace.len; i++)
        n += w.trace.items[i].ended == 0 && w.trace.items[i].began + 1000 > w.clock.now;
    return n;
}

TEST(starts_are_bounded)
{
    enum { VMS = 300 };
    static uint8_t vms[VMS][16];
    uint32_t most = 0;

    reconcile_teardown(state);
    setup_with(1000);
    bx_driver_sim_fail(w.driver, 10); /* a failure gives its slot back too */
    for (unsigned i = 0; i < VMS; i++) {
        char name[32];

        snprintf(name, sizeof name, "vm-%u", i);
        create_vm(name, BX_RESTART_ALWAYS, vms[i]);
    }
    for (int i = 0; i < 12000; i++) {
        run_ms(1);
        if (starting_now() > most)
            most = starting_now();
    }
    assert_int_equal(most, BX_STARTS_MAX);
    for (unsigned i = 0; i < VMS; i++)
        assert_int_equal(row_of(vms[i])->phase, BX_PHASE_RUNNING);
    assert_int_equal(w.trace.len, VMS + 10);
    for (unsigned i = 0; i < 200; i++) /* in the order they came */
        assert_memory_equal(w.trace.items[i].vm, vms[i], 16);
}

TEST(many_rows_are_handled_in_several_ticks)
{
    enum { VMS = 2500 };

    bx_reconcile_tick(w.reconcile);
    for (unsigned i = 0; i < VMS; i++) {
        struct bx_vm vm = {.node = 1, .epoch = 1};

        memcpy(vm.uuid, &i, sizeof i);
        bx_reconcile_on_vm(w.reconcile, &vm); /* rows that the state does not have */
    }
    assert_int_equal(bx_reconcile_tick(w.reconcile), w.clock.now);
    assert_int_equal(bx_reconcile_tick(w.reconcile), w.clock.now);
    assert_true(bx_reconcile_tick(w.reconcile) == UINT64_MAX);
}

/* ---- a driver that does not obey ---- */

static struct {
    struct bx_driver base;
    uint32_t starts, stops, kills, forgets;
    uint32_t timeout_ms;
    uint64_t last_kill;
    bool silent; /* a start is observed by nothing */
} stubborn;

static int stubborn_start(struct bx_driver *d, const struct bx_run *r, struct bx_err *err)
{
    struct bx_observation o = {.epoch = r->epoch, .observed = BX_OBSERVED_RUNNING};

    (void)err;
    stubborn.starts++;
    if (stubborn.silent)
        return BX_OK;
    memcpy(o.vm, r->vm, 16);
    o.message = "\xff\xfe no text";
    d->observe(d->ctx, &o); /* as a driver does that has no memory left */
    return BX_OK;
}

static void stubborn_stop(struct bx_driver *d, const uint8_t vm[16], uint32_t timeout_ms)
{
    (void)d;
    (void)vm;
    stubborn.stops++;
    stubborn.timeout_ms = timeout_ms;
}

static void stubborn_kill(struct bx_driver *d, const uint8_t vm[16])
{
    (void)d;
    (void)vm;
    stubborn.kills++;
    stubborn.last_kill = w.clock.now;
}

static void stubborn_forget(struct bx_driver *d, const uint8_t vm[16])
{
    (void)d;
    (void)vm;
    stubborn.forgets++;
}

static void stubborn_each(struct bx_driver *d,
                          void (*fn)(void *ctx, const struct bx_observation *o), void *ctx)
{
    (void)d;
    (void)fn;
    (void)ctx;
}

static void stubborn_each_stored(struct bx_driver *d, void (*fn)(void *ctx, const uint8_t vm[16]),
                                 void *ctx)
{
    (void)d;
    (void)fn;
    (void)ctx;
}

/* The daemon with a driver that does not obey; the simulated one stays idle beside it. */
static void begin_stubborn(void)
{
    static const struct bx_driver_ops ops = {.name = "stubborn",
                                             .start = stubborn_start,
                                             .stop = stubborn_stop,
                                             .kill = stubborn_kill,
                                             .forget = stubborn_forget,
                                             .each = stubborn_each,
                                             .each_stored = stubborn_each_stored};
    struct bx_driver *sim = w.driver;

    end_daemon();
    memset(&stubborn, 0, sizeof stubborn);
    stubborn.base.ops = &ops;
    w.driver = &stubborn.base;
    begin_daemon();
    w.driver = sim;
}

TEST(a_stop_that_is_not_obeyed_becomes_a_kill)
{
    uint8_t vm[16];
    uint64_t asked;

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    vm_is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(stubborn.starts, 1);
    asked = w.clock.now;
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run_ms(60000 + BX_KILL_MS - 10);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.timeout_ms, 60000);
    assert_int_equal(stubborn.kills, 0);
    run_ms(20);
    assert_int_equal(stubborn.kills, 1);
    assert_true(stubborn.last_kill >= asked + 60000 + BX_KILL_MS);
    run_ms(3 * BX_KILL_MS);
    assert_int_equal(stubborn.kills, 4);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.forgets, 0);
}

/* The row may change before the driver has observed anything of the new run. */
TEST(the_message_of_a_run_ends_with_it)
{
    struct bx_observation failed = {
        .epoch = 1, .observed = BX_OBSERVED_EXITED, .failed = true, .message = "broken"};
    uint8_t vm[16];

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    memcpy(failed.vm, vm, 16);
    stubborn.base.observe(stubborn.base.ctx, &failed);
    stubborn.silent = true;
    run_ms(2 * BX_PAUSE_MIN_MS);
    assert_int_equal(stubborn.starts, 2);
    bx_reconcile_on_vm(w.reconcile, row_of(vm));
    run_ms(100);
    vm_is(vm, BX_PHASE_STARTING, 2);
    assert_int_equal(row_of(vm)->message.n, 0);
}

TEST(force_makes_a_stop_a_kill)
{
    uint8_t vm[16];

    begin_stubborn();
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run_ms(100);
    assert_int_equal(stubborn.stops, 1);
    assert_int_equal(stubborn.kills, 0);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, true);
    run_ms(100);
    assert_int_equal(stubborn.kills, 1);
    run_ms(1000);
    assert_int_equal(stubborn.kills, 1);
}

/* ---- everything at once ---- */

static void disturb(uint64_t *seed, uint8_t vms[][16], unsigned n)
{
    unsigned i = (unsigned)(test_random(seed) % n);
    char name[32];

    snprintf(name, sizeof name, "vm-%u", i);
    switch (test_random(seed) % 12) {
    case 0:
        w.lose = (uint32_t)(test_random(seed) % 4);
        break;
    case 1:
        w.hold = !w.hold;
        break;
    case 2:
        bx_driver_sim_fail(w.driver, (uint32_t)(test_random(seed) % 3));
        break;
    case 3:
        end_daemon(); /* the daemon is killed, its VMs run on */
        begin_daemon();
        break;
    case 4:
        w.driver->ops->kill(w.driver, vms[i]); /* the guest dies */
        break;
    case 5:
        test_fsm_delete(&w.t, name);
        break;
    case 6:
    case 7:
        test_fsm_desire(&w.t, name, BX_DESIRED_STOPPED, false, test_random(seed) % 2 == 0);
        break;
    case 8:
        test_fsm_desire(&w.t, name, BX_DESIRED_RUNNING, true, false);
        break;
    case 9:
        w.no_memory = !w.no_memory;
        break;
    default:
        if (test_fsm_vm(&w.t, name, (uint8_t)(test_random(seed) % 3), NULL) == BX_OK)
            memcpy(vms[i], w.t.last.object, 16);
        else
            test_fsm_desire(&w.t, name, BX_DESIRED_RUNNING, false, false);
        break;
    }
}

static void settle_and_check(uint8_t vms[][16], unsigned n)
{
    uint32_t should_run = 0;

    w.lose = 0;
    w.hold = w.no_memory = false;
    bx_driver_sim_fail(w.driver, 0);
    run_ms(130000); /* the longest stop, and the longest pause */
    for (unsigned i = 0; i < n; i++) {
        const struct bx_vm *vm = row_of(vms[i]);

        if (vm == NULL)
            continue;
        assert_true(vm->phase == BX_PHASE_RUNNING || vm->phase == BX_PHASE_STOPPED ||
                    vm->phase == BX_PHASE_FAILED);
        assert_true(vm->desired != BX_DESIRED_DELETED && !vm->restart_pending);
        should_run += vm->phase == BX_PHASE_RUNNING;
    }
    assert_int_equal(running_now(), should_run);
    assert_int_equal(known_to_driver(), should_run);
}

TEST(every_disturbance_ends_in_the_desired_state)
{
    enum { VMS = 12 };
    uint32_t runs = 0;

    for (uint64_t seed_of_round = 1; seed_of_round <= 20; seed_of_round++) {
        uint8_t vms[VMS][16] = {{0}};
        uint64_t seed = seed_of_round;

        reconcile_teardown(state);
        reconcile_setup(state);
        for (int i = 0; i < 200; i++) {
            disturb(&seed, vms, VMS);
            run_ms(test_random(&seed) % 400);
        }
        settle_and_check(vms, VMS);
        runs += (uint32_t)w.trace.len;
    }
    assert_true(runs > 400);
}

int main(void)
{
    return test_run(reconcile_setup, reconcile_teardown);
}
