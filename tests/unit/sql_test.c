/* bx_fsm_sql against fsm.h: SELECT over what is meant for people, and nothing else. */
#include "sql_help.h"

#include "lib/testrec.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint8_t web[16];
static char web_text[BX_UUID_TEXT];

static int open_state(void **state)
{
    struct bx_cmd_token_create token = {.secret_hash = "0123456789abcde", .ttl_ms = 60000};

    (void)state;
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    test_fsm_node(&t, 2, "n2");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_ALWAYS, web), BX_OK);
    assert_int_equal(test_fsm_vm(&t, "db", BX_RESTART_ALWAYS, NULL), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &token), BX_OK);
    bx_uuid_format(web, web_text);
    return 0;
}

static int close_state(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

TEST(select_reads_vms_and_nodes)
{
    char want[256];

    gives("SELECT name, vcpus, desired, phase FROM vms ORDER BY name",
          "{\"columns\":[\"name\",\"vcpus\",\"desired\",\"phase\"],\"rows\":"
          "[[\"db\",1,\"running\",\"creating\"],[\"web\",1,\"running\",\"creating\"]]}");
    gives("SELECT n.name, count(*) FROM nodes n JOIN vms v ON v.node = n.id GROUP BY 1 ORDER BY 1;",
          "{\"columns\":[\"name\",\"count(*)\"],\"rows\":[[\"n1\",1],[\"n2\",1]]}");
    gives("SELECT count(*) FROM vms -- and no more", "{\"columns\":[\"count(*)\"],\"rows\":[[2]]}");
    gives("SELECT name FROM vms WHERE 0", "{\"columns\":[\"name\"],\"rows\":[]}");
    gives("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 3)"
          " SELECT count(*) FROM c",
          "{\"columns\":[\"count(*)\"],\"rows\":[[3]]}");
    gives("VALUES(NULL, 1.5, 'x', x'01ff', -1)",
          "{\"columns\":[\"column1\",\"column2\",\"column3\",\"column4\",\"column5\"],"
          "\"rows\":[[null,1.5,\"x\",\"01ff\",-1]]}");
    snprintf(want, sizeof want, "{\"columns\":[\"uuid\"],\"rows\":[[\"%s\"]]}", web_text);
    gives("SELECT uuid FROM vms WHERE name = 'web'", want);
    gives("SELECT uuid FROM main.vms WHERE name = 'web'", want);
}

TEST(a_uuid_is_found_as_it_is_shown)
{
    char query[128];

    snprintf(query, sizeof query, "SELECT name FROM vms WHERE uuid = '%s'", web_text);
    gives(query, "{\"columns\":[\"name\"],\"rows\":[[\"web\"]]}");
}

TEST(values_that_json_lacks_are_still_sent)
{
    gives("SELECT 9e999 AS a, -9e999 AS b, CAST(x'c3' AS TEXT) AS c",
          "{\"columns\":[\"a\",\"b\",\"c\"],\"rows\":[[\"Inf\",\"-Inf\",\"c3\"]]}");
}

TEST(all_columns_are_for_people)
{
    struct bx_err err;
    char *text = ask("SELECT * FROM vms, nodes", &err);

    assert_non_null(text);
    assert_non_null(strstr(text, "\"modified_index\""));
    assert_null(strstr(text, "\"data\""));
    bx_free(text);
}

TEST(what_sqlite_says_of_a_query_is_recorded_as_a_detail)
{
    struct bx_err err;

    test_rec_open("debug");
    assert_null(ask("SELEC name FROM vms", &err));
    assert_true(test_rec_said("debug sqlite: near \"SELEC\": syntax error"));
    test_rec_close();
}

TEST(only_select_is_allowed)
{
    static const char *const queries[] = {
        "DELETE FROM vms",
        "DELETE FROM main.vms",
        "UPDATE main.nodes SET name = 'x'",
        "INSERT INTO main.nodes(id) VALUES(9)",
        "WITH x AS (SELECT 1) DELETE FROM vms",
        "DROP TABLE main.vms",
        "DROP VIEW temp.vms",
        "CREATE TABLE x(a)",
        "CREATE TEMP TABLE x(a)",
        "CREATE TEMP VIEW x AS SELECT * FROM main.tokens",
        "PRAGMA user_version",
        "PRAGMA query_only = OFF",
        "ATTACH '/tmp/x' AS x",
        "DETACH main",
        "VACUUM",
        "VACUUM INTO '/tmp/blixard-sql-test'",
        "BEGIN",
        "SAVEPOINT x",
        "REINDEX",
        "ANALYZE",
    };
    struct bx_err err;

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        refuses(queries[i], BX_DENIED);
        assert_null(ask(queries[i], &err));
        assert_string_equal(err.msg, "only SELECT is allowed");
        assert_true(err.hint[0] != '\0');
    }
    gives("SELECT count(*) FROM main.vms", "{\"columns\":[\"count(*)\"],\"rows\":[[2]]}");
}

