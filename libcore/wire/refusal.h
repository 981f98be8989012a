/* refusal - the file in which a node keeps what it has refused.
 *
 *   file     items, one after the other, each with a header (codec/header.h) before a flat record
 *   first    kind REFUSALS, struct bx_refusals_head: which file of the node it is, and where the
 *            chain stood when it was begun
 *   others   kind REFUSAL, struct bx_refusal
 *
 * Records are numbered without gaps on each node, over all of its files, and each has the SHA-256
 * of the flat record of the one before. A reader takes a file as it is: what it can not read is
 * passed over, and told with its place. */
#ifndef BX_REFUSAL_H
#define BX_REFUSAL_H

#include "codec/schema.h"
#include "codec/sha256.h"
#include "err.h"
#include "mem/buf.h"

#define BX_REFUSAL_ITEM_MAX 2048u /* bytes of an item */
#define BX_REFUSAL_MESSAGE_MAX 400u

/* X(NAME, text). The position is the number stored in records: append new ones at the end. */
#define BX_REFUSALS(X)                                                                             \
    X(REFUSED, "refused")                                                                          \
    X(BEGAN, "began")   /* the daemon; the message tells whether records may be missing */         \
    X(ENDED, "ended")   /* the daemon, in order */                                                 \
    X(UNTOLD, "untold") /* so many refusals were not recorded: they came too fast */

#define BX_REFUSAL_NUMBER(name, text) BX_REFUSAL_##name,
enum bx_refusal_type { BX_REFUSALS(BX_REFUSAL_NUMBER) BX__REFUSALS };
/* NULL-terminated, in the enum's order. */
extern const char *const bx_refusal_names[];

struct bx_refusal {
    uint64_t number; /* 1 and up */
    uint64_t time;   /* by the node's clock, ms since 1970 */
    uint8_t type;    /* enum bx_refusal_type */
    struct bx_str principal, source;
    struct bx_str method; /* "vm.create", or "link" */
    struct bx_str object; /* as it was named; empty: none was */
    struct bx_str code;   /* of the error: "denied" */
    struct bx_str message;
    uint64_t count; /* of UNTOLD */
    uint8_t trace[16];
    struct bx_str previous; /* BX_SHA256 bytes; zero in the first */
};
extern const struct bx_schema bx_refusal_schema;

struct bx_refusals_head {
    uint64_t file;  /* 1 and up, without gaps */
    uint64_t first; /* number of the record that follows */
    struct bx_str previous;
};
extern const struct bx_schema bx_refusals_head_schema;

/* Append an item. BX_OK or BX_NO_MEMORY. */
int bx_refusal_write(struct bx_buf *b, const struct bx_refusal *r);
int bx_refusals_head_write(struct bx_buf *b, const struct bx_refusals_head *h);
/* The hash that the next record has of this one. */
void bx_refusal_hash(const struct bx_refusal *r, uint8_t out[BX_SHA256]);

/* ---- reading ---- */

enum bx_refusals_found {
    BX_REFUSALS_END,
    BX_REFUSALS_HEAD,
    BX_REFUSALS_RECORD,
    BX_REFUSALS_DAMAGE, /* these bytes are no item */
};

/* Zeroed, with p and n set; close releases what it holds. */
struct bx_refusals {
    const uint8_t *p;
    size_t n;
    /* ---- the item that was found ---- */
    size_t at, size; /* where */
    struct bx_refusals_head head;
    struct bx_refusal record; /* views into this, until the next call */
    struct bx_buf aligned;
};
enum bx_refusals_found bx_refusals_next(struct bx_refusals *r);
void bx_refusals_close(struct bx_refusals *r);

#endif
