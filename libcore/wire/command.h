/* command - the contents of entries in the replicated log.
 *
 * One Raft entry is one batch: all commands that reached the leader in one turn of its loop. The
 * leader stamps the batch with its wall time and sixteen random bytes. Ids are derived from those
 * and the place in the batch, so apply needs neither a clock nor random numbers.
 *
 *   entry    header (kind BATCH), then: wall ms u64, seed 16 bytes, commands u32, elapsed ms u32
 *            (version 1: zero), commands
 *   command  two flat records: struct bx_cmd_header, then the body of its kind
 *
 * The number, name, struct and schema of each kind are in one table, BX_COMMANDS. */
#ifndef BX_COMMAND_H
#define BX_COMMAND_H

#include "codec/flat.h"
#include "mem/buf.h"
#include "wire/ca.h"
#include "wire/cluster.h"
#include "wire/level.h"
#include "wire/node.h"
#include "wire/sys.h"
#include "wire/tenant.h"
#include "wire/user.h"
#include "wire/vm.h"

#define BX_BATCH_COMMANDS_MAX 512u
#define BX_BATCH_BYTES_MAX (1u << 20) /* a batch ends when the next command would not fit */
#define BX_COMMAND_BYTES_MAX (256u << 10)

/* X(number, level, NAME, name, type of the body). The number is stored in logs and never changes;
 * level is the feature level that added the kind (wire/level.h). The body's schema is
 * bx_cmd_NAME_schema, and bx_fsm_NAME applies it (state/fsm_priv.h). docs/HACKING.md lists the
 * steps to add a command. */
#define BX_COMMANDS(X)                                                                             \
    X(1, 1, CLUSTER_CREATE, cluster_create, struct bx_cmd_cluster_create)                          \
    X(2, 1, NODE_PUT, node_put, struct bx_node_info)                                               \
    X(3, 1, NODE_STATE, node_state, struct bx_cmd_node_state)                                      \
    X(4, 1, VM_CREATE, vm_create, struct bx_cmd_vm_create)                                         \
    X(5, 1, VM_DESIRE, vm_desire, struct bx_cmd_vm_desire)                                         \
    X(6, 1, VM_DELETE, vm_delete, struct bx_cmd_vm_delete)                                         \
    X(7, 1, VM_REPORT, vm_report, struct bx_cmd_vm_report)                                         \
    X(8, 1, TOKEN_CREATE, token_create, struct bx_cmd_token_create)                                \
    X(9, 1, MEMBER_JOIN, member_join, struct bx_cmd_member_join)                                   \
    X(10, 1, NODE_REMOVE, node_remove, struct bx_cmd_node_remove)                                  \
    X(11, 2, TENANT_CREATE, tenant_create, struct bx_cmd_tenant_create)                            \
    X(12, 2, TENANT_SET, tenant_set, struct bx_cmd_tenant_set)                                     \
    X(13, 2, TENANT_DELETE, tenant_delete, struct bx_cmd_tenant_delete)                            \
    X(14, 2, VM_RENAME, vm_rename, struct bx_cmd_vm_rename)                                        \
    X(15, 2, CLUSTER_UPGRADE, cluster_upgrade, struct bx_cmd_cluster_upgrade)                      \
    X(16, 2, SESSION_END, session_end, struct bx_cmd_session_end)                                  \
    X(17, 2, TOKEN_REVOKE, token_revoke, struct bx_cmd_token_revoke)                               \
    X(18, 2, NODE_REPAIRED, node_repaired, struct bx_cmd_node_repaired)                            \
    X(19, 3, USER_CREATE, user_create, struct bx_cmd_user_create)                                  \
    X(20, 3, USER_SET, user_set, struct bx_cmd_user_set)                                           \
    X(21, 3, USER_DELETE, user_delete, struct bx_cmd_user_delete)                                  \
    X(22, 3, USER_TOKEN_CREATE, user_token_create, struct bx_cmd_user_token_create)                \
    X(23, 3, USER_TOKEN_DELETE, user_token_delete, struct bx_cmd_user_token_delete)                \
    X(24, 3, CA_ROTATE, ca_rotate, struct bx_cmd_ca_rotate)

#define BX_CMD_NUMBER(number, level, upper, lower, type) BX_CMD_##upper = (number),
enum bx_cmd_kind { BX_COMMANDS(BX_CMD_NUMBER) BX__CMDS };

