#include "state/sched_score.h"
#include "state/sched_strategy.h"

#include "mem/track.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define COARSE 1000 /* millionths in a reported thousandth */
#define CHUNK 256u  /* nodes scored per call */
#define ALL_SHORT (1u << BX_REJECT_VCPUS | 1u << BX_REJECT_MEMORY | 1u << BX_REJECT_DISK)

const char *const bx_reject_names[] = {
    [BX_FITS] = "fits",
    [BX_REJECT_NOT_UP] = "not up",
    [BX_REJECT_PINNED] = "pinned elsewhere",
    [BX_REJECT_VCPUS] = "not enough vcpus",
    [BX_REJECT_MEMORY] = "not enough memory",
    [BX_REJECT_DISK] = "not enough disk",
    [BX_REJECT_LOW] = "low on disk space",
    [BX__REJECTS] = NULL,
};

/* The resources side by side: the requested amounts, and the free amounts of the node. */
struct amounts {
    int64_t need[BX__REJECTS], free[BX__REJECTS];
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
}

static bool is_short(const struct amounts *a, int r)
{
    return a->need[r] > 0 && a->need[r] > a->free[r];
}

static bool is_pinned(const struct bx_sched_request *rq)
{
    return rq->node != 0 || bx_sched_strategy(rq->strategy)->pinned;
}

static uint8_t not_up(uint8_t state)
{
    return state == BX_COLUMN_LOW ? BX_REJECT_LOW : BX_REJECT_NOT_UP;
}

/* All reasons against this node, one bit each. */
static uint32_t reasons(const struct bx_node_columns *nodes, uint32_t i,
                        const struct bx_sched_request *rq)
{
    struct amounts a = {0};
    uint32_t bits = 0;

    read_amounts(nodes, i, rq, &a);
    if (nodes->state[i] != BX_NODE_UP)
        bits |= 1u << not_up(nodes->state[i]);
    if (is_pinned(rq) && nodes->id[i] != rq->node)
        bits |= 1u << BX_REJECT_PINNED;
    for (int r = BX_REJECT_VCPUS; r <= BX_REJECT_DISK; r++)
        bits |= (uint32_t)is_short(&a, r) << r;
    return bits;
}

/* Keep the best three with their fine scores. Nodes come in order of id, so of equal ones the first
 * wins. */
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

/* ---- relaxations: only when nothing fits ---- */

/* by[r] is the smallest change that removes reason r where it is the only one; node[r] is that
 * node. */
struct least {
    uint64_t node[BX__REJECTS];
    int64_t by[BX__REJECTS];
};

static void keep_least(struct least *l, const struct bx_candidate *c)
{
    if (l->node[c->reject] != 0 && l->by[c->reject] <= c->missing)
        return;
    l->node[c->reject] = c->node;
    l->by[c->reject] = c->missing;
}

static void relax(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  const struct bx_candidates *candidates, struct bx_decision *d)
{
    static const uint8_t order[] = {BX_REJECT_VCPUS, BX_REJECT_MEMORY, BX_REJECT_DISK,
                                    BX_REJECT_LOW,   BX_REJECT_PINNED, BX_REJECT_NOT_UP};
    struct least l = {0};

    for (uint32_t i = 0; i < nodes->n; i++) {
        const struct bx_candidate *c = &candidates->items[i];

        if (reasons(nodes, i, rq) == 1u << c->reject)
            keep_least(&l, c);
    }
    for (size_t i = 0; i < sizeof order; i++) {
        uint8_t r = order[i];

        if (l.node[r] != 0)
            d->relaxations[d->n_relaxations++] =
                (struct bx_relaxation){.reject = r, .node = l.node[r], .by = l.by[r]};
    }
}

/* ---- the decision ---- */

static void choose(struct bx_decision *d)
{
    d->placed = d->n_best > 0;
    if (!d->placed)
        return;
    d->node = d->best[0].node;
    d->score = d->best[0].score;
    d->margin = d->n_best > 1 ? d->score - d->best[1].score : d->score;
}

/* State of one decision. */
struct search {
    const struct bx_node_columns *nodes;
    const struct bx_sched_request *rq;
    const struct bx_sched_strategy *strategy;
    bool pinned; /* to rq->node */
    struct bx_decision *out;
    uint32_t fine[BX_BEST]; /* scores of the best, in millionths */
};

/* Record the first reason against a node that does not fit. */
static void reject(const struct search *s, uint32_t i, struct bx_candidate *c)
{
    struct amounts a = {0};

    if (s->pinned && c->node != s->rq->node) {
        c->reject = BX_REJECT_PINNED;
    } else if (s->nodes->state[i] != BX_NODE_UP) {
        c->reject = not_up(s->nodes->state[i]);
    } else {
        read_amounts(s->nodes, i, s->rq, &a);
        c->reject = BX_REJECT_VCPUS;
        while (!is_short(&a, c->reject))
            c->reject++;
        c->missing = a.need[c->reject] - a.free[c->reject];
    }
    s->out->counts[c->reject]++;
}

