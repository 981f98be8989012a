#include "command.h"

#include <stdio.h>
#include <string.h>

static const struct flag init_flags[] = {
    {"name", "NAME", "of the cluster (blixard)", NULL},
    {0},
};
static const struct flag token_flags[] = {
    {"ttl", "D", "how long it is good (1h)", NULL},
    {0},
};

static const struct flag remove_flags[] = {
    {"confirm-dead", NULL, "its host is off for good: nothing of its VMs runs any more", NULL},
    {"request-id", "HEX", "32 digits: repeat a request safely", NULL},
    {0},
};

static const struct column node_columns[] = {
    {"ID", "id", 0, COLUMN_RIGHT},
    {"NAME", "name", 0, 0},
    {"STATE", "state", 's', 0},
    {"ROLE", "role", 0, 0},
    {"ADDRESS", "address", 0, 0},
    {"VMS", "vms", 0, COLUMN_RIGHT},
    {"VCPUS", "capacity.vcpus", 0, COLUMN_RIGHT},
    {"MEMORY", "capacity.memory_mib", 'm', COLUMN_RIGHT},
    {"USED", "allocated.memory_mib", 'm', COLUMN_RIGHT},
    {"DRIVER", "driver", 0, 0},
    {"DISK", "capacity.disk_gib", 'g', COLUMN_RIGHT | COLUMN_WIDE},
    {"VCPUS USED", "allocated.vcpus", 0, COLUMN_RIGHT | COLUMN_WIDE},
    {"DISK USED", "allocated.disk_gib", 'g', COLUMN_RIGHT | COLUMN_WIDE},
    {"API", "api", 0, COLUMN_WIDE},
    {"DATACENTER", "datacenter", 0, COLUMN_WIDE},
    {"ZONE", "zone", 0, COLUMN_WIDE},
    {"RACK", "rack", 0, COLUMN_WIDE},
    {0},
};
static const struct column member_columns[] = {
    {"ID", "id", 0, COLUMN_RIGHT},
    {"NAME", "name", 0, 0},
    {"ROLE", "role", 0, 0},
    {"STATUS", "status", 0, 0},
    {"STATE", "state", 's', 0},
    {"ADDRESS", "address", 0, 0},
    {0},
};

static int read_all(struct run *r, const char *method, bx_val *result)
{
    struct params p = {0};
    int rc;

    run_read_params(r, &p);
    rc = run_call(r, method, &p, result);
    params_close(&p);
    return rc;
}

/* ---- nodes ---- */

static int node_list(struct run *r)
{
    bx_val result;

    if (read_all(r, "node.list", &result) != BX_OK)
        return run_fail(r);
    return result_print(r, result);
}

