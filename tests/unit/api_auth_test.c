/* Tokens of users: who a client is after its hello, what it may call, and what wrong tokens lead
 * to. */
#include "lib/testlib.h"

#include "api_node_help.h"
#include "codec/json.h"
#include "lib/testclock.h"
#include "state/user.h"
#include "pki/pki.h"
#include "wire/command.h"

#include <stdio.h>
#include <string.h>

#define TOKEN "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define HELLO "{\"token\": \"" TOKEN "\"}"
#define WRONG "{\"token\": \"blx_BAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}"

static struct test_clock test_time;

static int setup(void **state)
{
    int rc = api_node_setup(state);
    uint64_t now = api->o.clock->ops->boot_ms(api->o.clock);

    test_clock_init(&test_time);
    test_time.now = now;
    api->o.clock = &test_time.base;
    return rc;
}

static void make_user(const char *name, uint8_t role, const char *tenant)
{
    struct bx_cmd_user_create body = {bx_str(name), role, bx_str(tenant)};

    submit(BX_CMD_USER_CREATE, &body);
}

static uint64_t make_token(const char *user, uint64_t ttl_ms)
{
    struct bx_cmd_user_token_create body = {.user = bx_str(user), .ttl_ms = ttl_ms};
    uint8_t secret[BX_USER_SECRET];

    assert_true(bx_user_token_parse(bx_str(TOKEN), secret));
    bx_sha256(secret, sizeof secret, body.secret_hash);
    submit(BX_CMD_USER_TOKEN_CREATE, &body);
    return bx_view_user_token(bx_node_view(node), body.secret_hash)->created_index;
}

static void drop_token(uint64_t id)
{
    struct bx_cmd_user_token_delete body = {.id = id};

    submit(BX_CMD_USER_TOKEN_DELETE, &body);
}

/* For the node and the API. */
static void pass_ms(uint64_t ms)
{
    test_cluster_run(&w, ms);
    test_time.now += ms;
}

/* Until all barriers have passed, and what comes after. */
static void settle(void)
{
    test_cluster_settle(&w);
    while (!TAILQ_EMPTY(&client.ready))
        uv_run(&loop, UV_RUN_NOWAIT);
}

static bool denied(const char *method)
{
    (void)call(method, "{}");
    return error.code == BX_DENIED && strstr(error.msg, "permission denied: ") == error.msg;
}

/* ---- the text of a token ---- */

TEST(a_token_reads_back_what_it_was_made_of)
{
    uint8_t secret[BX_USER_SECRET], back[BX_USER_SECRET];
    char text[BX_USER_TOKEN_TEXT + 1];

    for (uint8_t i = 0; i < BX_USER_SECRET; i++)
        secret[i] = i;
    bx_user_token_text(secret, text);
    assert_string_equal(text, TOKEN);
    for (unsigned round = 0; round < 100; round++) {
        uint64_t seed = round;

        for (uint8_t i = 0; i < BX_USER_SECRET; i++)
            secret[i] = (uint8_t)test_random(&seed);
        bx_user_token_text(secret, text);
        assert_true(bx_user_token_parse(bx_str(text), back));
        assert_memory_equal(secret, back, sizeof secret);
    }
}

TEST(anything_else_is_no_token)
{
    static const char *const bad[] = {
        "",
        "blx_",
        "blx1AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
        "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh",
        "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh88",
        "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9", /* bits beyond the secret */
        "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh+",
        "blx_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh=",
    };
    uint8_t secret[BX_USER_SECRET];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(bx_user_token_parse(bx_str(bad[i]), secret));
}

/* ---- who a client is ---- */

TEST(a_token_makes_its_client_the_user)
{
    make_user("alice", BX_USER_OPERATOR, "default");
    make_token("alice", 0);
    client.role = BX_RPC_ANY;
    assert_true(denied("vm.list"));
    assert_int_equal(call("sys.hello", "{}"), BX_OK);
    assert_true(denied("vm.list"));
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_string_equal(client.principal, "user:alice");
    assert_string_equal(client.tenant, "default");
    assert_int_equal(client.role, BX_RPC_OPERATOR);
    assert_int_equal(call("vm.list", "{}"), BX_OK);
    assert_true(denied("user.list"));
}

TEST(a_token_counts_more_than_credentials)
{
    make_user("vic", BX_USER_VIEWER, "");
    make_token("vic", 0);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_true(denied("user.list"));
}

