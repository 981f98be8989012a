/* chain - the chain of events (state/fsm_chain.c of libcore): each event has the hash of the one
 * before, and the head that a replica tells is the hash of its newest one. */
#include "sim/sim.h"

#include "codec/flat.h"
#include "mem/alloc.h"

#include <string.h>

static void hash_event(const struct bx_event *e, uint8_t out[BX_SHA256])
{
    size_t n = bx_flat_size(&bx_event_schema, e);
    uint8_t *p = bx_must_alloc(n);

    bx_flat_write(&bx_event_schema, e, p);
    bx_sha256(p, n, out);
    bx_free(p);
}

void sim_chain_event(struct sim_host *h, const struct bx_event *e)
{
    static const uint8_t none[BX_SHA256];
    bool follows = h->chain_at != 0 && e->index == h->chain_at + 1;

    if (e->previous.n == 0 && follows)
        sim_violation(h->sim, "%s: event %llu is not in the chain", h->name,
                      (unsigned long long)e->index);
    if (e->previous.n == 0)
        return;
    if (follows && memcmp(e->previous.p, h->chain, sizeof h->chain) != 0)
        sim_violation(h->sim, "%s: event %llu has not the hash of the one before", h->name,
                      (unsigned long long)e->index);
    if (e->index == 1 && memcmp(e->previous.p, none, sizeof none) != 0)
        sim_violation(h->sim, "%s: the first event has one before", h->name);
    hash_event(e, h->chain);
    h->chain_at = e->index;
}

uint64_t sim_chain_head(struct sim_host *h, uint64_t revision)
{
    const uint8_t *head = bx_fsm_chain(bx_node_fsm(h->node));

    if (h->chain_at == revision && revision != 0 && memcmp(head, h->chain, sizeof h->chain) != 0)
        sim_violation(h->sim, "%s: the head of the chain is not the hash of event %llu", h->name,
                      (unsigned long long)revision);
    return bx_hash(head, BX_SHA256);
}
