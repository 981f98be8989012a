/* Leases: when a heartbeat leaves, what it asks for, and how much of it there may be. */
#include "lease_help.h"

#include "mem/arena.h"

#include <string.h>

static uint32_t requests_in(const struct message *m)
{
    struct bx_arena arena = {0};
    struct bx_heartbeat heartbeat;

    assert_int_equal(bx_flat_read(&bx_heartbeat_schema, m->record.data, m->record.len, &heartbeat,
                                  &arena, NULL, NULL),
                     BX_OK);
    bx_arena_close(&arena);
    return heartbeat.wants.n / BX_WANT_SIZE;
}

/* ---- heartbeats ---- */

TEST(a_new_request_leaves_at_once)
{
    uint8_t second[16], third[16];

    place("second", second);
    place("third", third);
    round_trip(); /* the first heartbeat asks even when nothing is wanted */
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
    bx_lease_request(node.lease, web, 1);
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    assert_int_equal(requests_in(&wire[0]), 1);
    bx_lease_request(node.lease, second, 1); /* these ride with the next one */
    bx_lease_request(node.lease, third, 1);
    bx_lease_request(node.lease, web, 1); /* nothing new */
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    deliver();
    finish_barrier(BX_OK);
    deliver();
    assert_true(holds(web, 1));
    bx_lease_tick(node.lease); /* the answer lets the next go */
    assert_int_equal(n_wire, 1);
    assert_int_equal(requests_in(&wire[0]), 3);
    deliver();
    finish_barrier(BX_OK);
    deliver();
    assert_true(holds(third, 1));
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
}

TEST(a_new_leader_gets_a_heartbeat_at_once)
{
    bx_lease_request(node.lease, web, 1);
    node.leader = 0;
    assert_true(bx_lease_tick(node.lease) > the_clock.now);
    assert_int_equal(n_wire, 0); /* nobody to send to */
    node.leader = 3;
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 1);
    assert_int_equal(wire[0].to, 3);
    drop_wire();
    bx_lease_tick(node.lease);
    assert_int_equal(n_wire, 0);
    node.leader = 1;
    round_trip();
    assert_true(holds(web, 1));
}

TEST(a_heartbeat_without_requests_needs_no_barrier)
{
    round_trip(); /* the first heartbeat of a life asks how far to apply */
    assert_true(bx_lease_current(node.lease));
    assert_int_equal(node.granted, 1);
    for (int i = 0; i < 10; i++) {
        the_clock.now += BX_LEASE_HEARTBEAT_MS;
        bx_lease_tick(node.lease);
        assert_int_equal(n_wire, 1);
        deliver();
        assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), the_clock.now);
    }
    assert_int_equal(barrier.submitted, 1);
}

TEST(heartbeats_ask_until_one_was_answered)
{
    bx_lease_tick(node.lease);
    drop_wire(); /* lost */
    the_clock.now += BX_LEASE_HEARTBEAT_MS;
    round_trip();
    assert_true(bx_lease_current(node.lease));
}

TEST(heartbeats_count_in_the_present_leadership_only)
{
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    bx_lease_tick(node.lease);
    deliver();
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 1000);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 3), 0);
    bx_lease_on_role(leader.lease, false);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    bx_lease_on_role(leader.lease, true);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), 0);
    finish_barrier(BX_NO_LEADER);
}

/* While a barrier is slow a node's heartbeats do not queue up, and none of them starves. */
TEST(a_slow_barrier_answers_the_oldest_and_the_newest)
{
    bx_lease_request(node.lease, web, 1);
    for (int i = 0; i < 4; i++) {
        bx_lease_tick(node.lease);
        deliver();
        the_clock.now += BX_LEASE_HEARTBEAT_MS;
    }
    assert_int_equal(barrier.submitted, 1);
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1)); /* by the first heartbeat, sent at 1000 */
    assert_int_equal(barrier.submitted, 2);
    the_clock.now = 1000 + BX_T1_MS;
    assert_false(holds(web, 1));
    finish_barrier(BX_OK);
    assert_int_equal(n_wire, 1);
    deliver();
    assert_true(holds(web, 1)); /* by the fourth, sent at 7000 */
    assert_null(barrier.done);
}

/* ---- bounds ---- */

TEST(requests_are_bounded)
{
    uint8_t vm[16] = {7};

    for (uint32_t i = 0; i < BX_WANTS_MAX; i++) {
        memcpy(vm + 4, &i, sizeof i);
        assert_int_equal(bx_lease_request(node.lease, vm, 1), BX_OK);
    }
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_BUSY);
    assert_int_equal(bx_lease_request(node.lease, vm, 2), BX_OK); /* known: another epoch */
    bx_lease_cancel(node.lease, vm);
    assert_int_equal(bx_lease_request(node.lease, web, 1), BX_OK);
    round_trip();
    assert_true(holds(web, 1));
}

TEST(waiting_heartbeats_are_bounded)
{
    static uint8_t wants[BX_WANTS_MAX * BX_WANT_SIZE];
    struct bx_heartbeat b = {.seq = 1, .wants = {(const char *)wants, sizeof wants}};
    uint32_t fit = BX_LEASE_WAITING_MAX / sizeof wants, answered = 0;

    for (uint64_t id = 10; id < 10 + 2 * fit; id++) {
        bx_lease_on_heartbeat(leader.lease, id, &b);
        assert_int_equal(bx_lease_last_heartbeat(leader.lease, id), the_clock.now);
    }
    while (barrier.done != NULL) {
        finish_barrier(BX_OK);
        answered += n_wire;
        drop_wire();
    }
    assert_int_equal(answered, fit); /* the rest was told nothing, and asks again */
    bx_lease_request(node.lease, web, 1);
    round_trip(); /* and there is room again */
    assert_true(holds(web, 1));
}

TEST(a_heartbeat_with_a_truncated_request_is_not_answered)
{
    struct bx_heartbeat b = {.seq = 1, .wants = {"0123456789", 10}};

    bx_lease_on_heartbeat(leader.lease, 2, &b);
    assert_int_equal(barrier.submitted, 0);
    assert_int_equal(bx_lease_last_heartbeat(leader.lease, 2), the_clock.now);
}

/* The wire itself must not need memory while it runs out. */
static void to_nowhere(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                       const void *obj)
{
    (void)ctx;
    (void)to;
    (void)kind;
    (void)s;
    (void)obj;
}

static void live_in_little_memory(void *ctx)
{
    struct bx_lease_ports p = ports_of(&node);
    struct bx_lease *l;
    uint8_t wants[BX_WANT_SIZE] = {0};
    struct bx_heartbeat b = {.seq = 1, .wants = {(const char *)wants, sizeof wants}};

    (void)ctx;
    p.send = to_nowhere;
    l = bx_lease_create(&p);
    if (l == NULL)
        return;
    bx_lease_on_role(l, true);
    (void)bx_lease_request(l, web, 1);
    bx_lease_tick(l);
    bx_lease_on_heartbeat(l, 2, &b);
    bx_lease_on_heartbeat(l, 3, &b);
    if (barrier.done != NULL)
        finish_barrier(BX_OK);
    if (barrier.done != NULL)
        finish_barrier(BX_OK);
    bx_lease_destroy(l);
    bx_buf_thread_close();
}

TEST(without_memory_only_an_answer_is_missing)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(live_in_little_memory, NULL) > 0);
}

int main(void)
{
    return test_run(lease_setup, lease_teardown);
}
