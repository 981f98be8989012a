/* Placement: the decision over the columns against the same decision node by node, and what it
 * takes from the heap. Every node is scored. */
#include "bench.h"

#include "bench/sched_plain.h"
#include "mem/alloc.h"
#include "state/sched_score.h"

#include <string.h>

struct fleet {
    unsigned n;
    uint64_t *id;
    int64_t *amounts; /* free and total of three resources, column by column */
    uint64_t *inverses;
    uint8_t *state;
    struct bx_candidates candidates, plain_candidates;
    struct bx_decision decision, plain_decision;
    struct bx_sched_request rq;
    int32_t *rest, *plain_rest;
};

static struct bx_node_columns columns(const struct fleet *f)
{
    size_t n = f->n;
    int64_t *a = f->amounts;

    return (struct bx_node_columns){
        f->n,      f->id,     a,        a + n,       a + 2 * n,       a + 3 * n,
        a + 4 * n, a + 5 * n, f->state, f->inverses, f->inverses + n, f->inverses + 2 * n};
}

/* Hosts of 32 to 128 vcpus, used to a different part each; one in a hundred is down. The column of
 * a resource's total stands three columns behind that of what is free. */
static void *open_fleet(const struct bench_case *c, unsigned size)
{
    struct fleet *f = bx_must_calloc(1, sizeof *f);
    uint64_t seed = 1;

    f->n = size;
    f->id = bx_must_calloc(size, sizeof *f->id);
    f->amounts = bx_must_calloc(6 * (size_t)size, sizeof *f->amounts);
    f->inverses = bx_must_calloc(3 * (size_t)size, sizeof *f->inverses);
    f->state = bx_must_calloc(size, sizeof *f->state);
    for (unsigned i = 0; i < size; i++) {
        int64_t vcpus = 32 << bench_random(&seed) % 3;
        const int64_t total[3] = {vcpus, vcpus * 4096, vcpus * 64};

        f->id[i] = i + 1;
        f->state[i] = bench_random(&seed) % 100 == 0 ? BX_NODE_DOWN : BX_NODE_UP;
        for (int r = 0; r < 3; r++) {
            int64_t used = (int64_t)(bench_random(&seed) % (uint64_t)total[r]);

            f->amounts[r * (int64_t)size + i] = total[r] - used;
            f->amounts[(r + 3) * (int64_t)size + i] = total[r];
            f->inverses[r * (int64_t)size + i] = bx_sched_inverse(total[r]);
        }
    }
    f->rest = bx_must_calloc(size, sizeof *f->rest);
    f->plain_rest = bx_must_calloc(size, sizeof *f->plain_rest);
    bx_candidates_init(&f->candidates);
    bx_candidates_init(&f->plain_candidates);
    f->rq = (struct bx_sched_request){
        .vcpus = 2, .memory_mib = 4096, .disk_gib = 20, .strategy = *(const uint8_t *)c->arg};
    return f;
}

static void close_fleet(void *ctx)
{
    struct fleet *f = ctx;

    bx_candidates_close(&f->candidates);
    bx_candidates_close(&f->plain_candidates);
    bx_free(f->rest);
    bx_free(f->plain_rest);
    bx_free(f->id);
    bx_free(f->amounts);
    bx_free(f->inverses);
    bx_free(f->state);
    bx_free(f);
}

/* ---- scores alone ---- */

static void score(void *ctx, uint64_t n)
{
    struct fleet *f = ctx;
    struct bx_node_columns cols = columns(f);

    for (uint64_t i = 0; i < n; i++) {
        bx_sched_score(&cols, &f->rq, 0, f->n, f->rest);
        bench_use(f->rest);
    }
}

static void score_plainly(void *ctx, uint64_t n)
{
    struct fleet *f = ctx;
    struct bx_node_columns cols = columns(f);

    for (uint64_t i = 0; i < n; i++) {
        sched_plain_score(&cols, &f->rq, 0, f->n, f->plain_rest);
        bench_use(f->plain_rest);
    }
}

static bool same_scores(void *ctx)
{
    struct fleet *f = ctx;

    score(f, 1);
    score_plainly(f, 1);
    return memcmp(f->rest, f->plain_rest, f->n * sizeof *f->rest) == 0;
}

/* ---- whole decisions ---- */

static void decide(void *ctx, uint64_t n)
{
    struct fleet *f = ctx;
    struct bx_node_columns cols = columns(f);

    for (uint64_t i = 0; i < n; i++)
        bench_must(bx_sched_decide(&cols, &f->rq, &f->candidates, &f->decision) == BX_OK, "decide");
}

static void decide_plainly(void *ctx, uint64_t n)
{
    struct fleet *f = ctx;
    struct bx_node_columns cols = columns(f);

    for (uint64_t i = 0; i < n; i++)
        bench_must(sched_plain_decide(&cols, &f->rq, &f->plain_candidates, &f->plain_decision) ==
                       BX_OK,
                   "decide");
}

static bool same_candidate(const struct bx_candidate *a, const struct bx_candidate *b)
{
    return a->node == b->node && a->score == b->score && a->reject == b->reject &&
           a->missing == b->missing;
}

static bool same_decision(void *ctx)
{
    struct fleet *f = ctx;
    const struct bx_decision *a = &f->decision, *b = &f->plain_decision;
    bool same;

    decide(f, 1);
    decide_plainly(f, 1);
    same = a->placed && a->placed == b->placed && a->node == b->node && a->score == b->score &&
           a->margin == b->margin && memcmp(a->counts, b->counts, sizeof a->counts) == 0 &&
           f->candidates.len == f->plain_candidates.len;
    for (size_t i = 0; same && i < f->candidates.len; i++)
        same = same_candidate(&f->candidates.items[i], &f->plain_candidates.items[i]);
    return same;
}

static const uint8_t spread = BX_STRATEGY_MOST_AVAILABLE, packed = BX_STRATEGY_LEAST_AVAILABLE;

#define FLEET(nam, count, strategy, own, other, what, equal)                                       \
    {                                                                                              \
        .name = "sched/" nam, .reference = (what), .arg = (strategy), .size = (count),             \
        .open = open_fleet, .close = close_fleet, .run = (own), .refer = (other), .same = (equal)  \
    }
#define SCORE(nam, count)                                                                          \
    FLEET("score-" nam, count, &spread, score, score_plainly, "scalar loop", same_scores)
#define DECIDE(nam, count, strategy)                                                               \
    FLEET("decide-" nam, count, strategy, decide, decide_plainly, "node by node", same_decision)

static const struct bench_case cases[] = {
    SCORE("8", 8),
    SCORE("64", 64),
    SCORE("1000", 1000),
    SCORE("5000", 5000),
    DECIDE("8", 8, &spread),
    DECIDE("64", 64, &spread),
    DECIDE("1000", 1000, &spread),
    DECIDE("5000", 5000, &spread),
    DECIDE("5000-packed", 5000, &packed),
};
const struct bench_group bench_sched = {cases, sizeof cases / sizeof cases[0]};
