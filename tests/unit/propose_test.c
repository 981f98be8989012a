/* propose against node.h and internal.h: batches and their bounds, deadlines, and ids. */
#include "propose_help.h"

#include "node/internal.h"

#include <string.h>

/* ---- batches ---- */

TEST(what_arrives_in_one_turn_is_one_entry)
{
    struct test_answer a = {0};
    uint64_t before;

    open_one();
    before = last_index(1);
    submit_many(BX_BATCH_COMMANDS_MAX, &a);
    assert_int_equal(last_index(1), before); /* submit only queues */
    assert_int_equal(a.times, 0);
    turn_without_disk();
    assert_int_equal(last_index(1), before + 1);
    assert_int_equal(a.times, 0); /* and nothing is answered before it is durable */
    release_disk();
    answered(&a, BX_BATCH_COMMANDS_MAX, BX_OK);
    test_cluster_close(&w);
}

TEST(a_batch_closes_at_512_commands)
{
    struct test_answer a = {0};
    uint64_t before;

    open_one();
    before = last_index(1);
    submit_many(BX_BATCH_COMMANDS_MAX + 1, &a);
    turn_without_disk();
    assert_int_equal(last_index(1), before + 2);
    release_disk();
    answered(&a, BX_BATCH_COMMANDS_MAX + 1, BX_OK);
    test_cluster_close(&w);
}

/* The creation of a VM with so many labels of 50,000 bytes; *encoded is what its command takes. */
static int submit_large(uint32_t labels, struct test_answer *a, size_t *encoded)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    static char text[50000];
    struct bx_pair pairs[6];
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE, .principal = bx_str("operator")};
    struct bx_submit s = {.kind = head.kind,
                          .body = &c,
                          .principal = head.principal,
                          .deadline = NEVER,
                          .done = test_on_answer,
                          .ctx = a};
    struct bx_buf b = {0};

    memset(text, 'x', sizeof text);
    for (uint32_t i = 0; i < labels; i++)
        pairs[i] = (struct bx_pair){bx_str(keys[i]), {text, sizeof text}};
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("large");
    c.config.labels = (struct bx_pairs){pairs, labels};
    (void)bx_cmd_encode(&b, &head, &c);
    *encoded = b.len;
    bx_buf_release(&b);
    return bx_node_submit(test_member(&w, 1)->node, &s, NULL);
}

TEST(a_batch_closes_at_one_mebibyte)
{
    struct test_answer a = {0};
    size_t encoded = 0, fit;
    uint64_t before;

    open_one();
    before = last_index(1);
    assert_int_equal(submit_large(2, &a, &encoded), BX_OK);
    fit = BX_BATCH_BYTES_MAX / encoded; /* the head of the batch is far smaller than the rest */
    assert_true(fit > 1 && fit < BX_BATCH_COMMANDS_MAX);
    for (size_t i = 1; i < fit; i++)
        assert_int_equal(submit_large(2, &a, &encoded), BX_OK);
    turn_without_disk();
    assert_int_equal(last_index(1), before + 1);
    release_disk();
    for (size_t i = 0; i < fit + 1; i++)
        assert_int_equal(submit_large(2, &a, &encoded), BX_OK);
    turn_without_disk();
    assert_int_equal(last_index(1), before + 3);
    release_disk();
    assert_int_equal(a.times, 2 * fit + 1);
    test_cluster_close(&w);
}

TEST(four_batches_are_in_flight_at_most)
{
    const uint32_t n = (BX_INFLIGHT_BATCHES + 2) * BX_BATCH_COMMANDS_MAX;
    struct test_answer a = {0};
    uint64_t before;

    open_one();
    before = last_index(1);
    submit_many(n, &a);
    turn_without_disk();
    assert_int_equal(last_index(1), before + BX_INFLIGHT_BATCHES);
    submit_many(1, &a);
    test_cluster_settle(&w);
    assert_int_equal(last_index(1), before + BX_INFLIGHT_BATCHES);
    assert_int_equal(test_member_status(test_member(&w, 1)).pending, n + 1);
    release_disk();
    answered(&a, n + 1, BX_OK);
    assert_int_equal(last_index(1), before + BX_INFLIGHT_BATCHES + 3);
    test_cluster_close(&w);
}

/* ---- bounds ---- */

TEST(a_full_queue_is_busy_and_closing_answers_each_caller_once)
{
    struct test_answer a = {0}, b = {0};
    uint32_t pending;

    open_one();
    turn_without_disk();
    pending = test_member_status(test_member(&w, 1)).pending;
    submit_many(BX_PENDING_MAX - pending, &a);
    assert_int_equal(submit(1, "one-more", 0, &b), BX_BUSY);
    test_cluster_settle(&w);
    assert_int_equal(submit(1, "one-more", 0, &b), BX_BUSY);
    assert_int_equal(a.times, 0);
    assert_int_equal(b.times, 0); /* a request that was refused is not answered, too */
    test_cluster_close(&w);
    assert_int_equal(a.times, BX_PENDING_MAX - pending);
    assert_false(a.outcome);
    assert_int_equal(a.code, BX_SHUTDOWN);
}

/* Before the state is here, this member does not know the cluster's feature level, so it can not
 * know what the command has to leave out. */
TEST(a_member_without_the_state_takes_no_requests)
{
    struct test_answer a = {0};
    struct test_member *m;

    open_one();
    m = test_cluster_add(&w);
    test_member_isolate(m, true);
    assert_int_equal(submit(2, "web", 1, &a), BX_NO_LEADER);
    test_member_isolate(m, false);
    test_cluster_run(&w, 2000);
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_run(&w, 200);
    answered(&a, 1, BX_OK);
    test_cluster_close(&w);
}

