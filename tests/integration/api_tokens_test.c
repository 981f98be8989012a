/* Join tokens of a real cluster: each admits one host, is listed without its secret, and can be
 * revoked. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The parameters of a join with a new token, and the token's id. */
static uint64_t create_token(char params[HOST_JOIN_PARAMS])
{
    bx_val v = rpc_ok(&host_client, "cluster.token_create", host_token_params());

    assert_null(bx_val_get(v, "token"));
    host_join_params(v, params);
    return rpc_number(v, "id");
}

static void refused(struct host *h, const char *params)
{
    struct rpc own = host_dial(h->local);

    rpc_fails(&own, "cluster.join", params, BX_DENIED, "cluster token create");
    rpc_close(&own);
}

static void joins(struct host *h, const char *params)
{
    struct rpc own = host_dial(h->local);

    rpc_ok(&own, "cluster.join", params);
    rpc_close(&own);
}

static uint32_t tokens(void)
{
    return bx_val_len(rpc_ok(&host_client, "cluster.token_list", "{}"));
}

TEST(a_token_admits_one_host)
{
    char params[HOST_JOIN_PARAMS], other[HOST_JOIN_PARAMS];

    create_token(params);
    create_token(other);
    host_create(&hosts[1]);
    host_create(&hosts[2]);
    joins(&hosts[1], params);
    refused(&hosts[2], params);
    joins(&hosts[2], other);
    assert_int_equal(tokens(), 0);
}

TEST(a_token_is_listed_and_revoked)
{
    char params[HOST_JOIN_PARAMS], other[HOST_JOIN_PARAMS], id[64];
    uint64_t first = create_token(params), second = create_token(other);
    bx_val list = rpc_ok(&host_client, "cluster.token_list", "{}");
    uint64_t now = 0;

    assert_int_equal(bx_val_len(list), 2);
    assert_true(first > 0 && second > first);
    assert_int_equal(rpc_number(bx_val_at(list, 0), "id"), first);
    assert_int_equal(rpc_number(bx_val_at(list, 1), "id"), second);
    now = rpc_number(bx_val_at(list, 0), "expires_ms");
    assert_true(now > UINT64_C(1700000000000));
    assert_int_equal(bx_val_len(rpc_ok(&host_client, "cluster.token_list", "{\"limit\": 1}")), 1);
    snprintf(id, sizeof id, "{\"id\": %llu}", (unsigned long long)first);
    rpc_ok(&host_client, "cluster.token_revoke", id);
    assert_int_equal(tokens(), 1);
    rpc_fails(&host_client, "cluster.token_revoke", id, BX_NOT_FOUND, "cluster token list");
    host_create(&hosts[1]);
    refused(&hosts[1], params);
    joins(&hosts[1], other);
}

/* The daemon could tell a secret that it has made, and a repeat of the request would tell it again.
 */
TEST(the_client_makes_the_secret)
{
    rpc_fails(&host_client, "cluster.token_create", "{}", BX_INVALID, "secret_hash");
    rpc_fails(&host_client, "cluster.token_create", "{\"secret_hash\": \"00\"}", BX_INVALID,
              "64 hex digits");
    assert_int_equal(tokens(), 0);
}

TEST(a_token_that_is_created_again_is_the_same_one)
{
    char with_id[256], joining[HOST_JOIN_PARAMS];
    const char *params = host_token_params();
    bx_val v = rpc_ok(&host_client, "cluster.token_create", params);
    uint64_t id = rpc_number(v, "id");

    host_join_params(v, joining);
    snprintf(with_id, sizeof with_id, "%.*s, \"request_id\": \"0123456789abcdef0123456789abcdef\"}",
             (int)strlen(params) - 1, params);
    for (int i = 0; i < 3; i++) {
        v = rpc_ok(&host_client, "cluster.token_create", i == 0 ? params : with_id);
        assert_int_equal(rpc_number(v, "id"), id);
        assert_int_equal(tokens(), 1);
    }
    host_create(&hosts[1]);
    joins(&hosts[1], joining);
    assert_int_equal(tokens(), 0);
}

int main(void)
{
    return test_run(hosts_setup_client, hosts_teardown_client);
}
