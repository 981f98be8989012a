/* Who does not answer, and what a node without a quorum says about it (node.h). */
#include "lib/testlib.h"

#include "lib/testcluster.h"

#include <string.h>
#include <unistd.h>

static struct test_cluster w;
static struct bx_err said;

static void on_read(void *ctx, const struct bx_err *err)
{
    (void)ctx;
    memset(&said, 0, sizeof said);
    if (err != NULL)
        said = *err;
}

static void on_write(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    (void)o;
    on_read(ctx, err);
}

/* A read that node id gives up after two seconds. */
static const char *read_by(uint64_t id)
{
    struct bx_node *n = test_member(&w, id)->node;

    bx_err_set(&said, BX_OK, "nothing");
    assert_int_equal(bx_node_barrier(n, w.clock.now + 2000, on_read, NULL, NULL), BX_OK);
    test_cluster_run(&w, 3000);
    return said.msg;
}

static const char *write_by(uint64_t id)
{
    struct bx_cmd_node_state body = {.id = id, .state = BX_NODE_UP};
    struct bx_submit s = {.kind = BX_CMD_NODE_STATE,
                          .body = &body,
                          .principal = bx_str("test"),
                          .deadline = w.clock.now + 2000,
                          .done = on_write};

    bx_err_set(&said, BX_OK, "nothing");
    assert_int_equal(bx_node_submit(test_member(&w, id)->node, &s, NULL), BX_OK);
    test_cluster_run(&w, 3000);
    return said.msg;
}

/* What arrives from the leader, so that the others stay connected and hear of none. */
static bool drop_raft(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                      const uint8_t *p, size_t len)
{
    (void)c, (void)from, (void)to, (void)p, (void)len;
    return kind == BX_FRAME_RAFT;
}

TEST(without_a_quorum_the_error_names_who_does_not_answer)
{
    test_cluster_open(&w, 3);
    test_member_isolate(test_member(&w, 1), true);
    assert_string_equal(read_by(1), "no quorum: n2 and n3 do not answer");
    assert_int_equal(said.code, BX_NO_LEADER);
    assert_string_equal(write_by(1), "no quorum: n2 and n3 do not answer; nothing was done");
    assert_int_equal(said.code, BX_NO_LEADER);
    test_cluster_close(&w);
}

TEST(one_that_does_not_answer_is_named_without_a_leader)
{
    test_cluster_open(&w, 3);
    test_member_stop(test_member(&w, 3));
    w.drop = drop_raft;
    assert_string_equal(read_by(2), "no leader confirmed the read in time: n3 does not answer");
    w.drop = NULL;
    test_cluster_close(&w);
}

TEST(nobody_is_named_when_all_answer)
{
    test_cluster_open(&w, 3);
    w.drop = drop_raft;
    assert_string_equal(read_by(2), "no leader confirmed the read in time");
    w.drop = NULL;
    test_cluster_close(&w);
}

static int submit_one(struct bx_node *n, struct bx_err *err)
{
    struct bx_cmd_node_state body = {.id = 1, .state = BX_NODE_UP};
    struct bx_submit s = {.kind = BX_CMD_NODE_STATE,
                          .body = &body,
                          .principal = bx_str("test"),
                          .deadline = UINT64_MAX};

    return bx_node_submit(n, &s, err);
}

/* One more than may wait. */
static int submit_too_many(struct bx_node *n, struct bx_err *err)
{
    int rc = BX_OK;

    for (uint32_t i = 0; i <= BX_PENDING_MAX && rc == BX_OK; i++)
        rc = submit_one(n, err);
    return rc;
}

static int read_too_many(struct bx_node *n, struct bx_err *err)
{
    int rc = BX_OK;

    for (uint32_t i = 0; i <= BX_READS_MAX && rc == BX_OK; i++)
        rc = bx_node_barrier(n, UINT64_MAX, on_read, NULL, err);
    return rc;
}

