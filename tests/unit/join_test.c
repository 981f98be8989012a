/* join against node.h: a host that is no member yet asks in. Real nodes; the test is the host. */
#include "lib/testlib.h"

#include "lib/testcluster.h"
#include "wire/command.h"

#include <string.h>

#define SECRET 9
#define VOTERS_SECRET 8

static struct test_cluster w;

/* The host, and what it was answered. */
struct host {
    char name[32], address[32];
    struct bx_join join;
    uint32_t answers;
    uint16_t code;
    uint64_t node;
    uint8_t cluster[16], history[16];
    uint32_t n_peers;
    char peers[BX_MEMBERS_MAX + 2][64], message[256], hint[256];
};

static void on_answer(void *ctx, const struct bx_joined *a)
{
    struct host *h = ctx;

    h->answers++;
    h->code = a->code;
    h->node = a->node;
    memcpy(h->cluster, a->cluster, 16);
    memcpy(h->history, a->history, 16);
    assert_true(a->peers.n <= BX_MEMBERS_MAX + 2);
    h->n_peers = a->peers.n;
    for (uint32_t i = 0; i < a->peers.n; i++)
        snprintf(h->peers[i], sizeof h->peers[i], BX_STR_FMT, BX_STR_ARG(a->peers.v[i]));
    snprintf(h->message, sizeof h->message, BX_STR_FMT, BX_STR_ARG(a->message));
    snprintf(h->hint, sizeof h->hint, BX_STR_FMT, BX_STR_ARG(a->hint));
}

/* Each host has another incarnation. */
static struct host host_of(const char *name)
{
    static uint8_t incarnation;
    struct host h = {.join = {.secret_hash = {SECRET},
                              .driver = bx_str("sim"),
                              .vcpus = 4,
                              .memory_mib = 1024,
                              .disk_gib = 10,
                              .role = BX_ROLE_AGENT}};

    snprintf(h.name, sizeof h.name, "%s", name);
    snprintf(h.address, sizeof h.address, "127.0.0.1:%u", 8000u + incarnation);
    h.join.incarnation[0] = ++incarnation;
    return h;
}

static int ask_member(uint64_t id, struct host *h, struct bx_err *err)
{
    h->join.name = bx_str(h->name);
    h->join.address = bx_str(h->address);
    return bx_node_join(test_member(&w, id)->node, &h->join, bx_str(""), on_answer, h, err);
}

