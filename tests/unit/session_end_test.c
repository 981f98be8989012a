/* Ending sessions against node.h: what a client ends gives its place back, by one command for many,
 * unless a copy of a request may be under way. */
#include "unit/propose_help.h"

#include "node/internal.h"

#include <string.h>

static void session_id(uint32_t n, uint8_t out[16])
{
    memset(out, 0, 16);
    bx_put32(out, n + 1);
}

static int create(uint64_t member, uint32_t session, uint64_t sequence, uint64_t deadline,
                  struct test_answer *a)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE,
                          .body = &c,
                          .sequence = sequence,
                          .floor = sequence,
                          .principal = bx_str("operator"),
                          .deadline = deadline,
                          .done = test_on_answer,
                          .ctx = a};
    char name[32];

    snprintf(name, sizeof name, "vm-%u-%u", session, (unsigned)sequence);
    session_id(session, s.session);
    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.memory_mib = 128;
    c.config.disk_gib = 0;
    c.config.stopped = true;
    return bx_node_submit(test_member(&w, member)->node, &s, NULL);
}

static bool end_as(uint64_t member, uint32_t session, const char *principal)
{
    uint8_t id[16];

    session_id(session, id);
    return bx_node_end_session(test_member(&w, member)->node, id, bx_str(principal));
}

static bool end(uint64_t member, uint32_t session)
{
    return end_as(member, session, "operator");
}

static uint64_t held(uint64_t member)
{
    struct bx_session_stats s;

    bx_fsm_session_stats(bx_node_fsm(test_member(&w, member)->node), &s);
    return s.held;
}

