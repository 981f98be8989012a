/* What the commands of nodes, tokens and joins do, and what they refuse. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"

static void refused(int code, const char *words)
{
    test_fsm_refused(&t, code, words, "");
}

static struct bx_node_info node_of(uint64_t id, const char *name, const char *address)
{
    return (struct bx_node_info){.id = id,
                                 .name = bx_str(name),
                                 .address = bx_str(address),
                                 .vcpus = 4,
                                 .memory_mib = 1024,
                                 .overcommit_vcpus_pct = 100,
                                 .overcommit_memory_pct = 100};
}

static int put(struct bx_node_info n)
{
    return test_fsm_apply(&t, BX_CMD_NODE_PUT, &n);
}

static int state_of(uint64_t id, uint8_t state)
{
    return test_fsm_apply(&t, BX_CMD_NODE_STATE,
                          &(struct bx_cmd_node_state){.id = id, .state = state});
}

TEST(a_node_is_added_and_changed)
{
    const struct bx_node_row *n;
    struct bx_node_info two = node_of(2, "n2", "h:2");

    two.state = BX_NODE_DOWN; /* not for the node to say */
    assert_int_equal(put(two), BX_OK);
    assert_int_equal(t.last.node, 2);
    n = bx_view_node(bx_fsm_view(t.fsm), 2);
    assert_int_equal(n->info.state, BX_NODE_UP);
    assert_int_equal(n->created_index, test_fsm_revision(&t));
    assert_int_equal(put(two), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(state_of(2, BX_NODE_DRAINING), BX_OK);
    two.role = BX_ROLE_AGENT; /* not this way */
    two.vcpus = 8;
    assert_int_equal(put(two), BX_OK);
    assert_false(t.last.existed);
    n = bx_view_node(bx_fsm_view(t.fsm), 2);
    assert_int_equal(n->info.vcpus, 8);
    assert_int_equal(n->info.state, BX_NODE_DRAINING);
    assert_int_equal(n->info.role, BX_ROLE_VOTER);

    assert_int_equal(put(node_of(3, "n2", "h:3")), BX_EXISTS);
    refused(BX_EXISTS, "named \"n2\"");
    assert_int_equal(put(node_of(3, "n3", "h:2")), BX_EXISTS);
    refused(BX_EXISTS, "address h:2");
    assert_int_equal(put(node_of(2, "n1", "h:2")), BX_EXISTS);
    assert_int_equal(put(node_of(0, "n3", "h:3")), BX_INVALID);
    assert_int_equal(put(node_of(UINT64_MAX, "n3", "h:3")), BX_INVALID);
    assert_int_equal(put(node_of(3, "N3", "h:3")), BX_INVALID);
}

static uint64_t state_ms(uint64_t id)
{
    return bx_view_node(bx_fsm_view(t.fsm), id)->state_ms;
}

TEST(a_change_of_state_is_dated_when_its_command_says_so)
{
    struct bx_cmd_node_state c = {.id = 1, .state = BX_NODE_DOWN, .dated = true};
    struct bx_node_info n = node_of(1, "n1", "127.0.0.1:7009");
    struct bx_cluster_info info;

    assert_int_equal(state_ms(1), 0);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &c), BX_OK);
    bx_view_cluster(bx_fsm_view(t.fsm), &info);
    assert_true(info.time_ms > 0);
    assert_int_equal(state_ms(1), info.time_ms);
    assert_int_equal(put(n), BX_OK); /* what else changes leaves the time */
    assert_int_equal(state_ms(1), info.time_ms);
    assert_int_equal(state_of(1, BX_NODE_UP), BX_OK); /* a command of an earlier build */
    assert_int_equal(state_ms(1), 0);
}

#define CHANGES(member, value)                                                                     \
    do {                                                                                           \
        n.member = (value);                                                                        \
        assert_int_equal(put(n), BX_OK);                                                           \
        assert_false(t.last.existed);                                                              \
        assert_int_equal(put(n), BX_OK);                                                           \
        assert_true(t.last.existed);                                                               \
    } while (0)

