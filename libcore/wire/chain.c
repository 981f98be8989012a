#include "wire/chain.h"

static void tell(struct bx_chain *c, enum bx_chain_fault_kind kind, uint64_t first, uint64_t last)
{
    struct bx_chain_fault f = {kind, first, last};

    c->fault(c->ctx, &f);
}

/* What comes next agrees with the last record, or does not. */
static void settle(struct bx_chain *c, bool agrees)
{
    if (c->suspect)
        tell(c, BX_CHAIN_CHANGED, agrees ? c->last - 1 : c->last, agrees ? c->last - 1 : c->last);
    c->suspect = false;
}

void bx_chain_begin(struct bx_chain *c, uint64_t number, const uint8_t previous[BX_SHA256])
{
    if (c->last != 0 || number < 2)
        return;
    c->last = number - 1;
    memcpy(c->hash, previous, BX_SHA256);
}

void bx_chain_step(struct bx_chain *c, uint64_t number, struct bx_str previous,
                   const uint8_t hash[BX_SHA256])
{
    bool agrees = memcmp(previous.p, c->hash, BX_SHA256) == 0, suspected = c->suspect;

    if (c->last != 0 && number <= c->last) {
        tell(c, BX_CHAIN_DOUBLED, number, number);
        return;
    }
    if (c->first == 0)
        c->first = number;
    if (c->last == 0) {
        c->suspect = false; /* nothing is known of the one before */
    } else if (number > c->last + 1) {
        settle(c, true);
        tell(c, BX_CHAIN_MISSING, c->last + 1, number - 1);
    } else {
        settle(c, agrees);
        c->suspect = !agrees && !suspected;
    }
    c->last = number;
    memcpy(c->hash, hash, BX_SHA256);
}

void bx_chain_end(struct bx_chain *c, uint64_t number, const uint8_t hash[BX_SHA256])
{
    bool same = number != 0 && number == c->last && memcmp(hash, c->hash, BX_SHA256) == 0;
    bool suspected = c->suspect;

    settle(c, number == 0 || number != c->last || same);
    if (number > c->last)
        tell(c, BX_CHAIN_MISSING, c->last + 1, number);
    else if (number != 0 && number == c->last && !same && !suspected)
        tell(c, BX_CHAIN_CHANGED, number, number);
}
