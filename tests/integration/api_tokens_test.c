/* Join tokens of a real cluster: each admits one host, is listed without its secret, and can be
 * revoked. */
#include "integration/api_hosts.h"

#include "lib/testlib.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/* The parameters of a join with a new token, and the token's id. */
static uint64_t create_token(char params[8300])
{
    bx_val v = rpc_ok(&host_client, "cluster.token_create", "{}");
    struct bx_str token;

    assert_true(bx_val_str(bx_val_get(v, "token"), &token));
    snprintf(params, 8300, "{\"token\": \"" BX_STR_FMT "\", \"timeout_ms\": 20000}",
             BX_STR_ARG(token));
    return bx_val_get(v, "id") == NULL ? 0 : rpc_number(v, "id");
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
    char params[8300], other[8300];

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
    char params[8300], other[8300], id[64];
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

int main(void)
{
    return test_run(hosts_setup_client, hosts_teardown_client);
}