TEST(a_full_queue_without_a_quorum_names_who_does_not_answer)
{
    struct bx_node *n;
    struct bx_err err = {0};

    test_cluster_open(&w, 3);
    n = test_member(&w, 1)->node;
    test_member_isolate(test_member(&w, 1), true);
    test_cluster_run(&w, 5000);
    assert_int_equal(submit_too_many(n, &err), BX_NO_LEADER);
    assert_string_equal(err.msg, "no quorum: n2 and n3 do not answer; nothing was done");
    assert_non_null(strstr(err.hint, "cluster status"));
    assert_int_equal(read_too_many(n, &err), BX_NO_LEADER);
    assert_string_equal(err.msg, "no quorum: n2 and n3 do not answer");
    assert_non_null(strstr(err.hint, "--consistency stale"));
    test_cluster_close(&w);
}

TEST(a_full_queue_is_busy_when_all_answer)
{
    struct bx_node *n;
    struct bx_err err = {0};

    test_cluster_open(&w, 3);
    n = test_member(&w, 1)->node;
    assert_int_equal(submit_too_many(n, &err), BX_BUSY);
    assert_non_null(strstr(err.msg, "too many pending requests (65536, "));
    assert_int_equal(read_too_many(n, &err), BX_BUSY);
    assert_string_equal(err.msg, "too many pending reads (65536)");
    test_cluster_close(&w);
}

/* The rows with the names of the others are not here either. */
TEST(a_state_that_waits_for_a_quorum_names_who_does_not_answer)
{
    struct test_member *m;
    struct bx_err err = {0};

    test_cluster_open(&w, 3);
    m = test_member(&w, 1);
    for (uint64_t id = 3; id > 0; id--)
        test_member_stop(test_member(&w, id));
    assert_int_equal(unlink(m->path), 0);
    test_member_start(m);
    test_cluster_run(&w, 3000);
    assert_int_equal(submit_one(m->node, &err), BX_NO_LEADER);
    assert_string_equal(err.msg, "no quorum: 127.0.0.1:7002 and 127.0.0.1:7003 do not answer; "
                                 "nothing was done");
    assert_non_null(strstr(err.hint, "another node"));
    test_cluster_close(&w);
}

TEST(a_member_that_has_heard_of_nobody_names_nobody)
{
    struct test_member *m;
    struct bx_err err = {0};

    test_cluster_open(&w, 1);
    m = test_cluster_add(&w);
    test_member_isolate(m, true);
    assert_int_equal(submit_one(m->node, &err), BX_NO_LEADER);
    assert_string_equal(err.msg,
                        "this node has not received the cluster's state yet; nothing was done");
    test_cluster_close(&w);
}

TEST(of_two_members_one_is_enough_to_lose_the_quorum)
{
    test_cluster_open(&w, 2);
    test_member_stop(test_member(&w, 2));
    assert_string_equal(read_by(1), "no quorum: n2 does not answer");
    test_cluster_close(&w);
}

TEST(a_node_is_out_of_sight_without_a_quorum_and_a_connection)
{
    struct bx_node *n;
    uint64_t since = 0, wall;

    test_cluster_open(&w, 3);
    n = test_member(&w, 1)->node;
    test_member_stop(test_member(&w, 3));
    test_cluster_run(&w, 3000);
    assert_true(bx_node_has_quorum(n));
    assert_false(bx_node_lost_sight(n, 3, &since)); /* the state tells how it is */
    test_member_isolate(test_member(&w, 1), true);
    test_cluster_run(&w, 5000);
    wall = w.clock.base.ops->wall_ms(&w.clock.base);
    assert_false(bx_node_has_quorum(n));
    assert_true(bx_node_lost_sight(n, 2, &since));
    assert_true(since <= wall - 4000 && since >= wall - 6000);
    assert_false(bx_node_lost_sight(n, 1, &since)); /* itself */
    test_member_isolate(test_member(&w, 1), false);
    test_cluster_run(&w, 5000);
    assert_false(bx_node_lost_sight(n, 2, &since));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