TEST(what_is_hidden_stays_hidden)
{
    static const char *const queries[] = {
        "SELECT * FROM tokens",
        "SELECT count(*) FROM tokens",
        "SELECT count(*) FROM main.tokens AS vms",
        "SELECT 1 FROM tokens",
        "SELECT secret_hash FROM tokens",
        "SELECT name FROM vms WHERE EXISTS (SELECT 1 FROM tokens WHERE hex(secret_hash) > '3')",
        "WITH vms AS (SELECT * FROM main.tokens) SELECT * FROM vms",
        "SELECT * FROM (SELECT * FROM main.tokens) AS vms",
        "SELECT * FROM outcomes",
        "SELECT data FROM events",
        "SELECT count(*) FROM meta",
        "SELECT * FROM cluster",
        "SELECT data FROM main.vms",
        "WITH vms AS (SELECT data FROM main.vms) SELECT hex(data) FROM vms",
        "SELECT hex(data) FROM (SELECT data FROM main.vms) AS vms",
        "WITH vms(name) AS (SELECT data FROM main.vms) SELECT hex(name) FROM vms",
        "WITH vms(name) AS (SELECT hex(data) FROM main.vms) SELECT name FROM vms",
        "SELECT * FROM main.vms",
        "SELECT data FROM main.nodes",
        "SELECT name FROM main.vms ORDER BY data",
        "SELECT sql FROM sqlite_master",
        "SELECT count(*) FROM sqlite_master",
        "SELECT name FROM sqlite_schema",
        "SELECT * FROM sqlite_temp_master",
        "SELECT * FROM pragma_table_info('tokens')",
        "SELECT count(*) FROM pragma_database_list",
    };

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct bx_err err;
        char *text = ask(queries[i], &err);

        if (text != NULL)
            fail_msg("%s gave %s", queries[i], text);
        if (err.code != BX_DENIED && err.code != BX_INVALID)
            fail_msg("%s: %s", queries[i], err.msg);
    }
    refuses("SELECT * FROM tokens", BX_DENIED);
    refuses("SELECT load_extension('x')", BX_DENIED);
}

TEST(mistakes_are_told_in_words)
{
    struct bx_sql_options o = {end,      &(struct patience){.left = 9}, 1000, {NULL, 0}, false,
                               {NULL, 0}};
    struct bx_buf out = {0};
    struct bx_err err;

    refuses("SELEC 1", BX_INVALID);
    refuses("SELECT nothing FROM vms", BX_INVALID);
    refuses("", BX_INVALID);
    refuses(" ;; -- nothing", BX_INVALID);
    refuses("SELECT 1; SELECT 2", BX_INVALID);
    refuses("SELECT 1; garbage", BX_INVALID);
    assert_int_equal(bx_fsm_sql(t.path, (struct bx_str){NULL, 0}, &o, &out, &err), BX_INVALID);
    assert_string_equal(err.msg, "empty query");
    assert_null(ask("SELECT name FROM vm", &err));
    assert_int_equal(err.code, BX_INVALID);
    assert_non_null(strstr(err.msg, "vm"));
    assert_non_null(strstr(err.hint, "nodes, vms, tenants"));
}

