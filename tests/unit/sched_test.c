/* sched against its header: filter, score, choose, relaxations, and the sentence for people. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "state/sched_score.h"
#include "state/sched_strategy.h"

#include <inttypes.h>
#include <string.h>

#define MAX_NODES 300u

/* A cluster as columns; node i has id ids[i]. */
struct fleet {
    uint32_t n;
    uint64_t id[MAX_NODES];
    int64_t free[3][MAX_NODES], total[3][MAX_NODES];
    uint8_t state[MAX_NODES];
};

static void add(struct fleet *f, uint64_t id, int64_t vcpus, int64_t memory, int64_t disk)
{
    const int64_t amounts[3] = {vcpus, memory, disk};

    f->id[f->n] = id;
    for (int r = 0; r < 3; r++)
        f->free[r][f->n] = f->total[r][f->n] = amounts[r];
    f->state[f->n++] = BX_NODE_UP;
}

static void use(struct fleet *f, uint32_t i, int64_t vcpus, int64_t memory, int64_t disk)
{
    f->free[0][i] -= vcpus;
    f->free[1][i] -= memory;
    f->free[2][i] -= disk;
}

static struct bx_node_columns columns(const struct fleet *f)
{
    return (struct bx_node_columns){f->n,       f->id,       f->free[0],  f->free[1],
                                    f->free[2], f->total[0], f->total[1], f->total[2],
                                    f->state,   NULL,        NULL,        NULL};
}

static struct bx_decision decide(const struct fleet *f, const struct bx_sched_request *rq,
                                 struct bx_candidates *c)
{
    struct bx_node_columns cols = columns(f);
    struct bx_decision d;

    assert_int_equal(bx_sched_decide(&cols, rq, c, &d), BX_OK);
    assert_int_equal(c->len, f->n);
    return d;
}

TEST(most_available_takes_the_emptiest)
{
    struct bx_sched_request rq = {.vcpus = 2, .memory_mib = 1024, .disk_gib = 10};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    add(&f, 1, 16, 16384, 100);
    add(&f, 5, 16, 16384, 100);
    add(&f, 9, 16, 16384, 100);
    use(&f, 0, 8, 1024, 10);
    use(&f, 2, 1, 8192, 10);
    d = decide(&f, &rq, &c);
    assert_true(d.placed);
    assert_int_equal(d.node, 5);
    /* 14 of 16 vcpus, 15/16 of the memory, 90 of 100 GiB stay: vcpus are the scarcest. */
    assert_int_equal(d.score, 875);
    assert_int_equal(c.items[0].score, 375); /* 6 of 16 */
    assert_int_equal(c.items[2].score, 437); /* 7168 of 16384, rounded down */
    assert_int_equal(d.margin, 875 - 437);
    assert_int_equal(d.counts[BX_FITS], 3);
    assert_int_equal(d.n_best, 3);
    assert_int_equal(d.best[0].node, 5);
    assert_int_equal(d.best[1].node, 9);
    assert_int_equal(d.best[2].node, 1);
    assert_int_equal(d.n_relaxations, 0);
    bx_candidates_close(&c);
}

TEST(least_available_packs)
{
    struct bx_sched_request rq = {
        .vcpus = 4, .memory_mib = 1024, .disk_gib = 10, .strategy = BX_STRATEGY_LEAST_AVAILABLE};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    add(&f, 1, 16, 16384, 100);
    add(&f, 2, 16, 16384, 100);
    add(&f, 3, 16, 16384, 100);
    use(&f, 1, 12, 1024, 10); /* exactly room for it */
    use(&f, 2, 13, 1024, 10); /* fuller, but too full */
    d = decide(&f, &rq, &c);
    assert_int_equal(d.node, 2);
    assert_int_equal(d.score, 1000);
    assert_int_equal(c.items[0].score, 250);
    assert_int_equal(d.margin, 750);
    assert_int_equal(c.items[2].reject, BX_REJECT_VCPUS);
    assert_int_equal(c.items[2].missing, 1);
    bx_candidates_close(&c);
}

