/* Guests that reboot: they stay in their run, nobody has to permit that, and it is counted. */
#include "reconcile_help.h"

#include <stdio.h>
#include <string.h>

static void keep_events(void *ctx, const struct bx_event *e)
{
    char *text = ctx;
    size_t n = strlen(text);

    if (e->type == BX_EVENT_VM_REBOOTED)
        snprintf(text + n, 256 - n, BX_STR_FMT " " BX_STR_FMT ";", BX_STR_ARG(e->object),
                 BX_STR_ARG(e->detail));
}

/* All events about reboots. */
static void events_are(const char *expected)
{
    char text[256] = "";
    struct bx_err err = {0};
    uint32_t n;

    assert_int_equal(bx_fsm_events(w.t.fsm, 0, UINT32_MAX, keep_events, text, &n, &err), BX_OK);
    assert_string_equal(text, expected);
}

static void reboot(const uint8_t vm[16])
{
    assert_true(bx_driver_sim_reboot(w.driver, vm));
}

static void has_rebooted(const uint8_t vm[16], uint32_t reboots, uint64_t epoch)
{
    vm_is(vm, BX_PHASE_RUNNING, epoch);
    assert_int_equal(row_of(vm)->reboots, reboots);
    assert_int_equal(row_of(vm)->restarts, 0);
    assert_int_equal(row_of(vm)->failures, 0);
    assert_int_equal(running_now(), 1);
}

static void start_at(uint32_t level, uint8_t restart, uint8_t vm[16])
{
    test_fsm_cluster(&w.t, level);
    create_vm("web", restart, vm);
    run_ms(200);
    has_rebooted(vm, 0, 1);
}

TEST(a_guest_that_reboots_stays_in_its_run_whatever_its_policy)
{
    uint8_t vm[16];

    start_at(2, BX_RESTART_NEVER, vm);
    w.hold = true; /* no leader could grant a start */
    reboot(vm);
    run_ms(100);
    has_rebooted(vm, 1, 1);
    assert_int_equal(row_of(vm)->last_reboot_ms, row_of(vm)->modified_ms);
    assert_int_equal(w.trace.len, 1);
    assert_int_equal(test_rec.lines, 0);
    events_are("web 1 in this run;");
}

TEST(many_reboots_are_few_reports)
{
    uint64_t sent;
    uint8_t vm[16];

    start_at(2, BX_RESTART_ALWAYS, vm);
    sent = w.sent;
    for (int i = 0; i < 1000; i++) {
        reboot(vm);
        run_ms(20);
    }
    assert_true(w.sent - sent <= 1 + 20000 / BX_REBOOTS_MS);
    run_ms(BX_REBOOTS_MS);
    has_rebooted(vm, 1000, 1);
    sent = w.sent;
    run_ms(60000);
    assert_int_equal(w.sent, sent); /* and no more when it has ceased */
}

TEST(a_lost_report_of_reboots_is_sent_again)
{
    uint8_t vm[16];

    start_at(2, BX_RESTART_ALWAYS, vm);
    w.lose = 2;
    reboot(vm);
    run_ms(BX_REBOOTS_MS + 100);
    has_rebooted(vm, 0, 1);
    run_ms(BX_REBOOTS_MS);
    has_rebooted(vm, 1, 1);
}

/* Each report counts all of the run, so it may arrive twice. */
TEST(a_report_of_reboots_that_arrives_twice_counts_once)
{
    struct bx_cmd_vm_report r = {.node = 1, .epoch = 1, .phase = BX_PHASE_RUNNING, .reboots = 2};

    start_at(2, BX_RESTART_ALWAYS, r.vm);
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    assert_false(w.t.last.existed);
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    assert_true(w.t.last.existed);
    r.reboots = 1; /* an older one that was delayed */
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    assert_true(w.t.last.existed);
    has_rebooted(r.vm, 2, 1);
    r.reboots = 5;
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    has_rebooted(r.vm, 5, 1);
    events_are("web 2 in this run;web 5 in this run;");
    r.epoch = 2;
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_CONFLICT);
}

TEST(reboots_while_no_daemon_looked_are_counted)
{
    uint8_t vm[16];

    start_at(2, BX_RESTART_ALWAYS, vm);
    reboot(vm);
    run_ms(100);
    end_daemon();
    reboot(vm);
    reboot(vm);
    begin_daemon();
    run_ms(BX_REBOOTS_MS);
    has_rebooted(vm, 3, 1);
}

TEST(reboots_are_those_of_the_last_run)
{
    uint8_t vm[16];

    start_at(2, BX_RESTART_ON_FAILURE, vm);
    reboot(vm);
    run_ms(100);
    reboot(vm);
    w.driver->ops->kill(w.driver, vm); /* the guest ends before that is reported */
    run_ms(100);
    vm_is(vm, BX_PHASE_STOPPED, 1); /* in order: it is not for on-failure to start it */
    assert_int_equal(row_of(vm)->reboots, 2);
    test_fsm_desire(&w.t, "web", BX_DESIRED_RUNNING, false, false);
    run_ms(100);
    has_rebooted(vm, 0, 2);
    assert_int_equal(row_of(vm)->last_reboot_ms, 0);
}

/* Builds of that level would come to another state. */
TEST(below_level_2_reboots_are_not_counted)
{
    struct bx_cmd_vm_report r = {.node = 1, .epoch = 1, .phase = BX_PHASE_RUNNING, .reboots = 2};
    uint64_t sent;

    start_at(1, BX_RESTART_ALWAYS, r.vm);
    sent = w.sent;
    reboot(r.vm);
    run_ms(60000);
    assert_int_equal(w.sent, sent);
    assert_int_equal(test_fsm_apply(&w.t, BX_CMD_VM_REPORT, &r), BX_OK);
    has_rebooted(r.vm, 0, 1);
    events_are("");
}

int main(void)
{
    return test_run(reconcile_setup, reconcile_teardown);
}
