/* What the commands of VMs do, against design and the headers: where a VM stands after each request
 * and each report, and what is refused and how. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"

#include <stdio.h>
#include <string.h>

static uint8_t uuid[16];

static const struct bx_vm *vm(void)
{
    return bx_view_vm(bx_fsm_view(t.fsm), uuid);
}

static void refused(int code, const char *words)
{
    test_fsm_refused(&t, code, words, "");
}

/* ---- a VM's life ---- */

static int report_of(uint64_t node, uint64_t epoch, uint8_t phase, const char *message)
{
    struct bx_cmd_vm_report r = {
        .node = node, .epoch = epoch, .phase = phase, .message = bx_str(message)};

    memcpy(r.vm, uuid, 16);
    return test_fsm_apply(&t, BX_CMD_VM_REPORT, &r);
}

static int report(uint8_t phase, const char *message)
{
    return report_of(vm()->node, vm()->epoch, phase, message);
}

/* What is wanted, what is, in which run; and whether the last command changed anything. */
static void stands(uint8_t desired, uint8_t phase, uint64_t epoch, bool changed)
{
    assert_int_equal(t.last.code, BX_OK);
    assert_string_equal(bx_desired_names[vm()->desired], bx_desired_names[desired]);
    assert_string_equal(bx_phase_names[vm()->phase], bx_phase_names[phase]);
    assert_int_equal(vm()->epoch, epoch);
    assert_int_equal(t.last.existed, !changed);
    assert_memory_equal(t.last.object, uuid, 16);
    assert_int_equal(t.last.node, 1);
    if (changed) {
        assert_int_equal(vm()->modified_index, test_fsm_revision(&t));
        assert_int_equal(vm()->modified_ms, 1000000 + t.index);
    }
}

static void start(void)
{
    test_fsm_desire(&t, "web", BX_DESIRED_RUNNING, false, false);
}

static void stop(bool force)
{
    test_fsm_desire(&t, "web", BX_DESIRED_STOPPED, false, force);
}

static void restart(void)
{
    test_fsm_desire(&t, "web", BX_DESIRED_RUNNING, true, false);
}

static void run(uint8_t policy)
{
    assert_int_equal(test_fsm_vm(&t, "web", policy, uuid), BX_OK);
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 1, true);
    report(BX_PHASE_STARTING, "");
    stands(BX_DESIRED_RUNNING, BX_PHASE_STARTING, 1, true);
    report(BX_PHASE_RUNNING, "");
    stands(BX_DESIRED_RUNNING, BX_PHASE_RUNNING, 1, true);
}

TEST(a_vm_stops_and_starts)
{
    run(BX_RESTART_ALWAYS);
    start();
    stands(BX_DESIRED_RUNNING, BX_PHASE_RUNNING, 1, false);
    stop(false);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 1, true);
    assert_false(vm()->stop_force);
    stop(false);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 1, false);
    stop(true); /* a polite stop becomes a forced one, once */
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 1, true);
    assert_true(vm()->stop_force);
    stop(true);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 1, false);
    start();
    refused(BX_CONFLICT, "is stopping");
    assert_non_null(strstr(t.hint, "after it has stopped"));
    report(BX_PHASE_STOPPED, "");
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 1, true); /* always, but not when asked to stop */
    stop(true);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 1, false);
    start();
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 2, true);
    assert_false(vm()->stop_force);
}

TEST(a_restart_is_a_stop_and_a_start)
{
    run(BX_RESTART_NEVER);
    restart();
    stands(BX_DESIRED_RUNNING, BX_PHASE_STOPPING, 1, true);
    assert_true(vm()->restart_pending);
    restart();
    stands(BX_DESIRED_RUNNING, BX_PHASE_STOPPING, 1, false);
    report(BX_PHASE_STOPPED, "");
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 2, true);
    assert_false(vm()->restart_pending);
    restart(); /* while it is created */
    stands(BX_DESIRED_RUNNING, BX_PHASE_STOPPING, 2, true);
    stop(false); /* changed one's mind */
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 2, true);
    report(BX_PHASE_STOPPED, "");
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 2, true);
    restart(); /* of one that does not run: a start */
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 3, true);
}

static void ends(uint8_t policy, uint8_t how, uint8_t desired, uint8_t phase, uint64_t epoch)
{
    run(policy);
    report(how, "exit 7");
    stands(desired, phase, epoch, true);
    assert_true(bx_str_eq(vm()->message, bx_str("exit 7")));
    assert_int_equal(test_fsm_delete(&t, "web"), BX_OK);
    if (phase == BX_PHASE_CREATING)
        report(BX_PHASE_STOPPED, "");
    assert_null(vm());
}

