/* event - what changed, in the order in which it changed, one a revision (D13); and
 * outcome - what became of a request, kept so that a repeat gets the first answer (D6). */
#ifndef BX_EVENT_H
#define BX_EVENT_H

#include "codec/schema.h"
#include "err.h"

enum bx_event_type {
    BX_EVENT_CLUSTER_CREATED,
    BX_EVENT_NODE_JOINED,
    BX_EVENT_NODE_UPDATED,
    BX_EVENT_NODE_STATE,
    BX_EVENT_VM_CREATED,
    BX_EVENT_VM_DESIRED, /* start or stop was asked for */
    BX_EVENT_VM_PHASE,
    BX_EVENT_VM_DELETED,
    BX_EVENT_TOKEN_CREATED,
    BX_EVENT_NODE_REMOVED,
    BX__EVENTS
};
/* "cluster.created", "node.joined", "vm.phase" ... NULL-terminated, in the enum's order. */
extern const char *const bx_event_names[];

struct bx_event {
    uint64_t index;       /* the revision */
    uint64_t time;        /* leader's wall clock, ms since 1970 */
    uint8_t type;         /* enum bx_event_type */
    struct bx_str object; /* the VM's or node's name */
    struct bx_str node;   /* name of the node concerned, or empty */
    struct bx_str detail; /* for people: "running", "stopped: exit 0" ... */
};
extern const struct bx_schema bx_event_schema;

struct bx_outcome {
    uint8_t session[16];
    uint64_t sequence, body_hash;
    uint64_t revision;           /* after the change, or at the refusal */
    uint16_t code;               /* enum bx_code */
    uint8_t object[16];          /* uuid of the VM concerned, or zero */
    uint64_t node;               /* id of the node concerned: placed on, or joined as; or 0 */
    bool existed;                /* --if-not-exists found it there, or nothing had to be done */
    struct bx_str message, hint; /* of a refusal; at most BX_ERR_MSG and BX_ERR_HINT bytes */
    uint64_t floor;              /* what the client waited for when it sent this */
    uint64_t principal_hash;     /* who sent it: nobody else gets its answer */
};
extern const struct bx_schema bx_outcome_schema;

#endif
