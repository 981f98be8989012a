/* Queries of users beside writes: they keep SQLite's log from beginning anew only so long. */
#include "lib/testlib.h"

#include "api_node_help.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define LOG_BYTES (1u << 20)
#define STEPS 200000u /* of a query, some ten milliseconds */

static int setup(void **state)
{
    int rc;

    w = (struct test_cluster){.state_log_bytes = LOG_BYTES};
    rc = api_node_setup(state);
    api->o.state_path = test_member(&w, 1)->path;
    return rc;
}

/* Counts to n with a version of the state in its hands. */
static void query(struct api_client *from, unsigned n)
{
    char params[256];

    snprintf(params, sizeof params,
             "{\"query\": \"WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c "
             "LIMIT %u) "
             "SELECT count(*) FROM c, (SELECT count(*) FROM vms)\", \"timeout_ms\": 60000}",
             n);
    begin_as(from, "sql.query", params);
}

static void await(uint32_t answers)
{
    while (n_answers < answers)
        uv_run(&loop, UV_RUN_ONCE);
}

static void write_some(unsigned n)
{
    static unsigned name;

    for (unsigned i = 0; i < n; i++) {
        struct test_answer a = {0};
        char text[32];

        snprintf(text, sizeof text, "vm-%u", name++);
        assert_int_equal(test_submit_vm(test_member(&w, 1), text, 0, UINT64_MAX, &a), BX_OK);
        test_cluster_run(&w, 10);
        assert_int_equal(a.code, BX_OK);
    }
}

static uint64_t log_file(void)
{
    char path[300];
    struct stat st;

    snprintf(path, sizeof path, "%s-wal", test_member(&w, 1)->path);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* One begins before the last one has ended, unless it is refused. */
TEST(queries_that_overlap_do_not_let_the_log_grow)
{
    uint32_t refused = 0, rounds = 60;
    uint64_t largest = 0;

    query(&client, STEPS);
    write_some(30); /* so that the next one ends later */
    for (uint32_t i = 0; i < rounds; i++) {
        uint32_t others;

        query(&client, STEPS);
        others = error.code == BX_OK;
        refused += !others;
        write_some(30);
        largest = log_file() > largest ? log_file() : largest;
        while (api->everybody.n[API_HELD_QUERIES] > others)
            uv_run(&loop, UV_RUN_ONCE);
    }
    while (api->everybody.n[API_HELD_QUERIES] > 0)
        uv_run(&loop, UV_RUN_ONCE);
    assert_true(refused < rounds - 5); /* how many depends on how fast they end */
    if (largest > 8 * LOG_BYTES)
        fail_msg("the log had %llu bytes", (unsigned long long)largest);
}

TEST(the_log_is_written_back_before_it_is_full)
{
    for (unsigned i = 0; i < 50; i++) {
        write_some(10);
        assert_false(bx_node_state_log_full(node));
    }
    assert_true(log_file() < 2 * LOG_BYTES);
}

TEST(a_long_query_ends_when_the_log_is_full)
{
    uint32_t before = n_answers;

    query(&client, 2000000000);
    while (!bx_node_state_log_full(node))
        write_some(1);
    query(&client, 10);
    assert_int_equal(n_answers, before + 1);
    assert_int_equal(error.code, BX_BUSY);
    assert_non_null(strstr(error.msg, "too fast"));
    assert_non_null(strstr(error.hint, "again"));
    memset(&error, 0, sizeof error);
    await(before + 2);
    assert_int_equal(error.code, BX_BUSY);
    assert_non_null(strstr(error.msg, "too fast"));
    test_cluster_run(&w, 1000);
    assert_false(bx_node_state_log_full(node));
    query(&client, 10);
    await(before + 3);
    assert_int_equal(error.code, BX_OK);
}

TEST(one_user_leaves_room_for_the_queries_of_others)
{
    struct api_client other;
    uint32_t before = n_answers;

    api_client_init(&other, api, &api_node_ops);
    other.role = BX_RPC_OPERATOR;
    other.party = api_party_hold(api, &api->everybody, "other");
    memcpy(other.principal, "other", sizeof "other");
    for (unsigned i = 0; i < 3; i++)
        query(&client, 2000000000);
    assert_int_equal(n_answers, before + 1);
    assert_int_equal(error.code, BX_BUSY);
    assert_non_null(strstr(error.msg, "(2 of tester)"));
    memset(&error, 0, sizeof error);
    query(&other, 1000000);
    assert_int_equal(error.code, BX_OK);
    query(&other, 10);
    assert_int_equal(n_answers, before + 2);
    assert_non_null(strstr(error.msg, "(1 of other)"));
    await(before + 2 + API_SQL_MAX);
    api_party_drop(api, other.party);
}

int main(void)
{
    return test_run(setup, api_node_teardown);
}