/* A run that ends by itself: by its restart policy, and by how it ended. */
TEST(a_run_that_ends_by_itself_follows_its_restart_policy)
{
    enum { RUN = BX_DESIRED_RUNNING, REST = BX_DESIRED_STOPPED };

    ends(BX_RESTART_NEVER, BX_PHASE_STOPPED, REST, BX_PHASE_STOPPED, 1);
    ends(BX_RESTART_NEVER, BX_PHASE_FAILED, RUN, BX_PHASE_FAILED, 1);
    ends(BX_RESTART_ON_FAILURE, BX_PHASE_STOPPED, REST, BX_PHASE_STOPPED, 1);
    ends(BX_RESTART_ON_FAILURE, BX_PHASE_FAILED, RUN, BX_PHASE_CREATING, 2);
    ends(BX_RESTART_ALWAYS, BX_PHASE_STOPPED, RUN, BX_PHASE_CREATING, 2);
    ends(BX_RESTART_ALWAYS, BX_PHASE_FAILED, RUN, BX_PHASE_CREATING, 2);
}

static void has_ended(uint32_t restarts, const char *how, uint64_t at)
{
    assert_int_equal(vm()->restarts, restarts);
    if (!bx_str_eq(vm()->last_exit, bx_str(how)))
        fail_msg("it ended by \"" BX_STR_FMT "\"", BX_STR_ARG(vm()->last_exit));
    assert_int_equal(vm()->last_exit_ms, at);
}

TEST(how_a_run_ended_is_kept_for_the_next_ones)
{
    uint64_t at;

    test_fsm_cluster(&t, 2);
    run(BX_RESTART_ON_FAILURE);
    has_ended(0, "", 0);
    report(BX_PHASE_FAILED, "exit 7");
    at = vm()->modified_ms;
    has_ended(1, "exit 7", at);
    report(BX_PHASE_RUNNING, "");
    has_ended(1, "exit 7", at); /* while the next one runs, too */
    report(BX_PHASE_FAILED, "");
    assert_true(vm()->modified_ms > at);
    has_ended(2, "failed", vm()->modified_ms);
    report(BX_PHASE_RUNNING, "");
    restart();
    report(BX_PHASE_STOPPED, "as asked");
    has_ended(0, "as asked", vm()->modified_ms); /* by a command: the count begins anew */
    report(BX_PHASE_RUNNING, "");
    report(BX_PHASE_FAILED, "exit 8");
    has_ended(1, "exit 8", vm()->modified_ms);
    at = vm()->modified_ms;
    stop(false);
    report(BX_PHASE_STOPPED, "");
    has_ended(1, "stopped", vm()->modified_ms);
    start();
    has_ended(0, "stopped", vm()->last_exit_ms);
    assert_true(vm()->last_exit_ms > at);
}

static int fails(uint32_t failures, uint32_t pause_ms, const char *why)
{
    struct bx_cmd_vm_report r = {.node = vm()->node,
                                 .epoch = vm()->epoch,
                                 .phase = BX_PHASE_FAILED,
                                 .message = bx_str(why),
                                 .failures = failures,
                                 .pause_ms = pause_ms};

    memcpy(r.vm, uuid, 16);
    return test_fsm_apply(&t, BX_CMD_VM_REPORT, &r);
}

static void backs_off(uint32_t failures, uint64_t next_try_ms)
{
    assert_int_equal(vm()->failures, failures);
    assert_int_equal(vm()->next_try_ms, next_try_ms);
}

static void keep_detail(void *ctx, const struct bx_event *e)
{
    snprintf(ctx, 128, BX_STR_FMT, BX_STR_ARG(e->detail));
}

static void last_event_says(const char *words)
{
    char detail[128] = "";
    struct bx_err err = {0};
    uint32_t n;

    assert_int_equal(
        bx_fsm_events(t.fsm, test_fsm_revision(&t) - 1, 1, keep_detail, detail, &n, &err), BX_OK);
    assert_string_equal(detail, words);
}