#define BX_PRINCIPAL_NODE "node" /* of the commands that nodes send by themselves */
#define BX_SOURCE_MAX 64u        /* bytes of a source */

struct bx_cmd_header {
    uint16_t kind;
    uint16_t level;       /* lowest feature level that reads it */
    uint8_t session[16];  /* zero: no exactly-once bookkeeping (reports, which are idempotent) */
    uint64_t sequence;    /* within the session, 1 and up */
    uint64_t floor;       /* lowest sequence the client still waits for */
    uint64_t body_hash;   /* bx_hash of the body's flat record */
    uint64_t deadline_ms; /* by leader time: it enters no batch of a later time; 0: none */
    uint8_t trace[16];
    struct bx_str principal, tenant;
    struct bx_str source; /* where the request came from: "unix", an address, "node 3" */
};
extern const struct bx_schema bx_cmd_header_schema;

#define BX_CMD_MEMBER(number, level, upper, lower, type) type lower;
union bx_cmd_body {
    BX_COMMANDS(BX_CMD_MEMBER)
};

/* The kind number of a body's schema. */
#define BX_CMD_SCHEMA(upper) (100 + BX_CMD_##upper)
#define BX_CMD_EXTERN(number, level, upper, lower, type)                                           \
    extern const struct bx_schema bx_cmd_##lower##_schema;
BX_COMMANDS(BX_CMD_EXTERN)

/* Name and schema of a kind, NULL for an unknown one; the level of a known one. */
const char *bx_cmd_name(uint16_t kind);
const struct bx_schema *bx_cmd_schema(uint16_t kind);
uint32_t bx_cmd_level(uint16_t kind);
/* The lowest level that reads a command of this kind with this body. */
uint32_t bx_cmd_needs(uint16_t kind, const void *body);
/* What tells a request from another one under its id: the hash of its body without the fields that
 * are droppable, so whether they could be sent makes no difference. header as encoded or decoded.
 */
uint64_t bx_cmd_identity(const struct bx_cmd_header *header, const void *body);

/* Append one command. header->kind must be set; level is raised to what the kind and the fields in
 * use, also of the header, need, and body_hash is filled in. BX_OK, BX_NO_MEMORY, or BX_TOO_LARGE
 * beyond BX_COMMAND_BYTES_MAX. */
int bx_cmd_encode(struct bx_buf *b, struct bx_cmd_header *header, const void *body);
/* Read one command; *used bytes of src (8-aligned). Views point into src, arrays into the arena.
 * BX_UNSUPPORTED: the kind or level is newer than this build, which must stop the node. */
int bx_cmd_decode(const uint8_t *src, size_t len, struct bx_cmd_header *header,
                  union bx_cmd_body *body, struct bx_arena *arena, size_t *used,
                  struct bx_err *err);
/* Of a command that was encoded here, or checked. */
uint16_t bx_cmd_kind(const uint8_t *src);
uint64_t bx_cmd_deadline(const uint8_t *src);
void bx_cmd_set_deadline(uint8_t *src, uint64_t deadline_ms);
/* What events have of its trace id; 0: it has none. */
uint64_t bx_cmd_trace(const uint8_t *src);
/* Validate one command like bx_cmd_decode without decoding it. */
int bx_cmd_check(const uint8_t *src, size_t len, size_t *used, struct bx_err *err);

/* The only source of time and randomness for apply: values set by the leader, identical on every
 * replica. */
struct bx_stamp {
    uint64_t wall_ms;    /* since 1970; differs between hosts and may jump */
    uint32_t elapsed_ms; /* since this leader's previous batch, by a monotonic clock */
    uint8_t seed[16];
};

/* A batch is built in a bx_buf. begin reserves space for header and stamp; commands are appended
 * with bx_cmd_encode (or as bytes that bx_cmd_encode produced elsewhere); seal adds the stamp. */
int bx_batch_begin(struct bx_buf *b);
void bx_batch_seal(struct bx_buf *b, uint32_t commands, const struct bx_stamp *stamp);

struct bx_batch {
    struct bx_stamp stamp;
    bool measured; /* false: version 1, without elapsed_ms */
    uint32_t commands;
    const uint8_t *p; /* the first command */
    size_t len;
};
/* Check header, checksum and stamp. src must be 8-aligned and outlive *out. */
int bx_batch_open(const uint8_t *src, size_t len, struct bx_batch *out, struct bx_err *err);

#endif
