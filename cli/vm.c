/* vm - the commands about VMs; those that change some are in vm_create.c and vm_change.c. */
#include "vm.h"

#include "match.h"
#include "model/node.h"
#include "wire/vm.h"

#include <stdio.h>
#include <string.h>

static int vm_list(struct run *r);
static int vm_show(struct run *r);
static int vm_explain(struct run *r);

#define FILTERS                                                                                    \
    {.name = "selector",                                                                           \
     .letter = 'l',                                                                                \
     .value = "K=V",                                                                               \
     .help = "only VMs with this label; may be repeated",                                          \
     .matches = "labels",                                                                          \
     .pairs = true},                                                                               \
        {.name = "phase",                                                                          \
         .value = "PHASE",                                                                         \
         .help = "only VMs in this phase",                                                         \
         .choices = bx_shown_phase_names,                                                          \
         .matches = "phase"},                                                                      \
    {                                                                                              \
        .name = "node", .value = "N", .help = "only VMs on this node", .completes = "node",        \
        .matches = "node"                                                                          \
    }
#define ALL                                                                                        \
    {                                                                                              \
        .name = "all", .help = "all VMs that match the filters, instead of names"                  \
    }

static const struct flag list_flags[] = {FILTERS, {0}};
static const struct flag all_flags[] = {ALL, FILTERS, {0}};
static const struct flag start_flags[] = {
    {.name = "discard-disk", .help = "start with an empty disk if the disk was lost with its node"},
    ALL,
    FILTERS,
    {0},
};
static const struct flag stop_flags[] = {
    {.name = "timeout", .value = "D", .help = "how long to wait before QEMU is killed (60s)"},
    {.name = "force", .help = "kill QEMU at once"},
    ALL,
    FILTERS,
    {0},
};

static const struct column vm_columns[] = {
    {.title = "NAME", .key = "name"},
    {.title = "PHASE", .key = "phase", .format = VALUE_STATE},
    {.title = "NODE", .key = "node"},
    {.title = "VCPUS", .key = "vcpus", .format = VALUE_NUMBER},
    {.title = "MEMORY", .key = "memory_mib", .format = VALUE_MIB},
    {.title = "DISK", .key = "disk_gib", .format = VALUE_GIB},
    {.title = "AGE", .key = "created_ms", .format = VALUE_AGE},
    {.title = "RESTARTS", .key = "restarts", .format = VALUE_NUMBER, .sparse = true},
    {.title = "REBOOTS", .key = "reboots", .format = VALUE_NUMBER, .sparse = true},
    {.title = "SINCE", .key = "unknown_since_ms", .format = VALUE_AGE, .sparse = true},
    {.title = "FAILURES", .key = "failures", .format = VALUE_NUMBER, .sparse = true},
    {.title = "NEXT TRY", .key = "next_try_ms", .format = VALUE_UNTIL, .sparse = true},
    {.title = "DESIRED", .key = "desired", .wide = true},
    {.title = "TENANT", .key = "tenant", .varied = true},
    {.title = "PRIORITY", .key = "priority", .format = VALUE_NUMBER, .wide = true},
    {.title = "EPOCH", .key = "epoch", .format = VALUE_NUMBER, .wide = true},
    {.title = "RESTART", .key = "restart", .wide = true},
    {.title = "ON LOST", .key = "on_lost", .wide = true},
    {.title = "LABELS", .key = "labels", .format = VALUE_LABELS, .wide = true},
    {.title = "METADATA", .key = "metadata", .format = VALUE_LABELS, .wide = true},
    {.title = "ADDRESS", .key = "address", .wide = true},
    {.title = "UUID", .key = "uuid", .wide = true},
    {.title = "MESSAGE", .key = "message", .sparse = true},
    {.title = "LAST EXIT", .key = "last_exit", .wide = true},
    {.title = "LAST EXITED", .key = "last_exited_ms", .format = VALUE_AGE, .wide = true},
    {0},
};
const struct column vm_decision_columns[] = {
    {.title = "NODE", .key = "node"},
    {.title = "SCORE", .key = "score", .format = VALUE_NUMBER},
    {.title = "REJECTED", .key = "rejected"},
    {0},
};