static int node_show(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc;

    params_str(&p, "node", r->words[0]);
    run_read_params(r, &p);
    rc = run_call(r, "node.show", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    return result_print(r, result);
}

/* What runs on a host that is only cut off must not be started elsewhere: --confirm-dead is the
 * operator's word that the host is off. */
static int node_remove(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc;

    params_str(&p, "node", r->words[0]);
    params_bool(&p, "confirm_dead", args_has(&r->args, "confirm-dead"));
    rc = run_write_params(r, &p);
    if (rc == BX_OK)
        rc = run_call(r, "node.remove", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    if (!r->quiet)
        printf("%s is no longer a node of this cluster\n", r->words[0]);
    return 0;
}

/* ---- the cluster ---- */

static int become(struct run *r, const char *method, struct params *p)
{
    bx_val result;
    char cluster[64], node[24];
    int rc;

    if (r->timeout_ms < 30000 && !args_has(&r->args, "timeout"))
        r->timeout_ms = 30000;
    /* It is about one host: asking the next one would make a second cluster there. */
    if (r->client.n > 1) {
        params_close(p);
        return run_fail_with(r, BX_INVALID, "give the address of the host that is meant: --addr",
                             "this is about one host, but there are %u addresses", r->client.n);
    }
    rc = run_call(r, method, p, &result);
    params_close(p);
    if (rc == BX_INTERRUPTED)
        fprintf(stderr, "it was not answered; blixardctl cluster status tells whether this host is "
                        "a member now\n");
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    value_text(bx_val_get(result, "cluster"), 0, cluster, sizeof cluster);
    value_text(bx_val_get(result, "node"), 0, node, sizeof node);
    if (!r->quiet)
        printf("this host is node %s of cluster %s\n", node, cluster);
    return 0;
}

static int init(struct run *r)
{
    struct params p = {0};

    params_str(&p, "name", args_get(&r->args, "name", "blixard"));
    return become(r, "cluster.init", &p);
}

static int join(struct run *r)
{
    struct params p = {0};

    params_str(&p, "token", r->words[0]);
    return become(r, "cluster.join", &p);
}

static int status(struct run *r)
{
    bx_val result;

    if (read_all(r, "cluster.status", &result) != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print_part(r, result, "members");
    static const char *const keys[] = {
        "name",         "status",        "leader", "term", "quorum", "revision", "digest",
        "commit_index", "applied_index", "nodes",  "vms",  "age_ms", NULL};
    for (size_t i = 0; keys[i] != NULL; i++) {
        char text[128];

        value_text(bx_val_get(result, keys[i]), 0, text, sizeof text);
        printf("%-16s %s\n", keys[i], text);
    }
    print_table(r, bx_val_get(result, "members"), r->columns);
    return 0;
}

static int members(struct run *r)
{
    bx_val result;

    if (read_all(r, "cluster.members", &result) != BX_OK)
        return run_fail(r);
    return result_print(r, result);
}

static int token(struct run *r)
{
    const char *ttl = args_get(&r->args, "ttl", NULL);
    struct params p = {0};
    bx_val result = NULL;
    char text[8192];
    uint64_t ms = 3600000;
    int rc = BX_OK;

    if (strcmp(r->words[0], "create") != 0)
        return run_fail_with(r, BX_INVALID, "blixardctl cluster token create",
                             "cluster token: unknown command \"%.60s\"", r->words[0]);
    if (ttl != NULL)
        rc = parse_duration(ttl, "--ttl", &ms, &r->err);
    if (rc == BX_OK && ms < 1000) {
        rc = bx_err_set(&r->err, BX_INVALID, "--ttl: must be at least 1s");
        bx_err_hint(&r->err, "write it like 30m");
    }
    params_u64(&p, "ttl_s", ms / 1000);
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    r->request_id[0] = '\0'; /* a token is told once; one that got lost is replaced by another */
    if (rc == BX_OK)
        rc = run_call(r, "cluster.token_create", &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    value_text(bx_val_get(result, "token"), 0, text, sizeof text);
    printf("%s\n", text);
    return 0;
}

const struct command node_commands[] = {
    {"node", "list", "", 0, 0, "all nodes", read_flags, node_list, node_columns},
    {"node", "show", "NAME", 1, 1, "everything about one node", read_flags, node_show,
     node_columns},
    {"node", "drain", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"node", "cordon", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"node", "uncordon", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"node", "remove", "NAME", 1, 1, "take a node that is down out of the cluster, for good",
     remove_flags, node_remove, NULL},
    {"node", "fence", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {0},
};

const struct command cluster_commands[] = {
    {"cluster", "init", "", 0, 0, "found a cluster on this host", init_flags, init, NULL},
    {"cluster", "join", "TOKEN", 1, 1, "join this host to a cluster", NULL, join, NULL},
    {"cluster", "token", "create", 1, 1, "make a token to join with", token_flags, token, NULL},
    {"cluster", "status", "", 0, 0, "leader, indexes, digest, members", read_flags, status,
     member_columns},
    {"cluster", "members", "", 0, 0, "who holds the log", read_flags, members, member_columns},
    {"cluster", "remove", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"cluster", "transfer-leader", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"cluster", "snapshot", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {"cluster", "recover", NULL, 0, 0, NULL, NULL, NULL, NULL},
    {0},
};
