/* What VMs take of their nodes: vcpus and memory while a process may exist for them or they are
 * reserved, the disk always; and what that means for a VM that is to start again. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"

#include <string.h>

#define HALF 512u          /* of the vcpus of a node */
#define ALL_MIB (1u << 20) /* of its memory */

static int setup(void **state)
{
    test_fsm_setup(state);
    test_fsm_cluster(&t, 2);
    return 0;
}

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static const struct bx_vm *vm(const char *name)
{
    return bx_view_named(view(), BX_TABLE_VM, bx_str(name));
}

static struct bx_vm_config config_of(const char *name)
{
    struct bx_vm_config c;

    bx_vm_config_init(&c);
    c.name = bx_str(name);
    c.vcpus = HALF;
    c.memory_mib = 128;
    c.disk_gib = 0;
    return c;
}

static int create(struct bx_vm_config c)
{
    struct bx_cmd_vm_create b = {.config = c};

    return test_fsm_apply(&t, BX_CMD_VM_CREATE, &b);
}

static int stop(const char *name)
{
    int rc = test_fsm_desire(&t, name, BX_DESIRED_STOPPED, false, true);

    if (rc == BX_OK && vm(name)->phase == BX_PHASE_STOPPING) {
        struct bx_cmd_vm_report r = {
            .node = vm(name)->node, .epoch = vm(name)->epoch, .phase = BX_PHASE_STOPPED};

        memcpy(r.vm, vm(name)->uuid, 16);
        rc = test_fsm_apply(&t, BX_CMD_VM_REPORT, &r);
    }
    return rc;
}

static int start(const char *name)
{
    return test_fsm_desire(&t, name, BX_DESIRED_RUNNING, false, false);
}

static void holds(uint64_t node, uint64_t vcpus, uint64_t memory_mib, uint64_t disk_gib)
{
    const struct bx_node_row *n = bx_view_node(view(), node);

    assert_int_equal(n->allocated_vcpus, vcpus);
    assert_int_equal(n->allocated_memory_mib, memory_mib);
    assert_int_equal(n->allocated_disk_gib, disk_gib);
}

/* `first` rests on node 1, which two others have filled. */
static void fill_behind(struct bx_vm_config first)
{
    struct bx_vm_config others[] = {config_of("b"), config_of("c")};

    assert_int_equal(create(first), BX_OK);
    assert_int_equal(stop(first.name.p), BX_OK);
    for (size_t i = 0; i < 2; i++) {
        others[i].node = bx_str("n1");
        assert_int_equal(create(others[i]), BX_OK);
    }
}

TEST(a_vm_that_rests_keeps_its_disk_alone)
{
    struct bx_vm_config c = config_of("a");

    c.disk_gib = 7;
    assert_int_equal(create(c), BX_OK);
    holds(1, HALF, 128, 7);
    assert_int_equal(test_fsm_desire(&t, "a", BX_DESIRED_STOPPED, false, true), BX_OK);
    holds(1, HALF, 128, 7); /* until it has ended */
    assert_int_equal(stop("a"), BX_OK);
    holds(1, 0, 0, 7);
    assert_int_equal(start("a"), BX_OK);
    holds(1, HALF, 128, 7);
    test_fsm_reopen(&t);
    holds(1, HALF, 128, 7);
}

TEST(one_that_has_failed_takes_no_room)
{
    struct bx_vm_config c = config_of("a");
    struct bx_cmd_vm_report r = {.node = 1, .epoch = 1, .phase = BX_PHASE_FAILED};

    c.restart = BX_RESTART_NEVER;
    assert_int_equal(create(c), BX_OK);
    memcpy(r.vm, vm("a")->uuid, 16);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &r), BX_OK);
    holds(1, 0, 0, 0);
}

TEST(one_that_is_restarted_keeps_its_room)
{
    struct bx_cmd_vm_report r = {.node = 1, .epoch = 1, .phase = BX_PHASE_FAILED};

    assert_int_equal(create(config_of("a")), BX_OK);
    memcpy(r.vm, vm("a")->uuid, 16);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &r), BX_OK);
    assert_int_equal(vm("a")->epoch, 2);
    holds(1, HALF, 128, 0);
}

TEST(a_reservation_stays)
{
    struct bx_vm_config c = config_of("a");

    c.reserve = true;
    assert_int_equal(create(c), BX_OK);
    assert_int_equal(stop("a"), BX_OK);
    holds(1, HALF, 128, 0);
    c = config_of("b");
    assert_int_equal(create(c), BX_OK);
    c = config_of("c");
    assert_int_equal(create(c), BX_UNPLACEABLE);
    assert_int_equal(start("a"), BX_OK);
}

TEST(a_vm_with_data_starts_on_its_node_or_not_at_all)
{
    struct bx_vm_config c = config_of("a");

    test_fsm_node(&t, 2, "n2");
    c.disk_gib = 7;
    c.node = bx_str("n1");
    fill_behind(c);
    assert_int_equal(start("a"), BX_UNPLACEABLE);
    test_fsm_refused(&t, BX_UNPLACEABLE,
                     "VM \"a\" cannot start where its disk is: n1: not enough vcpus (needs 512, 0 "
                     "free)",
                     "vm list --node n1 --phase running");
    assert_int_equal(vm("a")->phase, BX_PHASE_STOPPED);
    assert_int_equal(vm("a")->epoch, 1);
    assert_int_equal(stop("b"), BX_OK);
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 1);
    holds(1, 1024, 256, 7);
}

TEST(one_without_data_starts_elsewhere)
{
    struct bx_vm_config c = config_of("a");

    fill_behind(c);
    assert_int_equal(start("a"), BX_UNPLACEABLE);
    test_fsm_refused(&t, BX_UNPLACEABLE, "fits on no node: n1: not enough vcpus", "stop or delete");
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 2);
    assert_int_equal(vm("a")->epoch, 2);
    holds(1, 1024, 256, 0);
    holds(2, HALF, 128, 0);
}

