/* What each command does, against design and the headers: where a VM stands after each request and
 * each report, what is refused and how, and what nodes, tokens and joins come to. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include <string.h>

static struct test_fsm t;
static uint8_t uuid[16];

static int setup(void **state)
{
    (void)state;
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

static const struct bx_vm *vm(void)
{
    return bx_view_vm(bx_fsm_view(t.fsm), uuid);
}

static void refused(int code, const char *words)
{
    assert_int_equal(t.last.code, code);
    if (strstr(t.message, words) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", t.message, words);
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

/* Only the node that runs it, of the run it has, and only moves that there are. */
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
    refused(BX_CONFLICT, "a node can not report");
    report(BX_PHASE_LOST, "");
    refused(BX_CONFLICT, "a node can not report");
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

/* ---- nodes ---- */

static struct bx_node_info node_of(uint64_t id, const char *name, const char *address)
{
    return (struct bx_node_info){.id = id,
                                 .name = bx_str(name),
                                 .address = bx_str(address),
                                 .vcpus = 4,
                                 .memory_mib = 1024,
                                 .overcommit_vcpus_pct = 100,
                                 .overcommit_memory_pct = 100};
}

static int put(struct bx_node_info n)
{
    return test_fsm_apply(&t, BX_CMD_NODE_PUT, &n);
}

static int state_of(uint64_t id, uint8_t state)
{
    return test_fsm_apply(&t, BX_CMD_NODE_STATE,
                          &(struct bx_cmd_node_state){.id = id, .state = state});
}

TEST(a_node_is_added_and_changed)
{
    const struct bx_node_row *n;
    struct bx_node_info two = node_of(2, "n2", "h:2");

    two.state = BX_NODE_DOWN; /* not for the node to say */
    assert_int_equal(put(two), BX_OK);
    assert_int_equal(t.last.node, 2);
    n = bx_view_node(bx_fsm_view(t.fsm), 2);
    assert_int_equal(n->info.state, BX_NODE_UP);
    assert_int_equal(n->created_index, test_fsm_revision(&t));
    assert_int_equal(put(two), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(state_of(2, BX_NODE_DRAINING), BX_OK);
    two.role = BX_ROLE_AGENT; /* not this way */
    two.vcpus = 8;
    assert_int_equal(put(two), BX_OK);
    assert_false(t.last.existed);
    n = bx_view_node(bx_fsm_view(t.fsm), 2);
    assert_int_equal(n->info.vcpus, 8);
    assert_int_equal(n->info.state, BX_NODE_DRAINING);
    assert_int_equal(n->info.role, BX_ROLE_VOTER);

    assert_int_equal(put(node_of(3, "n2", "h:3")), BX_EXISTS);
    refused(BX_EXISTS, "named \"n2\"");
    assert_int_equal(put(node_of(3, "n3", "h:2")), BX_EXISTS);
    refused(BX_EXISTS, "address h:2");
    assert_int_equal(put(node_of(2, "n1", "h:2")), BX_EXISTS);
    assert_int_equal(put(node_of(0, "n3", "h:3")), BX_INVALID);
    assert_int_equal(put(node_of(UINT64_MAX, "n3", "h:3")), BX_INVALID);
    assert_int_equal(put(node_of(3, "N3", "h:3")), BX_INVALID);
}

#define CHANGES(member, value)                                                                     \
    do {                                                                                           \
        n.member = (value);                                                                        \
        assert_int_equal(put(n), BX_OK);                                                           \
        assert_false(t.last.existed);                                                              \
        assert_int_equal(put(n), BX_OK);                                                           \
        assert_true(t.last.existed);                                                               \
    } while (0)

/* Whatever a host says of itself is noticed when it is new, and only then. */
TEST(whatever_a_node_says_of_itself_is_noticed_once)
{
    struct bx_node_info n = node_of(1, "n1", "127.0.0.1:7001");

    CHANGES(name, bx_str("other"));
    CHANGES(address, bx_str("h:1"));
    CHANGES(api, bx_str("h:2"));
    CHANGES(datacenter, bx_str("dc"));
    CHANGES(zone, bx_str("z"));
    CHANGES(rack, bx_str("r"));
    CHANGES(driver, bx_str("qemu"));
    CHANGES(vcpus, 5);
    CHANGES(memory_mib, 2048);
    CHANGES(disk_gib, 7);
    CHANGES(reserve_vcpus, 1);
    CHANGES(reserve_memory_mib, 2);
    CHANGES(reserve_disk_gib, 3);
    CHANGES(overcommit_vcpus_pct, 150);
    CHANGES(overcommit_memory_pct, 120);
}

/* Names that change hands within one turn: what is stored holds them unique, row by row. */
TEST(names_may_change_hands_within_a_turn)
{
    static const struct {
        uint64_t id;
        const char *name;
    } moves[] = {{1, "c"}, {2, "a"}, {3, "d"}, {1, "b"}, {3, "c"}, {2, "e"}, {1, "a"}, {2, "b"}};
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_PUT};
    uint64_t digest, outcomes = t.outcomes + sizeof moves / sizeof moves[0];
    char address[] = "h:0";

    assert_int_equal(put(node_of(2, "b", "h:2")), BX_OK);
    assert_int_equal(put(node_of(3, "n3", "h:3")), BX_OK);
    outcomes += 2;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        struct test_batch b = {0};
        struct bx_node_info n;

        address[2] = (char)('0' + moves[i].id);
        n = node_of(moves[i].id, moves[i].name, address);
        test_batch_add(&b, &head, &n);
        test_batch_seal(&b, t.index, 2000000);
        test_fsm_feed(&t, &b);
        bx_buf_release(&b.buf);
    }
    test_fsm_commit(&t);
    assert_int_equal(t.outcomes, outcomes);
    assert_int_equal(t.last.code, BX_OK);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_true(test_fsm_digest(&t) == digest);
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 1)->name->s, "a");
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 2)->name->s, "b");
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 3)->name->s, "c");
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

