/* wal under crashes: a run that a seed determines, cut off before and after every change of the
 * disk, with what was not synced kept, lost or torn in several ways.
 *
 * The model is the list of all records ever appended. What is recovered must be the replay of the
 * first k of them, for a k that covers everything finish has reported; entries may be missing only
 * at the front, and only those a compaction or a reset has given up. After that the run goes on. */
#include "unit/log_help.h"

#include <stdlib.h>

#define STEPS 60
#define RECORDS_MAX 4096
#define INDEX_MAX 4096
#define GIVEN_UP_MAX 256

struct rec {
    uint64_t index;
    uint64_t term; /* unique to the append it came with; 0: a reset */
};

/* Entries below `index` were given up when `at` records had been appended. */
struct given_up {
    unsigned at;
    uint64_t index;
};

struct model {
    struct rec recs[RECORDS_MAX];
    unsigned n, safe; /* appended; reported durable */
    struct given_up given_up[GIVEN_UP_MAX];
    unsigned n_given_up;
    uint64_t next_term;
    uint64_t seed;
    /* the replay of the first `k` records */
    unsigned k, reset_at;
    uint64_t terms[INDEX_MAX], first, last;
};

static void replay(struct model *m, unsigned k)
{
    m->k = k;
    m->reset_at = 0;
    m->first = 1;
    m->last = 0;
    for (unsigned i = 0; i < k; i++) {
        const struct rec *r = &m->recs[i];

        m->last = r->index;
        if (r->term == 0) {
            m->first = r->index + 1;
            m->reset_at = i;
        } else {
            m->terms[r->index] = r->term;
        }
    }
}

/* ---- one step of a run ---- */

static size_t size_of(uint64_t index, uint64_t term)
{
    uint64_t seed = index ^ term << 20;

    return test_random(&seed) % 5 == 0 ? (size_t)(test_random(&seed) % 1500)
                                       : (size_t)(test_random(&seed) % 120);
}

static void do_append(struct model *m, struct bx_wal *w)
{
    uint64_t first = bx_wal_first(w), last = bx_wal_last(w), index = last + 1;
    unsigned n = 1 + (unsigned)(test_random(&m->seed) % 6);
    static uint8_t data[6][1500];
    struct bx_wal_entry e[6];

    if (last >= first && test_random(&m->seed) % 4 == 0)
        index = last - test_random(&m->seed) % (last - first + 1 < 12 ? last - first + 1 : 12);
    if (m->n + n > RECORDS_MAX || index + n > INDEX_MAX)
        fail_msg("the model is too small");
    for (unsigned i = 0; i < n; i++) {
        size_t size = size_of(index + i, m->next_term);

        fill_entry(data[i], size, index + i, m->next_term);
        e[i] = (struct bx_wal_entry){m->next_term, 1, (uint32_t)size, data[i]};
        m->recs[m->n++] = (struct rec){index + i, m->next_term};
    }
    m->next_term++;
    assert_int_equal(bx_wal_append(w, index, e, n), BX_OK);
}

static void give_up(struct model *m, uint64_t index)
{
    if (m->n_given_up == GIVEN_UP_MAX)
        fail_msg("the model is too small");
    m->given_up[m->n_given_up++] = (struct given_up){m->n, index};
}

static void do_reset(struct model *m, struct bx_wal *w)
{
    uint64_t last = bx_wal_last(w), index = last + test_random(&m->seed) % 8;

    if (test_random(&m->seed) % 2 == 0 && last > 1)
        index = last - 1 - test_random(&m->seed) % (last - 1); /* a restored one may be older */
    m->recs[m->n++] = (struct rec){index, 0};
    give_up(m, index + 1);
    assert_int_equal(bx_wal_reset(w, index, 1), BX_OK);
}

static void do_compact(struct model *m, struct bx_wal *w)
{
    uint64_t n = bx_wal_last(w) + 2 - bx_wal_first(w);
    uint64_t index = bx_wal_first(w) + test_random(&m->seed) % n;

    give_up(m, index);
    assert_int_equal(bx_wal_compact(w, index), BX_OK);
}

static int do_job(struct model *m, struct bx_wal *w)
{
    struct bx_wal_stats before, after;
    int rc;

    bx_wal_stats(w, &before);
    if (!bx_wal_begin(w))
        return BX_OK;
    rc = bx_wal_run(w, NULL);
    if (test_random(&m->seed) % 2 == 0)
        do_append(m, w); /* while the job is under way */
    rc = bx_wal_finish(w, rc);
    bx_wal_stats(w, &after);
    m->safe += (unsigned)(after.records - before.records);
    return rc;
}

static int step(struct model *m, struct bx_wal *w)
{
    uint64_t choice = test_random(&m->seed) % 100;

    if (choice < 45)
        do_append(m, w);
    else if (choice < 48)
        do_reset(m, w);
    else if (choice < 56)
        do_compact(m, w);
    else if (choice < 64)
        bx_wal_raise_high_water(w);
    else
        return do_job(m, w);
    return BX_OK;
}

static int run(struct model *m, struct bx_wal *w, unsigned steps)
{
    int rc = BX_OK;

    for (unsigned i = 0; i < steps && rc == BX_OK; i++)
        rc = step(m, w);
    return rc;
}

/* ---- comparing ---- */

static uint64_t given_up_below(const struct model *m)
{
    uint64_t index = m->first;

    for (unsigned i = 0; i < m->n_given_up; i++) {
        if (m->given_up[i].at >= m->reset_at && m->given_up[i].index > index)
            index = m->given_up[i].index;
    }
    return index;
}