/* Ask, and wait for the answer. */
static void join_by(uint64_t id, struct host *h)
{
    struct bx_err err = {0};

    h->answers = 0;
    if (ask_member(id, h, &err) != BX_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(h->answers, 0); /* never from inside the call */
    test_cluster_run(&w, 1000);
    assert_int_equal(h->answers, 1);
}

static void propose(uint16_t kind, const void *body)
{
    struct test_answer a = {0};
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("operator"),
                          .deadline = UINT64_MAX,
                          .done = test_on_answer,
                          .ctx = &a};

    assert_int_equal(bx_node_submit(test_member(&w, 1)->node, &s, NULL), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(a.times, 1);
    assert_int_equal(a.code, BX_OK);
}

/* A cluster of n members which gave out a token for agents and one for voters. */
static void open_cluster(uint32_t n)
{
    struct bx_cmd_token_create token = {
        .secret_hash = {SECRET}, .ttl_ms = 3600000, .role = BX_ROLE_AGENT};
    struct bx_cmd_token_create voters = {.secret_hash = {VOTERS_SECRET}, .ttl_ms = 3600000};

    test_cluster_open(&w, n);
    propose(BX_CMD_TOKEN_CREATE, &token);
    propose(BX_CMD_TOKEN_CREATE, &voters);
}

static const struct bx_node_row *row_of(uint64_t id)
{
    return bx_view_node(bx_node_view(test_member(&w, 1)->node), id);
}

/* ---- answers ---- */

/* Whoever calls checks the frame; what it can not know is refused before there is a command. */
TEST(a_host_that_can_not_be_a_node_is_refused_without_a_command)
{
    struct host h = host_of("No_Name");
    struct bx_err err = {0};
    uint64_t last;

    open_cluster(1);
    last = test_member_status(test_member(&w, 1)).last_index;
    assert_int_equal(ask_member(1, &h, &err), BX_INVALID);
    assert_non_null(strstr(err.msg, "node name"));
    snprintf(h.name, sizeof h.name, "big");
    h.join.memory_mib = UINT64_MAX;
    assert_int_equal(ask_member(1, &h, &err), BX_INVALID);
    test_cluster_run(&w, 1000);
    assert_int_equal(test_member_status(test_member(&w, 1)).last_index, last);
    test_cluster_close(&w);
}

TEST(a_host_is_told_its_id_its_cluster_and_every_node)
{
    struct host h = host_of("new");
    char own[64];

    open_cluster(2);
    join_by(1, &h);
    assert_int_equal(h.code, BX_OK);
    assert_int_equal(h.node, 3);
    assert_int_equal(h.cluster[0], 7);
    assert_int_equal(h.history[0], 8);
    assert_int_equal(h.n_peers, 3);
    assert_string_equal(h.peers[0], "1 127.0.0.1:7001");
    assert_string_equal(h.peers[1], "2 127.0.0.1:7002");
    snprintf(own, sizeof own, "3 %s", h.address);
    assert_string_equal(h.peers[2], own);
    test_cluster_close(&w);
}

TEST(the_row_holds_what_the_host_said_of_itself)
{
    struct host h = host_of("new");
    const struct bx_node_info *info;

    open_cluster(1);
    h.join.datacenter = bx_str("east");
    join_by(1, &h);
    assert_non_null(row_of(h.node));
    info = &row_of(h.node)->info;
    assert_true(bx_str_eq(info->name, bx_str("new")));
    assert_true(bx_str_eq(info->address, bx_str(h.address)));
    assert_true(bx_str_eq(info->datacenter, bx_str("east")));
    assert_int_equal(info->vcpus, 4);
    assert_int_equal(info->memory_mib, 1024);
    assert_int_equal(info->role, BX_ROLE_AGENT);
    assert_int_equal(info->overcommit_vcpus_pct, 100);
    test_cluster_close(&w);
}

TEST(a_follower_may_be_asked_as_well)
{
    struct host h = host_of("new");

    open_cluster(3);
    join_by(3, &h);
    assert_int_equal(h.code, BX_OK);
    assert_int_equal(h.node, 4);
    assert_non_null(row_of(4));
    test_cluster_close(&w);
}

TEST(a_host_that_asks_again_gets_the_same_id)
{
    struct host h = host_of("new");

    open_cluster(2);
    join_by(1, &h);
    assert_int_equal(h.node, 3);
    join_by(2, &h); /* also from another member */
    assert_int_equal(h.code, BX_OK);
    assert_int_equal(h.node, 3);
    assert_null(row_of(4));
    test_cluster_close(&w);
}

TEST(each_host_gets_an_id_of_its_own)
{
    struct host a = host_of("a"), b = host_of("b");
    struct bx_err err = {0};

    open_cluster(1);
    assert_int_equal(ask_member(1, &a, &err), BX_OK);
    assert_int_equal(ask_member(1, &b, &err), BX_OK);
    test_cluster_run(&w, 1000);
    assert_int_equal(a.answers, 1);
    assert_int_equal(b.answers, 1);
    assert_int_equal(a.node, 2);
    assert_int_equal(b.node, 3);
    test_cluster_close(&w);
}

/* ---- refusals ---- */

/* Whoever can connect must not fill the log. */
TEST(an_unknown_token_is_refused_without_an_entry)
{
    struct host h = host_of("new");
    struct bx_err err = {0};
    uint64_t applied;

    open_cluster(1);
    applied = bx_fsm_applied(bx_node_fsm(test_member(&w, 1)->node));
    h.join.secret_hash[0] = SECRET + 1;
    assert_int_equal(ask_member(1, &h, &err), BX_DENIED);
    assert_non_null(strstr(err.hint, "token"));
    test_cluster_run(&w, 1000);
    assert_int_equal(h.answers, 0);
    assert_int_equal(bx_fsm_applied(bx_node_fsm(test_member(&w, 1)->node)), applied);
    assert_null(row_of(2));
    test_cluster_close(&w);
}

/* Nothing is applied meanwhile that would tell the time. */
TEST(a_token_expires_while_nothing_happens)
{
    struct bx_cmd_token_create brief = {.secret_hash = {7}, .ttl_ms = 60000, .once = true};
    struct host h = host_of("new");
    struct bx_err err = {0};
    struct bx_node *node;
    const struct bx_token *t;
    uint64_t applied;

    open_cluster(1);
    propose(BX_CMD_TOKEN_CREATE, &brief);
    node = test_member(&w, 1)->node;
    applied = bx_fsm_applied(bx_node_fsm(node));
    t = bx_view_get(bx_node_view(node), BX_TABLE_TOKEN, brief.secret_hash);
    assert_non_null(t);
    test_cluster_run(&w, 50000);
    assert_in_range(bx_node_token_left_ms(node, t), 1, 10000);
    test_cluster_run(&w, 10001);
    assert_int_equal(bx_node_token_left_ms(node, t), 0);
    h.join.secret_hash[0] = 7;
    assert_int_equal(ask_member(1, &h, &err), BX_DENIED);
    assert_int_equal(bx_fsm_applied(bx_node_fsm(node)), applied);
    test_cluster_close(&w);
}

/* A member that is behind may not know it yet: the host asks the next one. */
TEST(a_follower_that_does_not_know_the_token_has_another_one_asked)
{
    struct host h = host_of("new");
    struct bx_err err = {0};

    open_cluster(3);
    h.join.secret_hash[0] = SECRET + 1;
    for (uint64_t id = 1; id <= 3; id++) {
        int rc = ask_member(id, &h, &err);

        assert_true(rc == BX_DENIED || (rc == BX_NO_LEADER && bx_code_retryable(rc)));
    }
    test_cluster_close(&w);
}

TEST(a_name_that_is_taken_is_refused)
{
    struct host h = host_of("n1");

    open_cluster(1);
    join_by(1, &h);
    assert_int_equal(h.code, BX_EXISTS);
    assert_null(row_of(2));
    test_cluster_close(&w);
}

/* Nodes besides the founder that hold the log; the last one. */
static struct host fill(uint32_t members)
{
    struct host last = host_of("member");

    for (uint32_t i = 1; i < members; i++) {
        struct bx_node_info info = {.id = 1 + i,
                                    .driver = bx_str("sim"),
                                    .vcpus = 1,
                                    .memory_mib = 1,
                                    .overcommit_vcpus_pct = 100,
                                    .overcommit_memory_pct = 100,
                                    .role = BX_ROLE_STANDBY};

        last = host_of("member");
        snprintf(last.name, sizeof last.name, "member-%u", i);
        info.name = bx_str(last.name);
        info.address = bx_str(last.address);
        propose(BX_CMD_NODE_PUT, &info);
    }
    return last;
}

TEST(no_more_members_than_the_bound_are_let_in)
{
    struct host h = host_of("late"), agent = host_of("agent"), again;
    struct bx_err err = {0};

    open_cluster(1);
    again = fill(BX_MEMBERS_MAX);
    h.join.secret_hash[0] = again.join.secret_hash[0] = VOTERS_SECRET;
    assert_int_equal(ask_member(1, &h, &err), BX_BUSY);
    assert_string_equal(err.msg, "at most 9 voting nodes");
    assert_non_null(strstr(err.hint, "node remove"));
    assert_int_equal(ask_member(1, &agent, &err), BX_OK); /* holds no log */
    assert_int_equal(ask_member(1, &again, &err), BX_OK); /* is there: the state tells */
    test_cluster_run(&w, 1000);
    assert_int_equal(h.answers, 0);
    assert_int_equal(agent.answers, 1);
    assert_int_equal(again.answers, 1);
    assert_int_equal(again.code, BX_EXISTS); /* it did not join before */
    test_cluster_close(&w);
}

/* Each of them finds room when it asks. */
TEST(of_two_hosts_at_once_only_one_is_let_in_as_the_last_member)
{
    struct host a = host_of("a"), b = host_of("b");
    struct bx_err err = {0};

    open_cluster(1);
    fill(BX_MEMBERS_MAX - 1);
    a.join.secret_hash[0] = b.join.secret_hash[0] = VOTERS_SECRET;
    assert_int_equal(ask_member(1, &a, &err), BX_OK);
    assert_int_equal(ask_member(1, &b, &err), BX_OK);
    test_cluster_run(&w, 1000);
    assert_int_equal(a.code, BX_OK);
    assert_int_equal(b.code, BX_BUSY);
    assert_string_equal(b.message, "at most 9 voting nodes");
    assert_non_null(strstr(b.hint, "node remove"));
    assert_non_null(row_of(BX_MEMBERS_MAX));
    assert_null(row_of(BX_MEMBERS_MAX + 1));
    test_cluster_close(&w);
}

/* ---- no answer of the cluster's ---- */

TEST(without_a_quorum_the_host_is_told_who_does_not_answer)
{
    struct host h = host_of("new");
    struct bx_err err = {0};

    open_cluster(3);
    test_member_isolate(test_member(&w, 3), true);
    test_cluster_run(&w, 3000);
    h.join.secret_hash[0] = SECRET + 1;
    assert_int_equal(ask_member(3, &h, &err), BX_NO_LEADER);
    assert_string_equal(err.msg, "no quorum: n1 and n2 do not answer; nothing was done");
    test_cluster_close(&w);
}

TEST(without_a_leader_the_host_is_told_so_in_time)
{
    struct host h = host_of("new");
    struct bx_err err = {0};

    open_cluster(3);
    test_member_isolate(test_member(&w, 3), true);
    test_cluster_run(&w, 3000);
    assert_int_equal(ask_member(3, &h, &err), BX_OK);
    test_cluster_run(&w, 9000);
    assert_int_equal(h.answers, 0);
    test_cluster_run(&w, 2000);
    assert_int_equal(h.answers, 1);
    assert_true(bx_code_retryable(h.code));
    assert_int_equal(h.node, 0);
    test_cluster_close(&w);
}

TEST(a_node_that_stops_answers_who_waits)
{
    struct host h = host_of("new");
    struct bx_err err = {0};

    open_cluster(1);
    test_member(&w, 1)->hold_disk = true;
    assert_int_equal(ask_member(1, &h, &err), BX_OK);
    test_cluster_settle(&w);
    assert_int_equal(h.answers, 0);
    test_member(&w, 1)->hold_disk = false;
    test_member_stop(test_member(&w, 1));
    assert_int_equal(h.answers, 1);
    assert_int_equal(h.code, BX_SHUTDOWN);
    test_member_start(test_member(&w, 1));
    test_cluster_close(&w);
}

/* ---- what becomes of it: the link's peers ---- */

static bool has_peer(uint64_t of, uint64_t id)
{
    const struct test_member *m = test_member(&w, of);

    for (uint32_t i = 0; i < m->n_peers; i++) {
        if (m->peers[i] == id)
            return true;
    }
    return false;
}

TEST(a_host_that_joined_is_a_peer_of_every_member)
{
    struct host h = host_of("new");

    open_cluster(2);
    assert_true(has_peer(1, 2) && has_peer(2, 1));
    assert_false(has_peer(1, 1));
    join_by(1, &h);
    assert_true(has_peer(1, 3) && has_peer(2, 3));
    test_cluster_close(&w);
}

TEST(a_node_that_was_removed_is_no_peer_and_is_not_admitted)
{
    struct bx_cmd_node_state down = {.id = 2, .state = BX_NODE_DOWN};
    struct bx_cmd_node_remove gone = {.node = bx_str("new")};
    struct host h = host_of("new");

    open_cluster(1);
    join_by(1, &h);
    assert_true(has_peer(1, 2));
    propose(BX_CMD_NODE_STATE, &down);
    propose(BX_CMD_NODE_REMOVE, &gone);
    assert_false(has_peer(1, 2));
    assert_false(bx_node_admits(test_member(&w, 1)->node, 2));
    test_cluster_close(&w);
}

TEST(a_node_that_is_not_known_here_yet_is_a_peer_while_it_is_connected)
{
    struct bx_node *n;

    open_cluster(1);
    n = test_member(&w, 1)->node;
    assert_true(bx_node_admits(n, 5));
    bx_node_on_peer(n, 5, true);
    test_cluster_settle(&w);
    assert_true(has_peer(1, 5));
    bx_node_on_peer(n, 5, false);
    test_cluster_settle(&w);
    assert_false(has_peer(1, 5));
    test_cluster_close(&w);
}

int main(void)
{
    return test_run(NULL, NULL);
}
