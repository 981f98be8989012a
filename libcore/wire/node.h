/* node - commands, parameters and replies for nodes. */
#ifndef BX_WIRE_NODE_H
#define BX_WIRE_NODE_H

#include "model/node.h"
#include "wire/params.h"

struct bx_cmd_node_state {
    uint64_t id;
    uint8_t state;
    bool dated;  /* keep the time of the change; false in entries of builds that did not */
    uint8_t low; /* enum bx_disk_space of its disk */
};
struct bx_cmd_member_join {
    uint8_t secret_hash[16];
    struct bx_node_info node; /* id 0: assigned by the state machine */
};
struct bx_cmd_node_remove {
    struct bx_str node; /* as the client named it: name or decimal id */
    uint64_t id;        /* what it meant when it was proposed, see state/reference.h */
    bool confirm_dead;  /* the operator confirms that no VM runs there any more */
};

/* Damage that a node has found at its start and mended (node/repairs.c). The numbers are stored. */
enum bx_repair {
    BX_REPAIR_IDENTITY,
    BX_REPAIR_VOTE,
    BX_REPAIR_MARK,
    BX_REPAIR_TRUST,
    BX_REPAIR_STATE,
    BX_REPAIR_LOG,
    BX__REPAIRS
};
extern const char *const bx_repair_names[];
struct bx_cmd_node_repaired {
    uint64_t id;
    uint8_t what; /* enum bx_repair */
};

struct bx_node_params {
    struct bx_common common;
    struct bx_str node; /* name or id */
    bool confirm_dead;
};

struct bx_resources {
    uint64_t vcpus, memory_mib, disk_gib;
};
/* The states of a row, and one that only a member without a quorum answers: it is not connected to
 * the node, and nobody else could say how that is. */
#define BX_SHOWN_UNREACHABLE 5u
extern const char *const bx_shown_state_names[];

struct bx_node_reply {
    uint64_t id;
    struct bx_str name, address, api;
    uint8_t state, role; /* state: of bx_shown_state_names */
    struct bx_resources capacity, reserve, allocated;
    struct bx_str driver, datacenter, zone, rack;
    uint64_t vms;
    uint64_t created_index, modified_index;
    uint64_t state_since_ms;                              /* 0: not known */
    uint32_t overcommit_vcpus_pct, overcommit_memory_pct; /* 100: none */
    uint8_t space; /* of its disk: enum bx_disk_space; omitted when ok */
};
extern const struct bx_schema bx_node_reply_schema;

struct bx_removed_reply {
    uint64_t node;
};
extern const struct bx_schema bx_removed_reply_schema;

#endif