TEST(what_is_deleted_or_over_may_nothing)
{
    struct bx_cmd_user_set set = {.name = bx_str("root"), .sets_role = true};
    struct bx_cmd_user_delete drop = {bx_str("root"), bx_str("")};
    uint64_t id;

    make_user("root", BX_USER_ADMIN, "");
    id = make_token("root", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    drop_token(id);
    assert_int_equal(call("vm.list", "{}"), BX_DENIED);
    assert_non_null(strstr(error.msg, "expired, or was deleted"));
    assert_non_null(strstr(error.hint, "user token create"));
    id = make_token("root", 5000);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    pass_ms(4900);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    pass_ms(200);
    assert_int_equal(call("user.list", "{}"), BX_DENIED);
    assert_int_equal(call("sys.hello", HELLO), BX_DENIED);
    drop_token(id);
    make_token("root", 0);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    submit(BX_CMD_USER_SET, &set); /* to a viewer */
    assert_true(denied("user.list"));
    assert_int_equal(call("vm.list", "{}"), BX_OK);
    submit(BX_CMD_USER_DELETE, &drop);
    assert_int_equal(call("vm.list", "{}"), BX_DENIED);
    client.is_local = true;
    assert_int_equal(call("sys.hello", "{}"), BX_DENIED);
    assert_non_null(strstr(error.msg, "expired, or was deleted"));
}

static struct bx_buf hello_message; /* the memory is the call's */
static bool was_wiped;

static void note_message(struct api_client *c, const struct api_call *call,
                         const struct bx_schema *s, const struct bx_items *items)
{
    api_node_ops.reply(c, call, s, items);
    hello_message = call->message;
}

static void check_wiped(struct api_client *c)
{
    (void)c;
    was_wiped = true;
    for (size_t i = 0; i < hello_message.len; i++)
        was_wiped = was_wiped && hello_message.data[i] == 0;
}

TEST(a_secret_does_not_stay_in_memory)
{
    struct api_client_ops ops = api_node_ops;

    ops.reply = note_message;
    ops.ended = check_wiped;
    client.ops = &ops;
    make_user("alice", BX_USER_VIEWER, "");
    make_token("alice", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_true(hello_message.len > 47);
    assert_true(was_wiped);
    client.ops = &api_node_ops;
}

/* Nobody has asked for it meanwhile. */
TEST(a_token_also_ends_while_nothing_happens)
{
    make_user("alice", BX_USER_VIEWER, "");
    make_token("alice", 5000);
    pass_ms(5100);
    assert_int_equal(call("sys.hello", HELLO), BX_DENIED);
}

/* The whole table. */
TEST(an_administrator_of_a_tenant_may_call_what_is_about_users)
{
    make_user("anna", BX_USER_ADMIN, "default");
    make_token("anna", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    for (int m = 0; m < BX__METHODS; m++) {
        const struct bx_method_info *info = bx_methods[m];

        if (info->role != BX_RPC_ADMIN)
            continue;
        assert_int_equal(info->scope == BX_SCOPE_TENANT, strncmp(info->name, "user.", 5) == 0);
        if (info->scope == BX_SCOPE_CLUSTER && !denied(info->name))
            fail_msg("%s is not refused", info->name);
        if (info->scope == BX_SCOPE_CLUSTER)
            assert_non_null(strstr(error.msg, "(user:anna, of tenant default)"));
    }
    assert_int_equal(call("user.list", "{}"), BX_OK);
    assert_int_equal(call("user.create", "{\"user\": \"x\", \"role\": \"viewer\"}"), BX_DENIED);
    assert_non_null(strstr(error.hint, "--tenant default"));
    assert_int_equal(
        call("user.create", "{\"user\": \"x\", \"role\": \"viewer\", \"tenant\": \"default\"}"),
        BX_OK);
    assert_int_equal(call("user.set", "{\"user\": \"x\", \"no_tenant\": true}"), BX_DENIED);
    make_user("root", BX_USER_ADMIN, "");
    assert_int_equal(call("user.show", "{\"user\": \"root\"}"), BX_NOT_FOUND);
    assert_int_equal(call("user.delete", "{\"user\": \"root\"}"), BX_NOT_FOUND);
    assert_int_equal(call("user.token_list", "{\"user\": \"root\"}"), BX_NOT_FOUND);
    assert_int_equal(call("user.delete", "{\"user\": \"x\"}"), BX_OK);
}

/* Another hello, whose barrier passes first, changes nothing of what was sent before. */
TEST(a_call_is_limited_to_the_tenant_of_its_sender)
{
    struct api_call *c;
    struct bx_buf b = {0};

    make_user("root", BX_USER_ADMIN, "");
    make_user("anna", BX_USER_ADMIN, "default");
    make_token("anna", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_int_equal(bx_json_read(&b, "{\"user\": \"root\"}", 16, 1 << 16, NULL), BX_OK);
    c = api_call_create(api, &client, b.data, b.len);
    assert_non_null(c);
    api_call_run(c, bx_str("user.show"),
                 bx_pack_parse(api->pack, c->message.data, c->message.len, 1 << 16, NULL));
    bx_buf_release(&b);
    client.tenant[0] = '\0';
    settle();
    assert_int_equal(error.code, BX_NOT_FOUND);
}

/* ---- those who watch ---- */

static uint32_t n_ends, n_events;

static void count_end(struct api_client *c, const struct bx_err *err)
{
    (void)c;
    assert_int_equal(err->code, BX_DENIED);
    n_ends++;
}

static void count_event(struct api_client *c, const char *name, const struct bx_schema *s,
                        const void *obj)
{
    (void)c;
    (void)s;
    (void)obj;
    n_events += strcmp(name, "event") == 0;
}

static void flush(struct api_client *c)
{
    (void)c;
}

static size_t nothing_queued(const struct api_client *c)
{
    (void)c;
    return 0;
}

/* The client watches from now on, and has caught up. */
static void watch(void)
{
    static struct api_client_ops ops;

    ops = api_node_ops;
    ops.notify = count_event;
    ops.flush = flush;
    ops.queued = nothing_queued;
    ops.end = count_end;
    client.ops = &ops;
    n_ends = 0;
    assert_int_equal(call("events.watch", "{}"), BX_OK);
    for (int turn = 0; turn < 10 && client.behind; turn++)
        uv_run(&loop, UV_RUN_NOWAIT);
    assert_true(client.watching);
    assert_false(client.behind);
}

static void tell_next(enum bx_event_type type)
{
    struct bx_event e = {.index = client.watch_at + 1, .type = type};

    api_on_event(api, &e);
}

TEST(a_watcher_whose_user_is_deleted_gets_nothing_more)
{
    struct bx_cmd_user_delete drop = {bx_str("alice"), bx_str("")};
    char params[128], uuid[BX_UUID_TEXT];
    const struct bx_vm *vm;
    uint32_t before, answers;

    assert_int_equal(call("vm.create", "{\"name\": \"v\", \"disk_gib\": 0, \"memory_mib\": 1, "
                                       "\"stopped\": true}"),
                     BX_OK);
    assert_int_equal(bx_view_find_vm(bx_node_view(node), bx_str("v"), &vm, NULL), BX_OK);
    bx_uuid_format(vm->uuid, uuid);
    make_user("alice", BX_USER_VIEWER, "");
    make_token("alice", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    watch();
    snprintf(params, sizeof params,
             "{\"vm\": \"%s\", \"until\": \"deleted\", \"timeout_ms\": 600000}", uuid);
    begin_as(&client, "vm.wait", params);
    assert_int_equal(client.calls, 1);
    before = n_events;
    tell_next(BX_EVENT_USER_UPDATED);
    assert_int_equal(n_events, before + 1);
    submit(BX_CMD_USER_DELETE, &drop);
    answers = n_answers;
    for (int i = 0; i < 3; i++)
        tell_next(BX_EVENT_USER_DELETED);
    assert_int_equal(n_events, before + 1);
    assert_int_equal(n_ends, 1);
    assert_int_equal(n_answers, answers + 1);
    assert_int_equal(error.code, BX_DENIED);
    assert_int_equal(client.calls, 0);
    assert_false(client.watching);
}

TEST(watching_is_no_use_of_a_token)
{
    uint8_t secret[BX_USER_SECRET], hash[BX_USER_SECRET_HASH];
    uint64_t used;

    assert_true(bx_user_token_parse(bx_str(TOKEN), secret));
    bx_sha256(secret, sizeof secret, hash);
    make_user("alice", BX_USER_VIEWER, "");
    make_token("alice", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    watch();
    used = api_token_used(api, hash);
    assert_int_not_equal(used, 0);
    test_time.now += 5000;
    api_auth_sweep(api);
    assert_int_equal(api_token_used(api, hash), used);
    assert_int_equal(call("vm.list", "{}"), BX_OK);
    assert_int_equal(api_token_used(api, hash), used + 5000);
}

/* ---- without a quorum ---- */

TEST(a_node_without_a_quorum_takes_no_token)
{
    uint64_t id;

    api_set_node(api, NULL);
    test_cluster_close(&w);
    test_cluster_open(&w, 3);
    node = test_member(&w, 1)->node;
    api_set_node(api, node);
    api_set_driver(api, test_member(&w, 1)->driver, "none");
    make_user("alice", BX_USER_VIEWER, "");
    id = make_token("alice", 0);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    watch();
    test_member_isolate(test_member(&w, 1), true);
    node = test_cluster_elect(&w, 1)->node;
    for (int s = 0; s < 20 && bx_node_has_quorum(test_member(&w, 1)->node); s++)
        test_cluster_run(&w, 1000);
    drop_token(id);
    assert_int_equal(call("vm.list", "{\"consistency\": \"stale\"}"), BX_NO_LEADER);
    assert_int_equal(call("sys.hello", HELLO), BX_NO_LEADER);
    assert_int_equal(call("sys.hello", WRONG), BX_NO_LEADER);
    api_auth_sweep(api);
    assert_int_equal(n_ends, 0);
    test_member_isolate(test_member(&w, 1), false);
    for (int s = 0; s < 20 && call("vm.list", "{}") == BX_NO_LEADER; s++)
        test_cluster_run(&w, 1000);
    assert_int_equal(error.code, BX_DENIED);
    api_auth_sweep(api);
    assert_int_equal(n_ends, 1);
}

/* ---- wrong tokens ---- */

TEST(wrong_tokens_delay_further_ones_of_their_source)
{
    static const unsigned seconds[] = {1, 2, 4, 8, 16, 30, 30};

    make_user("alice", BX_USER_VIEWER, "");
    make_token("alice", 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(call("sys.hello", WRONG), BX_DENIED);
        assert_non_null(strstr(error.msg, "unknown or expired"));
    }
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        assert_int_equal(call("sys.hello", WRONG), BX_DENIED);
        assert_int_equal(call("sys.hello", WRONG), BX_BUSY);
        assert_non_null(strstr(error.msg, "too many wrong tokens from tester"));
        assert_int_equal(call("sys.hello", HELLO), BX_OK); /* nobody else is kept out */
        test_time.now += seconds[i] * 1000 - 1;
        assert_int_equal(call("sys.hello", WRONG), BX_BUSY);
        test_time.now += 1;
        assert_int_equal(call("sys.hello", HELLO), BX_OK);
    }
    test_time.now += 600000;
    for (int i = 0; i < 4; i++)
        assert_int_equal(call("sys.hello", WRONG), BX_DENIED);
}

/* None of the barriers has passed when the next one comes. */
TEST(wrong_tokens_are_counted_before_they_are_looked_for)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_json_read(&b, WRONG, strlen(WRONG), 1 << 16, NULL), BX_OK);
    n_answers = 0;
    for (int i = 0; i < 8; i++) {
        struct api_call *c = api_call_create(api, &client, b.data, b.len);

        assert_non_null(c);
        api_call_run(c, bx_str("sys.hello"),
                     bx_pack_parse(api->pack, c->message.data, c->message.len, 1 << 16, NULL));
        assert_int_equal(n_answers, i < 5 ? 0 : i - 4);
    }
    bx_buf_release(&b);
    assert_int_equal(error.code, BX_BUSY);
    settle();
    assert_int_equal(n_answers, 8);
    assert_int_equal(error.code, BX_DENIED);
}

TEST(the_table_of_sources_is_bounded)
{
    struct api_party *own = client.party;
    char name[32];

    for (int i = 0; i < 5; i++)
        assert_int_equal(call("sys.hello", "{\"token\": \"x\"}"), BX_DENIED);
    assert_int_equal(call("sys.hello", "{\"token\": \"x\"}"), BX_BUSY);
    for (unsigned k = 0; k < 300; k++) {
        snprintf(name, sizeof name, "10.0.0.%u", k);
        client.party = api_party_hold(api, &api->everybody, name);
        test_time.now++;
        assert_int_equal(call("sys.hello", "{\"token\": \"x\"}"), BX_DENIED);
        api_party_drop(api, client.party);
    }
    client.party = own; /* which the others have displaced */
    assert_int_equal(call("sys.hello", "{\"token\": \"x\"}"), BX_DENIED);
}

int main(void)
{
    return test_run(setup, api_node_teardown);
}