static bool matches(const struct model *m, const struct bx_wal *w)
{
    if (bx_wal_last(w) != m->last || bx_wal_first(w) < m->first ||
        bx_wal_first(w) > given_up_below(m))
        return false;
    for (uint64_t i = bx_wal_first(w); i <= m->last; i++) {
        if (bx_wal_term(w, i) != m->terms[i])
            return false;
    }
    return true;
}

/* Find the k that explains what was recovered; the model goes on from there. */
static void compare(struct model *m, struct bx_wal *w, const char *where)
{
    unsigned k = m->n + 1;

    do {
        if (k-- == m->safe)
            fail_msg("%s: %llu to %llu is no replay of %u to %u records", where,
                     (unsigned long long)bx_wal_first(w), (unsigned long long)bx_wal_last(w),
                     m->safe, m->n);
        replay(m, k);
    } while (!matches(m, w));
    assert_int_equal(bx_wal_durable(w), bx_wal_last(w));
    for (uint64_t i = bx_wal_first(w); i <= bx_wal_last(w); i++)
        entry_is(w, i, m->terms[i], size_of(i, m->terms[i]));
    m->n = m->safe = k;
    for (unsigned i = 0; i < m->n_given_up; i++) {
        if (m->given_up[i].at > k)
            m->given_up[i].at = k;
    }
}

static struct bx_wal *must_open(struct memfs *disk, const char *where)
{
    struct bx_err err = {0};
    struct bx_wal *w;

    if (open_log(&w, disk, SMALL_SEGMENT, &err) != BX_OK)
        fail_msg("%s: %s", where, err.msg);
    return w;
}

/* ---- one history ---- */

struct history {
    uint64_t seed, at; /* cut off at this change of the disk */
    unsigned variant;
};

/* Recover, perhaps after a crash in the middle of recovering, then go on, then lose power again. */
static void recover_and_go_on(struct model *m, struct memfs *disk, uint64_t seed, const char *where)
{
    struct bx_wal *w;

    if (seed % 2 == 0) {
        memfs_plan(disk, seed % 4 == 0 ? MEMFS_STOP_BEFORE : MEMFS_STOP_AFTER,
                   memfs_changes(disk) + seed / 4 % 8, 0);
        if (open_log(&w, disk, SMALL_SEGMENT, NULL) == BX_OK)
            bx_wal_close(w);
        memfs_crash(disk, seed + 1);
    }
    w = must_open(disk, where);
    compare(m, w, where);
    bx_wal_close(w);
    memfs_crash(disk, seed + 2); /* what open told stays */
    w = must_open(disk, where);
    compare(m, w, where);
    assert_int_equal(run(m, w, 12), BX_OK);
    bx_wal_close(w);
    memfs_crash(disk, seed + 3);
    w = must_open(disk, where);
    compare(m, w, where);
    bx_wal_close(w);
}

/* False when the run ended before the change at which it was to be cut off. */
static bool live(const struct history *h)
{
    struct model *m = calloc(1, sizeof *m);
    struct memfs *disk = memfs_create();
    bool reached, kill = h->variant % 4 == 3;
    struct bx_wal *w;
    char where[128];

    assert_non_null(m);
    m->seed = h->seed;
    m->next_term = 1;
    snprintf(where, sizeof where, "seed %llu, change %llu, variant %u", (unsigned long long)h->seed,
             (unsigned long long)h->at, h->variant);
    memfs_plan(disk, h->variant % 2 ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE, h->at, 0);
    if (open_log(&w, disk, SMALL_SEGMENT, NULL) == BX_OK) {
        run(m, w, STEPS);
        bx_wal_close(w);
    }
    reached = memfs_faulted(disk);
    assert_int_equal(memfs_open_files(disk), 0);
    if (kill)
        memfs_kill(disk);
    else
        memfs_crash(disk, h->seed * 7919 + h->at * 31 + h->variant);
    recover_and_go_on(m, disk, h->seed + h->at * 16 + h->variant, where);
    memfs_destroy(disk);
    free(m);
    return reached;
}

static void cut_off_everywhere(uint64_t seed)
{
    struct history h = {.seed = seed};
    bool reached = true;

    for (h.at = 0; reached; h.at++) {
        for (h.variant = 0; h.variant < 8; h.variant++)
            reached = live(&h);
    }
    assert_true(h.at > 40);
}

TEST(a_crash_at_every_change_loses_nothing_that_was_promised)
{
    const char *more = getenv("BX_SEEDS"); /* a longer search by hand */
    uint64_t seeds = more == NULL ? 6 : strtoull(more, NULL, 10);

    for (uint64_t seed = 1; seed <= seeds; seed++)
        cut_off_everywhere(seed);
}

/* Long runs in which segments are reused again and again, cut off at a place the seed chooses. */
TEST(crash_after_crash_in_one_long_history)
{
    for (uint64_t seed = 100; seed < 130; seed++) {
        struct model *m = calloc(1, sizeof *m);
        struct memfs *disk = memfs_create();
        uint64_t dice = seed;
        char where[64];

        assert_non_null(m);
        m->seed = seed;
        m->next_term = 1;
        for (int life = 0; life < 25; life++) {
            struct bx_wal *w;

            snprintf(where, sizeof where, "seed %llu, life %d", (unsigned long long)seed, life);
            w = must_open(disk, where);
            compare(m, w, where);
            memfs_plan(disk, test_random(&dice) % 2 ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE,
                       memfs_changes(disk) + test_random(&dice) % 40, 0);
            run(m, w, 40);
            bx_wal_close(w);
            if (test_random(&dice) % 4 == 0)
                memfs_kill(disk);
            else
                memfs_crash(disk, test_random(&dice));
        }
        memfs_destroy(disk);
        free(m);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