/* An empty disk at each start, and a disk that was never written, are no data. */
TEST(a_disk_that_is_empty_keeps_no_vm_where_it_is)
{
    struct bx_vm_config c = config_of("a");

    c.disk_gib = 3;
    c.disk_ephemeral = true;
    fill_behind(c);
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 2);
    holds(1, 1024, 256, 0);
    holds(2, HALF, 128, 3);
    assert_int_equal(stop("a"), BX_OK);
    c = config_of("d");
    c.disk_gib = 5;
    c.stopped = true;
    assert_int_equal(create(c), BX_OK);
    assert_int_equal(vm("d")->node, 2);
    c = config_of("e");
    c.vcpus = 1;
    c.memory_mib = ALL_MIB;
    assert_int_equal(create(c), BX_OK);
    assert_int_equal(vm("e")->node, 2);
    assert_int_equal(stop("b"), BX_OK);
    assert_int_equal(start("d"), BX_OK);
    assert_int_equal(vm("d")->node, 1);
    holds(1, 1024, 256, 5);
    holds(2, 1, ALL_MIB, 3);
}

TEST(a_pinned_vm_starts_on_no_other_node)
{
    struct bx_vm_config c = config_of("a");

    test_fsm_node(&t, 2, "n2");
    c.node = bx_str("n1");
    fill_behind(c);
    assert_int_equal(start("a"), BX_UNPLACEABLE);
    test_fsm_refused(&t, BX_UNPLACEABLE, "n1: not enough vcpus", "");
}

/* A node that is not up takes nobody, but a VM that fits nowhere else waits for it. */
TEST(a_vm_of_a_node_that_is_down_starts_where_it_can)
{
    struct bx_cmd_node_state down = {.id = 1, .state = BX_NODE_DOWN};
    struct bx_vm_config c = config_of("a");

    assert_int_equal(create(c), BX_OK);
    c = config_of("b");
    c.disk_gib = 1;
    assert_int_equal(create(c), BX_OK);
    assert_int_equal(stop("a"), BX_OK);
    assert_int_equal(stop("b"), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 1);
    down.state = BX_NODE_UP;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    assert_int_equal(stop("a"), BX_OK);
    down.state = BX_NODE_DOWN;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 2);
    assert_int_equal(start("b"), BX_OK);
    assert_int_equal(vm("b")->node, 1);
}

/* Nor does one whose disk is low on space. */
TEST(a_vm_of_a_node_that_is_low_on_space_starts_where_it_can)
{
    struct bx_cmd_node_state low = {.id = 1, .state = BX_NODE_UP, .low = BX_SPACE_LOW};

    assert_int_equal(create(config_of("a")), BX_OK);
    assert_int_equal(stop("a"), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &low), BX_OK);
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 1);
    assert_int_equal(stop("a"), BX_OK);
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(start("a"), BX_OK);
    assert_int_equal(vm("a")->node, 2);
}

TEST(the_newest_decision_is_explained)
{
    struct bx_candidates cs;
    struct bx_decision d;
    bool recorded;

    fill_behind(config_of("a"));
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(start("a"), BX_OK);
    bx_candidates_init(&cs);
    assert_int_equal(bx_fsm_explain(t.fsm, vm("a"), &cs, &d, &recorded), BX_OK);
    assert_true(recorded);
    assert_int_equal(d.node, 2);
    assert_int_equal(cs.len, 2);
    bx_candidates_close(&cs);
}

TEST(overcommit_is_room)
{
    struct bx_node_info n = bx_view_node(view(), 1)->info;
    struct bx_vm_config c = config_of("a");

    n.overcommit_vcpus_pct = 150;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_PUT, &n), BX_OK);
    for (const char *const *name = (const char *const[]){"a", "b", "c", NULL}; *name != NULL;
         name++) {
        c = config_of(*name);
        assert_int_equal(create(c), BX_OK);
    }
    c = config_of("d");
    assert_int_equal(create(c), BX_UNPLACEABLE);
}

/* Builds of level 1 count what rests; with the level, all replicas change to the other rule at the
 * same entry. */
TEST(the_rule_begins_with_its_level)
{
    struct bx_cmd_cluster_upgrade up = {.level = 2};
    struct bx_cmd_header head = {.kind = BX_CMD_CLUSTER_UPGRADE, .level = 2};
    struct bx_vm_config c = config_of("a");

    test_fsm_close(&t);
    t = (struct test_fsm){.index = 0};
    test_fsm_open(&t);
    test_fsm_cluster(&t, 1);
    test_fsm_node(&t, 1, "n1");
    test_fsm_node(&t, 2, "n2");
    c.disk_gib = 7;
    assert_int_equal(create(c), BX_OK);
    assert_int_equal(stop("a"), BX_OK);
    holds(1, HALF, 128, 7);
    test_fsm_reopen(&t);
    holds(1, HALF, 128, 7);
    c = config_of("b");
    c.vcpus = 1;
    c.memory_mib = ALL_MIB;
    c.node = bx_str("n1");
    assert_int_equal(create(c), BX_UNPLACEABLE);
    assert_int_equal(test_fsm_call(&t, &head, &up), BX_OK);
    holds(1, 0, 0, 7);
    holds(2, 0, 0, 0);
    assert_int_equal(bx_view_node(view(), 1)->vms, 1);
    assert_int_equal(create(c), BX_OK);
    test_fsm_reopen(&t);
    holds(1, 1, ALL_MIB, 7);
}

int main(void)
{
    return test_run(setup, test_fsm_teardown);
}