TEST(whatever_a_node_says_of_itself_is_noticed_once)
{
    struct bx_node_info n = node_of(1, "n1", "127.0.0.1:7001");

    CHANGES(name, bx_str("other"));
    CHANGES(address, bx_str("h:1"));
    CHANGES(api, bx_str("h:2"));
    CHANGES(datacenter, bx_str("dc"));
    CHANGES(zone, bx_str("z"));
    CHANGES(rack, bx_str("r"));
    CHANGES(driver, bx_str("qemu"));
    CHANGES(vcpus, 5);
    CHANGES(memory_mib, 2048);
    CHANGES(disk_gib, 7);
    CHANGES(reserve_vcpus, 1);
    CHANGES(reserve_memory_mib, 2);
    CHANGES(reserve_disk_gib, 3);
    CHANGES(overcommit_vcpus_pct, 150);
    CHANGES(overcommit_memory_pct, 120);
}

/* Names that change hands within one turn: what is stored holds them unique, row by row. */
TEST(names_may_change_hands_within_a_turn)
{
    static const struct {
        uint64_t id;
        const char *name;
    } moves[] = {{1, "c"}, {2, "a"}, {3, "d"}, {1, "b"}, {3, "c"}, {2, "e"}, {1, "a"}, {2, "b"}};
    struct bx_cmd_header head = {.kind = BX_CMD_NODE_PUT};
    uint64_t digest, outcomes = t.outcomes + sizeof moves / sizeof moves[0];
    char address[] = "h:0";

    assert_int_equal(put(node_of(2, "b", "h:2")), BX_OK);
    assert_int_equal(put(node_of(3, "n3", "h:3")), BX_OK);
    outcomes += 2;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
        struct test_batch b = {0};
        struct bx_node_info n;

        address[2] = (char)('0' + moves[i].id);
        n = node_of(moves[i].id, moves[i].name, address);
        test_batch_add(&b, &head, &n);
        test_batch_seal(&b, t.index, 2000000);
        test_fsm_feed(&t, &b);
        bx_buf_release(&b.buf);
    }
    test_fsm_commit(&t);
    assert_int_equal(t.outcomes, outcomes);
    assert_int_equal(t.last.code, BX_OK);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
    assert_true(test_fsm_digest(&t) == digest);
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 1)->name->s, "a");
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 2)->name->s, "b");
    assert_string_equal(bx_view_node(bx_fsm_view(t.fsm), 3)->name->s, "c");
}

TEST(the_state_of_a_node_is_kept)
{
    assert_int_equal(state_of(1, BX_NODE_UP), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(state_of(1, BX_NODE_SUSPECT), BX_OK);
    assert_false(t.last.existed);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 1)->info.state, BX_NODE_SUSPECT);
    assert_int_equal(state_of(9, BX_NODE_UP), BX_NOT_FOUND);
}

/* A node may shrink below what runs on it: what runs stays, and nothing is added. */
TEST(a_node_may_shrink_below_what_runs_on_it)
{
    struct bx_node_info one = node_of(1, "n1", "127.0.0.1:7001");
    struct bx_node_columns c;

    for (int i = 0; i < 6; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(test_fsm_vm(&t, name, BX_RESTART_NEVER, NULL), BX_OK);
    }
    assert_int_equal(put(one), BX_OK);
    bx_view_columns(bx_fsm_view(t.fsm), &c);
    assert_int_equal(c.free_vcpus[0], -2);
    assert_int_equal(test_fsm_vm(&t, "more", BX_RESTART_NEVER, NULL), BX_UNPLACEABLE);
    for (int i = 0; i < 6; i++) {
        char name[] = {'v', (char)('0' + i), 0};
        const struct bx_vm *v;

        assert_int_equal(bx_view_find_vm(bx_fsm_view(t.fsm), bx_str(name), &v, NULL), BX_OK);
        assert_int_equal(v->node, 1);
    }
}

TEST(there_are_as_many_nodes_as_the_bound_allows)
{
    char name[16], address[16];

    for (uint64_t id = 2; id <= BX_NODES_MAX + 1; id++) {
        snprintf(name, sizeof name, "m%u", (unsigned)id);
        snprintf(address, sizeof address, "h:%u", (unsigned)id);
        if (id <= BX_NODES_MAX)
            assert_int_equal(put(node_of(id, name, address)), BX_OK);
        else
            assert_int_equal(put(node_of(id, name, address)), BX_BUSY);
    }
    refused(BX_BUSY, "4096 nodes");
    assert_int_equal(put(node_of(7, "m7", "h:new")), BX_OK); /* one that is there may change */
}

