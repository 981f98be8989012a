/* node - a host in the cluster: its address, its capacity, its state and its role. */
#ifndef BX_NODE_INFO_H
#define BX_NODE_INFO_H

#include "codec/schema.h"
#include "err.h"
#include "mem/intern.h"

#define BX_NODES_MAX 4096u
#define BX_MEMBERS_MAX 9u /* of these, members of the Raft configuration */
#define BX_ADDRESS_MAX 255u
#define BX_OVERCOMMIT_MIN 10u /* percent */
#define BX_OVERCOMMIT_MAX 6400u
#define BX_PIN 32u                  /* bytes: SHA-256 of a SubjectPublicKeyInfo */
#define BX_PUBLIC_KEY 91u           /* bytes of one, of EC P-256 */
#define BX_NODE_ID_MAX (1ull << 62) /* so that the next id fits in a signed SQLite integer */

enum bx_node_state {
    BX_NODE_UP,
    BX_NODE_SUSPECT,
    BX_NODE_DOWN,
    BX_NODE_DRAINING,
    BX_NODE_MAINTENANCE
};
enum bx_role { BX_ROLE_VOTER, BX_ROLE_STANDBY, BX_ROLE_AGENT };
/* Of the disk of a node's data directory (node/ballast.h). */
enum bx_disk_space { BX_SPACE_OK, BX_SPACE_LOW, BX_SPACE_FULL };
extern const char *const bx_disk_space_names[];
extern const char *const bx_node_state_names[];
extern const char *const bx_role_names[];

struct bx_node_info {
    uint64_t id;           /* from 1, never reused */
    struct bx_str name;    /* DNS label, unique */
    struct bx_str address; /* HOST:PORT of the link between nodes */
    struct bx_str api;     /* HOST:PORT where clients reach it; may be empty */
    struct bx_str datacenter, zone, rack;
    struct bx_str driver; /* "qemu" or "sim" */
    uint32_t vcpus;
    uint64_t memory_mib, disk_gib;
    uint32_t reserve_vcpus; /* kept for the host */
    uint64_t reserve_memory_mib, reserve_disk_gib;
    uint32_t overcommit_vcpus_pct; /* 100: none */
    uint32_t overcommit_memory_pct;
    uint8_t state; /* enum bx_node_state */
    uint8_t role;  /* enum bx_role: the intended role */
    /* ---- from feature level 2 on ---- */
    struct bx_str http; /* HOST:PORT of its HTTP server; empty: it has none */
    /* ---- from feature level 3 on ---- */
    struct bx_str pin; /* SHA-256 of the public key that it proves itself with, BX_PIN bytes; empty:
                          the cluster has no certificates */
    struct bx_str public_key; /* that key: SubjectPublicKeyInfo, BX_PUBLIC_KEY bytes; empty: it was
                                 not told yet */
    /* What it has told of the CAs (state/ca.h): generation of the newest one that it trusts and can
     * sign with, and of the one that has signed the certificate that it shows. 0: nothing. */
    uint64_t ca_taken, ca_shown;
};
extern const struct bx_schema bx_node_info_schema;

/* Its fields, for a record that holds one at offset `at`. */
#define BX_NODE_INFO_FIELD(at, member, typ, ...)                                                   \
    {                                                                                              \
        .name = #member, .type = (typ),                                                            \
        .offset = (uint16_t)((at) + offsetof(struct bx_node_info, member)), __VA_ARGS__            \
    }
#define BX_NODE_INFO_FIELDS(at)                                                                    \
    BX_NODE_INFO_FIELD(at, id, BX_T_U64), BX_NODE_INFO_FIELD(at, name, BX_T_STR, .max = 255),      \
        BX_NODE_INFO_FIELD(at, address, BX_T_STR, .max = BX_ADDRESS_MAX),                          \
        BX_NODE_INFO_FIELD(at, api, BX_T_STR, .max = BX_ADDRESS_MAX),                              \
        BX_NODE_INFO_FIELD(at, datacenter, BX_T_STR, .max = 255),                                  \
        BX_NODE_INFO_FIELD(at, zone, BX_T_STR, .max = 255),                                        \
        BX_NODE_INFO_FIELD(at, rack, BX_T_STR, .max = 255),                                        \
        BX_NODE_INFO_FIELD(at, driver, BX_T_STR, .max = 63),                                       \
        BX_NODE_INFO_FIELD(at, vcpus, BX_T_U32), BX_NODE_INFO_FIELD(at, memory_mib, BX_T_U64),     \
        BX_NODE_INFO_FIELD(at, disk_gib, BX_T_U64),                                                \
        BX_NODE_INFO_FIELD(at, reserve_vcpus, BX_T_U32),                                           \
        BX_NODE_INFO_FIELD(at, reserve_memory_mib, BX_T_U64),                                      \
        BX_NODE_INFO_FIELD(at, reserve_disk_gib, BX_T_U64),                                        \
        BX_NODE_INFO_FIELD(at, overcommit_vcpus_pct, BX_T_U32),                                    \
        BX_NODE_INFO_FIELD(at, overcommit_memory_pct, BX_T_U32),                                   \
        BX_NODE_INFO_FIELD(at, state, BX_T_ENUM, .names = bx_node_state_names),                    \
        BX_NODE_INFO_FIELD(at, role, BX_T_ENUM, .names = bx_role_names)

/* Fields that were added later, at the end of such a record. */
#define BX_NODE_INFO_LATER_FIELDS(at)                                                              \
    BX_NODE_INFO_FIELD(at, http, BX_T_STR, .max = BX_ADDRESS_MAX, .omit = true, .since = 2,        \
                       .droppable = true),                                                         \
        BX_NODE_INFO_FIELD(at, pin, BX_T_BYTES, .max = BX_PIN, .omit = true, .since = 3,           \
                           .droppable = true),                                                     \
        BX_NODE_INFO_FIELD(at, public_key, BX_T_BYTES, .max = BX_PUBLIC_KEY, .omit = true,         \
                           .since = 3, .droppable = true),                                         \
        BX_NODE_INFO_FIELD(at, ca_taken, BX_T_U64, .omit = true, .since = 3, .droppable = true),   \
        BX_NODE_INFO_FIELD(at, ca_shown, BX_T_U64, .omit = true, .since = 3, .droppable = true)

/* The status of a member: leader, follower, learner (has the log but no vote), or candidate (a
 * voter without a known leader). */
const struct bx_istr *bx_member_status(bool leads, bool votes, bool leader_known);
/* The status of a daemon: initializing until it has applied all entries known to be committed, then
 * ready. */
const struct bx_istr *bx_daemon_status(uint64_t applied, uint64_t committed);

/* BX_INVALID with the field in the message. */
int bx_node_info_check(const struct bx_node_info *n, struct bx_err *err);

#endif