TEST(an_id_that_waits_is_busy)
{
    struct test_answer a = {0}, b = {0};

    open_one();
    turn_without_disk();
    assert_int_equal(submit(1, "web", 1, &a), BX_OK);
    assert_int_equal(submit(1, "other", 1, &b), BX_BUSY);
    release_disk();
    answered(&a, 1, BX_OK);
    assert_int_equal(b.times, 0);
    test_cluster_close(&w);
}

TEST(a_command_beyond_its_bound_is_refused)
{
    struct test_answer a = {0};
    size_t encoded;

    open_one();
    assert_int_equal(submit_large(6, &a, &encoded), BX_TOO_LARGE);
    assert_int_equal(test_member_status(test_member(&w, 1)).pending, 0);
    test_cluster_close(&w);
    assert_int_equal(a.times, 0);
}

/* ---- callers that give up, and those that are gone ---- */

TEST(at_its_deadline_a_caller_is_told_that_it_may_still_happen)
{
    struct test_answer a = {0};
    struct test_member *m;

    open_three();
    m = test_member(&w, 1);
    test_member_isolate(m, true);
    assert_int_equal(test_submit_vm(m, "web", 1, w.clock.now + 2000, &a), BX_OK);
    test_cluster_run(&w, 1900);
    assert_int_equal(a.times, 0);
    test_cluster_run(&w, 200);
    failed(&a, BX_NO_LEADER);
    assert_int_equal(test_member_status(m).pending, 0);
    test_cluster_close(&w);
    assert_int_equal(a.times, 1);
}

TEST(an_outcome_after_the_deadline_calls_nobody)
{
    struct test_answer a = {0};
    struct test_member *m;

    open_one();
    m = test_member(&w, 1);
    turn_without_disk();
    assert_int_equal(test_submit_vm(m, "web", 1, w.clock.now + 500, &a), BX_OK);
    test_cluster_run(&w, 700);
    failed(&a, BX_NO_LEADER);
    release_disk();
    assert_int_equal(a.times, 1);
    assert_true(test_has_vm(m, "web"));
    test_cluster_close(&w);
}

TEST(the_command_of_a_follower_that_died_is_carried_out)
{
    struct test_answer a = {0};

    open_three();
    test_member(&w, 3)->hold_disk = true;
    turn_without_disk();
    assert_int_equal(submit(2, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    test_member_stop(test_member(&w, 2));
    failed(&a, BX_SHUTDOWN);
    test_member(&w, 3)->hold_disk = false;
    release_disk();
    test_cluster_run(&w, 200);
    assert_true(test_has_vm(test_member(&w, 1), "web"));
    assert_true(test_has_vm(test_member(&w, 3), "web"));
    test_cluster_close(&w);
}

/* ---- ids ---- */

/* Asked again after it was answered: the state machine knows the answer. */
TEST(a_repeat_gets_the_first_outcome)
{
    struct test_answer a = {0}, b = {0};

    open_three();
    assert_int_equal(submit(1, "web", 1, &a), BX_OK);
    test_cluster_run(&w, 200);
    answered(&a, 1, BX_OK);
    assert_int_equal(submit(2, "web", 1, &b), BX_OK);
    test_cluster_run(&w, 200);
    answered(&b, 1, BX_OK);
    assert_int_equal(b.revision, a.revision);
    test_cluster_close(&w);
}

/* A member that is behind applies what was asked under this id long ago, elsewhere. */
TEST(the_outcome_of_another_request_under_its_id_is_no_answer)
{
    struct test_answer a = {0}, b = {0};

    open_three();
    w.cut[1][2] = w.cut[2][1] = w.cut[2][3] = w.cut[3][2] = true;
    assert_int_equal(submit(1, "web", 1, &a), BX_OK);
    test_cluster_settle(&w);
    answered(&a, 1, BX_OK);
    assert_int_equal(submit(2, "other", 1, &b), BX_OK);
    test_cluster_settle(&w);
    memset(w.cut, 0, sizeof w.cut);
    test_cluster_run(&w, 10000);
    assert_true(test_has_vm(test_member(&w, 2), "web"));
    assert_int_equal(b.times, 1);
    assert_int_not_equal(b.code, BX_OK);
    assert_false(test_has_vm(test_member(&w, 2), "other"));
    test_cluster_close(&w);
}

/* The node's own commands go under its own session, and are told from those of other principals. */
TEST(the_nodes_own_commands_need_no_session)
{
    struct test_answer a = {0};

    open_one();
    for (int i = 0; i < 3; i++) {
        char name[32];

        snprintf(name, sizeof name, "own-%d", i);
        assert_int_equal(submit(1, name, 0, &a), BX_OK);
        test_cluster_settle(&w);
        answered(&a, (uint32_t)i + 1, BX_OK);
    }
    test_cluster_close(&w);
}

/* A new leader's first commands go before what waited for a leader. */
TEST(an_urgent_command_goes_before_what_waits)
{
    struct bx_cmd_node_state suspect = {.id = 1, .state = BX_NODE_SUSPECT};
    struct test_answer a = {0};

    open_one();
    assert_int_equal(submit(1, "web", 0, &a), BX_OK);
    bx_propose_internal_first(test_member(&w, 1)->node, BX_CMD_NODE_STATE, &suspect);
    test_cluster_settle(&w);
    answered(&a, 1, BX_UNPLACEABLE); /* the only node was suspect by then */
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
