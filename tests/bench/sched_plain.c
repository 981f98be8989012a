#include "bench/sched_plain.h"

#include <assert.h>

#define FINE 1000000 /* scores are compared in millionths */
#define COARSE 1000  /* of those a told thousandth has */
#define ALL_SHORT (1u << BX_REJECT_VCPUS | 1u << BX_REJECT_MEMORY | 1u << BX_REJECT_DISK)

/* The resources as they stand side by side: what is asked for, and the node's column. */
struct amounts {
    int64_t need[BX__REJECTS], free[BX__REJECTS], total[BX__REJECTS];
};

static void read_amounts(const struct bx_node_columns *nodes, uint32_t i,
                         const struct bx_sched_request *rq, struct amounts *a)
{
    a->need[BX_REJECT_VCPUS] = (int64_t)rq->vcpus;
    a->need[BX_REJECT_MEMORY] = (int64_t)rq->memory_mib;
    a->need[BX_REJECT_DISK] = (int64_t)rq->disk_gib;
    a->free[BX_REJECT_VCPUS] = nodes->free_vcpus[i];
    a->free[BX_REJECT_MEMORY] = nodes->free_memory_mib[i];
    a->free[BX_REJECT_DISK] = nodes->free_disk_gib[i];
    a->total[BX_REJECT_VCPUS] = nodes->total_vcpus[i];
    a->total[BX_REJECT_MEMORY] = nodes->total_memory_mib[i];
    a->total[BX_REJECT_DISK] = nodes->total_disk_gib[i];
}

/* Every reason against this node, one bit each. */
static uint32_t reasons(const struct bx_node_columns *nodes, uint32_t i,
                        const struct bx_sched_request *rq, const struct amounts *a)
{
    bool pinned = rq->node != 0 || rq->strategy == BX_STRATEGY_MANUAL;
    uint32_t bits = 0;

    if (nodes->state[i] != BX_NODE_UP)
        bits |= 1u << BX_REJECT_NOT_UP;
    if (pinned && nodes->id[i] != rq->node)
        bits |= 1u << BX_REJECT_PINNED;
    for (int r = BX_REJECT_VCPUS; r <= BX_REJECT_DISK; r++) {
        if (a->need[r] > 0 && a->need[r] > a->free[r])
            bits |= 1u << r;
    }
    return bits;
}

static uint8_t first_reason(uint32_t bits)
{
    if (bits & 1u << BX_REJECT_PINNED)
        return BX_REJECT_PINNED;
    return bits == 0 ? BX_FITS : (uint8_t)__builtin_ctz(bits);
}

/* Millionths of the scarcest resource that stay free when the VM is there. A resource that the node
 * does not have does not count. */
static uint32_t smallest_rest(const struct amounts *a)
{
    int64_t rest, part, smallest = FINE;

    for (int r = BX_REJECT_VCPUS; r <= BX_REJECT_DISK; r++) {
        if (a->total[r] <= 0)
            continue;
        assert(a->total[r] <= INT64_MAX / FINE);
        rest = a->free[r] - a->need[r];
        if (rest > a->total[r])
            rest = a->total[r];
        part = rest <= 0 ? 0 : rest * FINE / a->total[r];
        if (part < smallest)
            smallest = part;
    }
    return (uint32_t)smallest;
}

static uint32_t fine_score(const struct amounts *a, uint8_t strategy)
{
    uint32_t rest = smallest_rest(a);

    return strategy == BX_STRATEGY_LEAST_AVAILABLE ? FINE - rest : rest;
}

/* Keep the best three, with their fine scores. Nodes come in the order of their ids, so an equal
 * one goes behind. */
static void rank(struct bx_decision *d, uint32_t fine[BX_BEST], const struct bx_candidate *c,
                 uint32_t score)
{
    uint32_t at = d->n_best;

    while (at > 0 && fine[at - 1] < score)
        at--;
    if (at == BX_BEST)
        return;
    if (d->n_best < BX_BEST)
        d->n_best++;
    memmove(&d->best[at + 1], &d->best[at], (d->n_best - at - 1) * sizeof d->best[0]);
    memmove(&fine[at + 1], &fine[at], (d->n_best - at - 1) * sizeof fine[0]);
    d->best[at] = *c;
    fine[at] = score;
}

/* by[r] is the least that removes reason r where it is the only one, node[r] where. */
struct least {
    uint64_t node[BX__REJECTS];
    int64_t by[BX__REJECTS];
};

static void keep_least(struct least *l, uint64_t node, uint8_t reject, int64_t by)
{
    if (l->node[reject] != 0 && l->by[reject] <= by)
        return;
    l->node[reject] = node;
    l->by[reject] = by;
}

static void relax(struct bx_decision *d, const struct least *l)
{
    static const uint8_t order[] = {BX_REJECT_VCPUS, BX_REJECT_MEMORY, BX_REJECT_DISK,
                                    BX_REJECT_PINNED, BX_REJECT_NOT_UP};

    for (size_t i = 0; i < sizeof order; i++) {
        uint8_t r = order[i];

        if (l->node[r] != 0)
            d->relaxations[d->n_relaxations++] =
                (struct bx_relaxation){.reject = r, .node = l->node[r], .by = l->by[r]};
    }
}

static void choose(struct bx_decision *d)
{
    d->placed = d->n_best > 0;
    if (!d->placed)
        return;
    d->node = d->best[0].node;
    d->score = d->best[0].score;
    d->margin = d->n_best > 1 ? d->score - d->best[1].score : d->score;
}

int sched_plain_decide(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       struct bx_candidates *candidates, struct bx_decision *out)
{
    struct least least = {0};
    struct amounts a = {0};
    uint32_t bits, score = 0, fine[BX_BEST];

    assert(rq->memory_mib <= INT64_MAX / FINE && rq->disk_gib <= INT64_MAX / FINE);
    memset(out, 0, sizeof *out);
    bx_candidates_clear(candidates);
    if (bx_candidates_reserve(candidates, nodes->n) != BX_OK)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < nodes->n; i++) {
        struct bx_candidate c = {.node = nodes->id[i]};

        assert(i == 0 || nodes->id[i] > nodes->id[i - 1]);
        read_amounts(nodes, i, rq, &a);
        bits = reasons(nodes, i, rq, &a);
        c.reject = first_reason(bits);
        if (c.reject == BX_FITS) {
            score = fine_score(&a, rq->strategy);
            c.score = score / COARSE;
        } else if (1u << c.reject & ALL_SHORT) {
            c.missing = a.need[c.reject] - a.free[c.reject];
        }
        candidates->items[candidates->len++] = c;
        out->counts[c.reject]++;
        if (c.reject == BX_FITS)
            rank(out, fine, &c, score);
        else if (bits == 1u << c.reject)
            keep_least(&least, c.node, c.reject, c.missing);
    }
    choose(out);
    if (!out->placed)
        relax(out, &least);
    return BX_OK;
}

void sched_plain_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       uint32_t from, uint32_t n, int32_t *rest)
{
    struct amounts a = {0};

    for (uint32_t i = 0; i < n; i++) {
        read_amounts(nodes, from + i, rq, &a);
        rest[i] = reasons(nodes, from + i, rq, &a) & ALL_SHORT ? -1 : (int32_t)smallest_rest(&a);
    }
}
