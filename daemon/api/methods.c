/* What each method does. The methods themselves are described in libcore/wire/proto.c. */
#include "api/priv.h"

#define METHODS(M)                                                                                 \
    M(SYS_HELLO, .run = api_hello)                                                                 \
    M(VM_CREATE, .run = api_vm_create, .written = api_vm_written, .config = true)                  \
    M(VM_LIST, .run = api_vm_list)                                                                 \
    M(VM_SHOW, .run = api_vm_show)                                                                 \
    M(VM_START, .run = api_vm_start, .written = api_vm_written)                                    \
    M(VM_STOP, .run = api_vm_stop, .written = api_vm_written)                                      \
    M(VM_RESTART, .run = api_vm_restart, .written = api_vm_written)                                \
    M(VM_DELETE, .run = api_vm_delete, .written = api_vm_written)                                  \
    M(VM_RENAME, .run = api_vm_rename, .written = api_vm_written)                                  \
    M(VM_WAIT, .run = api_vm_wait, .vm_changed = api_vm_wait_look, .expired = api_vm_wait_over)    \
    M(VM_LOGS, .run = api_vm_logs, .expired = api_relay_over)                                      \
    M(VM_EXPLAIN, .run = api_vm_explain)                                                           \
    M(NODE_LIST, .run = api_node_list)                                                             \
    M(NODE_SHOW, .run = api_node_show)                                                             \
    M(NODE_REMOVE, .run = api_node_remove, .written = api_node_removed)                            \
    M(CLUSTER_INIT, .run = api_cluster_init)                                                       \
    M(CLUSTER_JOIN, .run = api_cluster_join)                                                       \
    M(CLUSTER_TOKEN, .run = api_cluster_token, .written = api_token_written)                       \
    M(CLUSTER_STATUS, .run = api_cluster_status)                                                   \
    M(CLUSTER_MEMBERS, .run = api_cluster_members)                                                 \
    M(EVENTS_LIST, .run = api_events_list)                                                         \
    M(EVENTS_WATCH, .run = api_events_watch)                                                       \
    M(SQL, .run = api_sql)                                                                         \
    M(MEM_STATS, .run = api_mem_stats)                                                             \
    M(MEM_SITES, .run = api_mem_sites)                                                             \
    M(TENANT_CREATE, .run = api_tenant_create, .written = api_tenant_written)                      \
    M(TENANT_LIST, .run = api_tenant_list)                                                         \
    M(TENANT_SHOW, .run = api_tenant_show)                                                         \
    M(TENANT_SET, .run = api_tenant_set, .written = api_tenant_written)                            \
    M(TENANT_DELETE, .run = api_tenant_delete, .written = api_tenant_written)

#define ROW(method, ...) [BX_M_##method] = {__VA_ARGS__},
const struct api_method api_methods[BX__METHODS] = {METHODS(ROW)};

/* No method is named twice, says the compiler; so that many rows are one for each. */
#define ONE(method, ...) +1
_Static_assert((0 METHODS(ONE)) == BX__METHODS, "every method has a row");