TEST(ties_go_to_the_lowest_id)
{
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 1};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    for (uint64_t id = 10; id < 20; id++)
        add(&f, id, 100, 1000, 10);
    d = decide(&f, &rq, &c);
    assert_int_equal(d.node, 10);
    assert_int_equal(d.margin, 0);
    assert_int_equal(d.best[1].node, 11);
    assert_int_equal(d.best[2].node, 12);
    f.n = 1;
    d = decide(&f, &rq, &c);
    assert_int_equal(d.margin, d.score); /* alone */
    bx_candidates_close(&c);
}

/* One small VM more or less is seen on the largest hosts: they fill evenly. */
TEST(large_hosts_share_small_vms)
{
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 512, .disk_gib = 10};
    uint32_t placed[3] = {0};
    struct bx_candidates c;
    struct fleet f = {0};

    bx_candidates_init(&c);
    for (uint64_t id = 1; id <= 3; id++)
        add(&f, id, 16384, 16 << 20, 1 << 20);
    for (int i = 0; i < 300; i++) {
        struct bx_decision d = decide(&f, &rq, &c);

        assert_int_equal(d.node, 1 + i % 3);
        use(&f, (uint32_t)d.node - 1, 1, 512, 10);
        placed[d.node - 1]++;
    }
    for (int i = 0; i < 3; i++)
        assert_int_equal(placed[i], 100);
    bx_candidates_close(&c);
}

TEST(pinned_and_manual_take_only_their_node)
{
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 1, .node = 2};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    add(&f, 1, 100, 1000, 10);
    add(&f, 2, 100, 1000, 10);
    use(&f, 1, 90, 0, 0);
    for (uint8_t s = BX_STRATEGY_MOST_AVAILABLE; s <= BX_STRATEGY_MANUAL; s++) {
        rq.strategy = s;
        d = decide(&f, &rq, &c);
        assert_true(d.placed);
        assert_int_equal(d.node, 2);
        assert_int_equal(c.items[0].reject, BX_REJECT_PINNED);
        assert_int_equal(c.items[0].score, 0);
        assert_int_equal(c.items[0].missing, 0);
    }
    rq.node = 0; /* manual without a node fits nowhere */
    d = decide(&f, &rq, &c);
    assert_false(d.placed);
    assert_int_equal(d.node, 0);
    assert_int_equal(d.counts[BX_REJECT_PINNED], 2);
    bx_candidates_close(&c);
}

TEST(only_a_node_that_is_up_takes_anything)
{
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 1};
    struct bx_candidates c;
    struct fleet f = {0};

    bx_candidates_init(&c);
    add(&f, 1, 100, 1000, 10);
    for (uint8_t s = BX_NODE_UP; s <= BX_NODE_MAINTENANCE; s++) {
        f.state[0] = s;
        assert_int_equal(decide(&f, &rq, &c).placed, s == BX_NODE_UP);
        assert_int_equal(c.items[0].reject, s == BX_NODE_UP ? BX_FITS : BX_REJECT_NOT_UP);
    }
    bx_candidates_close(&c);
}

/* A resource that the node lacks is in the way only of a VM that asks for it, and never divides. */
TEST(a_node_without_disk_takes_diskless_vms)
{
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 500};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    add(&f, 1, 4, 1000, 0);
    d = decide(&f, &rq, &c);
    assert_true(d.placed);
    assert_int_equal(d.score, 500);
    rq.disk_gib = 1;
    d = decide(&f, &rq, &c);
    assert_false(d.placed);
    assert_int_equal(c.items[0].reject, BX_REJECT_DISK);
    /* A node that shrank below what it holds: no disk asked for, none missed. */
    rq.disk_gib = 0;
    use(&f, 0, 0, 0, 5);
    assert_true(decide(&f, &rq, &c).placed);
    add(&f, 2, 0, 0, 0); /* offers nothing at all */
    assert_int_equal(decide(&f, &rq, &c).node, 1);
    assert_int_equal(c.items[1].reject, BX_REJECT_VCPUS);
    bx_candidates_close(&c);
}

