/* proto - the table of the methods of the API, used for dispatch, roles, REST and the reference.
 * Each method is described in the file of its noun, wire/NOUN.c.
 *
 * MessagePack-RPC: request [0, id, method, [map]], response [1, id, error, result], notification
 * [2, name, [map]]. The error is nil or a map of bx_error_reply_schema. Parameters are one map;
 * unknown keys are refused.
 *
 * The common parameters are struct bx_common (wire/params.h):
 *   reads    consistency  "linearizable" (default) or "stale"; before a stale answer the server
 *                         sends the notification [2, "stale", [{age_ms, applied_index}]]
 *   writes   request_id   32 hex digits, the session; default: chosen by the server
 *            sequence     within the session, default 1;  floor  default = sequence
 *   both     timeout_ms   how long to wait for a leader, 1 to 600,000, default 10,000
 *   of VMs   tenant       whose VMs are meant; default: those of the caller's tenant, or of all
 *   lists    after        only items after the one with this key, in the order of the list
 *            limit        maximum number of items; 0: as many as a page has
 *            match        a map: only items whose fields have these values, as text
 *
 * A list is answered in pages, which the server ends at its own bounds, whatever `limit` says. If
 * the list continues, the notification [2, "page", [{id, after}]] is sent before the answer, with
 * the `after` of the next page. Each page shows the state at its time, so an item that is renamed
 * meanwhile can be in two pages or in none. */
#ifndef BX_PROTO_H
#define BX_PROTO_H

#include "codec/schema.h"

#define BX_RPC_FRAME_MAX (1u << 20)
#define BX_PAGE_ITEMS 1000u        /* maximum number of items in a page of a list */
#define BX_PAGE_BYTES (512u << 10) /* a page ends when it has as many bytes in flat form */
#define BX_RPC_VERSION 1u

/* What a method is to a caller whose role is for one tenant. A method that says nothing is refused.
 */
enum bx_rpc_scope {
    BX_SCOPE_CLUSTER, /* refused: it is for callers of the whole cluster */
    BX_SCOPE_TENANT,  /* for what is that tenant's alone; nothing else exists for the caller */
    BX_SCOPE_SHARED,  /* what it tells, or changes, is no tenant's */
    BX__SCOPES
};
/* "cluster", "tenant", "shared"; NULL-terminated. */
extern const char *const bx_rpc_scope_names[];

enum bx_rpc_role { BX_RPC_ANY, BX_RPC_VIEWER, BX_RPC_OPERATOR, BX_RPC_ADMIN, BX__RPC_ROLES };
/* "any", "viewer", "operator", "admin"; NULL-terminated. */
extern const char *const bx_rpc_role_names[];

/* X(NAME, name): bx_method_NAME of wire/NOUN.c describes the method, and api_NAME of the daemon
 * implements it. The position is part of the kind of its parameters' flat form: append new methods
 * at the end. */
#define BX_METHODS(X)                                                                              \
    X(SYS_HELLO, sys_hello)                                                                        \
    X(VM_CREATE, vm_create)                                                                        \
    X(VM_LIST, vm_list)                                                                            \
    X(VM_SHOW, vm_show)                                                                            \
    X(VM_START, vm_start)                                                                          \
    X(VM_STOP, vm_stop)                                                                            \
    X(VM_RESTART, vm_restart)                                                                      \
    X(VM_DELETE, vm_delete)                                                                        \
    X(VM_WAIT, vm_wait)                                                                            \
    X(VM_LOGS, vm_logs)                                                                            \
    X(VM_EXPLAIN, vm_explain)                                                                      \
    X(NODE_LIST, node_list)                                                                        \
    X(NODE_SHOW, node_show)                                                                        \
    X(NODE_REMOVE, node_remove)                                                                    \
    X(CLUSTER_INIT, cluster_init)                                                                  \
    X(CLUSTER_JOIN, cluster_join)                                                                  \
    X(CLUSTER_TOKEN, cluster_token)                                                                \
    X(CLUSTER_STATUS, cluster_status)                                                              \
    X(CLUSTER_MEMBERS, cluster_members)                                                            \
    X(EVENTS_LIST, events_list)                                                                    \
    X(EVENTS_WATCH, events_watch)                                                                  \
    X(SQL, sql)                                                                                    \
    X(MEM_STATS, mem_stats)                                                                        \
    X(MEM_SITES, mem_sites)                                                                        \
    X(TENANT_CREATE, tenant_create)                                                                \
    X(TENANT_LIST, tenant_list)                                                                    \
    X(TENANT_SHOW, tenant_show)                                                                    \
    X(TENANT_SET, tenant_set)                                                                      \
    X(TENANT_DELETE, tenant_delete)                                                                \
    X(VM_RENAME, vm_rename)                                                                        \
    X(CLUSTER_UPGRADE_STATUS, cluster_upgrade_status)                                              \
    X(CLUSTER_UPGRADE_FINALIZE, cluster_upgrade_finalize)                                          \
    X(SYS_DONE, sys_done)                                                                          \
    X(CLUSTER_TOKEN_LIST, cluster_token_list)                                                      \
    X(CLUSTER_TOKEN_REVOKE, cluster_token_revoke)                                                  \
    X(LOG_SNAPSHOT, log_snapshot)                                                                  \
    X(LOG_READ, log_read)                                                                          \
    X(LOG_LEVEL, log_level)                                                                        \
    X(LOG_QUERY, log_query)                                                                        \
    X(DIAG_LIST, diag_list)                                                                        \
    X(DIAG_SHOW, diag_show)                                                                        \
    X(DIAG_SEND, diag_send)                                                                        \
    X(DIAG_DELETE, diag_delete)                                                                    \
    X(LOG_APPEND, log_append)                                                                      \
    X(USER_CREATE, user_create)                                                                    \
    X(USER_LIST, user_list)                                                                        \
    X(USER_SHOW, user_show)                                                                        \
    X(USER_SET, user_set)                                                                          \
    X(USER_DELETE, user_delete)                                                                    \
    X(USER_TOKEN_CREATE, user_token_create)                                                        \
    X(USER_TOKEN_LIST, user_token_list)                                                            \
    X(USER_TOKEN_DELETE, user_token_delete)                                                        \
    X(CLUSTER_CA, cluster_ca)                                                                      \
    X(USER_CERT_CREATE, user_cert_create)                                                          \
    X(AUDIT_LIST, audit_list)                                                                      \
    X(CLUSTER_CA_ROTATE, cluster_ca_rotate)                                                        \
    X(CLUSTER_CA_STATUS, cluster_ca_status)

