/* reconcile.h: the disk of a VM goes with its row, also when the node did not see it go; and never
 * because the state here is old. */
#include "reconcile_help.h"

#include <string.h>

static void count_stored(void *ctx, const uint8_t vm[16])
{
    (void)vm;
    ++*(uint32_t *)ctx;
}

static uint32_t stored(void)
{
    uint32_t n = 0;

    w.driver->ops->each_stored(w.driver, count_stored, &n);
    return n;
}

static void stop(const char *name)
{
    test_fsm_desire(&w.t, name, BX_DESIRED_STOPPED, false, true);
    run_ms(200);
}

/* A VM that rests here, deleted while the daemon is away. */
static void miss_delete(void)
{
    create_vm("web", BX_RESTART_NEVER, NULL);
    run_ms(200);
    stop("web");
    end_daemon();
    w.t.on_vm = NULL;
    assert_int_equal(test_fsm_delete(&w.t, "web"), BX_OK);
    w.t.on_vm = on_vm;
    assert_int_equal(stored(), 1);
}

TEST(a_disk_stays_as_long_as_its_vm)
{
    create_vm("web", BX_RESTART_NEVER, NULL);
    run_ms(200);
    assert_int_equal(stored(), 1);
    stop("web");
    end_daemon();
    begin_daemon();
    run_ms(60000);
    assert_int_equal(known_to_driver(), 0);
    assert_int_equal(stored(), 1);
}

TEST(the_disk_of_a_vm_that_rests_goes_with_it)
{
    create_vm("web", BX_RESTART_NEVER, NULL);
    run_ms(200);
    stop("web");
    test_fsm_delete(&w.t, "web");
    run_ms(10);
    assert_int_equal(stored(), 0);
}

TEST(the_disk_of_a_vm_that_runs_goes_when_it_has_ended)
{
    create_vm("web", BX_RESTART_ALWAYS, NULL);
    run_ms(200);
    test_fsm_delete(&w.t, "web");
    assert_int_equal(stored(), 1);
    run_ms(500);
    assert_int_equal(bx_view_vms(bx_fsm_view(w.t.fsm)), 0);
    assert_int_equal(stored(), 0);
}

TEST(what_was_deleted_while_the_node_was_away_is_removed)
{
    miss_delete();
    begin_daemon();
    run_ms(4000);
    assert_int_equal(stored(), 0);
}

/* As when a snapshot has replaced the state under a daemon that runs. */
TEST(what_a_snapshot_does_not_have_is_removed)
{
    create_vm("web", BX_RESTART_NEVER, NULL);
    create_vm("db", BX_RESTART_ALWAYS, NULL);
    run_ms(4000);
    stop("web");
    w.t.on_vm = NULL;
    assert_int_equal(test_fsm_delete(&w.t, "web"), BX_OK);
    w.t.on_vm = on_vm;
    run_ms(4000);
    assert_int_equal(stored(), 2);
    bx_reconcile_resync(w.reconcile);
    run_ms(10);
    assert_int_equal(stored(), 1);
    assert_int_equal(running_now(), 1);
}

/* In an older state a VM may not be there yet. */
TEST(an_old_state_removes_nothing)
{
    static const uint8_t later[16] = {9};

    miss_delete();
    bx_driver_sim_store(w.driver, later);
    w.hold = true;
    begin_daemon();
    run_ms(60000);
    assert_int_equal(stored(), 2);
    w.hold = false;
    run_ms(4000);
    assert_int_equal(stored(), 0);
}

/* A VM without data that rests here while the node is down starts elsewhere. */
static void place_elsewhere(void)
{
    struct bx_cmd_node_state down = {.id = 1, .state = BX_NODE_DOWN};

    test_fsm_node(&w.t, 2, "n2");
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_NODE_STATE, &down), BX_OK);
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false), BX_OK);
    assert_int_equal(w.t.last.node, 2);
}

TEST(what_starts_elsewhere_leaves_nothing_here)
{
    test_fsm_cluster(&w.t, 2);
    create_vm("web", BX_RESTART_NEVER, NULL);
    run_ms(200);
    stop("web");
    assert_int_equal(stored(), 1);
    place_elsewhere();
    run_ms(4000);
    assert_int_equal(stored(), 0);
    assert_int_equal(known_to_driver(), 0);
}

TEST(nor_what_is_seen_elsewhere_only_when_it_runs)
{
    struct bx_cmd_vm_report r = {.node = 2, .epoch = 2, .phase = BX_PHASE_RUNNING};

    test_fsm_cluster(&w.t, 2);
    create_vm("web", BX_RESTART_NEVER, r.vm);
    run_ms(200);
    stop("web");
    w.t.on_vm = NULL;
    place_elsewhere();
    w.t.on_vm = on_vm;
    assert_int_equal(stored(), 1);
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    run_ms(4000);
    assert_int_equal(stored(), 0);
}

TEST(nor_what_started_elsewhere_while_the_node_was_away)
{
    test_fsm_cluster(&w.t, 2);
    create_vm("web", BX_RESTART_NEVER, NULL);
    run_ms(200);
    stop("web");
    end_daemon();
    w.t.on_vm = NULL;
    place_elsewhere();
    w.t.on_vm = on_vm;
    assert_int_equal(stored(), 1);
    begin_daemon();
    run_ms(4000);
    assert_int_equal(stored(), 0);
}

TEST(the_disk_of_a_vm_that_is_elsewhere_stays)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};

    test_fsm_node(&w.t, 2, "n2");
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("elsewhere");
    c.config.node = bx_str("n2");
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_CREATE, &c), BX_OK);
    bx_driver_sim_store(w.driver, w.t.last.object);
    end_daemon();
    begin_daemon();
    run_ms(60000);
    assert_int_equal(stored(), 1);
}

TEST(a_removal_without_memory_is_done_again)
{
    miss_delete();
    w.no_memory = true;
    begin_daemon();
    w.no_memory = false;
    run_ms(4000);
    assert_int_equal(stored(), 0);
}

int main(void)
{
    return test_run(reconcile_setup, reconcile_teardown);
}