/* ---- the cluster, tokens and joins ---- */

TEST(a_cluster_is_created_once)
{
    struct bx_cmd_cluster_create c = {.cluster = {1}, .history = {2}, .name = bx_str("lab")};
    struct bx_cluster_info info;

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    bx_view_cluster(bx_fsm_view(t.fsm), &info);
    assert_true(info.created);
    assert_int_equal(info.id[0], 1);
    assert_int_equal(info.history[0], 2);
    assert_true(bx_str_eq(info.name, bx_str("lab")));
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    assert_true(t.last.existed);
    c.cluster[0] = 9;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_EXISTS);
}

static int token(uint8_t secret, uint8_t second, uint64_t ttl_ms)
{
    struct bx_cmd_token_create c = {.secret_hash = {secret, second}, .ttl_ms = ttl_ms};

    return test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &c);
}

static int join(uint8_t secret, const char *name, const char *address)
{
    struct bx_cmd_member_join j = {.secret_hash = {secret}, .node = node_of(0, name, address)};

    return test_fsm_apply(&t, BX_CMD_MEMBER_JOIN, &j);
}

/* Every entry of these tests comes a millisecond after the one before. */
TEST(a_node_joins_with_a_valid_token)
{
    assert_int_equal(join(1, "n2", "h:2"), BX_DENIED);
    assert_true(t.last.hint.n > 0);
    assert_int_equal(token(1, 0, 1000), BX_OK);
    assert_int_equal(join(2, "n2", "h:2"), BX_DENIED);
    assert_int_equal(join(1, "n2", "h:2"), BX_OK);
    assert_int_equal(t.last.node, 2);
    assert_int_equal(bx_view_node(bx_fsm_view(t.fsm), 2)->info.state, BX_NODE_UP);
    assert_int_equal(join(1, "n2", "h:9"), BX_EXISTS);
    assert_int_equal(join(1, "N", "h:9"), BX_INVALID);
    assert_int_equal(put(node_of(40, "n40", "h:40")), BX_OK);
    assert_int_equal(join(1, "n3", "h:3"), BX_OK);
    assert_int_equal(t.last.node, 41); /* above every id that was ever given */
    test_fsm_reopen(&t);
    assert_int_equal(join(1, "n4", "h:4"), BX_OK);
    assert_int_equal(t.last.node, 42);
}

TEST(a_token_lives_as_long_as_it_says)
{
    assert_int_equal(token(1, 0, 0), BX_INVALID);
    assert_int_equal(token(1, 0, 30ull * 24 * 3600 * 1000 + 1), BX_INVALID);
    assert_int_equal(token(1, 0, 30ull * 24 * 3600 * 1000), BX_OK);
    assert_int_equal(token(2, 0, 2), BX_OK);
    assert_int_equal(join(2, "n2", "h:2"), BX_OK);     /* 1 ms later */
    assert_int_equal(join(2, "n3", "h:3"), BX_DENIED); /* 2 ms later */
    assert_int_equal(token(2, 0, 2), BX_OK);           /* the same secret again */
    assert_int_equal(join(2, "n3", "h:3"), BX_OK);
    assert_int_equal(join(1, "n4", "h:4"), BX_OK);
}

TEST(an_expired_token_makes_room)
{
    for (uint32_t i = 0; i < 1024; i++)
        assert_int_equal(token((uint8_t)i, (uint8_t)(1 + (i >> 8)), i == 700 ? 2000 : 100000),
                         BX_OK);
    assert_int_equal(token(0, 99, 1000), BX_BUSY);
    refused(BX_BUSY, "1024 valid tokens");
    while (t.index < 2 + 700 + 2000 - 2) /* the next but one comes when that one expires */
        token(0, 99, 0);
    assert_int_equal(token(0, 99, 1000), BX_BUSY);
    assert_int_equal(token(0, 99, 1000), BX_OK); /* one has expired, and goes */
    test_fsm_reopen(&t);
    assert_int_equal(bx_fsm_applied(t.fsm), t.index);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
