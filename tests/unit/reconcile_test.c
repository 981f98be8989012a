/* The reconciler: what is asked for is done, and what a restarted daemon finds is adopted. */
#include "reconcile_help.h"

#include <string.h>

/* ---- what is asked for is done ---- */

TEST(a_vm_is_started_and_reported)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(40);
    vm_is(vm, BX_PHASE_STARTING, 1);
    run_ms(100);
    vm_is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.sent, 2); /* starting, running */
    run_ms(60000);
    assert_int_equal(w.sent, 2); /* and no more once the row agrees */
    assert_int_equal(w.trace.len, 1);
}

TEST(a_vm_is_stopped_started_restarted_and_deleted)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(100);
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false), BX_OK);
    vm_is(vm, BX_PHASE_STOPPING, 1);
    run_ms(100);
    vm_is(vm, BX_PHASE_STOPPED, 1);
    assert_int_equal(known_to_driver(), 0); /* forgotten */
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false), BX_OK);
    run_ms(100);
    vm_is(vm, BX_PHASE_RUNNING, 2);
    assert_int_equal(test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, true, false), BX_OK);
    run_ms(200); /* at once: what was asked for makes no pause */
    vm_is(vm, BX_PHASE_RUNNING, 3);
    assert_int_equal(w.trace.len, 3);
    assert_int_equal(test_fsm_delete(&w.t, "web"), BX_OK);
    run_ms(100);
    assert_null(row_of(vm));
    assert_int_equal(known_to_driver(), 0);
    assert_int_equal(running_now(), 0);
}

/* The state places this VM elsewhere: what runs of it here must end, and nothing of it begins. */
TEST(a_vm_of_another_node_does_not_run_here)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_run here = {.epoch = 1, .node = 1, .config = &c.config};

    test_fsm_node(&w.t, 2, "n2");
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("elsewhere");
    c.config.node = bx_str("n2");
    c.config.disk_gib = 0;
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_CREATE, &c), BX_OK);
    run_ms(60000);
    assert_int_equal(w.trace.len, 0);
    memcpy(here.vm, w.t.last.object, 16);
    w.driver->ops->start(w.driver, &here, NULL);
    run_ms(100);
    assert_int_equal(running_now(), 0);
    assert_int_equal(known_to_driver(), 0);
    vm_is(here.vm, BX_PHASE_CREATING, 1);
    assert_int_equal(w.sent, 0); /* it is not this node's to report */
}

TEST(a_stop_before_the_start_is_reported)
{
    uint8_t vm[16];

    w.hold = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(10);
    test_fsm_desire(&w.t, "web", BX_DESIRED_STOPPED, false, false);
    run_ms(10);
    vm_is(vm, BX_PHASE_STOPPED, 1);
    w.hold = false;
    run_ms(60000);
    assert_int_equal(w.trace.len, 0);
}

TEST(nothing_is_started_without_a_grant)
{
    uint8_t vm[16];

    w.hold = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(600000);
    assert_int_equal(w.trace.len, 0);
    vm_is(vm, BX_PHASE_CREATING, 1);
    w.hold = false;
    run_ms(2200); /* the grant of the heartbeat that waited is too old; the next is good */
    vm_is(vm, BX_PHASE_RUNNING, 1);
}

TEST(a_lost_report_is_sent_again)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(20);
    w.lose = 2;
    run_ms(100);
    assert_int_equal(w.lose, 1); /* "running" was lost */
    vm_is(vm, BX_PHASE_STARTING, 1);
    bx_reconcile_on_vm(w.reconcile, row_of(vm)); /* being looked at is no reason */
    run_ms(BX_REPORT_AGAIN_MS - 100);
    vm_is(vm, BX_PHASE_STARTING, 1);
    assert_int_equal(w.sent, 2); /* not again before its time */
    run_ms(200);
    assert_int_equal(w.lose, 0);
    run_ms(BX_REPORT_AGAIN_MS + 100);
    vm_is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.sent, 4);
}

/* ---- adoption ---- */