TEST(the_largest_amounts_do_not_overflow)
{
    struct bx_sched_request rq = {
        .vcpus = BX_VCPUS_MAX, .memory_mib = BX_MEMORY_MIB_MAX, .disk_gib = BX_DISK_GIB_MAX};
    struct bx_candidates c;
    struct fleet f = {0};

    bx_candidates_init(&c);
    add(&f, 1, INT64_MAX / 1000000, INT64_MAX / 1000000, INT64_MAX / 1000000);
    add(&f, 2, 2 * BX_VCPUS_MAX, 64 * (int64_t)BX_MEMORY_MIB_MAX, 2 * BX_DISK_GIB_MAX);
    assert_int_equal(decide(&f, &rq, &c).node, 1);
    assert_int_equal(c.items[0].score, 999);
    assert_int_equal(c.items[1].score, 500);
    bx_candidates_close(&c);
}

TEST(relaxations_name_the_smallest_change)
{
    struct bx_sched_request rq = {.vcpus = 8, .memory_mib = 4096, .disk_gib = 50};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_decision d;

    bx_candidates_init(&c);
    add(&f, 1, 4, 8192, 100);  /* vcpus: 4 short */
    add(&f, 2, 6, 8192, 100);  /* vcpus: 2 short */
    add(&f, 3, 16, 1024, 100); /* memory: 3072 short */
    add(&f, 4, 7, 4000, 100);  /* two reasons: no one change is enough */
    add(&f, 5, 16, 8192, 100);
    f.state[4] = BX_NODE_DRAINING;
    add(&f, 6, 6, 8192, 100); /* as good as node 2, behind it */
    d = decide(&f, &rq, &c);
    assert_false(d.placed);
    assert_int_equal(d.counts[BX_REJECT_VCPUS], 4);
    assert_int_equal(d.counts[BX_REJECT_MEMORY], 1);
    assert_int_equal(d.counts[BX_REJECT_NOT_UP], 1);
    assert_int_equal(d.n_relaxations, 3);
    assert_int_equal(d.relaxations[0].reject, BX_REJECT_VCPUS);
    assert_int_equal(d.relaxations[0].node, 2);
    assert_int_equal(d.relaxations[0].by, 2);
    assert_int_equal(d.relaxations[1].reject, BX_REJECT_MEMORY);
    assert_int_equal(d.relaxations[1].node, 3);
    assert_int_equal(d.relaxations[1].by, 3072);
    assert_int_equal(d.relaxations[2].reject, BX_REJECT_NOT_UP);
    assert_int_equal(d.relaxations[2].node, 5);
    /* Each of them is true: with that change it fits there. */
    rq.vcpus -= 2;
    assert_int_equal(decide(&f, &rq, &c).node, 2);
    bx_candidates_close(&c);
}

