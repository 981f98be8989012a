/* stats: what a node counts, and what it times. */
#include "lib/testcluster.h"
#include "lib/testlib.h"

#include "node/driver_sim.h"
#include "node/lease.h"
#include "node/stats.h"
#include "wire/vm.h"

#define NEVER UINT64_MAX

static struct test_cluster w;
static uint64_t ns;

/* Each look at the clock is a millisecond after the one before. */
static uint64_t tick(void)
{
    return ns += 1000000;
}

static void open_three(uint64_t (*now_ns)(void))
{
    w = (struct test_cluster){.now_ns = now_ns};
    test_cluster_open(&w, 3);
    test_cluster_run(&w, 1000);
}

static struct bx_node *node(uint64_t id)
{
    return test_member(&w, id)->node;
}

static uint64_t taken(uint64_t id, enum bx_latency what)
{
    struct bx_histogram h;

    bx_node_latency(node(id), what, &h);
    return bx_histogram_count(&h);
}

static struct bx_proposal_stats proposals(uint64_t id)
{
    struct bx_proposal_stats s;

    bx_node_proposal_stats(node(id), &s);
    return s;
}

TEST(the_outcomes_of_proposals_are_counted_where_they_were_asked)
{
    struct bx_proposal_stats before, after;
    struct test_answer a = {0};

    open_three(NULL);
    before = proposals(2);
    assert_int_equal(test_submit_vm(test_member(&w, 2), "one", 0, NEVER, &a), BX_OK);
    assert_int_equal(proposals(2).pending, before.pending + 1);
    assert_true(proposals(2).pending_bytes > before.pending_bytes);
    test_cluster_run(&w, 1000);
    assert_int_equal(test_submit_vm(test_member(&w, 2), "one", 0, NEVER, &a), BX_OK);
    test_cluster_run(&w, 1000);
    after = proposals(2);
    assert_int_equal(after.submitted, before.submitted + 2);
    assert_int_equal(after.succeeded, before.succeeded + 1);
    assert_int_equal(after.refused, before.refused + 1); /* it exists */
    assert_int_equal(after.failed, before.failed);
    assert_int_equal(after.pending, 0);
    test_cluster_close(&w);
}

TEST(a_proposal_that_is_too_late_has_failed)
{
    struct test_answer a = {0};
    uint64_t before;

    open_three(NULL);
    before = proposals(2).failed;
    test_member_isolate(test_member(&w, 2), true);
    assert_int_equal(test_submit_vm(test_member(&w, 2), "one", 0, w.clock.now + 500, &a), BX_OK);
    test_cluster_run(&w, 2000);
    assert_int_equal(a.times, 1);
    assert_int_equal(proposals(2).failed, before + 1);
    test_cluster_close(&w);
}

TEST(each_step_of_a_proposal_is_timed)
{
    uint64_t before[BX__LATENCIES], followers;
    struct test_answer a = {0};
    struct bx_histogram h;

    open_three(tick);
    for (int i = 0; i < BX__LATENCIES; i++)
        before[i] = taken(1, (enum bx_latency)i);
    followers = taken(2, BX_LATENCY_COMMIT);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "one", 0, NEVER, &a), BX_OK);
    test_cluster_run(&w, 1000);
    for (int i = 0; i < BX__LATENCIES; i++) {
        if (taken(1, (enum bx_latency)i) <= before[i])
            fail_msg("%s was not measured", bx_latencies[i].metric.name);
    }
    assert_int_equal(taken(1, BX_LATENCY_PROPOSAL), before[BX_LATENCY_PROPOSAL] + 1);
    assert_int_equal(taken(2, BX_LATENCY_COMMIT), followers); /* it leads nobody */
    bx_node_latency(node(1), BX_LATENCY_COMMIT, &h);
    assert_true(h.sum >= 1000000 * bx_histogram_count(&h));
    assert_true(h.sum < 1000000000 * bx_histogram_count(&h));
    test_cluster_close(&w);
}

TEST(without_a_clock_nothing_is_timed)
{
    struct test_answer a = {0};

    open_three(NULL);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "one", 0, NEVER, &a), BX_OK);
    test_cluster_run(&w, 1000);
    for (int i = 0; i < BX__LATENCIES; i++)
        assert_int_equal(taken(1, (enum bx_latency)i), 0);
    test_cluster_close(&w);
}

