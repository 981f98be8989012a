/* chain - checks a chain of numbered records, each of which has the hash of the one before: events,
 * and the refusals of a node.
 *
 * A record that was changed is told from one whose `previous` was: the first has another hash than
 * the one after it says, the second disagrees with both of its neighbours. So a fault is told one
 * record later. */
#ifndef BX_CHAIN_H
#define BX_CHAIN_H

#include "codec/schema.h"
#include "codec/sha256.h"

enum bx_chain_fault_kind { BX_CHAIN_CHANGED, BX_CHAIN_MISSING, BX_CHAIN_DOUBLED };

struct bx_chain_fault {
    enum bx_chain_fault_kind kind;
    uint64_t first, last; /* the records */
};

/* Zeroed at first, but for fault and ctx. */
struct bx_chain {
    void (*fault)(void *ctx, const struct bx_chain_fault *f);
    void *ctx;
    uint64_t first, last;    /* numbers of the records seen; 0: none */
    uint8_t hash[BX_SHA256]; /* of the last one */
    bool suspect;            /* the last one has not the hash of the one before it */
};

/* The chain begins, or goes on, with this record, and the hash of the one before is known. */
void bx_chain_begin(struct bx_chain *c, uint64_t number, const uint8_t previous[BX_SHA256]);
/* The next record, in the order in which they are kept. previous: BX_SHA256 bytes. */
void bx_chain_step(struct bx_chain *c, uint64_t number, struct bx_str previous,
                   const uint8_t hash[BX_SHA256]);
/* The chain is known to reach this record, with this hash; number 0: it is not known. */
void bx_chain_end(struct bx_chain *c, uint64_t number, const uint8_t hash[BX_SHA256]);

#endif