TEST(the_state_of_a_node_is_kept)
{
    assert_int_equal(state_of(1, BX_NODE_UP), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(state_of(1, BX_NODE_SUSPECT), BX_OK);
    assert_false(t.last.existed);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 1)->info.state, BX_NODE_SUSPECT);
    assert_int_equal(state_of(9, BX_NODE_UP), BX_NOT_FOUND);
}

/* A node may shrink below what runs on it: what runs stays, and nothing is added. */
TEST(a_node_may_shrink_below_what_runs_on_it)
{
    struct bx_node_info one = node_of(1, "n1", "127.0.0.1:7001");
    struct bx_node_columns c;

    for (int i = 0; i < 6; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(test_fsm_vm(&t, name, BX_RESTART_NEVER, NULL), BX_OK);
    }
    assert_int_equal(put(one), BX_OK);
    bx_view_columns(bx_fsm_view(t.fsm), &c);
    assert_int_equal(c.free_vcpus[0], -2);
    assert_int_equal(test_fsm_vm(&t, "more", BX_RESTART_NEVER, NULL), BX_UNPLACEABLE);
    for (int i = 0; i < 6; i++) {
        char name[] = {'v', (char)('0' + i), 0};
        const struct bx_vm *v;

        assert_int_equal(bx_view_find_vm(bx_fsm_view(t.fsm), bx_str(name), &v, NULL), BX_OK);
        assert_int_equal(v->node, 1);
    }
}

TEST(there_are_as_many_nodes_as_the_bound_allows)
{
    char name[16], address[16];

    for (uint64_t id = 2; id <= BX_NODES_MAX + 1; id++) {
        snprintf(name, sizeof name, "m%u", (unsigned)id);
        snprintf(address, sizeof address, "h:%u", (unsigned)id);
        if (id <= BX_NODES_MAX)
            assert_int_equal(put(node_of(id, name, address)), BX_OK);
        else
            assert_int_equal(put(node_of(id, name, address)), BX_BUSY);
    }
    refused(BX_BUSY, "4096 nodes");
    assert_int_equal(put(node_of(7, "m7", "h:new")), BX_OK); /* one that is there may change */
}