TEST(failures_are_counted_by_the_node_and_end_with_a_command_or_at_rest)
{
    test_fsm_cluster(&t, 2);
    run(BX_RESTART_ON_FAILURE);
    fails(1, 1000, "no such file");
    backs_off(1, vm()->modified_ms + 1000);
    last_event_says("backoff: no such file");
    fails(2, 2000, "no such file");
    backs_off(2, vm()->modified_ms + 2000);
    report(BX_PHASE_STARTING, "");
    backs_off(2, 0); /* it is tried, and may fail again */
    last_event_says("starting");
    report(BX_PHASE_RUNNING, "");
    fails(3, 4000, "the guest panicked");
    restart();
    report(BX_PHASE_STOPPED, "");
    backs_off(0, 0);
    fails(1, 1000, "the guest panicked");
    stop(false);
    report(BX_PHASE_STOPPED, "");
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, vm()->epoch, true);
    backs_off(0, 0);
    start();
    report(BX_PHASE_FAILED, "the host was rebooted"); /* not the VM's doing */
    backs_off(0, 0);
    last_event_says("creating: the host was rebooted");
    report(BX_PHASE_STOPPED, "the guest powered off");
    last_event_says("stopped: the guest powered off");
}

/* Its digest is that of builds that do not know it. */
TEST(below_level_2_no_end_is_kept)
{
    test_fsm_cluster(&t, 1);
    run(BX_RESTART_ALWAYS);
    fails(1, 1000, "exit 7");
    has_ended(0, "", 0);
    backs_off(0, 0);
    last_event_says("creating");
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 2, true);
}

TEST(a_failed_vm_can_be_started_and_stopped)
{
    run(BX_RESTART_NEVER);
    report(BX_PHASE_FAILED, "no memory");
    stands(BX_DESIRED_RUNNING, BX_PHASE_FAILED, 1, true);
    start();
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 2, true);
    assert_int_equal(vm()->message.n, 0);
    report(BX_PHASE_FAILED, "no disk");
    stop(false);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 2, true);
    /* One that fails while it is stopped has stopped. */
    start();
    stop(false);
    report(BX_PHASE_FAILED, "exit 1");
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 3, true);
}

TEST(a_deleted_vm_takes_no_more_orders)
{
    struct bx_node_columns c;

    run(BX_RESTART_ALWAYS);
    test_fsm_delete(&t, "web");
    stands(BX_DESIRED_DELETED, BX_PHASE_STOPPING, 1, true);
    test_fsm_delete(&t, "web");
    stands(BX_DESIRED_DELETED, BX_PHASE_STOPPING, 1, false);
    start();
    refused(BX_CONFLICT, "being deleted");
    stop(true);
    refused(BX_CONFLICT, "being deleted");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_NEVER, NULL), BX_EXISTS);
    report(BX_PHASE_STOPPED, ""); /* and is not started again, whatever its policy */
    assert_int_equal(t.last.code, BX_OK);
    assert_null(vm());
    bx_view_columns(bx_fsm_view(t.fsm), &c);
    assert_int_equal(c.free_vcpus[0], c.total_vcpus[0]);
    test_fsm_delete(&t, "web");
    refused(BX_NOT_FOUND, "web");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_NEVER, uuid), BX_OK); /* the name is free */
    stop(false);
    report(BX_PHASE_STOPPED, "");
    test_fsm_delete(&t, "web");
    assert_null(vm()); /* at once, when nothing runs */
}

TEST(only_the_node_of_the_run_may_report_and_only_moves_that_there_are)
{
    run(BX_RESTART_NEVER);
    stop(false);
    report(BX_PHASE_STOPPED, "");
    start();
    assert_int_equal(vm()->epoch, 2);
    assert_int_equal(report_of(1, 1, BX_PHASE_RUNNING, ""), BX_CONFLICT);
    refused(BX_CONFLICT, "another run of this VM");
    assert_int_equal(report_of(1, 3, BX_PHASE_RUNNING, ""), BX_CONFLICT);
    assert_int_equal(report_of(2, 2, BX_PHASE_RUNNING, ""), BX_CONFLICT);
    report(BX_PHASE_CREATING, "");
    stands(BX_DESIRED_RUNNING, BX_PHASE_CREATING, 2, false);
    report(BX_PHASE_STOPPING, "");
    refused(BX_CONFLICT, "a node cannot report");
    report(BX_PHASE_LOST, "");
    refused(BX_CONFLICT, "a node cannot report");
    report(BX_PHASE_PENDING, "");
    refused(BX_CONFLICT, "invalid phase transition from creating to pending");
    report(BX_PHASE_RUNNING, "fast");
    stands(BX_DESIRED_RUNNING, BX_PHASE_RUNNING, 2, true);
    report(BX_PHASE_STARTING, "");
    refused(BX_CONFLICT, "invalid phase transition from running to starting");
    uuid[0] ^= 1;
    assert_int_equal(report_of(1, 2, BX_PHASE_RUNNING, ""), BX_CONFLICT);
}