TEST(elections_and_leaders_are_counted)
{
    struct bx_raft_stats before, after;
    struct test_member *next;

    open_three(NULL);
    bx_node_raft_stats(node(2), &before);
    assert_int_equal(before.voters, 3);
    assert_int_equal(before.standbys, 0);
    assert_int_equal(before.connected, 3);
    assert_true(before.led && before.quorum && !before.leading);
    assert_int_equal(before.commit_index, before.applied_index);
    test_member_isolate(test_member(&w, 1), true);
    next = test_cluster_elect(&w, 1);
    bx_node_raft_stats(next->node, &after);
    assert_true(after.leading && after.led);
    assert_int_equal(after.connected, 2);
    assert_true(after.elections >= 1 && after.term > before.term);
    bx_node_raft_stats(node(2), &after);
    assert_true(after.leader_changes > before.leader_changes);
    test_cluster_close(&w);
}

TEST(vms_are_counted_by_phase_and_placements_by_what_was_found)
{
    struct bx_placement_stats before, after;
    struct bx_fleet_stats fleet;
    struct bx_lease_stats lease;
    struct test_answer a = {0};

    open_three(NULL);
    bx_fsm_placement_stats(bx_node_fsm(node(3)), &before);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "one", 0, NEVER, &a), BX_OK);
    assert_int_equal(test_submit_vm(test_member(&w, 1), "two", 0, NEVER, &a), BX_OK);
    test_cluster_run(&w, 3000);
    assert_int_equal(bx_node_vms_in(node(3), BX_PHASE_STOPPED), 2);
    assert_int_equal(bx_node_vms_in(node(3), BX_PHASE_PENDING), 0);
    bx_fsm_placement_stats(bx_node_fsm(node(3)), &after);
    assert_int_equal(after.placed + after.unplaced, before.placed + before.unplaced + 2);
    bx_node_fleet_stats(node(3), &fleet);
    assert_int_equal(fleet.vms, 2);
    assert_true(fleet.revision > 0);
    bx_node_lease_stats(node(3), &lease);
    assert_true(lease.heartbeats > 0);
    test_cluster_close(&w);
}

/* A VM that is to run there. */
static void create_on(const char *node, const char *name)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct test_answer a = {0};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE,
                          .body = &c,
                          .principal = bx_str("operator"),
                          .tenant = bx_str("default"),
                          .deadline = NEVER,
                          .done = test_on_answer,
                          .ctx = &a};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.node = bx_str(node);
    c.config.disk_gib = 0;
    assert_int_equal(bx_node_submit(test_member(&w, 1)->node, &s, NULL), BX_OK);
    test_cluster_run(&w, 500);
    assert_int_equal(a.code, BX_OK);
}

static void run_until(uint64_t id, uint8_t phase, uint64_t vms)
{
    for (int i = 0; bx_node_vms_in(node(id), phase) != vms; i++) {
        if (i == 600)
            fail_msg("%llu VMs are %s", (unsigned long long)bx_node_vms_in(node(id), phase),
                     bx_shown_phase_names[phase]);
        test_cluster_run(&w, 100);
    }
}

static void are(uint64_t id, uint64_t running, uint64_t backoff, uint64_t unknown)
{
    assert_int_equal(bx_node_vms_in(node(id), BX_PHASE_RUNNING), running);
    assert_int_equal(bx_node_vms_in(node(id), BX_SHOWN_BACKOFF), backoff);
    assert_int_equal(bx_node_vms_in(node(id), BX_SHOWN_UNKNOWN), unknown);
    assert_int_equal(bx_node_vms_in(node(id), BX_PHASE_CREATING), 0);
}

TEST(vms_are_counted_in_the_phase_that_is_shown)
{
    open_three(NULL);
    create_on("n1", "one");
    create_on("n3", "two");
    run_until(1, BX_PHASE_RUNNING, 2);
    bx_driver_sim_fail(test_member(&w, 3)->driver, 1000);
    create_on("n3", "three");
    run_until(1, BX_SHOWN_BACKOFF, 1);
    are(1, 2, 1, 0);
    test_member_isolate(test_member(&w, 3), true);
    run_until(1, BX_SHOWN_UNKNOWN, 2);
    are(1, 1, 0, 2);
    test_member_isolate(test_member(&w, 3), false);
    run_until(1, BX_SHOWN_UNKNOWN, 0);
    run_until(1, BX_SHOWN_BACKOFF, 1);
    are(1, 2, 1, 0);
    test_cluster_close(&w);
}

TEST(without_a_quorum_vms_elsewhere_are_counted_as_unknown)
{
    open_three(NULL);
    create_on("n1", "one");
    create_on("n3", "two");
    run_until(3, BX_PHASE_RUNNING, 2);
    test_member_isolate(test_member(&w, 3), true);
    run_until(3, BX_SHOWN_UNKNOWN, 1);
    are(3, 1, 0, 1);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
