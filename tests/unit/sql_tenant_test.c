/* Queries of whoever is no administrator of the cluster: what is of other tenants is not there, by
 * whatever name and in whatever way it is asked for. */
#include "sql_help.h"

#include <string.h>

static void add_vm(const char *of, const char *name)
{
    struct bx_cmd_vm_create c = {.admit = true};

    bx_vm_config_init(&c.config);
    c.config.name = bx_str(name);
    c.config.tenant = bx_str(of);
    c.config.memory_mib = 100;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
}

static int open_state(void **state)
{
    struct bx_cmd_tenant_create a = {.name = bx_str("a"), .quota = {.vms = 7}};
    struct bx_cmd_tenant_create b = {.name = bx_str("b"), .quota = {.vms = 9}};

    (void)state;
    test_fsm_open(&t);
    test_fsm_cluster(&t, 3);
    test_fsm_node(&t, 1, "n1");
    test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &a);
    test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &b);
    add_vm("a", "web");
    add_vm("b", "web");
    add_vm("b", "db");
    limited = true;
    tenant = bx_str("a");
    return 0;
}

static int close_state(void **state)
{
    (void)state;
    limited = false;
    tenant = (struct bx_str){NULL, 0};
    test_fsm_close(&t);
    return 0;
}

TEST(only_its_own_rows_are_there)
{
    gives("SELECT name, tenant FROM vms", "{\"columns\":[\"name\",\"tenant\"],\"rows\":"
                                          "[[\"web\",\"a\"]]}");
    gives("SELECT count(*) FROM vms", "{\"columns\":[\"count(*)\"],\"rows\":[[1]]}");
    gives("SELECT count(*) FROM vms WHERE name = 'db' OR 1 = 1 OR tenant = 'b'",
          "{\"columns\":[\"count(*)\"],\"rows\":[[1]]}");
    gives("SELECT name, quota_vms FROM tenants",
          "{\"columns\":[\"name\",\"quota_vms\"],\"rows\":[[\"a\",7]]}");
    gives("SELECT phase, metadata, last_exit FROM vms WHERE tenant <> 'a'",
          "{\"columns\":[\"phase\",\"metadata\",\"last_exit\"],\"rows\":[]}");
}

TEST(nodes_have_no_address)
{
    gives("SELECT name, address, api FROM nodes",
          "{\"columns\":[\"name\",\"address\",\"api\"],\"rows\":[[\"n1\",null,null]]}");
    tenant = (struct bx_str){NULL, 0};
    gives("SELECT name, address, api FROM nodes",
          "{\"columns\":[\"name\",\"address\",\"api\"],\"rows\":[[\"n1\",null,null]]}");
    gives("SELECT count(*) FROM vms", "{\"columns\":[\"count(*)\"],\"rows\":[[3]]}");
    refuses("SELECT address FROM main.nodes", BX_DENIED);
}

TEST(no_way_leads_past_the_views)
{
    static const char *const queries[] = {
        "SELECT name FROM main.vms",
        "SELECT count(*) FROM main.vms",
        "SELECT 1 FROM main.vms",
        "SELECT 1 FROM \"MAIN\".\"VMS\"",
        "SELECT name FROM main.tenants",
        "SELECT rowid FROM main.vms",
        "SELECT (SELECT count(*) FROM main.vms) FROM vms",
        "SELECT name FROM vms WHERE EXISTS (SELECT 1 FROM main.vms WHERE tenant = 'b')",
        "WITH vms AS (SELECT * FROM main.vms) SELECT name FROM vms",
        "WITH x AS (SELECT name FROM main.vms) SELECT * FROM x",
        "SELECT name FROM vms UNION SELECT name FROM main.vms",
        "SELECT name FROM main.vms AS vms_0000000000000000",
        "SELECT data FROM vms_0000000000000000",
        "SELECT v.name FROM vms JOIN main.vms v",
        "SELECT value FROM json_each((SELECT json_group_array(name) FROM main.vms))",
        "SELECT count(*) FROM dbstat",
        "SELECT count(*) FROM users",
        "SELECT count(*) FROM main.users",
        "SELECT count(*) FROM main.cluster",
        "SELECT count(*) FROM events",
        "SELECT sql FROM sqlite_temp_master",
        "SELECT sql FROM temp.sqlite_schema",
        "SELECT count(*) FROM main.outcomes",
    };

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct bx_err err;
        char *text = ask(queries[i], &err);

        if (text != NULL)
            fail_msg("%s gave %s", queries[i], text);
        if (err.code != BX_DENIED && err.code != BX_INVALID)
            fail_msg("%s: %s", queries[i], err.msg);
    }
}

/* A condition that fails for rows of others would tell of them. */
TEST(no_condition_looks_at_rows_of_others)
{
    static const char *const conditions[] = {
        "abs(CASE WHEN tenant = 'b' THEN -9223372036854775807 - 1 ELSE 1 END) > 0",
        "abs(CASE WHEN name = 'db' THEN -9223372036854775807 - 1 ELSE 1 END) > 0",
        "json_extract(CASE WHEN name LIKE 'd%' THEN '{' ELSE '{}' END, '$') IS NOT NULL",
    };
    char query[256];

    for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
        snprintf(query, sizeof query, "SELECT name FROM vms WHERE %s", conditions[i]);
        gives(query, "{\"columns\":[\"name\"],\"rows\":[[\"web\"]]}");
        snprintf(query, sizeof query, "SELECT v.name FROM (SELECT id FROM nodes) JOIN vms v ON %s",
                 conditions[i]);
        gives(query, "{\"columns\":[\"name\"],\"rows\":[[\"web\"]]}");
        snprintf(query, sizeof query, "SELECT max(name) FROM vms GROUP BY tenant HAVING %s",
                 conditions[i]);
        gives(query, "{\"columns\":[\"max(name)\"],\"rows\":[[\"web\"]]}");
    }
}

TEST(the_refusal_lists_what_there_is)
{
    struct bx_err err;

    assert_null(ask("SELECT * FROM nothing", &err));
    assert_string_equal(err.hint, "available tables: nodes, vms, tenants; SELECT * FROM vms LIMIT "
                                  "1 shows the columns");
}

TEST(a_tenant_can_have_any_name)
{
    tenant = bx_str("a' OR 1 = 1 --");
    gives("SELECT count(*) FROM vms", "{\"columns\":[\"count(*)\"],\"rows\":[[0]]}");
}

int main(void)
{
    return test_run(open_state, close_state);
}
