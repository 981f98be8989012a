/* Certificates of users: who a client is by the one that it has shown. */
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

#define PIN 0x77

static uint64_t make_certificate(const char *user, uint64_t ttl_ms)
{
    struct bx_cmd_user_token_create body = {
        .user = bx_str(user), .ttl_ms = ttl_ms, .certificate = true};

    memset(body.secret_hash, PIN, sizeof body.secret_hash);
    submit(BX_CMD_USER_TOKEN_CREATE, &body);
    return bx_view_user_token(bx_node_view(node), body.secret_hash)->created_index;
}

/* The client has come over TCP, with a certificate that the CA has signed. */
static void come_with(enum pki_kind kind)
{
    struct pki_cert cert = {.kind = kind, .name = "alice"};

    memset(cert.pin, PIN, sizeof cert.pin);
    client.role = BX_RPC_ANY;
    snprintf(client.principal, sizeof client.principal, "10.0.0.9:1");
    api_auth_certified(&client, &cert);
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

TEST(a_certificate_makes_its_client_the_user)
{
    make_user("alice", BX_USER_OPERATOR, "default");
    make_certificate("alice", 0);
    come_with(PKI_USER);
    assert_string_equal(client.principal, "user:alice");
    assert_int_equal(client.role, BX_RPC_OPERATOR);
    assert_int_equal(call("vm.list", "{}"), BX_OK); /* it needs no hello */
    assert_int_equal(call("sys.hello", "{}"), BX_OK);
    assert_int_equal(call("vm.list", "{}"), BX_OK);
    assert_true(denied("user.list"));
}

TEST(a_token_counts_more_than_a_certificate)
{
    make_user("alice", BX_USER_ADMIN, "");
    make_user("vic", BX_USER_VIEWER, "");
    make_certificate("alice", 0);
    make_token("vic", 0);
    come_with(PKI_USER);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    assert_int_equal(call("sys.hello", HELLO), BX_OK);
    assert_string_equal(client.principal, "user:vic");
    assert_true(denied("user.list"));
    assert_int_equal(call("sys.hello", "{}"), BX_OK);
    assert_string_equal(client.principal, "user:vic");
}

TEST(a_certificate_that_is_not_in_the_state_proves_nothing)
{
    uint64_t id;

    make_user("alice", BX_USER_ADMIN, "");
    come_with(PKI_USER);
    assert_int_equal(client.role, BX_RPC_ANY);
    assert_int_equal(call("vm.list", "{}"), BX_DENIED);
    assert_non_null(
        strstr(error.msg, "certificate of this connection has expired, or was deleted"));
    assert_non_null(strstr(error.hint, "user cert"));
    id = make_certificate("alice", 5000);
    assert_int_equal(call("user.list", "{}"), BX_OK);
    pass_ms(5100);
    assert_int_equal(call("user.list", "{}"), BX_DENIED);
    drop_token(id);
    assert_int_equal(call("user.list", "{}"), BX_DENIED);
    begin_as(&client, "sys.hello", "{}");
    settle();
    assert_int_equal(error.code, BX_DENIED);
    assert_non_null(strstr(error.msg, "certificate unknown or expired"));
}

/* The secret of a token is not known to whoever knows a certificate, nor is its key. */
TEST(a_token_is_no_certificate_and_a_node_no_user)
{
    uint8_t secret[BX_USER_SECRET];
    struct pki_cert cert = {.kind = PKI_USER};

    make_user("alice", BX_USER_ADMIN, "");
    make_token("alice", 0);
    assert_true(bx_user_token_parse(bx_str(TOKEN), secret));
    bx_sha256(secret, sizeof secret, cert.pin);
    client.role = BX_RPC_ANY;
    api_auth_certified(&client, &cert);
    assert_int_equal(call("vm.list", "{}"), BX_DENIED);
    client.by_token = client.by_certificate = false;
    make_certificate("alice", 0);
    come_with(PKI_NODE);
    assert_true(denied("vm.list"));
    assert_non_null(strstr(error.msg, "the certificate of node 0 is not one of a user"));
}

/* It was authorized when it arrived, and is answered much later. */
TEST(a_wait_is_answered_only_as_long_as_the_right_to_it_lasts)
{
    char params[128], uuid[BX_UUID_TEXT];
    const struct bx_vm *vm;
    uint64_t id;

    assert_int_equal(call("vm.create", "{\"name\": \"v\", \"disk_gib\": 0, \"memory_mib\": 1}"),
                     BX_OK);
    assert_int_equal(bx_view_find_vm(bx_node_view(node), bx_str("v"), &vm, NULL), BX_OK);
    bx_uuid_format(vm->uuid, uuid);
    make_user("alice", BX_USER_VIEWER, "default");
    id = make_certificate("alice", 0);
    come_with(PKI_USER);
    snprintf(params, sizeof params,
             "{\"vm\": \"%s\", \"until\": \"deleted\", \"timeout_ms\": 600000}", uuid);
    begin_as(&client, "vm.wait", params);
    settle();
    assert_int_equal(client.calls, 1);
    drop_token(id);
    api_on_vm(api, vm, true);
    assert_int_equal(client.calls, 0);
    assert_int_equal(error.code, BX_DENIED);
}

int main(void)
{
    return test_run(setup, api_node_teardown);
}
