/* audit - audit.list: who changed what, and what was refused; and how each record is checked.
 *
 * A reply has the members of a record, from which its canonical form, and so its hash, can be made
 * again: whoever reads a list can check the chain without trusting the node that answered. */
#ifndef BX_AUDIT_H
#define BX_AUDIT_H

#include "mem/arena.h"
#include "wire/event.h"
#include "wire/params.h"
#include "wire/refusal.h"

#define BX_AUDIT_RECORDS_MAX 1000u
#define BX_AUDIT_BYTES (256u << 10) /* of the records of one answer */
#define BX_AUDIT_DAMAGE_MAX 1000u
#define BX_AUDIT_HASH_TEXT (2u * BX_SHA256)

struct bx_audit_params {
    struct bx_common common;     /* after: a revision, or the number of a refusal */
    struct bx_str node;          /* which is to answer; empty: the one that is asked */
    bool refused;                /* its refusals, not the events */
    uint64_t since_ms, until_ms; /* 0: none */
    struct bx_str who, object;   /* only theirs; empty: of all */
};

struct bx_audit_reply {
    uint64_t revision; /* of an event; 0: a refusal, */
    uint64_t number;   /* which has this */
    uint64_t time;
    struct bx_str who, from, what, object;
    struct bx_str node;    /* of an event: the node concerned, */
    struct bx_str tenant;  /* and the tenant */
    struct bx_str outcome; /* "ok", or the code of the error; "began", "ended", "untold" */
    struct bx_str message;
    uint64_t count;                      /* of "untold" */
    struct bx_str trace, previous, hash; /* hex; empty: there is none */
};
extern const struct bx_schema bx_audit_reply_schema;

struct bx_audit_list_reply {
    struct bx_str node;     /* that answers */
    struct bx_list records; /* struct bx_audit_reply */
    struct bx_str after;    /* of the next page */
    bool more;
    uint64_t head;        /* revision or number of the newest record, */
    struct bx_str hash;   /* and its hash; empty: it is not in the chain */
    uint64_t oldest;      /* of those that are kept; 0: not known */
    struct bx_str damage; /* what could not be read of the files; empty: nothing */
};
extern const struct bx_schema bx_audit_list_reply_schema;

/* The 64 digits of a hash, from the arena. */
struct bx_str bx_audit_hex(const uint8_t hash[BX_SHA256], struct bx_arena *arena);
/* False: it has not the form. */
bool bx_audit_unhex(struct bx_str text, uint8_t out[BX_SHA256]);

/* Describe a record; strings point into it or come from the arena, which ends the process when
 * there is no memory. */
void bx_audit_of_event(const struct bx_event *e, struct bx_arena *arena,
                       struct bx_audit_reply *out);
void bx_audit_of_refusal(const struct bx_refusal *r, struct bx_arena *arena,
                         struct bx_audit_reply *out);
/* The hash of the record that this describes, and what it has of the one before. False: it has not
 * the form of one, or is not in the chain. */
bool bx_audit_check(const struct bx_audit_reply *a, uint8_t hash[BX_SHA256],
                    uint8_t previous[BX_SHA256]);

#endif
