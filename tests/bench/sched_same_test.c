/* The decision that scores many nodes side by side is, bit for bit, that of the plain search which
 * divides node by node: on random fleets, and where an inverse would go wrong first. */
#include "lib/testlib.h"

#include "bench/sched_plain.h"
#include "state/sched_score.h"

#include <string.h>

#define NODES_MAX 700u
#define LARGEST (INT64_MAX / 1000000)

struct fleet {
    uint32_t n;
    uint64_t id[NODES_MAX];
    int64_t free[3][NODES_MAX], total[3][NODES_MAX];
    uint8_t state[NODES_MAX];
};

static uint64_t seed;

static uint64_t any(uint64_t below)
{
    return test_random(&seed) % below;
}

/* The decisions themselves, padding left out. */
static void assert_same(const struct bx_decision *a, const struct bx_decision *b)
{
    assert_int_equal(a->placed, b->placed);
    assert_int_equal(a->node, b->node);
    assert_int_equal(a->score, b->score);
    assert_int_equal(a->margin, b->margin);
    assert_memory_equal(a->counts, b->counts, sizeof a->counts);
    assert_int_equal(a->n_best, b->n_best);
    for (uint32_t i = 0; i < a->n_best; i++) {
        assert_int_equal(a->best[i].node, b->best[i].node);
        assert_int_equal(a->best[i].score, b->best[i].score);
    }
    assert_int_equal(a->n_relaxations, b->n_relaxations);
    for (uint32_t i = 0; i < a->n_relaxations; i++) {
        assert_int_equal(a->relaxations[i].reject, b->relaxations[i].reject);
        assert_int_equal(a->relaxations[i].node, b->relaxations[i].node);
        assert_int_equal(a->relaxations[i].by, b->relaxations[i].by);
    }
}

static void both_agree(const struct fleet *f, const struct bx_sched_request *rq)
{
    static uint64_t inverse[3][NODES_MAX];
    struct bx_node_columns cols = {f->n,       f->id,       f->free[0],  f->free[1],
                                   f->free[2], f->total[0], f->total[1], f->total[2],
                                   f->state,   inverse[0],  inverse[1],  inverse[2]};
    struct bx_candidates c, plain_c;
    static int32_t rest[NODES_MAX], plain_rest[NODES_MAX];
    struct bx_decision d, plain_d;

    for (uint32_t i = 0; i < 3 * f->n; i++)
        inverse[i % 3][i / 3] = bx_sched_inverse(f->total[i % 3][i / 3]);
    bx_sched_score(&cols, rq, 0, f->n, rest);
    sched_plain_score(&cols, rq, 0, f->n, plain_rest);
    assert_memory_equal(rest, plain_rest, f->n * sizeof *rest);
    bx_candidates_init(&c);
    bx_candidates_init(&plain_c);
    assert_int_equal(bx_sched_decide(&cols, rq, &c, &d), BX_OK);
    assert_int_equal(sched_plain_decide(&cols, rq, &plain_c, &plain_d), BX_OK);
    assert_same(&d, &plain_d);
    assert_int_equal(c.len, plain_c.len);
    for (size_t i = 0; i < c.len; i++) {
        assert_int_equal(c.items[i].node, plain_c.items[i].node);
        assert_int_equal(c.items[i].score, plain_c.items[i].score);
        assert_int_equal(c.items[i].reject, plain_c.items[i].reject);
        assert_int_equal(c.items[i].missing, plain_c.items[i].missing);
    }
    bx_candidates_close(&c);
    bx_candidates_close(&plain_c);
}

static void set(struct fleet *f, uint32_t i, int r, int64_t free, int64_t total)
{
    f->free[r][i] = free;
    f->total[r][i] = total;
}

static struct bx_sched_request any_request(uint64_t nodes, uint64_t most)
{
    return (struct bx_sched_request){.vcpus = (uint32_t)any(9),
                                     .memory_mib = any(most),
                                     .disk_gib = any(3) == 0 ? 0 : any(most),
                                     .node = any(8) == 0 ? 1 + any(2 * nodes + 2) : 0,
                                     .strategy = (uint8_t)any(3)};
}