/* ---- creating ---- */

static struct bx_cmd_vm_create create_of(const char *name)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    return c;
}

TEST(a_vm_is_created_once)
{
    struct bx_cmd_vm_create c = create_of("web");

    c.config.stopped = true;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    memcpy(uuid, t.last.object, 16);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 0, true);
    assert_int_equal(uuid[6] >> 4, 4); /* RFC 4122, version 4 */
    assert_int_equal(uuid[8] >> 6, 2);
    assert_int_equal(vm()->created_index, test_fsm_revision(&t));
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_EXISTS);
    refused(BX_EXISTS, "\"web\"");
    c.if_not_exists = true;
    test_fsm_apply(&t, BX_CMD_VM_CREATE, &c);
    stands(BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 0, false);
    c.config.vcpus = 0;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_INVALID);
}

/* It would be told to be there, and be gone a moment later. */
TEST(a_name_that_is_being_deleted_is_taken)
{
    struct bx_cmd_vm_create c = create_of("web");

    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    assert_int_equal(test_fsm_delete(&t, "web"), BX_OK);
    c.if_not_exists = true;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_CONFLICT);
    refused(BX_CONFLICT, "being deleted");
}

TEST(a_vm_is_placed_where_it_was_asked_to_be)
{
    struct bx_cmd_vm_create c = create_of("web");
    struct bx_cmd_node_state down = {.id = 1, .state = BX_NODE_DRAINING};

    test_fsm_node(&t, 2, "n2");
    c.config.node = bx_str("n2");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    assert_int_equal(t.last.node, 2);
    c = create_of("b");
    c.config.node = bx_str("n3");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "n3");
    c.config.node = bx_str("n1");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_UNPLACEABLE);
    refused(BX_UNPLACEABLE, "draining");
    c.config.node = bx_str("");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    assert_int_equal(t.last.node, 2);
    c = create_of("c");
    c.config.memory_mib = BX_MEMORY_MIB_MAX;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_UNPLACEABLE);
    refused(BX_UNPLACEABLE, "not enough memory");
    assert_true(t.last.hint.n > 0);
}

/* Up to the last unit, and not one beyond; also within one entry. */
TEST(nodes_are_filled_to_the_last_unit)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE};
    struct test_batch b = {0};
    struct bx_node_columns c;
    uint64_t before = t.outcomes;

    for (int i = 0; i < 5; i++) {
        char name[] = {'v', (char)('0' + i), 0};
        struct bx_cmd_vm_create vm_create = create_of(name);

        vm_create.config.vcpus = 256; /* of 1,024 */
        test_batch_add(&b, &head, &vm_create);
    }
    test_batch_seal(&b, t.index, 2000000);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    assert_int_equal(t.outcomes, before + 5);
    refused(BX_UNPLACEABLE, "not enough vcpus (needs 256, 0 free)");
    bx_view_columns(bx_fsm_view(t.fsm), &c);
    assert_int_equal(c.free_vcpus[0], 0);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 4);
    bx_buf_release(&b.buf);
}

/* Made, deleted and made again before anything was stored. */
TEST(a_vm_may_come_and_go_within_a_turn)
{
    struct bx_cmd_header create = {.kind = BX_CMD_VM_CREATE}, delete = {.kind = BX_CMD_VM_DELETE};
    struct bx_cmd_vm_create c = create_of("web");
    struct bx_cmd_vm_delete d = {.vm = bx_str("web")};
    struct test_batch b = {0};
    uint64_t digest, events = t.events;

    c.config.stopped = true;
    for (int i = 0; i < 3; i++) {
        test_batch_clear(&b);
        test_batch_add(&b, &create, &c);
        test_batch_add(&b, &delete, &d);
        if (i == 2)
            test_batch_add(&b, &create, &c);
        test_batch_seal(&b, t.index, 2000000);
        test_fsm_feed(&t, &b);
    }
    test_fsm_commit(&t);
    assert_int_equal(t.events, events + 7);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 1);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_true(test_fsm_digest(&t) == digest);
    assert_int_equal(bx_view_vms(bx_fsm_view(t.fsm)), 1);
    bx_buf_release(&b.buf);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
