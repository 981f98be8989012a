#include "wire/proto.h"

#include "wire/params.h"
#include "wire/reply.h"

#include <string.h>

const char *const bx_rpc_role_names[] = {"any", "viewer", "operator", "admin", NULL};

static void vm_defaults(void *params)
{
    bx_vm_config_init(&((struct bx_vm_create_params *)params)->body.config);
    ((struct bx_vm_create_params *)params)->body.admit = true;
}

/* Method, and where its parameters and its reply are described. */
#define M(method, answer, ...)                                                                     \
    [BX_M_##method] = {.params = &bx_param_schemas[BX_M_##method],                                 \
                       .reply = &bx_##answer##_reply_schema,                                       \
                       __VA_ARGS__}
#define REST(v, p) .verb = (v), .path = (p)
#define WRITE .mutates = true
#define LIST(field) .key = (field)

const struct bx_method_info bx_methods[BX__METHODS] = {
    M(SYS_HELLO, hello, .name = "sys.hello", REST("GET", "/v1/hello"), .role = BX_RPC_ANY,
      .before_init = true,
      .about = "Who answers. `codecs` names the forms in which the client takes lists; with "
               "`flat` a list comes as bytes, which hold flat records behind a header."),
    M(VM_CREATE, written, .name = "vm.create", REST("POST", "/v1/vms"), .role = BX_RPC_OPERATOR,
      WRITE, .other = &bx_decision_reply_schema, .defaults = vm_defaults,
      .about = "Create a VM. With `dry_run` nothing is created, and the answer is the decision "
               "where it would run."),
    M(VM_LIST, vm, .name = "vm.list", REST("GET", "/v1/vms"), .role = BX_RPC_VIEWER, LIST("name"),
      .about = "All VMs, by name."),
    M(VM_SHOW, vm, .name = "vm.show", REST("GET", "/v1/vms/{vm}"), .role = BX_RPC_VIEWER,
      .about = "One VM, by its name, its uuid or the beginning of that."),
    M(VM_START, written, .name = "vm.start", REST("POST", "/v1/vms/{vm}/start"),
      .role = BX_RPC_OPERATOR, WRITE, .about = "Start a VM."),
    M(VM_STOP, written, .name = "vm.stop", REST("POST", "/v1/vms/{vm}/stop"),
      .role = BX_RPC_OPERATOR, WRITE,
      .about = "Stop a VM. The guest has `timeout_s` seconds, 60 by default, and none with "
               "`force`."),
    M(VM_RESTART, written, .name = "vm.restart", REST("POST", "/v1/vms/{vm}/restart"),
      .role = BX_RPC_OPERATOR, WRITE, .about = "Stop a VM if it runs, and start it."),
    M(VM_DELETE, written, .name = "vm.delete", REST("DELETE", "/v1/vms/{vm}"),
      .role = BX_RPC_OPERATOR, WRITE, .about = "Delete a VM and its disk."),
    M(VM_RENAME, written, .name = "vm.rename", REST("POST", "/v1/vms/{vm}/rename"),
      .role = BX_RPC_OPERATOR, WRITE,
      .about =
          "Give a VM another name, which no other VM may have. Its uuid and its run stay; QEMU "
          "learns the name at the next start."),
    M(VM_WAIT, vm, .name = "vm.wait", REST("GET", "/v1/vms/{vm}/wait"), .role = BX_RPC_VIEWER,
      .about = "Wait until a VM, named by its uuid, is running, stopped or deleted; nil once it "
               "is deleted. An error when it can no longer get there, or when the run of `epoch` "
               "has ended and another one is tried."),
    M(VM_LOGS, logs, .name = "vm.logs", REST("GET", "/v1/vms/{vm}/logs"), .role = BX_RPC_VIEWER,
      .relayed = true, .about = "The end of a VM's console, at most `bytes` of it."),
    M(VM_EXPLAIN, decision, .name = "vm.explain", REST("GET", "/v1/vms/{vm}/explain"),
      .role = BX_RPC_VIEWER, .about = "Why a VM is where it is, or why it is nowhere."),
    M(NODE_LIST, node, .name = "node.list", REST("GET", "/v1/nodes"), .role = BX_RPC_VIEWER,
      LIST("id"), .about = "All nodes, by id."),
    M(NODE_SHOW, node, .name = "node.show", REST("GET", "/v1/nodes/{node}"), .role = BX_RPC_VIEWER,
      .about = "One node, by its name or id."),
    M(NODE_REMOVE, removed, .name = "node.remove", REST("DELETE", "/v1/nodes/{node}"),
      .role = BX_RPC_ADMIN, WRITE,
      .about = "Remove a node that is down; `confirm_dead` when it has VMs, which then fail."),
    M(CLUSTER_INIT, member_of, .name = "cluster.init", REST("POST", "/v1/cluster"),
      .role = BX_RPC_ADMIN, WRITE, .before_init = true,
      .about = "Make a new cluster of which this host is the first node."),
    M(CLUSTER_JOIN, member_of, .name = "cluster.join", REST("POST", "/v1/cluster/join"),
      .role = BX_RPC_ADMIN, WRITE, .before_init = true,
      .about = "Join this host to the cluster that made the token."),
    M(CLUSTER_TOKEN, token, .name = "cluster.token_create", REST("POST", "/v1/cluster/tokens"),
      .role = BX_RPC_ADMIN, WRITE,
      .about = "Make a token that lets one host join within `ttl_s` seconds, 3600 by default."),
    M(CLUSTER_STATUS, status, .name = "cluster.status", REST("GET", "/v1/cluster"),
      .role = BX_RPC_VIEWER,
      .about = "What this member knows of the cluster; answered without a quorum."),
    M(CLUSTER_MEMBERS, member, .name = "cluster.members", REST("GET", "/v1/cluster/members"),
      .role = BX_RPC_VIEWER, LIST("id"),
      .about = "The members that hold the log, as this member knows them."),
    M(EVENTS_LIST, event, .name = "events.list", REST("GET", "/v1/events"), .role = BX_RPC_VIEWER,
      LIST("index"),
      .about = "Events after the revision `since`, the oldest first; 1000 unless `limit` says "
               "otherwise, 10,000 at most."),
    M(EVENTS_WATCH, watch, .name = "events.watch", REST("GET", "/v1/events/watch"),
      .role = BX_RPC_VIEWER, .other = &bx_event_reply_schema,
      .about = "After an empty answer the notifications `event`, each event after `since` once "
               "and in order, until the notification `error`."),
    M(SQL, sql, .name = "sql.query", REST("POST", "/v1/sql"), .role = BX_RPC_VIEWER,
      .about = "One SELECT over the views vms, nodes and tenants."),
    M(MEM_STATS, memory, .name = "mem.stats", REST("GET", "/v1/memory"), .role = BX_RPC_VIEWER,
      .before_init = true, .about = "What the memory of the node that is asked is used for."),
    M(MEM_SITES, sites, .name = "mem.sites", REST("POST", "/v1/memory/sites"),
      .role = BX_RPC_OPERATOR, .before_init = true,
      .about = "Who allocates memory, since the start or since the scope was started; in builds "
               "that track allocations."),
    M(TENANT_CREATE, tenant, .name = "tenant.create", REST("POST", "/v1/tenants"),
      .role = BX_RPC_ADMIN, WRITE, .defaults = bx_tenant_defaults,
      .about = "Create a tenant. A bound that is not given, or 0, is none."),
    M(TENANT_LIST, tenant, .name = "tenant.list", REST("GET", "/v1/tenants"), .role = BX_RPC_VIEWER,
      LIST("name"), .about = "All tenants, by name."),
    M(TENANT_SHOW, tenant, .name = "tenant.show", REST("GET", "/v1/tenants/{tenant}"),
      .role = BX_RPC_VIEWER, .about = "One tenant, with its quota and what its VMs use of it."),
    M(TENANT_SET, tenant, .name = "tenant.set", REST("PATCH", "/v1/tenants/{tenant}"),
      .role = BX_RPC_ADMIN, WRITE, .defaults = bx_tenant_defaults,
      .about =
          "Change the bounds that are given; 0 takes one away. None can be below what is used."),
    M(TENANT_DELETE, tenant, .name = "tenant.delete", REST("DELETE", "/v1/tenants/{tenant}"),
      .role = BX_RPC_ADMIN, WRITE,
      .about = "Delete a tenant that has no VMs. Of the answer only the name counts."),
};

enum bx_method bx_method_find(const char *name, size_t n)
{
    for (int m = 0; m < BX__METHODS; m++) {
        if (strlen(bx_methods[m].name) == n && memcmp(bx_methods[m].name, name, n) == 0)
            return (enum bx_method)m;
    }
    return BX__METHODS;
}