TEST(a_restarted_daemon_adopts)
{
    uint8_t web[16], gone[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    create_vm("gone", BX_RESTART_ALWAYS, gone);
    run_ms(200);
    end_daemon();
    w.t.on_vm = NULL;
    test_fsm_desire(&w.t, "gone", BX_DESIRED_STOPPED, false, true); /* while nobody looked */
    w.t.on_vm = on_vm;
    begin_daemon();
    run_ms(200);
    vm_is(web, BX_PHASE_RUNNING, 1);
    vm_is(gone, BX_PHASE_STOPPED, 1);
    assert_int_equal(w.trace.len, 2);
    assert_int_equal(running_now(), 1);
}

/* So much later, as leaders measure time. */
static void pass_ms(uint64_t ms)
{
    struct bx_cmd_node_state up = {.id = 1, .state = BX_NODE_UP};
    struct test_batch b = {0};

    run_ms(ms);
    test_batch_add(&b, &(struct bx_cmd_header){.kind = BX_CMD_NODE_STATE}, &up);
    test_batch_seal(&b, w.t.index, 1000001 + w.t.index + ms);
    test_fsm_feed(&w.t, &b);
    test_fsm_commit(&w.t);
    bx_buf_release(&b.buf);
}

TEST(a_long_run_ends_the_count_though_the_daemon_is_restarted)
{
    uint8_t vm[16];

    test_fsm_cluster(&w.t, 2);
    bx_driver_sim_fail(w.driver, 3);
    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(20000);
    vm_is(vm, BX_PHASE_RUNNING, 4);
    assert_int_equal(row_of(vm)->failures, 3);
    pass_ms(60000);
    end_daemon();
    begin_daemon();
    run_ms(100);
    w.driver->ops->kill(w.driver, vm);
    run_ms(100);
    assert_int_equal(row_of(vm)->failures, 1);
}

/* The state of a daemon that just began may be older than its runs. */
TEST(an_old_state_ends_nothing)
{
    struct bx_vm_config config = {.vcpus = 1};
    struct bx_run stranger = {.vm = {9}, .epoch = 5, .node = 1, .config = &config};
    uint8_t web[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    run_ms(200);
    end_daemon();
    w.t.on_vm = NULL;
    test_fsm_delete(&w.t, "web");
    w.t.on_vm = on_vm;
    w.driver->ops->start(w.driver, &stranger, NULL);
    bx_driver_sim_tick(w.driver);
    w.hold = true;
    begin_daemon();
    run_ms(60000);
    assert_int_equal(running_now(), 2); /* no leader has confirmed the state: nothing is ended */
    w.hold = false;
    run_ms(4000);
    assert_int_equal(running_now(), 0);
    assert_int_equal(known_to_driver(), 0);
    assert_null(row_of(web));
}

/* Until all runs are known nothing is started: this might be the second of its VM. */
TEST(adoption_without_memory_is_done_again)
{
    uint8_t web[16], more[16];

    create_vm("web", BX_RESTART_ALWAYS, web);
    run_ms(200);
    end_daemon();
    w.no_memory = true;
    begin_daemon();
    w.no_memory = false;
    create_vm("more", BX_RESTART_ALWAYS, more);
    run_ms(900);
    assert_int_equal(w.trace.len, 1);
    run_ms(3000);
    vm_is(web, BX_PHASE_RUNNING, 1);
    vm_is(more, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.trace.len, 2);
}

/* While there is no memory for what the driver has, a VM without an entry may be running. */
TEST(a_run_that_was_not_adopted_is_not_lost)
{
    uint8_t vm[16];

    create_vm("web", BX_RESTART_ALWAYS, vm);
    run_ms(200);
    end_daemon();
    w.no_memory = true;
    begin_daemon();
    w.no_memory = false;
    on_vm(NULL, row_of(vm), false);
    run_ms(4000);
    vm_is(vm, BX_PHASE_RUNNING, 1);
    assert_int_equal(w.trace.len, 1);
}

TEST(a_row_without_memory_is_looked_at_again)
{
    uint8_t vm[16];

    w.no_memory = true;
    create_vm("web", BX_RESTART_ALWAYS, vm);
    w.no_memory = false;
    run_ms(500);
    vm_is(vm, BX_PHASE_CREATING, 1);
    run_ms(1000);
    vm_is(vm, BX_PHASE_RUNNING, 1);
}

int main(void)
{
    return test_run(reconcile_setup, reconcile_teardown);
}
