/* Users and their tokens in the state machine: what each command does and refuses, whose users an
 * administrator of a tenant can change, and what is kept. */
#include "lib/testlib.h"

#include "lib/testfsm_one.h"
#include "state/tenant.h"
#include "state/user.h"

#include <stdio.h>
#include <string.h>

#define HOUR 3600000u
#define START 1700000000000u

static const struct bx_view *view(void)
{
    return bx_fsm_view(t.fsm);
}

static void refused(int code, const char *words, const char *hint)
{
    test_fsm_refused(&t, code, words, hint);
}

static int create(const char *name, uint8_t role, const char *tenant)
{
    struct bx_cmd_user_create c = {bx_str(name), role, bx_str(tenant)};

    return test_fsm_apply(&t, BX_CMD_USER_CREATE, &c);
}

static int set_role(const char *name, uint8_t role, const char *scope)
{
    struct bx_cmd_user_set c = {
        .name = bx_str(name), .role = role, .sets_role = true, .scope = bx_str(scope)};

    return test_fsm_apply(&t, BX_CMD_USER_SET, &c);
}

static int set_tenant(const char *name, const char *tenant)
{
    struct bx_cmd_user_set c = {
        .name = bx_str(name), .tenant = bx_str(tenant), .sets_tenant = true};

    return test_fsm_apply(&t, BX_CMD_USER_SET, &c);
}

static int drop(const char *name, const char *scope)
{
    struct bx_cmd_user_delete c = {bx_str(name), bx_str(scope)};

    return test_fsm_apply(&t, BX_CMD_USER_DELETE, &c);
}

static int make_tenant(const char *name)
{
    struct bx_cmd_tenant_create c = {.name = bx_str(name)};

    return test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &c);
}

static int drop_tenant(const char *name)
{
    struct bx_cmd_tenant_delete c = {bx_str(name)};

    return test_fsm_apply(&t, BX_CMD_TENANT_DELETE, &c);
}

/* In a batch of a leader whose clock shows `wall`, `elapsed` ms after the batch before. */
static int at(uint64_t wall, uint32_t elapsed, uint16_t kind, const void *body)
{
    struct test_batch b = {.elapsed_ms = elapsed};
    struct bx_cmd_header head = {.kind = kind, .principal = bx_str("uid:7")};

    test_batch_add(&b, &head, body);
    test_batch_seal(&b, t.index + 1, wall);
    test_fsm_feed(&t, &b);
    test_fsm_commit(&t);
    bx_buf_release(&b.buf);
    return t.last.code;
}

static int token_in(const char *user, uint16_t secret, uint64_t ttl_ms, const char *scope)
{
    struct bx_cmd_user_token_create c = {
        .user = bx_str(user), .ttl_ms = ttl_ms, .scope = bx_str(scope)};

    memcpy(c.secret_hash, &secret, sizeof secret);
    return at(START, 10, BX_CMD_USER_TOKEN_CREATE, &c);
}

static int token(const char *user, uint16_t secret, uint64_t ttl_ms)
{
    return token_in(user, secret, ttl_ms, "");
}

static int certificate(const char *user, uint16_t pin)
{
    struct bx_cmd_user_token_create c = {.user = bx_str(user), .certificate = true};

    memcpy(c.secret_hash, &pin, sizeof pin);
    return at(START, 10, BX_CMD_USER_TOKEN_CREATE, &c);
}

static const struct bx_user_token *token_with(uint16_t secret)
{
    uint8_t hash[BX_USER_SECRET_HASH] = {0};

    memcpy(hash, &secret, sizeof secret);
    return bx_view_user_token(view(), hash);
}

static int drop_token(uint64_t id, const char *scope)
{
    struct bx_cmd_user_token_delete c = {id, bx_str(scope)};

    return test_fsm_apply(&t, BX_CMD_USER_TOKEN_DELETE, &c);
}

static void is(const char *name, uint8_t role, const char *tenant)
{
    const struct bx_user *u;

    assert_int_equal(bx_view_user(view(), bx_str(name), bx_str(""), &u, NULL), BX_OK);
    assert_true(bx_str_eq(u->name, bx_str(name)) && bx_str_eq(u->tenant, bx_str(tenant)));
    assert_int_equal(u->role, role);
}

/* ---- users ---- */

