#include "wire/proto.h"

#include <string.h>

const struct bx_method_info bx_methods[BX__METHODS] = {
    [BX_M_SYS_HELLO] = {"sys.hello", "GET", "/v1/hello", BX_RPC_ANY, false, true},
    [BX_M_VM_CREATE] = {"vm.create", "POST", "/v1/vms", BX_RPC_OPERATOR, true, false},
    [BX_M_VM_LIST] = {"vm.list", "GET", "/v1/vms", BX_RPC_VIEWER, false, false},
    [BX_M_VM_SHOW] = {"vm.show", "GET", "/v1/vms/{vm}", BX_RPC_VIEWER, false, false},
    [BX_M_VM_START] = {"vm.start", "POST", "/v1/vms/{vm}/start", BX_RPC_OPERATOR, true, false},
    [BX_M_VM_STOP] = {"vm.stop", "POST", "/v1/vms/{vm}/stop", BX_RPC_OPERATOR, true, false},
    [BX_M_VM_RESTART] = {"vm.restart", "POST", "/v1/vms/{vm}/restart", BX_RPC_OPERATOR, true,
                         false},
    [BX_M_VM_DELETE] = {"vm.delete", "DELETE", "/v1/vms/{vm}", BX_RPC_OPERATOR, true, false},
    [BX_M_VM_WAIT] = {"vm.wait", "GET", "/v1/vms/{vm}/wait", BX_RPC_VIEWER, false, false},
    [BX_M_VM_LOGS] = {"vm.logs", "GET", "/v1/vms/{vm}/logs", BX_RPC_VIEWER, false, false},
    [BX_M_VM_EXPLAIN] = {"vm.explain", "GET", "/v1/vms/{vm}/explain", BX_RPC_VIEWER, false, false},
    [BX_M_NODE_LIST] = {"node.list", "GET", "/v1/nodes", BX_RPC_VIEWER, false, false},
    [BX_M_NODE_SHOW] = {"node.show", "GET", "/v1/nodes/{node}", BX_RPC_VIEWER, false, false},
    [BX_M_NODE_REMOVE] = {"node.remove", "DELETE", "/v1/nodes/{node}", BX_RPC_ADMIN, true, false},
    [BX_M_CLUSTER_INIT] = {"cluster.init", "POST", "/v1/cluster", BX_RPC_ADMIN, true, true},
    [BX_M_CLUSTER_JOIN] = {"cluster.join", "POST", "/v1/cluster/join", BX_RPC_ADMIN, true, true},
    [BX_M_CLUSTER_TOKEN] = {"cluster.token_create", "POST", "/v1/cluster/tokens", BX_RPC_ADMIN,
                            true, false},
    [BX_M_CLUSTER_STATUS] = {"cluster.status", "GET", "/v1/cluster", BX_RPC_VIEWER, false, false},
    [BX_M_CLUSTER_MEMBERS] = {"cluster.members", "GET", "/v1/cluster/members", BX_RPC_VIEWER, false,
                              false},
    [BX_M_EVENTS_LIST] = {"events.list", "GET", "/v1/events", BX_RPC_VIEWER, false, false},
    [BX_M_EVENTS_WATCH] = {"events.watch", "GET", "/v1/events/watch", BX_RPC_VIEWER, false, false},
    [BX_M_MEM_STATS] = {"mem.stats", "GET", "/v1/memory", BX_RPC_VIEWER, false, true},
    [BX_M_MEM_SITES] = {"mem.sites", "POST", "/v1/memory/sites", BX_RPC_OPERATOR, false, true},
    [BX_M_SQL] = {"sql.query", "POST", "/v1/sql", BX_RPC_VIEWER, false, false},
};

enum bx_method bx_method_find(const char *name, size_t n)
{
    for (int m = 0; m < BX__METHODS; m++) {
        if (strlen(bx_methods[m].name) == n && memcmp(bx_methods[m].name, name, n) == 0)
            return (enum bx_method)m;
    }
    return BX__METHODS;
}