TEST(every_bound_has_an_answer)
{
    static const char endless[] =
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c) SELECT ";
    struct patience p = {.left = 20};
    struct bx_buf out = {0};
    struct bx_err err;
    char query[70000], *text;

    snprintf(query, sizeof query, "%s count(*) FROM c", endless);
    assert_int_equal(run(query, 1 << 20, &p, &out, &err), BX_TIMEOUT);
    assert_int_equal(p.looks, 21);
    p = (struct patience){.left = UINT32_MAX};
    snprintf(query, sizeof query, "%s i FROM c", endless);
    assert_int_equal(run(query, 1 << 20, &p, &out, &err), BX_TOO_LARGE);
    assert_non_null(strstr(err.hint, "LIMIT"));
    /* Sorting what never ends would take all the memory there is. */
    snprintf(query, sizeof query, "%s i FROM c ORDER BY -i", endless);
    assert_int_equal(run(query, 1 << 20, &p, &out, &err), BX_TOO_LARGE);
    assert_int_equal(run("SELECT zeroblob(100000000)", 1 << 20, &p, &out, &err), BX_TOO_LARGE);
    memset(query, ' ', sizeof query);
    memcpy(query, "SELECT 1", 8);
    query[sizeof query - 1] = '\0';
    assert_int_equal(run(query, 1 << 20, &p, &out, &err), BX_TOO_LARGE);
    assert_int_equal(out.len, 0);
    bx_buf_release(&out);
    text = ask("SELECT 1", &err);
    assert_non_null(text);
    bx_free(text);
}

/* Each of the table expressions names the one before twice, so the last one is 2^17 SELECTs. SQLite
 * takes 290 MiB to compile them, and asks nobody meanwhile. */
TEST(a_query_that_grows_as_it_is_compiled_is_refused)
{
    struct patience p = {.left = UINT32_MAX};
    struct bx_buf query = {0}, out = {0};
    struct bx_err err;
    char text[96];

    assert_int_equal(bx_buf_append(&query, "WITH a0 AS (SELECT 1 AS x)", 26), BX_OK);
    for (int i = 0; i < 17; i++) {
        int n = snprintf(text, sizeof text,
                         ", a%d AS (SELECT x FROM a%d UNION ALL SELECT x FROM a%d)", i + 1, i, i);

        assert_int_equal(bx_buf_append(&query, text, (size_t)n), BX_OK);
    }
    assert_int_equal(bx_buf_append(&query, " SELECT count(*) FROM a17", 26), BX_OK);
    assert_int_equal(run((const char *)query.data, 1 << 20, &p, &out, &err), BX_TOO_LARGE);
    assert_non_null(strstr(err.msg, "memory"));
    assert_true(err.hint[0] != '\0');
    bx_buf_release(&query);
    bx_buf_release(&out);
    gives("SELECT 1", "{\"columns\":[\"1\"],\"rows\":[[1]]}");
}

/* What a function does with long texts is not interrupted: it takes the product of their lengths.
 */
TEST(a_call_of_a_function_takes_little_time)
{
    refuses("SELECT hex(zeroblob(400000))", BX_TOO_LARGE);
    refuses("SELECT 'a' LIKE '%' || hex(zeroblob(1000))", BX_INVALID);
    refuses("SELECT trim('a', 'b')", BX_INVALID);
    refuses("SELECT rtrim('a', 'b')", BX_INVALID);
    gives("SELECT trim(' a ')", "{\"columns\":[\"trim('a')\"],\"rows\":[[\"a\"]]}");
    gives("SELECT 'web' LIKE 'w%'", "{\"columns\":[\"'web'LIKE'w%'\"],\"rows\":[[1]]}");
}

/* SQLite's compare the part at each place of the text. */
TEST(searching_takes_no_longer_than_the_text)
{
    clock_t began = clock();

    gives("WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c LIMIT 100),"
          " t(a) AS MATERIALIZED (SELECT hex(zeroblob(64000)))"
          " SELECT sum(instr(a || i, substr(a, 1, 64000) || 'x')) AS n,"
          " sum(length(replace(a || i, substr(a, 1, 64000) || 'x', ''))) AS m FROM c, t",
          "{\"columns\":[\"n\",\"m\"],\"rows\":[[0,12800192]]}");
    assert_true((clock() - began) / CLOCKS_PER_SEC < 5);
}

