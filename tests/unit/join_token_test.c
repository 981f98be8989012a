/* Join tokens in the state machine: each admits one host, lives as long as leaders measure, and can
 * be revoked. Those of older builds do what they did. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/token.h"

#include <string.h>

#define HOUR 3600000u
#define YEAR (365ull * 24 * HOUR)
#define START 1700000000000u

/* In a batch of a leader whose clock shows `wall`, `elapsed` ms after the batch before. */
static int at(uint64_t wall, uint32_t elapsed, uint16_t kind, const void *body, uint8_t session)
{
    struct test_batch b = {.elapsed_ms = elapsed};
    struct bx_cmd_header head = {.kind = kind,
                                 .session = {session},
                                 .sequence = 1,
                                 .floor = 1,
                                 .principal = bx_str("uid:7")};

    test_batch_add(&b, &head, body);
    test_batch_seal(&b, t.index + 1, wall);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    return t.last.code;
}

static uint64_t create(uint64_t wall, uint8_t secret, bool once)
{
    struct bx_cmd_token_create c = {.secret_hash = {secret}, .ttl_ms = HOUR, .once = once};

    assert_int_equal(at(wall, 10, BX_CMD_TOKEN_CREATE, &c, 0), BX_OK);
    return t.last.revision;
}

static int join_in(uint64_t wall, uint32_t elapsed, uint8_t secret, const char *name,
                   uint8_t session)
{
    char address[32];
    struct bx_cmd_member_join j = {.secret_hash = {secret},
                                   .node = {.name = bx_str(name),
                                            .driver = bx_str("sim"),
                                            .vcpus = 4,
                                            .memory_mib = 1024,
                                            .overcommit_vcpus_pct = 100,
                                            .overcommit_memory_pct = 100}};

    snprintf(address, sizeof address, "%s:1", name);
    j.node.address = bx_str(address);
    return at(wall, elapsed, BX_CMD_MEMBER_JOIN, &j, session);
}

static int join(uint64_t wall, uint32_t elapsed, uint8_t secret, const char *name)
{
    return join_in(wall, elapsed, secret, name, 0);
}

static int revoke(uint64_t id)
{
    return at(START, 10, BX_CMD_TOKEN_REVOKE, &(struct bx_cmd_token_revoke){id}, 0);
}

static uint32_t tokens(void)
{
    return (uint32_t)bx_view_count(bx_fsm_view(t.fsm), BX_TABLE_TOKEN);
}

static const struct bx_token *only_token(void)
{
    size_t pos = 0;

    assert_int_equal(tokens(), 1);
    return bx_view_next(bx_fsm_view(t.fsm), BX_TABLE_TOKEN, &pos);
}

/* ---- expiry ---- */

TEST(a_leader_whose_clock_is_a_year_ahead_ends_no_token)
{
    create(START, 1, true);
    assert_int_equal(join(START + YEAR, 1000, 1, "n2"), BX_OK);
}

TEST(a_token_of_a_leader_whose_clock_is_a_year_ahead_ends_in_time)
{
    create(START + YEAR, 1, true);
    create(START + YEAR, 2, true);
    assert_int_equal(join(START, HOUR - 100, 1, "n2"), BX_OK);
    assert_int_equal(join(START, 100, 2, "n3"), BX_DENIED);
}

TEST(what_is_left_of_a_token_is_what_leaders_measured)
{
    create(START + YEAR, 1, true);
    assert_int_equal(bx_token_left_ms(t.fsm, only_token()), HOUR);
    revoke(99); /* 10 ms later */
    assert_int_equal(bx_token_left_ms(t.fsm, only_token()), HOUR - 10);
    assert_int_equal(join(START, HOUR, 9, "n2"), BX_DENIED);
    assert_int_equal(bx_token_left_ms(t.fsm, only_token()), 0);
}

TEST(an_expired_token_makes_room)
{
    for (uint32_t i = 0; i < BX_TOKENS_MAX; i++) {
        struct bx_cmd_token_create c = {
            .secret_hash = {(uint8_t)i, (uint8_t)(i >> 8)}, .ttl_ms = HOUR, .once = true};

        assert_int_equal(at(START, 0, BX_CMD_TOKEN_CREATE, &c, 0), BX_OK);
    }
    assert_int_equal(at(START + YEAR, 10, BX_CMD_TOKEN_CREATE,
                        &(struct bx_cmd_token_create){{9, 9}, HOUR, true, 0}, 0),
                     BX_BUSY);
    assert_int_equal(at(START, HOUR, BX_CMD_TOKEN_CREATE,
                        &(struct bx_cmd_token_create){{9, 9}, HOUR, true, 0}, 0),
                     BX_OK);
    assert_int_equal(tokens(), 1);
}

/* ---- use ---- */