#define BX_METHOD_NUMBER(upper, lower) BX_M_##upper,
enum bx_method { BX_METHODS(BX_METHOD_NUMBER) BX__METHODS };

/* Kinds of flat replies, added to BX_KIND_REPLY; a VM has BX_KIND_VM. Numbers never change: append
 * new replies at the end. */
enum bx_reply {
    BX_REPLY_LINK = 1,
    BX_REPLY_WRITTEN,
    BX_REPLY_NODE,
    BX_REPLY_REMOVED,
    BX_REPLY_MEMBER,
    BX_REPLY_MEMBER_OF,
    BX_REPLY_TOKEN,
    BX_REPLY_STATUS,
    BX_REPLY_EVENT,
    BX_REPLY_DECISION,
    BX_REPLY_HELLO,
    BX_REPLY_LOGS,
    BX_REPLY_SQL,
    BX_REPLY_WATCH,
    BX_REPLY_ERROR,
    BX_REPLY_STALE,
    BX_REPLY_MEMORY,
    BX_REPLY_SITES,
    BX_REPLY_TENANT,
    BX_REPLY_UPGRADE,
    BX_REPLY_UPGRADE_MEMBER,
    BX_REPLY_PAGE,
    BX_REPLY_DONE,
    BX_REPLY_TOKEN_INFO,
    BX_REPLY_LOG_SNAPSHOT,
    BX_REPLY_LOG_READ,
    BX_REPLY_LOG_LEVEL,
    BX_REPLY_LOG_QUERY,
    BX_REPLY_DIAG,
    BX_REPLY_DIAG_SHOW,
    BX_REPLY_DIAG_DONE,
    BX_REPLY_LOG_APPEND,
    BX_REPLY_USER,
    BX_REPLY_USER_TOKEN,
    BX_REPLY_CA,
    BX_REPLY_USER_CERT,
    BX_REPLY_AUDIT_LIST,
    BX_REPLY_CA_INFO,
    BX_REPLY_CA_NODE,
    BX_REPLY_CA_STATUS,
};

struct bx_method_info {
    const char *name;      /* "vm.create" */
    const char *verb;      /* of REST: "POST" */
    const char *path;      /* of REST: "/v1/vms"; {vm} is the parameter of that name */
    const char *about;     /* description, for the reference */
    enum bx_rpc_role role; /* lowest role that may call it */
    enum bx_rpc_scope scope;
    bool mutates;
    bool before_init;               /* available while the host does not belong to a cluster */
    bool relayed;                   /* available to other nodes, too */
    bool upkeep;                    /* of nodes, all the time: not recorded as a request */
    const char *key;                /* of a list: the field it is sorted by; NULL: not a list */
    const struct bx_schema *params; /* the struct begins with struct bx_common */
    const struct bx_schema *reply;  /* of a list: its items */
    const struct bx_schema *other;  /* an alternative reply, described in `about`; or NULL */
    void (*defaults)(void *params); /* sets defaults that are not zero; or NULL */
};
#define BX_METHOD_EXTERN(upper, lower) extern const struct bx_method_info bx_method_##lower;
BX_METHODS(BX_METHOD_EXTERN)
/* Indexed by enum bx_method. */
extern const struct bx_method_info *const bx_methods[BX__METHODS];

/* The method of a name, or BX__METHODS. */
enum bx_method bx_method_find(const char *name, size_t n);

#endif