/* Against a second opinion: the best of all nodes, found the slow way. */
TEST(random_fleets_agree_with_a_plain_search)
{
    struct bx_candidates c;
    uint64_t seed = 7;

    bx_candidates_init(&c);
    for (int round = 0; round < 2000; round++) {
        struct fleet f = {0};
        struct bx_sched_request rq = {.vcpus = 1 + (uint32_t)(test_random(&seed) % 8),
                                      .memory_mib = 1 + test_random(&seed) % 64,
                                      .disk_gib = test_random(&seed) % 8,
                                      .strategy = (uint8_t)(test_random(&seed) % 2)};
        uint32_t n = (uint32_t)(test_random(&seed) % 70), fits = 0;
        uint64_t winner = 0;
        int64_t best = -1;
        struct bx_decision d;

        for (uint32_t i = 0; i < n; i++) {
            int64_t rest = 1000000;

            add(&f, 1 + 2 * i, (int64_t)(test_random(&seed) % 16),
                (int64_t)(test_random(&seed) % 128), (int64_t)(test_random(&seed) % 16));
            for (int r = 0; r < 3; r++) {
                int64_t need = r == 0 ? rq.vcpus : (int64_t)(r == 1 ? rq.memory_mib : rq.disk_gib);
                int64_t left = (f.free[r][i] = f.total[r][i] / 2 + 4) - need;

                if (left < 0)
                    rest = -1;
                else if (rest >= 0 && f.total[r][i] > 0 && left * 1000000 / f.total[r][i] < rest)
                    rest = left * 1000000 / f.total[r][i];
            }
            if (rest < 0)
                continue;
            fits++;
            if (rq.strategy == BX_STRATEGY_LEAST_AVAILABLE)
                rest = 1000000 - rest;
            if (rest > best) {
                best = rest;
                winner = f.id[i];
            }
        }
        d = decide(&f, &rq, &c);
        assert_int_equal(d.counts[BX_FITS], fits);
        assert_int_equal(d.placed, fits > 0);
        assert_int_equal(d.node, winner);
        if (d.placed)
            assert_int_equal(d.score, best / 1000);
    }
    bx_candidates_close(&c);
}

TEST(every_strategy_scores_what_fits_and_nothing_else)
{
    const struct bx_sched_request rq = {.vcpus = 4, .memory_mib = 64};
    struct bx_node_columns cols;
    int32_t score[MAX_NODES];
    struct fleet f = {0};

    for (uint32_t i = 0; i < MAX_NODES; i++)
        add(&f, 1 + i, 1 + i % 7, 16 << i % 5, i % 3);
    cols = columns(&f);
    for (uint8_t s = 0; s < BX__STRATEGIES; s++) {
        bx_sched_strategy(s)->score(&cols, &rq, 0, MAX_NODES, score);
        for (uint32_t i = 0; i < MAX_NODES; i++) {
            bool fits = f.free[0][i] >= 4 && f.free[1][i] >= 64;

            assert_true(fits ? score[i] >= 0 && score[i] <= BX_SCORE_MAX : score[i] < 0);
        }
    }
}

static void decide_many(void *ctx)
{
    const struct fleet *f = ctx;
    struct bx_sched_request rq = {.vcpus = 1, .memory_mib = 1};
    struct bx_node_columns cols = columns(f);
    struct bx_candidates c;
    struct bx_decision d;
    int rc;

    bx_candidates_init(&c);
    rc = bx_sched_decide(&cols, &rq, &c, &d);
    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    if (rc == BX_OK)
        assert_true(d.placed);
    bx_candidates_close(&c);
}

TEST(a_decision_over_64_nodes_takes_no_heap)
{
    struct fleet f = {0};

    for (uint64_t id = 1; id <= 64; id++)
        add(&f, id, 8, 8, 8);
    assert_int_equal(test_fail_each_allocation(decide_many, &f), 0);
    for (uint64_t id = 65; id <= MAX_NODES; id++)
        add(&f, id, 8, 8, 8);
    assert_true(test_fail_each_allocation(decide_many, &f) > 0);
}

/* ---- why ---- */

static const char *name_of(const void *ctx, uint64_t node)
{
    static char name[32];

    (void)ctx;
    snprintf(name, sizeof name, "n%" PRIu64, node);
    return name;
}

