/* Leases: what is granted, until when it is held, and which grants count. */
#include "lease_help.h"

#include "mem/arena.h"

#include <string.h>

/* ---- granting ---- */

TEST(a_grant_is_held_until_t1_after_its_heartbeat)
{
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_OK);
    assert_false(holds(web, 1));
    bx_lease_tick(node.lease);
    deliver();
    assert_int_equal(barrier.submitted, 1);
    assert_int_equal(n_wire, 0); /* no answer before the barrier has succeeded */
    the_clock.now += 4000;       /* which takes its time */
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    assert_false(holds(web, 1));
    deliver();
    assert_int_equal(node.granted, 1);
    assert_true(holds(web, 1));
    assert_false(holds(web, 2));
    assert_false(bx_lease_holds(leader.lease, web, 1));
    the_clock.now = 1000 + BX_T1_MS - 1; /* the heartbeat was sent at 1000 */
    assert_true(holds(web, 1));
    the_clock.now++;
    assert_false(holds(web, 1));
    bx_lease_cancel(node.lease, web);
    bx_lease_cancel(node.lease, web);
}

TEST(heartbeats_renew_a_grant)
{
    bx_lease_request(node.lease, web, 1);
    round_trip();
    for (int i = 0; i < 20; i++) {
        uint64_t next = bx_lease_tick(node.lease);

        assert_int_equal(n_wire, 0);
        assert_int_equal(next, the_clock.now + BX_LEASE_HEARTBEAT_MS);
        the_clock.now = next;
        round_trip();
        assert_true(holds(web, 1));
    }
    bx_lease_cancel(node.lease, web);
    assert_false(holds(web, 1));
}

TEST(only_what_the_state_allows_is_granted)
{
    uint8_t unknown[16] = {9}, stopped[16], running[16];
    struct bx_cmd_vm_report r = {.node = 2, .epoch = 1, .phase = BX_PHASE_RUNNING};

    place("stopped", stopped);
    place("running", running);
    test_fsm_desire(&state_1, "stopped", BX_DESIRED_STOPPED, false, false);
    memcpy(r.vm, running, 16);
    assert_int_equal(test_fsm_apply(&state_1, BX_CMD_VM_REPORT, &r), BX_OK);
    state_2.index = state_1.index; /* the revision is what counts: one is ahead */
    bx_lease_request(node.lease, unknown, 1);
    bx_lease_request(node.lease, stopped, 1);
    bx_lease_request(node.lease, running, 1);
    bx_lease_request(node.lease, web, 2); /* an epoch that was not ordered */
    round_trip();
    test_fsm_node(&state_2, 8, "n8");
    test_fsm_node(&state_2, 9, "n9");
    assert_true(bx_lease_current(node.lease));
    assert_false(holds(unknown, 1));
    assert_false(holds(stopped, 1));
    assert_false(holds(running, 1));
    assert_false(holds(web, 2));
    bx_lease_request(node.lease, web, 1); /* replaces the epoch */
    round_trip();
    assert_true(holds(web, 1));
    assert_false(holds(web, 2));
}

TEST(a_vm_of_another_node_is_not_granted)
{
    node.id = 3; /* the link tells who sent a heartbeat */
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_OK);
    assert_int_equal(wire[0].to, 3);
    deliver();
    assert_false(holds(web, 1));
}

TEST(a_grant_waits_for_its_revision)
{
    test_fsm_node(&state_1, 3, "n3"); /* not applied at the node yet */
    bx_lease_request(node.lease, web, 1);
    round_trip();
    assert_int_equal(node.granted, 1);
    assert_false(holds(web, 1));
    assert_false(bx_lease_current(node.lease));
    bx_lease_tick(node.lease);
    assert_int_equal(node.granted, 1);
    test_fsm_node(&state_2, 3, "n3");
    assert_true(holds(web, 1));
    assert_true(bx_lease_current(node.lease));
    bx_lease_tick(node.lease); /* and says so */
    assert_int_equal(node.granted, 2);
    bx_lease_tick(node.lease);
    assert_int_equal(node.granted, 2);
}