/* Most fitting nodes do not reach the best three, which one comparison shows. */
static void decide_chunk(struct search *s, uint32_t from, uint32_t n, struct bx_candidate *c)
{
    const uint64_t *id = s->nodes->id + from, only = s->rq->node;
    const uint8_t *state = s->nodes->state + from;
    bool pinned = s->pinned;
    int32_t score[CHUNK];

    s->strategy->score(s->nodes, s->rq, from, n, score);
    for (uint32_t k = 0; k < n; k++) {
        uint32_t fine = (uint32_t)score[k];

        assert(k == 0 || id[k] > id[k - 1]);
        c[k] = (struct bx_candidate){.node = id[k]};
        if (score[k] < 0 || state[k] != BX_NODE_UP || (pinned && id[k] != only)) {
            reject(s, from + k, &c[k]);
            continue;
        }
        c[k].score = fine / COARSE;
        if (s->out->n_best < BX_BEST || fine > s->fine[BX_BEST - 1])
            rank(s->out, s->fine, &c[k], fine);
    }
}

int bx_sched_decide(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    struct bx_candidates *candidates, struct bx_decision *out)
{
    struct search s = {.nodes = nodes,
                       .rq = rq,
                       .strategy = bx_sched_strategy(rq->strategy),
                       .pinned = is_pinned(rq),
                       .out = out};
    uint32_t n = nodes->n, rejected = 0;

    BX_TRACK_SCOPE("placement");
    assert(rq->memory_mib <= INT64_MAX / BX_SCORE_MAX && rq->disk_gib <= INT64_MAX / BX_SCORE_MAX);
    memset(out, 0, sizeof *out);
    bx_candidates_clear(candidates);
    if (bx_candidates_reserve(candidates, n) != BX_OK)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < n; i += CHUNK)
        decide_chunk(&s, i, n - i < CHUNK ? n - i : CHUNK, candidates->items + i);
    candidates->len = n;
    for (int r = BX_FITS + 1; r < BX__REJECTS; r++)
        rejected += out->counts[r];
    out->counts[BX_FITS] = n - rejected;
    choose(out);
    if (!out->placed)
        relax(nodes, rq, candidates, out);
    return BX_OK;
}

/* ---- why ---- */

const char *bx_reject_unit(uint8_t reject)
{
    return reject == BX_REJECT_MEMORY ? " MiB" : reject == BX_REJECT_DISK ? " GiB" : "";
}

static int sentence(const struct bx_node_columns *nodes, uint32_t i,
                    const struct bx_sched_request *rq, const struct bx_candidate *c,
                    const char *name, char *out, size_t size)
{
    struct amounts a = {0};
    int64_t left;

    read_amounts(nodes, i, rq, &a);
    if (c->reject == BX_REJECT_NOT_UP)
        return snprintf(out, size, "%s: %s", name, bx_node_state_names[nodes->state[i]]);
    if ((1u << c->reject & ALL_SHORT) == 0)
        return snprintf(out, size, "%s: %s", name, bx_reject_names[c->reject]);
    left = a.free[c->reject] < 0 ? 0 : a.free[c->reject];
    return snprintf(out, size, "%s: %s (needs %" PRId64 "%s, %" PRId64 " free)", name,
                    bx_reject_names[c->reject], a.need[c->reject], bx_reject_unit(c->reject), left);
}

bool bx_sched_has_room(const struct bx_node_columns *nodes, uint64_t node,
                       const struct bx_sched_request *rq, const char *name, char *out, size_t size)
{
    struct bx_candidate c = {.node = node, .reject = BX_REJECT_VCPUS};
    struct amounts a = {0};
    uint32_t i = 0;

    while (i < nodes->n && nodes->id[i] != node)
        i++;
    assert(i < nodes->n);
    read_amounts(nodes, i, rq, &a);
    while (c.reject <= BX_REJECT_DISK && !is_short(&a, c.reject))
        c.reject++;
    if (c.reject > BX_REJECT_DISK)
        return true;
    sentence(nodes, i, rq, &c, name, out, size);
    return false;
}

void bx_sched_why(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                  const struct bx_candidates *candidates,
                  const char *(*name_of)(const void *ctx, uint64_t node), const void *ctx,
                  char *out, size_t size)
{
    const size_t tail = sizeof "; and 4294967295 more"; /* space reserved for the tail */
    size_t at = 0, said = 0;
    char text[256];

    assert(size >= 64 && candidates->len == nodes->n);
    snprintf(out, size, "%s", nodes->n == 0 ? "there are no nodes" : "");
    for (uint32_t k = 0; k < 2 * nodes->n; k++) {
        uint32_t i = k % nodes->n;
        const struct bx_candidate *c = &candidates->items[i];
        int n;

        if ((c->reject == BX_REJECT_PINNED) != (k >= nodes->n))
            continue;
        n = sentence(nodes, i, rq, c, name_of(ctx, c->node), text, sizeof text);
        if (n < 0 || (size_t)n >= sizeof text || at + 2 + (size_t)n + tail > size)
            break;
        at += (size_t)snprintf(out + at, size - at, "%s%s", said == 0 ? "" : "; ", text);
        said++;
    }
    if (said < nodes->n)
        snprintf(out + at, size - at, said == 0 ? "%zu nodes" : "; and %zu more", nodes->n - said);
}
