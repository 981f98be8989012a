/* proto - the methods of the API: one table for dispatch, roles, REST, and the reference.
 *
 * MessagePack-RPC: request [0, id, method, [map]], response [1, id, error, result], notification
 * [2, name, [map]]. The error is nil or what bx_error_reply_schema describes. Parameters are one
 * map; a key that a method does not know is refused.
 *
 * What every call has in common is struct bx_common (wire/params.h):
 *   reads    consistency  "linearizable" (default) or "stale"; before a stale answer the server
 *                         sends the notification [2, "stale", [{age_ms, applied_index}]]
 *   writes   request_id   32 hex digits, the session; absent: the server's own bookkeeping
 *            sequence     within the session, default 1;  floor  default = sequence
 *   both     timeout_ms   how long to wait for a leader, 1 to 600,000, default 10,000
 *   lists    after        only what follows the object of this key, in the order of the list
 *            limit        at most so many; 0: all
 *            match        a map: only objects whose fields have these values, as text */
#ifndef BX_PROTO_H
#define BX_PROTO_H

#include "codec/schema.h"

#define BX_RPC_FRAME_MAX (1u << 20)
#define BX_RPC_VERSION 1u

enum bx_rpc_role { BX_RPC_ANY, BX_RPC_VIEWER, BX_RPC_OPERATOR, BX_RPC_ADMIN, BX__RPC_ROLES };
/* "any", "viewer", "operator", "admin"; NULL-terminated. */
extern const char *const bx_rpc_role_names[];

/* The numbers are part of the kinds of flat parameters: a new method goes to the end. */
enum bx_method {
    BX_M_SYS_HELLO,
    BX_M_VM_CREATE,
    BX_M_VM_LIST,
    BX_M_VM_SHOW,
    BX_M_VM_START,
    BX_M_VM_STOP,
    BX_M_VM_RESTART,
    BX_M_VM_DELETE,
    BX_M_VM_WAIT,
    BX_M_VM_LOGS,
    BX_M_VM_EXPLAIN,
    BX_M_NODE_LIST,
    BX_M_NODE_SHOW,
    BX_M_NODE_REMOVE,
    BX_M_CLUSTER_INIT,
    BX_M_CLUSTER_JOIN,
    BX_M_CLUSTER_TOKEN,
    BX_M_CLUSTER_STATUS,
    BX_M_CLUSTER_MEMBERS,
    BX_M_EVENTS_LIST,
    BX_M_EVENTS_WATCH,
    BX_M_SQL,
    BX_M_MEM_STATS,
    BX_M_MEM_SITES,
    BX_M_TENANT_CREATE,
    BX_M_TENANT_LIST,
    BX_M_TENANT_SHOW,
    BX_M_TENANT_SET,
    BX_M_TENANT_DELETE,
    BX_M_VM_RENAME,
    BX__METHODS
};

struct bx_method_info {
    const char *name;      /* "vm.create" */
    const char *verb;      /* of REST: "POST" */
    const char *path;      /* of REST: "/v1/vms"; {vm} is the parameter of that name */
    const char *about;     /* what it does and answers, for the reference */
    enum bx_rpc_role role; /* lowest that may */
    bool mutates;
    bool before_init;               /* answered by a daemon that belongs to no cluster yet */
    bool relayed;                   /* answered to other nodes, too */
    const char *key;                /* of a list: the field that orders it; NULL: no list */
    const struct bx_schema *params; /* the struct begins with struct bx_common */
    const struct bx_schema *reply;  /* of a list: of its items */
    const struct bx_schema *other;  /* what it answers instead, as `about` says; or NULL */
    void (*defaults)(void *params); /* what is not zero in absent parameters; or NULL */
};
extern const struct bx_method_info bx_methods[BX__METHODS];

/* The method of a name, or BX__METHODS. */
enum bx_method bx_method_find(const char *name, size_t n);

#endif