TEST(an_ended_session_is_gone_within_a_second)
{
    struct test_answer a = {0};

    open_one();
    assert_int_equal(create(1, 0, 1, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    answered(&a, 1, BX_OK);
    assert_int_equal(held(1), 1);
    assert_true(end(1, 0));
    assert_true(end(1, 0)); /* a second time is as good */
    test_cluster_run(&w, 1000);
    assert_int_equal(held(1), 0);
    assert_false(end(1, 0));
    test_cluster_close(&w);
}

TEST(many_are_ended_by_one_command)
{
    struct test_answer a = {0};
    uint64_t before;

    open_one();
    for (uint32_t i = 0; i < 400; i++)
        assert_int_equal(create(1, i, 1, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    answered(&a, 400, BX_OK);
    for (uint32_t i = 0; i < 400; i++)
        assert_true(end(1, i));
    before = last_index(1);
    test_cluster_run(&w, 1000);
    assert_int_equal(held(1), 0);
    assert_int_equal(last_index(1), before + 1);
    test_cluster_close(&w);
}

TEST(others_and_the_unknown_end_nothing)
{
    struct test_answer a = {0};

    open_one();
    assert_int_equal(create(1, 0, 1, NEVER, &a), BX_OK);
    assert_false(end(1, 0)); /* not answered yet */
    test_cluster_settle(&w);
    assert_false(end_as(1, 0, "mallory"));
    assert_false(end(1, 1));
    test_cluster_run(&w, 1000);
    assert_int_equal(held(1), 1);
    test_cluster_close(&w);
}

/* Sent to the leader that was, and again to the next one: the first copy may arrive yet. */
TEST(a_request_that_was_sent_twice_keeps_its_session)
{
    struct test_answer a = {0};

    open_three();
    assert_int_equal(create(2, 0, 1, NEVER, &a), BX_OK);
    bx_node_turn(test_member(&w, 2)->node); /* relayed */
    test_member_isolate(test_member(&w, 1), true);
    test_cluster_elect(&w, 1);
    test_cluster_run(&w, 1000);
    answered(&a, 1, BX_OK);
    assert_false(end(2, 0));
    test_cluster_run(&w, 1000);
    assert_int_equal(held(2), 1);
    test_cluster_close(&w);
}

/* The client was told that it may still happen, and asks again: there are two of it. */
TEST(a_request_that_was_given_up_keeps_its_session)
{
    struct test_answer a = {0}, b = {0};
    uint64_t deadline;

    open_one();
    deadline = bx_node_now(test_member(&w, 1)->node) + 500;
    turn_without_disk();
    assert_int_equal(create(1, 0, 1, deadline, &a), BX_OK);
    test_cluster_run(&w, 1000);
    failed(&a, BX_NO_LEADER);
    release_disk();
    assert_int_equal(create(1, 0, 1, NEVER, &b), BX_OK);
    test_cluster_settle(&w);
    answered(&b, 1, BX_OK);
    assert_false(end(1, 0));
    test_cluster_close(&w);
}

/* Its client says too early that it is done: its second request is not decided yet. */
TEST(a_session_of_which_a_request_waits_is_kept)
{
    struct test_answer a = {0}, b = {0};

    open_one();
    assert_int_equal(create(1, 0, 1, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    answered(&a, 1, BX_OK);
    turn_without_disk();
    assert_int_equal(create(1, 0, 2, NEVER, &b), BX_OK);
    end(1, 0);
    test_cluster_run(&w, 1000);
    release_disk();
    test_cluster_run(&w, 1000);
    answered(&b, 1, BX_OK);
    assert_int_equal(held(1), 1);
    assert_true(end(1, 0)); /* now it can be */
    test_cluster_run(&w, 1000);
    assert_int_equal(held(1), 0);
    test_cluster_close(&w);
}

/* It goes on after its end, and its next request is given up before that has happened. */
TEST(a_session_that_goes_on_after_its_end_is_kept)
{
    struct test_answer a = {0}, b = {0};

    open_one();
    assert_int_equal(create(1, 0, 1, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    assert_true(end(1, 0));
    turn_without_disk();
    assert_int_equal(create(1, 0, 2, bx_node_now(test_member(&w, 1)->node) + 200, &b), BX_OK);
    test_cluster_run(&w, 1000);
    failed(&b, BX_NO_LEADER);
    release_disk();
    test_cluster_run(&w, 1000);
    assert_int_equal(held(1), 1);
    assert_false(end(1, 0));
    test_cluster_close(&w);
}

/* One that never left this node has no copy. */
TEST(a_request_that_was_never_sent_does_not_count)
{
    struct test_answer a = {0}, b = {0};
    struct test_member *m;

    open_three();
    m = test_member(&w, 2);
    m->link_full = true;
    assert_int_equal(create(2, 0, 1, bx_node_now(m->node) + 500, &a), BX_OK);
    test_cluster_run(&w, 1000);
    failed(&a, BX_TIMEOUT);
    m->link_full = false;
    assert_int_equal(create(2, 0, 1, NEVER, &b), BX_OK);
    test_cluster_run(&w, 500);
    answered(&b, 1, BX_OK);
    assert_true(end(2, 0));
    test_cluster_close(&w);
}

/* Whoever asked long ago is not remembered, and its session is not ended. */
TEST(what_is_remembered_has_a_bound)
{
    struct test_answer a = {0};

    open_one();
    for (uint32_t i = 0; i < 20000; i++) {
        uint8_t id[16];

        session_id(i, id);
        bx_ends_note(test_member(&w, 1)->node, id, bx_hash("operator", 8), false);
    }
    assert_false(end(1, 0));
    assert_true(end(1, 19999));
    assert_int_equal(a.times, 0);
    test_cluster_close(&w);
}

/* Members of level 1 do not know the command. */
TEST(at_level_1_nothing_is_ended)
{
    struct test_answer a = {0};
    uint64_t before;

    test_cluster_open_at(&w, 1, 1);
    assert_int_equal(create(1, 0, 1, NEVER, &a), BX_OK);
    test_cluster_settle(&w);
    end(1, 0);
    before = last_index(1);
    test_cluster_run(&w, 1000);
    assert_int_equal(last_index(1), before);
    assert_int_equal(held(1), 1);
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