const struct command vm_commands[] = {
    {.name = "vm create",
     .arguments = {{.name = "NAME"}},
     .help = "create a VM and start it",
     .flags = vm_create_flags,
     .columns = vm_columns,
     .request_id = true,
     .run = vm_create},
    {.name = "vm list",
     .help = "list the VMs by name",
     .flags = list_flags,
     .columns = vm_columns,
     .watch = true,
     .of_tenants = true,
     .run = vm_list},
    {.name = "vm show",
     .arguments = {{.name = "NAME", .completes = "vm"}},
     .help = "show everything about one VM",
     .columns = vm_columns,
     .watch = true,
     .of_tenants = true,
     .run = vm_show},
    {.name = "vm start",
     .arguments = {{.name = "NAME", .completes = "vm", .many = true}},
     .help = "start VMs that are stopped or have failed",
     .flags = start_flags,
     .columns = vm_columns,
     .request_id = true,
     .of_tenants = true,
     .run = vm_start},
    {.name = "vm stop",
     .arguments = {{.name = "NAME", .completes = "vm", .many = true}},
     .help = "stop VMs, without shutting down their guests",
     .flags = stop_flags,
     .columns = vm_columns,
     .request_id = true,
     .of_tenants = true,
     .run = vm_stop},
    {.name = "vm restart",
     .arguments = {{.name = "NAME", .completes = "vm", .many = true}},
     .help = "stop VMs, then start them",
     .flags = all_flags,
     .columns = vm_columns,
     .request_id = true,
     .of_tenants = true,
     .run = vm_restart},
    {.name = "vm delete",
     .arguments = {{.name = "NAME", .completes = "vm", .many = true}},
     .help = "delete VMs and their disks",
     .flags = all_flags,
     .columns = vm_columns,
     .request_id = true,
     .destructive = true,
     .of_tenants = true,
     .run = vm_delete},
    {.name = "vm rename",
     .arguments = {{.name = "NAME", .completes = "vm"}, {.name = "NEW"}},
     .help = "rename a VM, which keeps running",
     .columns = vm_columns,
     .request_id = true,
     .of_tenants = true,
     .run = vm_rename},
    {.name = "vm logs",
     .arguments = {{.name = "NAME", .completes = "vm"}},
     .help = "print the end of a VM's console",
     .flags = vm_logs_flags,
     .watch = true,
     .of_tenants = true,
     .run = vm_logs},
    {.name = "vm explain",
     .arguments = {{.name = "NAME", .completes = "vm"}},
     .help = "explain why a VM is on its node",
     .columns = vm_decision_columns,
     .watch = true,
     .of_tenants = true,
     .run = vm_explain},
    {0},
};

/* ---- reads ---- */

/* A node may be given by its number; what is matched is its name. */
static int resolve_node(struct run *r)
{
    static char name[80];
    const char *node = args_get(&r->args, "node", NULL);
    struct params p = {0};
    bx_val result = NULL;
    int rc;

    if (node == NULL)
        return BX_OK;
    params_str(&p, "node", node);
    run_read_params(r, &p);
    rc = run_call(r, "node.show", &p, &result);
    params_close(&p);
    value_text(bx_val_get(result, "name"), VALUE_TEXT, name, sizeof name);
    if (rc == BX_OK)
        args_set(&r->args, "node", name);
    return rc;
}

int vm_filter(struct run *r, struct params *p)
{
    int rc = resolve_node(r);

    return rc == BX_OK ? match_params(r, p) : rc;
}

static int vm_list(struct run *r)
{
    return resolve_node(r) == BX_OK ? result_print_list(r, "vm.list") : run_fail(r);
}

static int vm_show(struct run *r)
{
    return result_print_read(r, "vm.show", "vm");
}

int vm_print_decision(struct run *r, bx_val d)
{
    char node[80], decision[32], score[24], margin[24];

    if (!result_is_for_people(r))
        return result_print_part(r, d, "candidates");
    value_text(bx_val_get(d, "node"), VALUE_TEXT, node, sizeof node);
    value_text(bx_val_get(d, "decision"), VALUE_TEXT, decision, sizeof decision);
    value_text(bx_val_get(d, "score"), VALUE_NUMBER, score, sizeof score);
    value_text(bx_val_get(d, "margin"), VALUE_NUMBER, margin, sizeof margin);
    printf("%s on %s, score %s of 1000, ahead by %s\n", decision, node, score, margin);
    output_table(&r->out, bx_val_get(d, "candidates"), vm_decision_columns);
    return 0;
}

static int vm_explain(struct run *r)
{
    bx_val result;

    if (run_read(r, "vm.explain", "vm", &result) != BX_OK)
        return run_fail(r);
    return vm_print_decision(r, result);
}