TEST(why_says_what_is_missing_where)
{
    struct bx_sched_request rq = {.vcpus = 8, .memory_mib = 4096, .disk_gib = 50};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_node_columns cols;
    char why[512];

    bx_candidates_init(&c);
    add(&f, 1, 16, 1024, 100);
    add(&f, 2, 4, 8192, 100);
    add(&f, 3, 16, 8192, 20);
    add(&f, 4, 16, 8192, 100);
    f.state[3] = BX_NODE_DRAINING;
    use(&f, 2, 0, 0, 30); /* less than nothing is free */
    decide(&f, &rq, &c);
    cols = columns(&f);
    bx_sched_why(&cols, &rq, &c, name_of, NULL, why, sizeof why);
    assert_string_equal(why, "n1: not enough memory (needs 4096 MiB, 1024 free); "
                             "n2: not enough vcpus (needs 8, 4 free); "
                             "n3: not enough disk (needs 50 GiB, 0 free); n4: draining");
    rq.node = 3;
    decide(&f, &rq, &c);
    bx_sched_why(&cols, &rq, &c, name_of, NULL, why, sizeof why);
    assert_string_equal(why, "n3: not enough disk (needs 50 GiB, 0 free); n1: pinned elsewhere; "
                             "n2: pinned elsewhere; n4: pinned elsewhere");
    f.n = 0;
    decide(&f, &rq, &c);
    cols = columns(&f);
    bx_sched_why(&cols, &rq, &c, name_of, NULL, why, sizeof why);
    assert_string_equal(why, "there are no nodes");
    bx_candidates_close(&c);
}

TEST(why_stays_within_its_room)
{
    struct bx_sched_request rq = {.vcpus = 8, .memory_mib = 4096};
    struct bx_candidates c;
    struct fleet f = {0};
    struct bx_node_columns cols;
    char why[600];

    bx_candidates_init(&c);
    for (uint64_t id = 1; id <= MAX_NODES; id++)
        add(&f, id, 4, 8192, 100);
    decide(&f, &rq, &c);
    cols = columns(&f);
    for (size_t size = 64; size < sizeof why; size++) {
        unsigned named = 0, more = 0;
        const char *p;

        memset(why, 'x', sizeof why);
        bx_sched_why(&cols, &rq, &c, name_of, NULL, why, size);
        assert_non_null(memchr(why, '\0', size));
        assert_int_equal(why[size], 'x');
        for (p = why; (p = strstr(p, "free)")) != NULL; p++)
            named++;
        p = strstr(why, "; and ");
        if (p != NULL)
            assert_int_equal(sscanf(p, "; and %u more", &more), 1);
        else
            assert_int_equal(sscanf(why, "%u nodes", &more), 1);
        assert_int_equal(named + more, MAX_NODES);
    }
    bx_candidates_close(&c);
}

/* ---- the hint of a VM that fits nowhere ---- */

static void hint_says(struct test_fsm *t, const struct bx_vm_config *c, const char *words)
{
    struct bx_candidates candidates;
    struct bx_decision d;
    struct bx_err err;

    bx_candidates_init(&candidates);
    assert_int_equal(bx_fsm_dry_run(t->fsm, c, &candidates, &d, &err), BX_UNPLACEABLE);
    if (strstr(err.hint, words) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.hint, words);
    bx_candidates_close(&candidates);
}

TEST(the_hint_is_what_would_help)
{
    struct bx_cmd_node_state down = {.id = 1, .state = BX_NODE_DOWN};
    struct test_fsm t = {0};
    struct bx_vm_config c;

    test_fsm_open(&t);
    bx_vm_config_init(&c);
    c.name = bx_str("web");
    c.memory_mib = 1024;
    c.disk_gib = 0;
    hint_says(&t, &c, "add a node");
    test_fsm_node(&t, 1, "n1");
    test_fsm_node(&t, 2, "n2");
    c.memory_mib = (1 << 20) + 5;
    hint_says(&t, &c, "n1 with 5 MiB less (not enough memory)");
    c.memory_mib = 1024;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    c.node = bx_str("n1");
    hint_says(&t, &c, "n2: use that one for --node, or omit --node");
    down.id = 2;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &down), BX_OK);
    c.node = bx_str("");
    hint_says(&t, &c, "n1, which is not up");
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
