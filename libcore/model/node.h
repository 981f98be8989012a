/* node - a host in the cluster: its address, its capacity, its state and its role. */
#ifndef BX_NODE_INFO_H
#define BX_NODE_INFO_H

#include "codec/schema.h"
#include "err.h"

#define BX_NODES_MAX 4096u
#define BX_ADDRESS_MAX 255u

enum bx_node_state { BX_NODE_UP, BX_NODE_SUSPECT, BX_NODE_DOWN, BX_NODE_DRAINING,
                     BX_NODE_MAINTENANCE };
enum bx_role { BX_ROLE_VOTER, BX_ROLE_STANDBY, BX_ROLE_AGENT };
extern const char *const bx_node_state_names[];
extern const char *const bx_role_names[];

struct bx_node_info {
    uint64_t id;             /* 1 and up, never used twice */
    struct bx_str name;      /* DNS label, unique */
    struct bx_str address;   /* HOST:PORT of the link between nodes */
    struct bx_str api;       /* HOST:PORT where clients reach it; may be empty */
    struct bx_str datacenter, zone, rack;
    struct bx_str driver;    /* "qemu" or "sim" */
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint32_t reserve_vcpus;  /* kept for the host */
    uint64_t reserve_memory_mib, reserve_disk_gib;
    uint32_t overcommit_vcpus_pct;  /* 100: none */
    uint32_t overcommit_memory_pct;
    uint8_t state;           /* enum bx_node_state */
    uint8_t role;            /* enum bx_role: what it should be */
};
extern const struct bx_schema bx_node_info_schema;

/* BX_INVALID with the field in the message. */
int bx_node_info_check(const struct bx_node_info *n, struct bx_err *err);

#endif
