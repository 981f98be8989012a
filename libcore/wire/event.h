/* event - the records of changes, in order; and outcome - the results of requests, kept so that a
 * repeat gets the first result.
 *
 * Each event has its own revision, one above that of the previous event. A command that changes
 * several objects has several events, so a reader can resume after any event without a gap.
 *
 * From feature level 3 on, events are a chain: each has the SHA-256 of the flat record of the one
 * before, so none can be changed, removed or added without all that follow. */
#ifndef BX_EVENT_H
#define BX_EVENT_H

#include "codec/schema.h"
#include "codec/sha256.h"
#include "err.h"

/* X(NAME, text). The position is the number stored in records: append new ones at the end. */
#define BX_EVENTS(X)                                                                               \
    X(CLUSTER_CREATED, "cluster.created")                                                          \
    X(NODE_JOINED, "node.joined")                                                                  \
    X(NODE_UPDATED, "node.updated")                                                                \
    X(NODE_STATE, "node.state")                                                                    \
    X(VM_CREATED, "vm.created")                                                                    \
    X(VM_DESIRED, "vm.desired") /* start or stop was requested */                                  \
    X(VM_PHASE, "vm.phase")                                                                        \
    X(VM_DELETED, "vm.deleted")                                                                    \
    X(TOKEN_CREATED, "token.created")                                                              \
    X(NODE_REMOVED, "node.removed")                                                                \
    X(TENANT_CREATED, "tenant.created")                                                            \
    X(TENANT_UPDATED, "tenant.updated")                                                            \
    X(TENANT_DELETED, "tenant.deleted")                                                            \
    X(VM_RENAMED, "vm.renamed") /* its detail is the old name */                                   \
    X(CLUSTER_UPGRADED, "cluster.upgraded")                                                        \
    X(TOKEN_REVOKED, "token.revoked") /* its detail is the id, as of token.created */              \
    X(VM_REBOOTED, "vm.rebooted")     /* by its guest; the detail counts those of the run */       \
    X(NODE_REPAIRED, "node.repaired") /* its detail is what */                                     \
    X(USER_CREATED, "user.created")   /* its detail is the role, and of which tenant */            \
    X(USER_UPDATED, "user.updated")   /* the same */                                               \
    X(USER_DELETED, "user.deleted")                                                                \
    X(USER_TOKEN_CREATED, "user_token.created") /* of a user; its detail is the id */              \
    X(USER_TOKEN_DELETED, "user_token.deleted") /* the same */                                     \
    X(CA_ADDED, "ca.added")     /* its detail is the generation: it is being replaced */           \
    X(CA_ACTIVE, "ca.active")   /* all nodes have taken it: it signs */                            \
    X(CA_DROPPED, "ca.dropped") /* all nodes show certificates of the newer one */

#define BX_EVENT_NUMBER(name, text) BX_EVENT_##name,
enum bx_event_type { BX_EVENTS(BX_EVENT_NUMBER) BX__EVENTS };
/* NULL-terminated, in the enum's order. */
extern const char *const bx_event_names[];

struct bx_event {
    uint64_t index;       /* the revision */
    uint64_t time;        /* leader's wall clock, ms since 1970 */
    uint8_t type;         /* enum bx_event_type */
    struct bx_str object; /* the VM's or node's name */
    struct bx_str node;   /* name of the node concerned, or empty */
    struct bx_str detail; /* for people: "running", "stopped: exit 0" ... */
    struct bx_str tenant; /* of the VM or user, or the tenant itself; empty: none, or not known */
    /* ---- of the chain ---- */
    struct bx_str principal, source; /* who changed it, and from where */
    uint8_t trace[16];               /* of the request; zero: it had none */
    struct bx_str previous; /* BX_SHA256 bytes, zero in the first; none: before the chain */
};
extern const struct bx_schema bx_event_schema;

#define BX_EVENT_PRINCIPAL_MAX 80u
#define BX_CHAIN_LEVEL 3u /* the feature level from which on events are a chain */

struct bx_outcome {
    uint8_t session[16];
    uint64_t sequence, body_hash;
    uint64_t revision;           /* after the change, or at the refusal */
    uint16_t code;               /* enum bx_code */
    uint8_t object[16];          /* uuid of the VM concerned, or zero */
    uint64_t node;               /* id of the node concerned: placed on, or joined as; or 0 */
    bool existed;                /* --if-not-exists found it, or nothing had to be done */
    struct bx_str message, hint; /* of an error; at most BX_ERR_MSG and BX_ERR_HINT bytes */
    uint64_t floor;              /* the client's floor when it sent the request */
    uint64_t principal_hash;     /* hash of the sender; the outcome is returned to no one else */
    bool spare;    /* a refusal, and its session has carried out nothing (state/session.h) */
    uint64_t born; /* index of the entry with which its session began; 0 before feature level 2 */
};
extern const struct bx_schema bx_outcome_schema;

#endif