/* ---- the cluster, tokens and joins ---- */

TEST(a_cluster_is_created_once)
{
    struct bx_cmd_cluster_create c = {.cluster = {1}, .history = {2}, .name = bx_str("lab")};
    struct bx_cluster_info info;

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    bx_view_cluster(bx_fsm_view(t.fsm), &info);
    assert_true(info.created);
    assert_int_equal(info.id[0], 1);
    assert_int_equal(info.history[0], 2);
    assert_true(bx_str_eq(info.name, bx_str("lab")));
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    assert_true(t.last.existed);
    c.cluster[0] = 9;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_EXISTS);
}

static int token(uint8_t secret, uint8_t second, uint64_t ttl_ms)
{
    struct bx_cmd_token_create c = {.secret_hash = {secret, second}, .ttl_ms = ttl_ms};

    return test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &c);
}

static int join(uint8_t secret, const char *name, const char *address)
{
    struct bx_cmd_member_join j = {.secret_hash = {secret}, .node = node_of(0, name, address)};

    return test_fsm_apply(&t, BX_CMD_MEMBER_JOIN, &j);
}

/* Every entry of these tests comes a millisecond after the one before. */
TEST(a_node_joins_with_a_valid_token)
{
    assert_int_equal(join(1, "n2", "h:2"), BX_DENIED);
    assert_true(t.last.hint.n > 0);
    assert_int_equal(token(1, 0, 1000), BX_OK);
    assert_int_equal(join(2, "n2", "h:2"), BX_DENIED);
    assert_int_equal(join(1, "n2", "h:2"), BX_OK);
    assert_int_equal(t.last.node, 2);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 2)->info.state, BX_NODE_UP);
    assert_int_equal(join(1, "n2", "h:9"), BX_EXISTS);
    assert_int_equal(join(1, "N", "h:9"), BX_INVALID);
    assert_int_equal(put(node_of(40, "n40", "h:40")), BX_OK);
    assert_int_equal(join(1, "n3", "h:3"), BX_OK);
    assert_int_equal(t.last.node, 41); /* above every id that was ever given */
    test_fsm_reopen(&t);
    assert_int_equal(join(1, "n4", "h:4"), BX_OK);
    assert_int_equal(t.last.node, 42);
}

TEST(a_token_lives_as_long_as_it_says)
{
    assert_int_equal(token(1, 0, 0), BX_INVALID);
    assert_int_equal(token(1, 0, 30ull * 24 * 3600 * 1000 + 1), BX_INVALID);
    assert_int_equal(token(1, 0, 30ull * 24 * 3600 * 1000), BX_OK);
    assert_int_equal(token(2, 0, 2), BX_OK);
    assert_int_equal(join(2, "n2", "h:2"), BX_OK);     /* 1 ms later */
    assert_int_equal(join(2, "n3", "h:3"), BX_DENIED); /* 2 ms later */
    assert_int_equal(token(2, 0, 2), BX_OK);           /* the same secret again */
    assert_int_equal(join(2, "n3", "h:3"), BX_OK);
    assert_int_equal(join(1, "n4", "h:4"), BX_OK);
}

TEST(an_expired_token_makes_room)
{
    for (uint32_t i = 0; i < 1024; i++)
        assert_int_equal(token((uint8_t)i, (uint8_t)(1 + (i >> 8)), i == 700 ? 2000 : 100000),
                         BX_OK);
    assert_int_equal(token(0, 99, 1000), BX_BUSY);
    refused(BX_BUSY, "1024 valid tokens");
    while (t.index < 2 + 700 + 2000 - 2) /* the next but one comes when that one expires */
        token(0, 99, 0);
    assert_int_equal(token(0, 99, 1000), BX_BUSY);
    assert_int_equal(token(0, 99, 1000), BX_OK); /* one has expired, and goes */
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
}

int main(void)
{
    return test_run(setup, teardown);
}
