/* Division dominates the cost of scoring, and there is no vector instruction for integer division.
 * So each total is stored with its inverse, and the free amount is multiplied by that. For totals
 * below 2^32, and with 0 <= rest <= total,
 *
 *   inverse = floor(10^6 * 2^32 / total)        below 2^52
 *   estimate = floor(rest * inverse / 2^32)     rest * inverse is below 2^52, too
 *
 * is floor(rest * 10^6 / total) or one less, because rest / 2^32 is below 1; the remainder decides.
 * Nodes with larger totals are scored by division.
 *
 * Four nodes are processed at a time with explicit vector intrinsics: GCC compiles the selections
 * below to branches in a plain loop, and then does not vectorise it. */
#include "state/sched_score.h"

#include <assert.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

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

/* ---- four nodes at a time, with AVX2 ---- */

uint64_t bx_sched_inverse(int64_t total)
{
    return total <= 0 || total > UINT32_MAX ? 0 : ((uint64_t)BX_SCORE_MAX << 32) / (uint64_t)total;
}

#ifdef __x86_64__

#define LANES 4
#define INLINE static inline __attribute__((always_inline, target("avx2")))

struct four {
    __m256i rest;
    __m256i lacks; /* all ones where a resource is insufficient */
    __m256i large; /* non-zero where a total has no inverse */
};

INLINE __m256i load(const void *p)
{
    return _mm256_loadu_si256(p);
}

INLINE __m256i smaller(__m256i a, __m256i b)
{
    return _mm256_blendv_epi8(a, b, _mm256_cmpgt_epi64(a, b));
}

/* floor(rest * 10^6 / total), see above. */
INLINE __m256i part_of(__m256i rest, __m256i total, __m256i inverse)
{
    const __m256i most = _mm256_set1_epi64x(BX_SCORE_MAX);
    __m256i high = _mm256_mul_epu32(rest, _mm256_srli_epi64(inverse, 32));
    __m256i low = _mm256_srli_epi64(_mm256_mul_epu32(rest, inverse), 32);
    __m256i part = _mm256_add_epi64(high, low);
    __m256i left = _mm256_sub_epi64(_mm256_mul_epu32(rest, most), _mm256_mul_epu32(part, total));
    __m256i exact = _mm256_cmpgt_epi64(total, left); /* all ones, which is -1, or one more is due */

    return _mm256_add_epi64(part, _mm256_add_epi64(exact, _mm256_set1_epi64x(1)));
}

INLINE void weigh_four(struct four *s, const int64_t *free, const int64_t *total,
                       const uint64_t *inverse, int64_t need)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i all = load(total), rest = _mm256_sub_epi64(load(free), _mm256_set1_epi64x(need)), part;
    __m256i has = _mm256_cmpgt_epi64(all, zero);

    if (need > 0)
        s->lacks = _mm256_or_si256(s->lacks, _mm256_cmpgt_epi64(zero, rest));
    s->large = _mm256_or_si256(s->large, _mm256_cmpgt_epi64(all, _mm256_set1_epi64x(UINT32_MAX)));
    rest = _mm256_and_si256(rest, _mm256_cmpgt_epi64(rest, zero));
    part = part_of(smaller(rest, all), all, load(inverse));
    /* A resource of which the node has none does not count. */
    s->rest = _mm256_blendv_epi8(s->rest, smaller(s->rest, part), has);
}

INLINE bool score_four(const struct bx_node_columns *nodes, const struct bx_sched_request *rq,
                       uint32_t i, int32_t *out)
{
    struct four s = {.rest = _mm256_set1_epi64x(BX_SCORE_MAX)};
    int64_t rest[LANES];

    weigh_four(&s, nodes->free_vcpus + i, nodes->total_vcpus + i, nodes->inverse_vcpus + i,
               rq->vcpus);
    weigh_four(&s, nodes->free_memory_mib + i, nodes->total_memory_mib + i,
               nodes->inverse_memory + i, (int64_t)rq->memory_mib);
    weigh_four(&s, nodes->free_disk_gib + i, nodes->total_disk_gib + i, nodes->inverse_disk + i,
               (int64_t)rq->disk_gib);
    _mm256_storeu_si256((void *)rest, _mm256_or_si256(s.rest, s.lacks)); /* all ones equal -1 */
    for (int k = 0; k < LANES; k++)
        out[k] = (int32_t)rest[k];
    return _mm256_testz_si256(s.large, s.large) != 0;
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
    if (nodes->inverse_vcpus != NULL && __builtin_cpu_supports("avx2"))
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