TEST(random_fleets_are_decided_alike)
{
    static struct fleet f;

    seed = 1;
    for (int round = 0; round < 2000; round++) {
        struct bx_sched_request rq;

        f.n = (uint32_t)any(round % 50 == 0 ? NODES_MAX : 40);
        for (uint32_t i = 0; i < f.n; i++) {
            f.id[i] = 2 * i + 1;
            f.state[i] = any(6) == 0 ? (uint8_t)any(5) : BX_NODE_UP;
            for (int r = 0; r < 3; r++) {
                int64_t total = (int64_t)any(r == 0 ? 64 : 4096) - 3;

                set(&f, i, r, total - (int64_t)any(64), total);
            }
        }
        rq = any_request(f.n, round % 3 == 0 ? 2000 : 20);
        both_agree(&f, &rq);
    }
}

/* A value around one at which something changes: zero, whole quotients, the bounds of the fast way,
 * the bounds of all. */
static int64_t edge(bool free)
{
    static const int64_t at[] = {
        0,       1,          1000000,    (int64_t)1 << 31, (int64_t)1 << 32,
        1 << 20, 4294967291, 3000000000, (int64_t)1 << 43, LARGEST - 3};
    static const int64_t vast[] = {(int64_t)1 << 50, (int64_t)1 << 51, (int64_t)1 << 52,
                                   INT64_MAX / 2};
    int64_t v = at[any(sizeof at / sizeof at[0])] + (int64_t)any(5) - 2;

    if (free && any(8) == 0)
        v += vast[any(sizeof vast / sizeof vast[0])];
    return any(8) == 0 ? -v : v;
}

TEST(edge_values_are_decided_alike)
{
    static struct fleet f;

    seed = 3;
    for (int round = 0; round < 20000; round++) {
        struct bx_sched_request rq;
        bool modest = any(2) == 0; /* all within the fast way, but at its edge */

        f.n = (uint32_t)any(24);
        for (uint32_t i = 0; i < f.n; i++) {
            f.id[i] = i + 1;
            f.state[i] = BX_NODE_UP;
            for (int r = 0; r < 3; r++) {
                int64_t total = edge(false);

                if (modest)
                    total = (int64_t)1 << 32 >> any(32);
                set(&f, i, r, any(4) == 0 ? edge(true) : total - (int64_t)any(1000),
                    total - (int64_t)any(4));
            }
        }
        rq = any_request(f.n, any(2) == 0 ? 1000 : (uint64_t)LARGEST);
        both_agree(&f, &rq);
    }
}

/* The number whose product with m leaves 1 when divided by a million; m shares no factor with 10.
 */
static uint64_t inverse(uint64_t m)
{
    uint64_t result = 1, power = m;

    for (uint64_t e = 400000 - 1; e > 0; e /= 2) { /* Euler: m^400000 leaves 1 */
        if (e % 2 == 1)
            result = result * power % 1000000;
        power = power * power % 1000000;
    }
    return result;
}

/* rest * 10^6 is one less than total * m: the quotient is as close below m as one can be, and must
 * not be taken for m. */
TEST(quotients_next_to_whole_numbers_are_rounded_down)
{
    const struct bx_sched_request rq = {0};
    static struct fleet f;

    seed = 5;
    for (int round = 0; round < 20000; round++) {
        f.n = 8;
        for (uint32_t i = 0; i < f.n; i++) {
            uint64_t m = 10 * any(100000) + (any(2) == 0 ? 3 : 7);
            uint64_t total = inverse(m) + 1000000 * any((uint64_t)1 << any(23));
            uint64_t rest = (total * m - 1) / 1000000;

            assert_true(rest * 1000000 + 1 == total * m);
            f.id[i] = i + 1;
            f.state[i] = BX_NODE_UP;
            for (int r = 0; r < 3; r++)
                set(&f, i, r, (int64_t)(rest + (r == 0 ? 0 : any(2))), (int64_t)total);
        }
        both_agree(&f, &rq);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
