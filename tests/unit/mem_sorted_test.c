/* sorted: pointers in order, whatever is added and removed, at the cost of a search and a block. */
#include "lib/testlib.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/sorted.h"

#include <string.h>

#define N 20000u

static uint32_t numbers[N]; /* item i has the key i */
static uint32_t compared;

static int setup(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < N; i++)
        numbers[i] = i;
    return 0;
}

static int by_number(const void *item, const void *key)
{
    uint32_t a = *(const uint32_t *)item, b = *(const uint32_t *)key;

    compared++;
    return (a > b) - (a < b);
}

static void add(struct bx_sorted *s, uint32_t i)
{
    assert_int_equal(bx_sorted_add(s, by_number, &numbers[i], &numbers[i]), BX_OK);
}

static bool take(struct bx_sorted *s, uint32_t i)
{
    return bx_sorted_remove(s, by_number, &numbers[i]);
}

/* What is in it is what `has` says, in order, from the place on. */
static void holds(const struct bx_sorted *s, struct bx_sorted_place at, const bool *has,
                  uint32_t from, uint32_t n)
{
    const uint32_t *item;

    for (uint32_t i = from; i < n; i++) {
        if (!has[i])
            continue;
        item = bx_sorted_next(s, &at);
        assert_non_null(item);
        assert_int_equal(*item, i);
    }
    assert_null(bx_sorted_next(s, &at));
    assert_null(bx_sorted_next(s, &at));
}

TEST(an_empty_set_has_nothing)
{
    struct bx_sorted s = {0};
    struct bx_sorted_place at = {0, 0};

    assert_null(bx_sorted_next(&s, &at));
    assert_false(take(&s, 1));
    at = bx_sorted_after(&s, by_number, &numbers[1]);
    assert_null(bx_sorted_next(&s, &at));
    bx_sorted_close(&s);
}

TEST(whatever_is_added_and_removed_is_in_order)
{
    static bool has[1000];
    struct bx_sorted s = {0};
    uint64_t seed = 1;
    size_t n = 0;

    memset(has, 0, sizeof has);
    for (int i = 0; i < 60000; i++) {
        /* Mostly growing, then mostly shrinking. */
        uint32_t k = (uint32_t)(test_random(&seed) % 1000);
        bool grow = test_random(&seed) % 10 < (i / 10000 % 2 == 0 ? 8u : 2u);

        if (grow && !has[k]) {
            add(&s, k);
            n++;
        } else if (!grow) {
            assert_int_equal(take(&s, k), has[k]);
            n -= has[k];
        }
        has[k] = grow;
        assert_int_equal(s.n, n);
        if (i % 500 == 0) {
            k = (uint32_t)(test_random(&seed) % 1000);
            holds(&s, (struct bx_sorted_place){0, 0}, has, 0, 1000);
            holds(&s, bx_sorted_after(&s, by_number, &numbers[k]), has, k + 1, 1000);
        }
    }
    bx_sorted_close(&s);
}

/* In order, backwards, and across: never more comparisons than a search, and blocks are filled. */
TEST(it_costs_a_search_and_a_block)
{
    static const uint32_t steps[] = {1, N - 1, 7919};

    for (size_t t = 0; t < 3; t++) {
        struct bx_sorted s = {0};

        for (uint32_t i = 0; i < N; i++) {
            compared = 0;
            add(&s, (uint32_t)((uint64_t)(i + 1) * steps[t] % N));
            assert_true(compared <= 20);
        }
        assert_int_equal(s.n, N);
        assert_true(s.n_blocks <= N / (BX_SORTED_BLOCK / 2) + 1);
        if (t == 0)
            assert_true(s.n_blocks <= N / BX_SORTED_BLOCK + 2);
        compared = 0;
        bx_sorted_after(&s, by_number, &numbers[N / 3]);
        assert_true(compared <= 20);
        bx_sorted_close(&s);
    }
}

TEST(blocks_are_kept_for_reuse)
{
    struct bx_sorted s = {0};
    struct bx_alloc_stats before, after;

    for (uint32_t i = 0; i < N; i++)
        add(&s, i);
    bx_alloc_stats(&before);
    for (uint32_t i = 0; i < N; i++)
        assert_true(take(&s, i));
    assert_int_equal(s.n_blocks, 0);
    for (uint32_t i = 0; i < N; i++)
        add(&s, i);
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations);
    bx_sorted_close(&s);
}

static void fill(void *ctx)
{
    struct bx_sorted s = {0};
    bool has[400] = {false};

    (void)ctx;
    for (uint32_t i = 0; i < 400; i++) {
        uint32_t k = i * 77 % 400;

        has[k] = bx_sorted_add(&s, by_number, &numbers[k], &numbers[k]) == BX_OK;
    }
    holds(&s, (struct bx_sorted_place){0, 0}, has, 0, 400);
    bx_sorted_close(&s);
}

TEST(a_failed_allocation_changes_nothing)
{
    assert_true(test_fail_each_allocation(fill, NULL) > 4);
}

int main(void)
{
    return test_run(setup, NULL);
}
