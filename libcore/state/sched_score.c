/* Dividing is what scoring costs, and no processor divides integers side by side. Doubles it does,
 * and for amounts below LARGE they give the same integers. The amounts and rest * 10^6 are exact,
 * being below 2^53. A quotient that is whole is exact too. One below 10^6 that is not stays 2^-32
 * or more below the next whole number, while doubles below 2^20 are 2^-33 apart: no rounding, in
 * whichever direction, reaches it. Nodes with larger amounts are scored by dividing integers.
 *
 * Four nodes at a time, in vectors rather than in loops for the compiler to find: GCC turns the
 * choices below into branches, which it then does not vectorise. Without AVX2 vectors lose: the
 * comparisons fall apart into single ones, and node by node is twice as fast. */
#include "state/sched_score.h"

#include <assert.h>

/* ---- one node ---- */

struct score {
    int64_t rest;
    bool lacks;
};

static void weigh_one(struct score *s, int64_t free, int64_t total, int64_t need)
{
    int64_t rest = free - need, part;

    s->lacks |= need > 0 && rest < 0;
    if (total <= 0)
        return;
    assert(total <= INT64_MAX / BX_SCORE_MAX);
    if (rest > total)
        rest = total;
    part = rest <= 0 ? 0 : rest * BX_SCORE_MAX / total;
    if (part < s->rest)
        s->rest = part;
}

static int32_t score_one(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                         uint32_t i)
{
    struct score s = {.rest = BX_SCORE_MAX};

    weigh_one(&s, nodes->free_vcpus[i], nodes->total_vcpus[i], rq->vcpus);
    weigh_one(&s, nodes->free_memory_mib[i], nodes->total_memory_mib[i], (int64_t)rq->memory_mib);
    weigh_one(&s, nodes->free_disk_gib[i], nodes->total_disk_gib[i], (int64_t)rq->disk_gib);
    return s.lacks ? -1 : (int32_t)s.rest;
}

static void score_each(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       uint32_t from, uint32_t n, int32_t *rest)
{
    for (uint32_t i = 0; i < n; i++)
        rest[i] = score_one(nodes, rq, from + i);
}

/* ---- four nodes, where the processor has vectors of four; they go by address, as they have no
 * place in the ABI of every processor ---- */

#ifdef __x86_64__

#define LANES 4
#define LARGE ((uint64_t)1 << 32) /* of a total, in either direction */
#define VAST ((uint64_t)1 << 50)  /* of what is free */

typedef double reals __attribute__((vector_size(LANES * sizeof(double))));
typedef int64_t masks __attribute__((vector_size(LANES * sizeof(int64_t))));
typedef uint64_t wholes __attribute__((vector_size(LANES * sizeof(uint64_t)))); /* they may wrap */
typedef int32_t scores __attribute__((vector_size(LANES * sizeof(int32_t))));

#define INLINE static inline __attribute__((always_inline))

struct four {
    reals rest;
    masks lacks; /* all ones where a resource is short */
    wholes far;  /* not zero where an amount is too large */
};

/* Whole numbers between -2^51 and 2^51. */
INLINE void to_reals(reals *out, const wholes *v)
{
    const reals magic = {0x1.8p52, 0x1.8p52, 0x1.8p52, 0x1.8p52};

    *out = (reals)(*v + (wholes)magic) - magic;
}

/* *out = a where the mask is set, else b. */
INLINE void choose(reals *out, const masks *mask, const reals *a, const reals *b)
{
    *out = (reals)((*mask & (masks)*a) | (~*mask & (masks)*b));
}

INLINE void weigh_four(struct four *s, const int64_t *free, const int64_t *total, int64_t need)
{
    const reals zero = {0}, one = zero + 1;
    reals rest, all, part;
    wholes f, t;
    masks mask;

    memcpy(&f, free, sizeof f);
    memcpy(&t, total, sizeof t);
    s->far |= (t + LARGE) & ~(2 * LARGE - 1);
    s->far |= (f + VAST) & ~(2 * VAST - 1);
    to_reals(&rest, &f);
    to_reals(&all, &t);
    rest -= (double)need;
    if (need > 0)
        s->lacks |= rest < zero;
    mask = rest > zero;
    choose(&rest, &mask, &rest, &zero);
    mask = all > zero; /* what the node does not have counts as 1 of 1 */
    choose(&rest, &mask, &rest, &one);
    choose(&all, &mask, &all, &one);
    part = rest * (double)BX_SCORE_MAX / all; /* more than all: the smallest stays what it was */
    mask = part < s->rest;
    choose(&s->rest, &mask, &part, &s->rest);
}

INLINE bool score_four(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       uint32_t i, int32_t *out)
{
    struct four s = {.rest = (reals){0} + (double)BX_SCORE_MAX};
    const reals none = (reals){0} - 1;
    scores rest;

    weigh_four(&s, nodes->free_vcpus + i, nodes->total_vcpus + i, rq->vcpus);
    weigh_four(&s, nodes->free_memory_mib + i, nodes->total_memory_mib + i,
               (int64_t)rq->memory_mib);
    weigh_four(&s, nodes->free_disk_gib + i, nodes->total_disk_gib + i, (int64_t)rq->disk_gib);
    choose(&s.rest, &s.lacks, &none, &s.rest);
    rest = __builtin_convertvector(s.rest, scores);
    memcpy(out, &rest, sizeof rest);
    return (s.far[0] | s.far[1] | s.far[2] | s.far[3]) == 0;
}

__attribute__((target("avx2"))) static void score_fours(const struct bx_node_columns *nodes,
                                                        const struct bx_sched_request *rq,
                                                        uint32_t from, uint32_t n, int32_t *rest)
{
    uint32_t i = 0;

    for (; i + LANES <= n; i += LANES) {
        if (!score_four(nodes, rq, from + i, rest + i))
            score_each(nodes, rq, from + i, LANES, rest + i);
    }
    score_each(nodes, rq, from + i, n - i, rest + i);
}

void bx_sched_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    uint32_t from, uint32_t n, int32_t *rest)
{
    if (__builtin_cpu_supports("avx2"))
        score_fours(nodes, rq, from, n, rest);
    else
        score_each(nodes, rq, from, n, rest);
}
#else
void bx_sched_score(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                    uint32_t from, uint32_t n, int32_t *rest)
{
    score_each(nodes, rq, from, n, rest);
}
#endif
