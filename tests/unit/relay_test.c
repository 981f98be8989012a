/* Requests that a follower sends to its leader, and what becomes of them when leadership moves. */
#include "propose_help.h"

#include "lib/testrec.h"
#include "node/internal.h"
#include "rec/rec.h"

#include <string.h>

/* ---- relays ---- */

TEST(a_follower_relays_and_answers_from_its_own_state)
{
    struct test_answer a = {0};

    open_three();
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    /* The leader has applied it; member 2 learns of the commit with the next heartbeat. */
    test_cluster_run(&w, 200);
    answered(&a, 1, BX_OK);
    assert_true(test_has_vm(test_member(&w, 2), "web"));
    assert_int_equal(test_member_status(test_member(&w, 1)).pending, 0);
    test_cluster_close(&w);
}

static bool drop_relays(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                        const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)p, (void)len;
    return kind == BX_FRAME_RELAY;
}

TEST(a_request_tells_within_its_trace_where_it_went)
{
    struct test_answer a = {0};

    if (BX_LEVEL_COMPILED < BX_LEVEL_DEBUG)
        skip();
    open_three();
    test_rec_open("off,propose=debug");
    bx_rec_trace(0xab);
    w.drop = drop_relays;
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    bx_rec_trace(0);
    test_cluster_settle(&w);
    assert_true(test_rec_said("debug propose: relayed to the leader command=vm.create leader=1 "
                              "trace=00000000000000ab"));
    w.drop = NULL;
    test_rec_open("off,propose=debug");
    test_cluster_run(&w, BX_RESEND_MS + 1000);
    answered(&a, 1, BX_OK);
    assert_true(test_rec_said("debug propose: in an entry command=vm.create index="));
    assert_true(test_rec_said("trace=00000000000000ab"));
    test_rec_close();
    test_cluster_close(&w);
}

TEST(a_lost_relay_is_sent_again)
{
    struct test_answer a = {0};

    open_three();
    w.drop = drop_relays;
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_run(&w, 1000);
    w.drop = NULL;
    test_cluster_run(&w, BX_RESEND_MS - 1500);
    assert_int_equal(a.times, 0);
    test_cluster_run(&w, 2000);
    answered(&a, 1, BX_OK);
    test_cluster_close(&w);
}

/* The queue of the link is full for a moment. */
TEST(what_the_link_does_not_take_waits_for_the_next_turn)
{
    struct test_answer a = {0};
    struct test_member *m;

    open_three();
    m = test_member(&w, 2);
    m->link_full = true;
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    assert_int_equal(submit(2, "more", 2, &a), BX_OK);
    test_cluster_settle(&w);
    m->link_full = false;
    test_cluster_run(&w, 500);
    answered(&a, 2, BX_OK);
    test_cluster_close(&w);
}

TEST(what_was_relayed_over_a_lost_connection_goes_again_at_once)
{
    struct test_answer a = {0};

    open_three();
    w.drop = drop_relays;
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    w.drop = NULL;
    bx_node_on_peer(test_member(&w, 2)->node, 1, false);
    bx_node_on_peer(test_member(&w, 2)->node, 1, true);
    test_cluster_run(&w, 200);
    answered(&a, 1, BX_OK);
    test_cluster_close(&w);
}

/* The frame's head of eight bytes, then commands; they are checked before they come near the log.
 */
TEST(a_damaged_relay_is_dropped)
{
    _Alignas(8) static const uint8_t garbage[64] = {1, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff};
    struct test_member *m;
    uint32_t warnings;
    uint64_t before;

    open_three();
    m = test_member(&w, 1);
    before = last_index(1);
    warnings = test_rec.warnings;
    bx_node_receive(m->node, 2, BX_FRAME_RELAY, garbage, sizeof garbage);
    w.clock.now += 1000; /* warnings have a pause */
    bx_node_receive(m->node, 2, BX_FRAME_RELAY, garbage, 8);
    w.clock.now += 1000;
    bx_node_receive(m->node, 2, BX_FRAME_RELAY, garbage, 3);
    assert_int_equal(test_rec.warnings, warnings + 3);
    assert_int_equal(test_member_status(m).pending, 0);
    test_cluster_settle(&w);
    assert_int_equal(last_index(1), before);
    test_cluster_close(&w);
}

TEST(a_follower_ignores_relays)
{
    struct test_answer a = {0};

    open_three();
    test_member_isolate(test_member(&w, 1), true);
    assert_int_equal(submit(2, "web", 1, &a), BX_OK); /* still relayed to 1, if it could */
    test_cluster_settle(&w);
    bx_node_receive(test_member(&w, 3)->node, 2, BX_FRAME_RELAY, (const uint8_t *)"\0\0\0\0\0\0\0",
                    8);
    assert_int_equal(test_member_status(test_member(&w, 3)).pending, 0);
    test_cluster_run(&w, 10000);
    answered(&a, 1, BX_OK); /* by the leader that they elected */
    test_cluster_close(&w);
}

/* ---- leadership moves ---- */

TEST(what_a_lost_leader_had_queued_is_carried_out_once_by_the_next)
{
    struct test_answer a = {0};
    struct test_member *old, *leader;

    open_three();
    old = test_member(&w, 1);
    test_member_isolate(old, true);
    assert_int_equal(submit(1, "web", 1, &a), BX_OK); /* into its own log, and no further */
    leader = test_cluster_elect(&w, 1);
    test_cluster_run(&w, 3000);
    assert_int_equal(a.times, 0);
    assert_false(test_has_vm(leader, "web"));
    test_member_isolate(old, false);
    test_cluster_run(&w, 3000);
    answered(&a, 1, BX_OK);
    assert_true(test_has_vm(leader, "web"));
    test_cluster_close(&w);
}

static uint64_t mute; /* this member's answers to Raft messages are lost */

static bool drop_answers(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    (void)c, (void)p, (void)len;
    return kind == BX_FRAME_RAFT && to == 1 && from == mute;
}

/* The entry reaches member 2, and the leader never learns of it: the same request is proposed again
 * under the same ids, and the outcome of the first is the answer. */
TEST(an_entry_that_survives_its_leader_has_one_outcome)
{
    struct test_answer a = {0};
    struct test_member *old, *leader;
    uint64_t before;

    open_three();
    old = test_member(&w, 1);
    w.cut[1][3] = w.cut[3][1] = true;
    mute = 2;
    w.drop = drop_answers;
    assert_int_equal(submit(1, "web", 1, &a), BX_OK);
    before = last_index(2);
    test_cluster_settle(&w);
    assert_int_equal(last_index(2), before + 1);
    assert_int_equal(a.times, 0);
    test_member_isolate(old, true);
    w.drop = NULL;
    leader = test_cluster_elect(&w, 1);
    assert_int_equal(leader->id, 2); /* the only one whose log has it */
    test_cluster_run(&w, 1000);
    assert_true(test_has_vm(leader, "web"));
    test_member_isolate(old, false);
    test_cluster_run(&w, 3000);
    answered(&a, 1, BX_OK); /* not BX_EXISTS, as under another id */
    test_cluster_close(&w);
}

TEST(requests_of_a_follower_move_to_the_new_leader)
{
    struct test_answer a = {0};

    open_three();
    w.drop = drop_relays;
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    w.drop = NULL;
    test_member_isolate(test_member(&w, 1), true);
    (void)test_cluster_elect(&w, 1);
    test_cluster_run(&w, 1000);
    answered(&a, 1, BX_OK);
    assert_true(test_has_vm(test_member(&w, 3), "web"));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
