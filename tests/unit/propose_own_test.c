/* A node's own commands against node.h and internal.h: they find room beside any number of clients,
 * and when one is refused, the log says so. */
#include "unit/propose_help.h"

#include "node/internal.h"

#include <string.h>

static void suspect(uint64_t id)
{
    struct bx_cmd_node_state c = {.id = id, .state = BX_NODE_SUSPECT};

    bx_propose_internal(test_member(&w, 1)->node, BX_CMD_NODE_STATE, &c);
}

static uint32_t pending(void)
{
    return test_member_status(test_member(&w, 1)).pending;
}

TEST(a_queue_full_of_requests_has_room_for_the_nodes_own_commands)
{
    struct test_answer a = {0};

    open_one();
    turn_without_disk();
    submit_many(BX_PENDING_MAX - pending(), &a);
    assert_int_equal(submit(1, "one-more", 0, &a), BX_BUSY);
    for (int i = 0; i < 100; i++)
        suspect(1);
    assert_int_equal(pending(), BX_PENDING_MAX + 100);
    assert_int_equal(test_rec.warnings, 0);
    test_cluster_close(&w);
}

TEST(even_their_number_has_a_bound_which_is_logged)
{
    open_one();
    turn_without_disk();
    for (uint32_t i = 0; i < 2 * BX_PENDING_MAX; i++)
        suspect(1);
    assert_true(pending() < 2 * BX_PENDING_MAX);
    assert_int_equal(test_rec.warnings, 1);
    assert_true(test_rec_said("node.state"));
    test_cluster_close(&w);
}

TEST(a_refusal_is_logged)
{
    open_one();
    suspect(99);
    test_cluster_settle(&w);
    assert_int_equal(test_rec.warnings, 1);
    assert_true(test_rec_said("node.state"));
    assert_true(test_rec_said("99"));
    test_cluster_close(&w);
}

/* Thousands of reports that are refused make a line a second. */
TEST(many_refusals_are_counted_in_one_line)
{
    open_one();
    for (int i = 0; i < 1000; i++)
        suspect(99);
    test_cluster_settle(&w);
    assert_int_equal(test_rec.warnings, 1);
    test_cluster_run(&w, 2000);
    suspect(99);
    test_cluster_settle(&w);
    assert_int_equal(test_rec.warnings, 2);
    assert_true(test_rec_said("more=999"));
    test_cluster_close(&w);
}

/* The VM was deleted or started anew meanwhile: that happens, and is no reason to warn. */
TEST(a_report_of_a_run_that_is_over_is_logged_as_information)
{
    struct bx_cmd_vm_report report = {.vm = {1}, .node = 1, .epoch = 7, .phase = BX_PHASE_RUNNING};

    open_one();
    bx_propose_internal(test_member(&w, 1)->node, BX_CMD_VM_REPORT, &report);
    test_cluster_settle(&w);
    assert_int_equal(test_rec.warnings, 0);
    assert_true(test_rec_said("vm.report"));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
