/* Calls against a node that runs: decisions between many nodes, and VMs without one. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include "mem/alloc.h"
#include "wire/command.h"

#include <string.h>

#define MANY 70u /* nodes: more than a list of candidates holds without the heap */

/* ---- tests ---- */

static void decide(void)
{
    assert_int_equal(call("vm.explain", "{\"vm\": \"a\", \"consistency\": \"stale\"}"), BX_OK);
    assert_int_equal(
        call("vm.create", "{\"name\": \"b\", \"dry_run\": true, \"consistency\": \"stale\"}"),
        BX_OK);
    assert_int_equal(call("vm.create",
                          "{\"name\": \"b\", \"memory_mib\": 16777216, \"dry_run\": true, "
                          "\"consistency\": \"stale\"}"),
                     BX_UNPLACEABLE);
}

TEST(a_decision_between_many_nodes_is_freed)
{
    struct bx_alloc_stats before, after;

    for (uint64_t id = 2; id < 2 + MANY; id++)
        add_node(id);
    assert_int_equal(call("vm.create", "{\"name\": \"a\", \"disk_gib\": 1}"), BX_OK);
    decide();
    bx_alloc_stats(&before);
    decide();
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

/* The node of the VM was removed, and the VM was not started since. */
TEST(a_vm_without_a_node_has_no_console)
{
    struct bx_cmd_node_state down = {.id = 2, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove gone = {.node = bx_str("m2"), .confirm_dead = true};

    add_node(2);
    assert_int_equal(call("vm.create", "{\"name\": \"a\", \"disk_gib\": 1, \"node\": \"m2\"}"),
                     BX_OK);
    submit(BX_CMD_NODE_STATE, &down);
    submit(BX_CMD_NODE_REMOVE, &gone);
    assert_int_equal(call("vm.logs", "{\"vm\": \"a\"}"), BX_NOT_FOUND);
    assert_string_equal(error.msg, "VM \"a\" is not placed on a node");
    assert_non_null(strstr(error.hint, "vm start a"));
}

TEST(a_place_in_a_list_that_is_none_is_refused_with_a_hint)
{
    assert_int_equal(call("node.list", "{\"after\": \"m1\"}"), BX_INVALID);
    assert_true(error.hint[0] != '\0');
    assert_int_equal(call("node.list", "{\"match\": {\"nme\": \"m1\"}}"), BX_INVALID);
    assert_int_equal(call("node.list", "{\"after\": \"1\"}"), BX_OK);
}

TEST(after_the_last_number_there_are_no_events)
{
    struct bx_buf b = {0};

    bx_pw_map(&b, 1);
    bx_pw_str(&b, "since");
    bx_pw_u64(&b, UINT64_MAX);
    assert_int_equal(call_packed("events.list", &b), BX_OK);
}

TEST(a_full_server_without_a_quorum_names_who_does_not_answer)
{
    struct test_member *m = test_cluster_add(&w);
    uint32_t n = 0;

    while (test_member_status(test_member(&w, 1)).n_members < 2 ||
           !test_member_status(test_member(&w, 1)).members[1].voter)
        test_cluster_run(&w, 100);
    test_member_stop(m);
    test_cluster_run(&w, 5000);
    n_answers = 0;
    for (; n_answers == 0; n++) {
        assert_true(n <= API_CALLS_MAX);
        begin_as(&client, "vm.list", "{}");
    }
    assert_int_equal(error.code, BX_NO_LEADER);
    assert_string_equal(error.msg, "no quorum: n2 does not answer; nothing was done");
    assert_non_null(strstr(error.hint, "cluster status"));
    test_member_start(m);
    (void)test_cluster_elect(&w, 2);
    test_cluster_run(&w, 2000);
    while (!TAILQ_EMPTY(&client.ready))
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_int_equal(client.calls, 0);
}

int main(void)
{
    return test_run(api_node_setup, api_node_teardown);
}