TEST(a_user_has_a_role_in_a_tenant_or_in_the_cluster)
{
    assert_int_equal(create("root", BX_USER_ADMIN, ""), BX_OK);
    assert_int_equal(create("alice", BX_USER_VIEWER, "default"), BX_OK);
    is("root", BX_USER_ADMIN, "");
    is("alice", BX_USER_VIEWER, "default");
    assert_int_equal(create("alice", BX_USER_ADMIN, ""), BX_EXISTS);
    refused(BX_EXISTS, "\"alice\" exists", "another name");
    assert_int_equal(create("bob", BX_USER_ADMIN, "acme"), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "no tenant \"acme\"", "tenant list");
    assert_int_equal(create("Bob", BX_USER_ADMIN, ""), BX_INVALID);
    assert_int_equal(drop("bob", ""), BX_NOT_FOUND);
    refused(BX_NOT_FOUND, "no user \"bob\"", "user list");
}

TEST(a_user_is_changed_and_moved)
{
    assert_int_equal(make_tenant("acme"), BX_OK);
    assert_int_equal(create("alice", BX_USER_VIEWER, "acme"), BX_OK);
    assert_int_equal(set_role("alice", BX_USER_OPERATOR, ""), BX_OK);
    is("alice", BX_USER_OPERATOR, "acme");
    assert_int_equal(set_role("alice", BX_USER_OPERATOR, ""), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(set_tenant("alice", "default"), BX_OK);
    is("alice", BX_USER_OPERATOR, "default");
    assert_int_equal(set_tenant("alice", "nobody"), BX_NOT_FOUND);
    assert_int_equal(set_tenant("alice", ""), BX_OK);
    is("alice", BX_USER_OPERATOR, "");
}

/* Who made or copied them for the former tenant must not get the rights in the new one. */
TEST(a_user_who_is_moved_loses_its_tokens)
{
    assert_int_equal(make_tenant("acme"), BX_OK);
    assert_int_equal(create("alice", BX_USER_VIEWER, "acme"), BX_OK);
    assert_int_equal(create("bob", BX_USER_VIEWER, "acme"), BX_OK);
    assert_int_equal(token("alice", 7, 0), BX_OK);
    assert_int_equal(token("bob", 8, 0), BX_OK);
    assert_int_equal(set_role("alice", BX_USER_OPERATOR, ""), BX_OK);
    assert_int_equal(set_tenant("alice", "acme"), BX_OK);
    assert_int_equal(set_tenant("alice", "nobody"), BX_NOT_FOUND);
    assert_non_null(token_with(7));
    assert_int_equal(set_tenant("alice", "default"), BX_OK);
    assert_null(token_with(7));
    assert_int_equal(token("alice", 7, 0), BX_OK);
    assert_int_equal(set_tenant("alice", ""), BX_OK);
    assert_null(token_with(7));
    assert_non_null(token_with(8));
}

TEST(users_of_other_tenants_do_not_exist_for_a_command_with_a_scope)
{
    assert_int_equal(make_tenant("acme"), BX_OK);
    assert_int_equal(create("alice", BX_USER_VIEWER, "acme"), BX_OK);
    assert_int_equal(create("root", BX_USER_ADMIN, ""), BX_OK);
    assert_int_equal(token("root", 7, 0), BX_OK);
    assert_int_equal(set_role("root", BX_USER_VIEWER, "acme"), BX_NOT_FOUND);
    assert_int_equal(set_role("alice", BX_USER_OPERATOR, "default"), BX_NOT_FOUND);
    assert_int_equal(drop("root", "acme"), BX_NOT_FOUND);
    assert_int_equal(drop_token(token_with(7)->created_index, "acme"), BX_NOT_FOUND);
    assert_int_equal(token_in("root", 8, 0, "acme"), BX_NOT_FOUND);
    assert_non_null(token_with(7));
    assert_int_equal(set_role("alice", BX_USER_ADMIN, "acme"), BX_OK);
    assert_int_equal(token_in("alice", 8, 0, "acme"), BX_OK);
    assert_int_equal(drop_token(token_with(8)->created_index, "acme"), BX_OK);
    assert_int_equal(drop("alice", "acme"), BX_OK);
}

TEST(a_tenant_with_users_is_not_deleted)
{
    assert_int_equal(make_tenant("acme"), BX_OK);
    assert_int_equal(create("alice", BX_USER_VIEWER, "acme"), BX_OK);
    assert_int_equal(drop_tenant("acme"), BX_CONFLICT);
    refused(BX_CONFLICT, "has 1 users", "user list");
    assert_int_equal(drop("alice", ""), BX_OK);
    assert_int_equal(drop_tenant("acme"), BX_OK);
}

static uint16_t secret; /* of the last token of make_many(); a test begins with 0 */

/* In few entries: users PREFIX0 and up of a tenant, each with so many tokens. */
static void make_many(const char *prefix, const char *tenant, uint32_t users, uint16_t tokens)
{
    struct bx_cmd_header head = {.kind = BX_CMD_USER_CREATE};
    size_t before = bx_view_count(view(), BX_TABLE_USER);
    struct test_batch b = {0};

    for (uint32_t i = 0; i < users; i++) {
        struct bx_cmd_user_token_create token = {.user = {0}};
        struct bx_cmd_user_create user = {.role = BX_USER_VIEWER, .tenant = bx_str(tenant)};
        char name[16];

        snprintf(name, sizeof name, "%s%u", prefix, i);
        user.name = token.user = bx_str(name);
        head.kind = BX_CMD_USER_CREATE;
        test_batch_add(&b, &head, &user);
        head.kind = BX_CMD_USER_TOKEN_CREATE;
        for (uint16_t k = 0; k < tokens; k++) {
            secret++;
            memcpy(token.secret_hash, &secret, sizeof secret);
            test_batch_add(&b, &head, &token);
        }
        if (i % 16 != 15)
            continue;
        test_batch_seal(&b, t.index + 1, START);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        test_batch_clear(&b);
    }
    assert_int_equal(bx_view_count(view(), BX_TABLE_USER), before + users);
    bx_buf_release(&b.buf);
}

TEST(the_number_of_users_is_bounded)
{
    make_many("u", "", BX_USERS_MAX, 0);
    assert_int_equal(create("last", BX_USER_VIEWER, ""), BX_BUSY);
    refused(BX_BUSY, "there are 4096 users", "delete one");
    assert_int_equal(drop("u7", ""), BX_OK);
    assert_int_equal(create("last", BX_USER_VIEWER, ""), BX_OK);
}

/* So many tenants, each with users that have so many tokens; users of tenant k are named by k. */
static void make_tenants(unsigned n, uint32_t users, uint16_t tokens)
{
    secret = 0;
    for (unsigned k = 0; k < n; k++) {
        char tenant[16], prefix[16];

        snprintf(tenant, sizeof tenant, "t%u", k);
        snprintf(prefix, sizeof prefix, "u%u-", k);
        assert_int_equal(make_tenant(tenant), BX_OK);
        make_many(prefix, tenant, users, tokens);
    }
}

TEST(the_number_of_users_of_a_tenant_is_bounded)
{
    make_tenants(1, BX_USERS_MAX_TENANT, 0);
    assert_int_equal(create("last", BX_USER_VIEWER, "t0"), BX_BUSY);
    refused(BX_BUSY, "tenant \"t0\" has 256 users", "delete one");
    assert_int_equal(create("last", BX_USER_VIEWER, "default"), BX_OK);
    assert_int_equal(set_tenant("last", "t0"), BX_BUSY);
    is("last", BX_USER_VIEWER, "default");
    assert_int_equal(set_role("u0-1", BX_USER_OPERATOR, ""), BX_OK);
    assert_int_equal(set_tenant("u0-1", "default"), BX_OK);
    assert_int_equal(set_tenant("last", "t0"), BX_OK);
}

TEST(tenants_do_not_take_the_places_of_users_of_the_cluster)
{
    make_tenants(BX_USERS_MAX_TENANTS / BX_USERS_MAX_TENANT, BX_USERS_MAX_TENANT, 0);
    assert_int_equal(create("last", BX_USER_VIEWER, "default"), BX_BUSY);
    refused(BX_BUSY, "tenants have 3584 users", "delete one");
    make_many("c", "", BX_USERS_MAX - BX_USERS_MAX_TENANTS, 0);
    assert_int_equal(set_tenant("c0", "default"), BX_BUSY);
    assert_int_equal(drop("u1-1", ""), BX_OK);
    assert_int_equal(set_tenant("c0", "default"), BX_OK);
}

/* ---- tokens ---- */

TEST(a_certificate_is_a_token_of_its_key)
{
    assert_int_equal(create("alice", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(create("bob", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(certificate("alice", 7), BX_OK);
    assert_true(token_with(7)->certificate);
    assert_int_equal(certificate("alice", 7), BX_OK); /* the same request, again */
    assert_true(t.last.existed);
    assert_int_equal(certificate("bob", 7), BX_EXISTS);
    assert_int_equal(token("alice", 7, 0), BX_EXISTS);
    assert_int_equal(token("alice", 8, 0), BX_OK);
    assert_false(token_with(8)->certificate);
    assert_int_equal(certificate("alice", 8), BX_EXISTS);
    assert_int_equal(drop_token(token_with(7)->created_index, ""), BX_OK);
    assert_null(token_with(7));
    assert_int_equal(certificate("bob", 7), BX_OK);
    assert_int_equal(certificate("nobody", 9), BX_NOT_FOUND);
}

TEST(a_token_is_found_by_its_whole_hash)
{
    uint8_t hash[BX_USER_SECRET_HASH] = {7};

    assert_int_equal(create("alice", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(token("alice", 7, 0), BX_OK);
    assert_true(bx_view_user_token(view(), hash) == token_with(7) && token_with(7) != NULL);
    hash[BX_USER_SECRET_HASH - 1] = 1;
    assert_null(bx_view_user_token(view(), hash));
    assert_int_equal(token("alice", 7, 0), BX_OK);
    assert_true(t.last.existed);
    assert_int_equal(create("bob", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(token("bob", 7, 0), BX_EXISTS);
    assert_int_equal(token("nobody", 9, 0), BX_NOT_FOUND);
}

TEST(a_token_lives_as_long_as_leaders_measure)
{
    struct bx_cmd_user_delete other = {bx_str("nobody"), bx_str("")};

    assert_int_equal(create("alice", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(token("alice", 7, HOUR), BX_OK);
    assert_int_equal(token("alice", 8, 0), BX_OK);
    assert_int_equal(at(START + 100ull * HOUR, 10, BX_CMD_USER_DELETE, &other), BX_NOT_FOUND);
    assert_true(bx_user_token_left_ms(t.fsm, token_with(7)) > HOUR - 1000);
    assert_int_equal(at(START, HOUR, BX_CMD_USER_DELETE, &other), BX_NOT_FOUND);
    assert_int_equal(bx_user_token_left_ms(t.fsm, token_with(7)), 0);
    assert_true(bx_user_token_left_ms(t.fsm, token_with(8)) == UINT64_MAX);
    assert_int_equal(token("alice", 7, 0), BX_OK); /* that one has expired */
    assert_true(bx_user_token_left_ms(t.fsm, token_with(7)) == UINT64_MAX);
    assert_int_equal(token("alice", 10, UINT64_MAX), BX_INVALID);
    refused(BX_INVALID, "--ttl: must be at most 3650 days", "omit it");
}

TEST(expired_tokens_make_room)
{
    struct bx_cmd_user_delete other = {bx_str("nobody"), bx_str("")};

    assert_int_equal(create("alice", BX_USER_VIEWER, ""), BX_OK);
    for (uint16_t i = 1; i <= BX_USER_TOKENS_MAX; i++)
        assert_int_equal(token("alice", i, i == 1 ? HOUR : 0), BX_OK);
    assert_int_equal(token("alice", 99, 0), BX_BUSY);
    assert_int_equal(at(START, HOUR, BX_CMD_USER_DELETE, &other), BX_NOT_FOUND);
    assert_int_equal(token("alice", 99, 0), BX_OK);
    assert_null(token_with(1));
    assert_int_equal(token("alice", 100, 0), BX_BUSY);
}

TEST(the_tokens_of_a_user_are_bounded_and_go_with_it)
{
    assert_int_equal(create("alice", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(create("bob", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(token("bob", 99, 0), BX_OK);
    for (uint16_t i = 1; i <= BX_USER_TOKENS_MAX; i++)
        assert_int_equal(token("alice", i, 0), BX_OK);
    assert_int_equal(token("alice", 70, 0), BX_BUSY);
    refused(BX_BUSY, "\"alice\" has 16 tokens", "user token list alice");
    assert_int_equal(drop_token(token_with(3)->created_index, ""), BX_OK);
    assert_int_equal(token("alice", 70, 0), BX_OK);
    assert_int_equal(drop("alice", ""), BX_OK);
    assert_int_equal(bx_view_count(view(), BX_TABLE_USER_TOKEN), 1);
    assert_non_null(token_with(99));
    assert_int_equal(drop_token(12345, ""), BX_NOT_FOUND);
}

TEST(the_tokens_of_all_are_bounded)
{
    secret = 0;
    make_many("u", "", BX_USER_TOKENS_MAX_ALL / BX_USER_TOKENS_MAX, BX_USER_TOKENS_MAX);
    assert_int_equal(create("last", BX_USER_VIEWER, ""), BX_OK);
    assert_int_equal(token("last", BX_USER_TOKENS_MAX_ALL + 1, 0), BX_BUSY);
    refused(BX_BUSY, "there are 16384 tokens", "delete");
}

TEST(the_tokens_of_a_tenant_are_bounded)
{
    make_tenants(1, BX_USER_TOKENS_MAX_TENANT / BX_USER_TOKENS_MAX, BX_USER_TOKENS_MAX);
    assert_int_equal(create("last", BX_USER_VIEWER, "t0"), BX_OK);
    assert_int_equal(token("last", 2000, 0), BX_BUSY);
    refused(BX_BUSY, "users of tenant \"t0\" have 1024 tokens", "delete");
    assert_int_equal(create("other", BX_USER_VIEWER, "default"), BX_OK);
    assert_int_equal(token("other", 2000, 0), BX_OK);
    assert_int_equal(drop("u0-1", ""), BX_OK);
    assert_int_equal(token("last", 2001, 0), BX_OK);
}

TEST(tenants_do_not_take_the_places_of_tokens_of_users_of_the_cluster)
{
    make_tenants(BX_USER_TOKENS_MAX_TENANTS / BX_USER_TOKENS_MAX_TENANT,
                 BX_USER_TOKENS_MAX_TENANT / BX_USER_TOKENS_MAX, BX_USER_TOKENS_MAX);
    assert_int_equal(create("other", BX_USER_VIEWER, "default"), BX_OK);
    assert_int_equal(token("other", 20000, 0), BX_BUSY);
    refused(BX_BUSY, "users of tenants have 14336 tokens", "delete");
    assert_int_equal(create("root", BX_USER_ADMIN, ""), BX_OK);
    assert_int_equal(token("root", 20000, 0), BX_OK);
}

/* ---- what is kept ---- */

/* By a restart, and by a dump; each change of it is an event. */
TEST(users_and_tokens_are_kept)
{
    uint64_t digest, index, revision = test_fsm_revision(&t);
    struct bx_buf dump = {0};

    assert_int_equal(create("alice", BX_USER_OPERATOR, "default"), BX_OK);
    assert_int_equal(set_role("alice", BX_USER_ADMIN, ""), BX_OK);
    assert_int_equal(token("alice", 7, HOUR), BX_OK);
    assert_int_equal(token("alice", 8, 0), BX_OK);
    assert_int_equal(drop_token(token_with(8)->created_index, ""), BX_OK);
    assert_int_equal(test_fsm_revision(&t), revision + 5);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_true(test_fsm_digest(&t) == digest);
    is("alice", BX_USER_ADMIN, "default");
    assert_true(bx_str_eq(token_with(7)->user, bx_str("alice")));
    index = bx_fsm_applied(t.fsm);
    test_fsm_dump(&t, &dump);
    assert_int_equal(bx_fsm_restore_begin(t.fsm, NULL), BX_OK);
    assert_null(token_with(7));
    assert_int_equal(bx_fsm_restore_chunk(t.fsm, dump.data, dump.len, NULL), BX_OK);
    assert_int_equal(bx_fsm_restore_finish(t.fsm, index, digest, NULL), BX_OK);
    is("alice", BX_USER_ADMIN, "default");
    assert_int_equal(bx_user_token_left_ms(t.fsm, token_with(7)) > 0, 1);
    bx_buf_release(&dump);
}

int main(void)
{
    return test_run(test_fsm_setup, test_fsm_teardown);
}