TEST(searching_gives_what_it_gives_in_sqlite)
{
    gives("SELECT instr('abcabc', 'ca') AS a, instr('abc', '') AS b, instr('', 'a') AS c,"
          " instr('', '') AS d, instr(NULL, 'a') AS e, instr('a', NULL) AS f,"
          " instr('äöü', 'ü') AS g, instr(x'c3a4c3b6', x'c3b6') AS h, instr(12345, 34) AS i,"
          " instr('ä', x'a4') AS j, instr('aab', 'ab') AS k",
          "{\"columns\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\",\"j\",\"k\"],"
          "\"rows\":[[3,1,0,1,null,null,3,3,3,0,2]]}");
    gives("SELECT replace('aXbXX', 'X', '--') AS a, replace('abc', '', 'x') AS b,"
          " replace('aaa', 'aa', 'b') AS c, replace('abc', 'abc', '') AS d,"
          " replace('abc', NULL, 'x') AS e, replace(NULL, 'a', 'x') AS f,"
          " replace('a', 'a', NULL) AS g, replace(121, 1, 'x') AS h",
          "{\"columns\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"],"
          "\"rows\":[[\"a--b----\",\"abc\",\"ba\",\"\",null,null,null,\"x2x\"]]}");
    refuses("SELECT replace(hex(zeroblob(60000)), '0', 'xx')", BX_TOO_LARGE);
}

/* What stands before in the buffer stays; a refusal adds nothing to it. */
TEST(a_result_is_appended)
{
    struct patience p = {.left = 1000};
    struct bx_buf out = {0};
    struct bx_err err;

    assert_int_equal(bx_buf_append(&out, "abc", 3), BX_OK);
    assert_int_equal(run("SELEC", 1 << 20, &p, &out, &err), BX_INVALID);
    assert_int_equal(out.len, 3);
    assert_int_equal(run("SELECT 1", 1 << 20, &p, &out, &err), BX_OK);
    assert_true(out.len > 3);
    assert_memory_equal(out.data, "abc", 3);
    bx_buf_release(&out);
}

TEST(no_database_is_an_error)
{
    struct bx_sql_options o = {end,      &(struct patience){.left = 9}, 1000, {NULL, 0}, false,
                               {NULL, 0}};
    struct bx_buf out = {0};
    struct bx_err err;

    assert_int_equal(bx_fsm_sql("/nowhere/state.db", bx_str("SELECT 1"), &o, &out, &err), BX_IO);
    assert_true(err.msg[0] != '\0');
}

TEST(memory_running_out_is_an_error)
{
    survives_little_memory("SELECT uuid, name FROM vms");
}

/* The last: it adds VMs. Also after the row was loaded from the file, and beside VMs without it, or
 * alike. */
/* Its lock is one of all threads, and those of queries have a low priority: the loop would wait for
 * the processes of others. */
TEST(sqlite_keeps_no_statistics_of_memory)
{
    void *p = sqlite3_malloc(1000);

    assert_non_null(p);
    assert_int_equal(sqlite3_memory_used(), 0);
    sqlite3_free(p);
}

TEST(metadata_is_a_column_of_json)
{
    static const struct bx_pair pairs[] = {{{"owner", 5}, {"J\xc3\xbcrgen", 7}},
                                           {{"x", 1}, {"", 0}}};
    static const char query[] = "SELECT name, metadata FROM vms WHERE name LIKE 'm%' ORDER BY name";
    static const char want[] =
        "{\"columns\":[\"name\",\"metadata\"],\"rows\":["
        "[\"m1\",\"{\\\"owner\\\":\\\"J\xc3\xbcrgen\\\",\\\"x\\\":\\\"\\\"}\"],[\"m2\",\"{}\"]]}";
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    const struct bx_vm *vm;
    uint64_t digest;

    bx_vm_config_init(&c.config);
    c.config.disk_gib = 0;
    c.config.name = bx_str("m2");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    c.config.name = bx_str("m1");
    c.config.metadata = (struct bx_pairs){pairs, 2};
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    gives(query, want);
    digest = test_fsm_digest(&t);
    test_fsm_reopen(&t);
    assert_true(test_fsm_digest(&t) == digest);
    gives(query, want);
    assert_int_equal(bx_view_find_vm(bx_fsm_view(t.fsm), bx_str("m1"), &vm, NULL), BX_OK);
    assert_int_equal(vm->config->metadata.n, 2);
    assert_true(bx_str_eq(vm->config->metadata.v[0].value, pairs[0].value));
    assert_int_equal(test_fsm_delete(&t, "m1"), BX_OK);
}

int main(void)
{
    return test_run(open_state, close_state);
}
