/* node - the commands about nodes. */
#include "result.h"

#include "wire/node.h"

#include <stdio.h>

static int node_list(struct run *r);
static int node_show(struct run *r);
static int node_remove(struct run *r);

static const struct flag remove_flags[] = {
    {.name = "confirm-dead", .help = "the host is permanently off; none of its VMs is running"},
    {0},
};

static const struct flag list_flags[] = {
    {.name = "state",
     .value = "STATE",
     .help = "only nodes in this state",
     .choices = bx_shown_state_names,
     .matches = "state"},
    {0},
};

static const struct column node_columns[] = {
    {.title = "ID", .key = "id", .format = VALUE_NUMBER},
    {.title = "NAME", .key = "name"},
    {.title = "STATE", .key = "state", .format = VALUE_STATE},
    {.title = "SPACE", .key = "space", .format = VALUE_STATE, .sparse = true},
    {.title = "ROLE", .key = "role"},
    {.title = "ADDRESS", .key = "address"},
    {.title = "VMS", .key = "vms", .format = VALUE_NUMBER},
    {.title = "VCPUS", .key = "capacity.vcpus", .format = VALUE_NUMBER},
    {.title = "MEMORY", .key = "capacity.memory_mib", .format = VALUE_MIB},
    {.title = "USED", .key = "allocated.memory_mib", .format = VALUE_MIB},
    {.title = "DRIVER", .key = "driver"},
    {.title = "VCPUS X", .key = "overcommit_vcpus_pct", .format = VALUE_RATIO, .wide = true},
    {.title = "MEMORY X", .key = "overcommit_memory_pct", .format = VALUE_RATIO, .wide = true},
    {.title = "DISK", .key = "capacity.disk_gib", .format = VALUE_GIB, .wide = true},
    {.title = "VCPUS USED", .key = "allocated.vcpus", .format = VALUE_NUMBER, .wide = true},
    {.title = "DISK USED", .key = "allocated.disk_gib", .format = VALUE_GIB, .wide = true},
    {.title = "API", .key = "api", .wide = true},
    {.title = "DATACENTER", .key = "datacenter", .wide = true},
    {.title = "ZONE", .key = "zone", .wide = true},
    {.title = "RACK", .key = "rack", .wide = true},
    {0},
};

const struct command node_commands[] = {
    {.name = "node list",
     .help = "list the nodes by id",
     .flags = list_flags,
     .columns = node_columns,
     .watch = true,
     .run = node_list},
    {.name = "node show",
     .arguments = {{.name = "NAME", .completes = "node"}},
     .help = "show everything about one node",
     .columns = node_columns,
     .watch = true,
     .run = node_show},
    {.name = "node remove",
     .arguments = {{.name = "NAME", .completes = "node"}},
     .help = "permanently remove a node that is down",
     .flags = remove_flags,
     .request_id = true,
     .run = node_remove},
    {0},
};

static int node_list(struct run *r)
{
    return result_print_list(r, "node.list");
}

static int node_show(struct run *r)
{
    return result_print_read(r, "node.show", "node");
}

/* The VMs of a host that is only cut off still run, and must not be started elsewhere:
 * --confirm-dead is the operator's statement that the host is off. */
static int node_remove(struct run *r)
{
    struct params p = {0};
    bx_val result;
    int rc;

    params_str(&p, "node", r->arguments[0]);
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
        printf("node %s removed\n", r->arguments[0]);
    return 0;
}