/* ---- grants that must not count ---- */

TEST(a_grant_must_answer_a_heartbeat_of_this_life)
{
    struct bx_grant_request pair = {.epoch = 1};
    uint8_t packed[BX_WANT_SIZE], right[16];
    struct bx_grant g = {.granted = {(const char *)packed, BX_WANT_SIZE}};
    struct bx_arena arena = {0};
    struct bx_heartbeat heartbeat;

    memcpy(pair.vm, web, 16);
    bx_want_put(packed, &pair);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    assert_int_equal(bx_flat_read(&bx_heartbeat_schema, wire[0].record.data, wire[0].record.len,
                                  &heartbeat, &arena, NULL, NULL),
                     BX_OK);
    bx_arena_close(&arena);
    memcpy(right, heartbeat.incarnation, 16);

    memcpy(g.incarnation, right, 16);
    g.seq = heartbeat.seq + 1; /* a heartbeat that was never sent */
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = 0;
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = heartbeat.seq + 16;
    bx_lease_on_grant(node.lease, 1, &g);
    g.seq = heartbeat.seq;
    bx_lease_on_grant(node.lease, 3, &g); /* from somebody who was not asked */
    g.incarnation[0] ^= 1;                /* for the daemon before this one */
    bx_lease_on_grant(node.lease, 1, &g);
    memcpy(g.incarnation, right, 16);
    the_clock.now += BX_T1_MS; /* too late */
    bx_lease_on_grant(node.lease, 1, &g);
    assert_false(holds(web, 1));
    assert_false(bx_lease_current(node.lease));
    assert_int_equal(node.granted, 0);
    the_clock.now--;
    bx_lease_on_grant(node.lease, 1, &g);
    assert_true(holds(web, 1));
    assert_int_equal(node.granted, 1);
}

TEST(a_restarted_daemon_has_another_incarnation)
{
    struct bx_lease *old;

    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    old = node.lease;
    node.lease = lease_of(&node);
    bx_lease_destroy(old);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease); /* its first heartbeat has the number of the old one's first */
    drop_wire();
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_false(holds(web, 1));
}

/* A grant for an older heartbeat does not shorten a newer one's. */
TEST(answers_out_of_order_keep_the_later_end)
{
    struct message first;

    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    first = wire[--n_wire]; /* held up */
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    deliver_one(&first);
    bx_buf_release(&first.record);
    the_clock.now = 1000 + BX_T1_MS + BX_LEASE_HEARTBEAT_MS - 1;
    assert_true(holds(web, 1));
}

TEST(a_deposed_leader_does_not_answer)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    bx_lease_on_role(leader.lease, false);
    finish_barrier(BX_OK); /* even if the barrier's answer should come late */
    assert_int_equal(n_wire, 0);
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* a follower does not care for heartbeats */
    assert_null(barrier.done);
    assert_int_equal(n_wire, 0);
}

TEST(a_barrier_of_an_earlier_leadership_answers_nothing)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    bx_lease_on_role(leader.lease, false);
    bx_lease_on_role(leader.lease, true);
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* waits: only one barrier at a time */
    assert_int_equal(barrier.submitted, 1);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 0);
    bx_lease_tick(leader.lease);
    drop_wire(); /* the leader's own heartbeat */
    assert_int_equal(barrier.submitted, 2);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1));
}

TEST(a_barrier_that_fails_answers_nothing)
{
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    deliver();
    finish_barrier(BX_NO_LEADER);
    assert_int_equal(n_wire, 0);
    barrier.refuse = BX_NO_LEADER;
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    bx_lease_tick(node.lease);
    deliver(); /* refused from inside the call */
    bx_lease_tick(leader.lease);
    drop_wire();
    assert_int_equal(barrier.submitted, 2);
    barrier.refuse = BX_OK;
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    assert_true(holds(web, 1));
}

int main(void)
{
    return test_run(lease_setup, lease_teardown);
}
