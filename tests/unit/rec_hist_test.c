/* rechist: percentiles against sorted values, and the rows of a histogram. */
#include "lib/testlib.h"

#include "rec/rechist.h"

#include <stdlib.h>

#define N 5000u

static int ascending(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;

    return a < b ? -1 : a > b;
}

static double exact(const double *sorted, size_t n, double share)
{
    size_t rank = (size_t)(share * (double)n);

    rank += (double)rank < share * (double)n;
    return sorted[rank == 0 ? 0 : rank - 1];
}

static void check(double *values, size_t n, double tolerance)
{
    static const double shares[] = {0, 0.001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1};
    struct bx_rechist h = {0};

    for (size_t i = 0; i < n; i++)
        assert_int_equal(bx_rechist_add(&h, values[i]), BX_OK);
    qsort(values, n, sizeof *values, ascending);
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        double want = exact(values, n, shares[i]), got = bx_rechist_percentile(&h, shares[i]);
        double size = want < 0 ? -want : want, error = got < want ? want - got : got - want;

        assert_true(error <= size * tolerance);
    }
    assert_true(h.min == values[0] && h.max == values[n - 1] && h.n == n);
    bx_rechist_close(&h);
}

TEST(whole_numbers_below_64_are_exact)
{
    static double values[N];
    uint64_t seed = 1;

    for (size_t i = 0; i < N; i++)
        values[i] = (double)(test_random(&seed) % 64);
    check(values, N, 0);
}

TEST(a_percentile_is_within_its_bound_for_any_magnitude_and_sign)
{
    static double values[N];
    uint64_t seed = 2;

    for (size_t i = 0; i < N; i++)
        values[i] = (double)(test_random(&seed) >> (test_random(&seed) % 60));
    check(values, N, 1.0 / (2 * BX_RECHIST_SUB));
    for (size_t i = 0; i < N; i++)
        values[i] = ((double)(test_random(&seed) % 2000000) - 1000000) / 1024;
    check(values, N, 1.0 / (2 * BX_RECHIST_SUB));
}

TEST(what_no_bucket_fits_is_counted_at_the_end_or_as_zero)
{
    struct bx_rechist h = {0};

    assert_int_equal(bx_rechist_add(&h, 1e300), BX_OK);
    assert_int_equal(bx_rechist_add(&h, -1.0 / 0.0), BX_OK);
    assert_int_equal(bx_rechist_add(&h, 1e-300), BX_OK);
    assert_int_equal(bx_rechist_add(&h, 0.0 / 0.0), BX_OK);
    assert_int_equal(h.n, 3);
    assert_int_equal(h.zeros, 1);
    assert_true(bx_rechist_percentile(&h, 0.5) == 0);
    bx_rechist_close(&h);
    assert_true(bx_rechist_percentile(&h, 0.5) == 0);
}

static size_t rows_of(const double *values, size_t n, struct bx_rechist_row *rows, size_t max)
{
    struct bx_rechist h = {0};
    size_t count;

    for (size_t i = 0; i < n; i++)
        assert_int_equal(bx_rechist_add(&h, values[i]), BX_OK);
    count = bx_rechist_rows(&h, rows, max);
    bx_rechist_close(&h);
    return count;
}

TEST(rows_hold_every_value_in_order_and_with_the_empty_ones_between)
{
    struct bx_rechist_row rows[BX_RECHIST_ROWS];
    static const double some[] = {1, 1, 2, 5, 5, 5}, wide[] = {-4e9, -1, 0, 0, 3, 1e12};
    size_t n = rows_of(some, 6, rows, 16);
    uint64_t sum = 0;

    assert_in_range(n, 3, 16);
    assert_true(rows[0].low == 1 && rows[n - 1].low <= 5 && rows[n - 1].high > 5);
    for (size_t i = 0; i < n; i++)
        sum += rows[i].n;
    assert_int_equal(sum, 6);
    n = rows_of(wide, 6, rows, 20);
    assert_in_range(n, 3, 20);
    sum = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(i == 0 || rows[i].low >= rows[i - 1].low);
        sum += rows[i].n;
    }
    assert_int_equal(sum, 6);
    assert_int_equal(rows_of(some, 0, rows, 20), 0);
}

static void use(void *ctx)
{
    struct bx_rechist h = {0};

    (void)ctx;
    for (double v = 1; v < 1e9; v *= 10)
        (void)bx_rechist_add(&h, v);
    bx_rechist_close(&h);
}

TEST(exhausted_memory_is_told)
{
    struct bx_rechist h = {0};

    test_fail_each_allocation(use, NULL);
    test_fail_allocations(true);
    assert_int_equal(bx_rechist_add(&h, 1), BX_NO_MEMORY);
    test_fail_allocations(false);
    assert_int_equal(h.n, 0);
}

int main(void)
{
    return test_run(NULL, NULL);
}
