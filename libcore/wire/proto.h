/* proto - the methods of the API: one table for dispatch, roles, and later REST and help.
 *
 * MessagePack-RPC: request [0, id, method, [map]], response [1, id, error, result], notification
 * [2, method, [map]]; error is nil or a map {code, name, message, hint, retryable, leader}, where
 * name is bx_code_name and code the exit code. Parameters are one map; a key that a method does not
 * know is refused.
 *
 * Parameters that many methods share:
 *   reads    consistency  "linearizable" (default) or "stale"; before a stale answer the server
 *                         sends the notification [2, "stale", [{age_ms, applied_index}]]
 *   writes   request_id   32 hex digits, the session; absent: the server's own bookkeeping
 *            sequence     within the session, default 1;  floor  default = sequence
 *   both     timeout_ms   how long to wait for a leader, 1 to 600,000, default 10,000 */
#ifndef BX_PROTO_H
#define BX_PROTO_H

#include <stdbool.h>
#include <stddef.h>

#define BX_RPC_FRAME_MAX (1u << 20)
#define BX_RPC_VERSION 1u

enum bx_rpc_role { BX_RPC_ANY, BX_RPC_VIEWER, BX_RPC_OPERATOR, BX_RPC_ADMIN };

enum bx_method {
    BX_M_SYS_HELLO,       /* {version, codecs} -> {version, name, node, driver, accel, initialized,
                           * codecs}; codecs: what the client takes lists in, and what is known
                           * here. With "flat", vm.list answers bytes: codec/hybrid.h, kind VM */
    BX_M_VM_CREATE,       /* vm config fields + if_not_exists, dry_run -> {vm, existed} or
                           * decision */
    BX_M_VM_LIST,         /* {} -> [vm] by name */
    BX_M_VM_SHOW,         /* {vm} -> vm */
    BX_M_VM_START,        /* {vm} -> {vm, existed} */
    BX_M_VM_STOP,         /* {vm, timeout_s, force} -> {vm, existed} */
    BX_M_VM_RESTART,      /* {vm} -> {vm, existed} */
    BX_M_VM_DELETE,       /* {vm} -> {vm, existed} */
    BX_M_VM_WAIT,         /* {vm uuid, epoch, until: "running"|"stopped"|"deleted", timeout_ms}
                           * -> vm (nil once deleted); an error when it can no longer get there, or
                           * when the run of this epoch has ended and another one is tried */
    BX_M_VM_LOGS,         /* {vm, bytes} -> {text, node} */
    BX_M_VM_EXPLAIN,      /* {vm} -> {decision, node, score, margin, recorded, candidates,
                           * relaxations} */
    BX_M_NODE_LIST,       /* {} -> [node] by id */
    BX_M_NODE_SHOW,       /* {node} -> node */
    BX_M_NODE_REMOVE,     /* {node, confirm_dead} -> {node} */
    BX_M_CLUSTER_INIT,    /* {name} -> {cluster, node} */
    BX_M_CLUSTER_JOIN,    /* {token} -> {cluster, node} */
    BX_M_CLUSTER_TOKEN,   /* {ttl_s} -> {token, expires_ms} */
    BX_M_CLUSTER_STATUS,  /* {} -> {leader, term, commit_index, applied_index, revision, digest,
                           * quorum, members, ...}; answers without quorum */
    BX_M_CLUSTER_MEMBERS, /* {} -> [member] */
    BX_M_EVENTS_LIST,     /* {since, limit} -> [event] */
    BX_M_EVENTS_WATCH,    /* {since} -> {}; then notifications [2, "event", [event]], each event
                           * once and in order, until [2, "error", [error]] */
    BX_M_SQL,             /* {query} -> {columns, rows} */
    BX_M_MEM_STATS,       /* {} -> {tracking, proposal, read, vm_config, metadata, call, answer,
                           * connection, buffer, intern, row, shared_config, heap, codecs} of
                           * the node that is asked; when it tracks its allocations, also
                           * {scope, ours, raft, sqlite, msgpack, jansson, uv, libc, other,
                           * tracker} */
    BX_M_MEM_SITES,       /* {scope, action: "start"|"finish"} -> {scope, stacks, peak_bytes,
                           * owners, sites}, where it tracks its allocations */
    BX__METHODS
};

struct bx_method_info {
    const char *name;      /* "vm.create" */
    const char *verb;      /* of REST: "POST" */
    const char *path;      /* of REST: "/v1/vms" */
    enum bx_rpc_role role; /* lowest that may */
    bool mutates;
    bool before_init; /* answered by a daemon that belongs to no cluster yet */
};
extern const struct bx_method_info bx_methods[BX__METHODS];

/* The method of a name, or BX__METHODS. */
enum bx_method bx_method_find(const char *name, size_t n);

#endif
