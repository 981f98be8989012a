/* A node that was removed from the cluster: how it learns it, what it does no more, and that what
 * runs there runs on. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "state/reference.h"
#include "wire/command.h"

#include <string.h>

static struct test_cluster w;

/* ---- help ---- */

static int submit(uint64_t by, uint16_t kind, const void *body, struct test_answer *a,
                  struct bx_err *err)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("admin"),
                          .deadline = w.clock.now + 10000,
                          .done = test_on_answer,
                          .ctx = a};

    return bx_node_submit(test_member(&w, by)->node, &s, err);
}

static void propose(uint16_t kind, const void *body)
{
    struct test_answer a = {0};

    assert_int_equal(submit(1, kind, body, &a, NULL), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
}

static void create_on_3(const char *name)
{
    struct bx_cmd_vm_create c = {.if_not_exists = false};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.node = bx_str("n3");
    propose(BX_CMD_VM_CREATE, &c);
    test_cluster_run(&w, 3000);
}

static void open_with_vm(void)
{
    test_cluster_open(&w, 3);
    create_on_3("web");
}

static struct bx_node *node_3(void)
{
    return test_member(&w, 3)->node;
}

/* What the driver of node 3 runs. */
static void count_run(void *ctx, const struct bx_observation *o)
{
    *(uint32_t *)ctx += o->observed == BX_OBSERVED_RUNNING;
}

static uint32_t runs_on_3(void)
{
    struct bx_driver *d = test_member(&w, 3)->driver;
    uint32_t n = 0;

    d->ops->each(d, count_run, &n);
    return n;
}

static void count_name(void *ctx, const char *name)
{
    assert_true(strcmp(name, "web") == 0 || strlen(name) == BX_UUID_TEXT - 1);
    ++*(uint32_t *)ctx;
}

static uint32_t names_on_3(void)
{
    uint32_t n = 0;

    bx_node_runs(node_3(), count_name, &n);
    return n;
}

/* The leader removes node 3, which it takes for down. */
static void remove_3(void)
{
    struct bx_cmd_node_state down = {.id = 3, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove gone = {.node = bx_str("n3"), .confirm_dead = true, .id = 3};

    propose(BX_CMD_NODE_STATE, &down);
    propose(BX_CMD_NODE_REMOVE, &gone);
}

/* Nothing that node 3 sends reaches the leader, which is so for one that looks down. */
static bool drop_from_3(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                        const uint8_t *p, size_t len)
{
    (void)c, (void)to, (void)p, (void)len;
    return from == 3 && kind == BX_FRAME_HEARTBEAT;
}

static void is_removed(bool removed)
{
    struct bx_node_status s = test_member_status(test_member(&w, 3));

    assert_int_equal(s.removed, removed);
    if (!removed)
        return;
    assert_false(s.is_leader || s.quorum);
    assert_int_equal(s.leader, 0);
    assert_int_equal(test_member(&w, 3)->n_peers, 0);
}

static void on_read(void *ctx, const struct bx_err *err)
{
    int *code = ctx;

    *code = err == NULL ? BX_OK : err->code;
}

static void refuses_work(void)
{
    struct bx_cmd_node_state body = {.id = 3, .state = BX_NODE_UP};
    struct test_answer a = {0};
    struct bx_err err = {0};
    int code = -1;

    assert_int_equal(submit(3, BX_CMD_NODE_STATE, &body, &a, &err), BX_UNREACHABLE);
    assert_string_equal(err.msg, "this node was removed from the cluster");
    assert_non_null(strstr(err.hint, "--forget-cluster"));
    assert_int_equal(bx_node_barrier(node_3(), w.clock.now + 1000, on_read, &code, &err),
                     BX_UNREACHABLE);
    assert_string_equal(err.msg, "this node was removed from the cluster");
}

/* ---- learning it ---- */

TEST(a_refusal_tells_a_node_that_it_was_removed)
{
    open_with_vm();
    is_removed(false);
    bx_node_on_removed(node_3());
    test_cluster_settle(&w);
    is_removed(true);
    refuses_work();
    assert_true(test_rec_said("removed from the cluster"));
    assert_true(test_rec_said("web"));
    test_cluster_close(&w);
}

TEST(the_log_tells_a_node_that_it_was_removed)
{
    open_with_vm();
    w.drop = drop_from_3;
    remove_3();
    test_cluster_run(&w, 1000);
    is_removed(true);
    refuses_work();
    w.drop = NULL;
    test_cluster_close(&w);
}

TEST(the_state_tells_it_after_a_restart)
{
    open_with_vm();
    w.drop = drop_from_3;
    remove_3();
    test_cluster_run(&w, 1000);
    w.drop = NULL;
    test_member_stop(test_member(&w, 3));
    test_member_start(test_member(&w, 3));
    test_cluster_settle(&w);
    is_removed(true);
    assert_int_equal(runs_on_3(), 1);
    assert_int_equal(names_on_3(), 1);
    test_cluster_close(&w);
}

/* Its id is above all that the state here has assigned. */
TEST(a_node_whose_row_has_not_arrived_is_not_removed)
{
    struct test_member *m;

    test_cluster_open(&w, 2);
    w.cut[1][3] = w.cut[3][1] = w.cut[2][3] = w.cut[3][2] = true;
    m = test_cluster_add(&w);
    test_cluster_run(&w, 5000);
    assert_false(test_member_status(m).removed);
    memset(w.cut, 0, sizeof w.cut);
    bx_node_on_peer(test_member(&w, 1)->node, 3, true);
    bx_node_on_peer(m->node, 1, true);
    test_cluster_run(&w, 5000);
    assert_false(test_member_status(m).removed);
    test_cluster_close(&w);
}

/* ---- afterwards ---- */

TEST(what_runs_there_runs_on_and_is_named)
{
    struct bx_cmd_vm_delete delete = {.vm = bx_str("db")};
    struct bx_cmd_node_state down = {.id = 3, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove gone = {.node = bx_str("n3"), .confirm_dead = true, .id = 3};
    struct test_answer a = {0};

    open_with_vm();
    create_on_3("db");
    assert_int_equal(runs_on_3(), 2);
    w.drop = drop_from_3;
    /* One batch: "web" is failed by it, and "db" is gone. */
    assert_int_equal(submit(1, BX_CMD_VM_DELETE, &delete, &a, NULL), BX_OK);
    assert_int_equal(submit(1, BX_CMD_NODE_STATE, &down, &a, NULL), BX_OK);
    assert_int_equal(submit(1, BX_CMD_NODE_REMOVE, &gone, &a, NULL), BX_OK);
    test_cluster_run(&w, 120000);
    assert_int_equal(a.times, 3);
    assert_null(bx_view_named(bx_node_view(node_3()), BX_TABLE_VM, bx_str("db")));
    is_removed(true);
    assert_int_equal(runs_on_3(), 2);
    assert_int_equal(names_on_3(), 2);
    w.drop = NULL;
    test_cluster_close(&w);
}

TEST(what_waited_for_the_cluster_ends_with_an_error)
{
    struct test_answer a = {0};
    int code = -1;

    open_with_vm();
    test_member_isolate(test_member(&w, 3), true);
    assert_int_equal(test_submit_vm(test_member(&w, 3), "late", 1, UINT64_MAX, &a), BX_OK);
    assert_int_equal(bx_node_barrier(node_3(), UINT64_MAX, on_read, &code, NULL), BX_OK);
    test_cluster_run(&w, 1000);
    assert_int_equal(a.times, 0);
    bx_node_on_removed(node_3());
    test_cluster_settle(&w);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_UNREACHABLE);
    assert_int_equal(code, BX_UNREACHABLE);
    test_cluster_close(&w);
}

static uint32_t from_3;

static bool count_from_3(struct test_cluster *c, uint64_t from, uint64_t to, enum bx_frame kind,
                         const uint8_t *p, size_t len)
{
    (void)c, (void)to, (void)kind, (void)p, (void)len;
    from_3 += from == 3;
    return false;
}

TEST(it_stands_for_no_election_and_sends_nothing)
{
    uint64_t term;

    open_with_vm();
    bx_node_on_removed(node_3());
    test_cluster_settle(&w);
    term = test_member_status(test_member(&w, 3)).term;
    from_3 = 0;
    w.drop = count_from_3;
    test_member_isolate(test_member(&w, 3), true);
    test_cluster_run(&w, 30000);
    test_member_isolate(test_member(&w, 3), false);
    test_cluster_run(&w, 30000);
    assert_int_equal(from_3, 0);
    assert_int_equal(test_member_status(test_member(&w, 3)).term, term);
    assert_true(bx_node_deadline(node_3()) > w.clock.now + 1000000);
    w.drop = NULL;
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