TEST(a_token_admits_one_host)
{
    create(START, 1, true);
    assert_int_equal(join(START, 10, 1, "n2"), BX_OK);
    assert_int_equal(tokens(), 0);
    assert_int_equal(join(START, 10, 1, "n3"), BX_DENIED);
    assert_true(t.last.hint.n > 0);
}

TEST(of_two_hosts_in_one_batch_the_first_is_admitted)
{
    struct bx_cmd_member_join j = {.secret_hash = {1},
                                   .node = {.name = bx_str("a"),
                                            .address = bx_str("a:1"),
                                            .driver = bx_str("sim"),
                                            .overcommit_vcpus_pct = 100,
                                            .overcommit_memory_pct = 100}};
    struct bx_cmd_header head = {.kind = BX_CMD_MEMBER_JOIN};
    struct test_batch b = {0};

    create(START, 1, true);
    test_batch_add(&b, &head, &j);
    j.node.name = bx_str("b");
    j.node.address = bx_str("b:1");
    test_batch_add(&b, &head, &j);
    test_batch_seal(&b, t.index + 1, START);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    assert_int_equal(t.last.code, BX_DENIED);
    assert_int_equal(bx_view_nodes(bx_fsm_view(t.fsm)), 2);
}

TEST(a_host_that_asks_again_gets_the_answer_it_had)
{
    uint64_t node;

    create(START, 1, true);
    assert_int_equal(join_in(START, 10, 1, "n2", 5), BX_OK);
    node = t.last.node;
    assert_int_equal(join_in(START, 10, 1, "n2", 5), BX_OK);
    assert_int_equal(t.last.node, node);
}

TEST(a_refused_join_leaves_the_token)
{
    create(START, 1, true);
    assert_int_equal(join(START, 10, 1, "n1"), BX_EXISTS);
    assert_int_equal(tokens(), 1);
    assert_int_equal(join(START, 10, 1, "n2"), BX_OK);
}

/* ---- ids ---- */

TEST(a_token_is_revoked_by_its_id)
{
    uint64_t first = create(START, 1, true), second = create(START, 2, true);

    assert_true(first != second);
    assert_int_equal(revoke(first), BX_OK);
    assert_int_equal(only_token()->created_index, second);
    assert_int_equal(join(START, 10, 1, "n2"), BX_DENIED);
    assert_int_equal(revoke(first), BX_NOT_FOUND);
    assert_non_null(strstr(t.hint, "cluster token list"));
    assert_int_equal(join(START, 10, 2, "n2"), BX_OK);
    assert_int_equal(revoke(second), BX_NOT_FOUND);
}

TEST(an_expired_token_is_not_there_to_be_revoked)
{
    uint64_t id = create(START, 1, true);

    assert_int_equal(join(START, HOUR, 9, "n2"), BX_DENIED);
    assert_int_equal(revoke(id), BX_NOT_FOUND);
}

static void check_event(void *ctx, const struct bx_event *e)
{
    char id[24];

    snprintf(id, sizeof id, "%llu", *(unsigned long long *)ctx);
    assert_true(e->type == BX_EVENT_TOKEN_CREATED || e->type == BX_EVENT_TOKEN_REVOKED);
    assert_true(bx_str_eq(e->detail, bx_str(id)));
}

TEST(its_events_name_it)
{
    uint64_t before = test_fsm_revision(&t);
    unsigned long long id = create(START, 1, true);
    uint32_t n;

    revoke(id);
    assert_int_equal(bx_fsm_events(t.fsm, before, 9, check_event, &id, &n, NULL), BX_OK);
    assert_int_equal(n, 2);
}

/* ---- what is kept ---- */

TEST(a_token_survives_a_restart_and_a_dump)
{
    struct bx_buf dump = {0};
    uint64_t digest, index;

    create(START + YEAR, 1, true);
    test_fsm_reopen(&t);
    assert_true(bx_str_eq(only_token()->creator, bx_str("uid:7")));
    digest = test_fsm_digest(&t);
    index = bx_fsm_applied(t.fsm);
    test_fsm_dump(&t, &dump);
    assert_int_equal(bx_fsm_restore_begin(t.fsm, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_chunk(t.fsm, dump.data, dump.len, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_finish(t.fsm, index, digest, NULL), BX_OK);
    bx_buf_release(&dump);
    assert_int_equal(bx_token_left_ms(t.fsm, only_token()), HOUR);
    assert_int_equal(join(START, HOUR, 1, "n2"), BX_DENIED);
}

/* ---- logs of older builds ---- */

TEST(a_token_of_an_older_build_does_what_it_did)
{
    create(START, 1, false);
    assert_int_equal(only_token()->ends_ms, 0);
    assert_int_equal(only_token()->creator.n, 0);
    assert_int_equal(join(START, 10, 1, "n2"), BX_OK);
    assert_int_equal(join(START, HOUR, 1, "n3"), BX_OK); /* by wall time it is not over */
    assert_int_equal(join(START + HOUR, 0, 1, "n4"), BX_DENIED);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
