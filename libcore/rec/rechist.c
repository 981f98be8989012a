#include "rec/rechist.h"

#include "mem/alloc.h"

#include <string.h>

/* A double is sign (1 bit), exponent (11) and mantissa (52): the bucket of a value is in its upper
 * bits. */
#define MANTISSA 52
#define SUB_BITS 5
#define EXP_BIAS 1023
_Static_assert(BX_RECHIST_SUB == 1u << SUB_BITS, "a bucket is so many bits of the mantissa");
_Static_assert(BX_RECHIST_POWERS == BX_RECHIST_EXP_MAX - BX_RECHIST_EXP_MIN + 1, "all of them");

struct place {
    unsigned sign, power, sub;
};

/* False: the value counts as zero. */
static bool place_of(double value, struct place *out)
{
    uint64_t bits;
    int exponent;

    memcpy(&bits, &value, sizeof bits);
    exponent = (int)(bits >> MANTISSA & 0x7ff) - EXP_BIAS;
    if (exponent < BX_RECHIST_EXP_MIN)
        return false;
    out->sign = bits >> 63 != 0;
    out->sub = (unsigned)(bits >> (MANTISSA - SUB_BITS)) & (BX_RECHIST_SUB - 1);
    out->power = (unsigned)(exponent - BX_RECHIST_EXP_MIN);
    if (exponent >= BX_RECHIST_EXP_MAX) {
        out->power = BX_RECHIST_POWERS - 1;
        out->sub = 0;
    }
    return true;
}

static int count(struct bx_rechist *h, double value)
{
    struct place p;
    uint64_t **counts;

    if (!place_of(value, &p)) {
        h->zeros++;
        return BX_OK;
    }
    counts = &h->counts[p.sign][p.power];
    if (*counts == NULL)
        *counts = bx_calloc(BX_RECHIST_SUB, sizeof **counts);
    if (*counts == NULL)
        return BX_NO_MEMORY;
    (*counts)[p.sub]++;
    return BX_OK;
}

/* All doubles beyond 2^52 are. */
static bool is_whole(double value)
{
    return value >= 0x1p52 || value <= -0x1p52 || value == (double)(int64_t)value;
}

int bx_rechist_add(struct bx_rechist *h, double value)
{
    if (value != value)
        return BX_OK;
    if (count(h, value) != BX_OK)
        return BX_NO_MEMORY;
    if (h->n == 0 || value < h->min)
        h->min = value;
    if (h->n == 0 || value > h->max)
        h->max = value;
    h->n++;
    h->sum += value;
    h->fractions |= !is_whole(value);
    return BX_OK;
}

void bx_rechist_close(struct bx_rechist *h)
{
    for (unsigned sign = 0; sign < 2; sign++)
        for (unsigned power = 0; power < BX_RECHIST_POWERS; power++)
            bx_free(h->counts[sign][power]);
    memset(h, 0, sizeof *h);
}

/* ---- buckets in ascending order ---- */

/* They are numbered: the negative ones, from the largest magnitude on, then zero, then the positive
 * ones. */
#define SIDE ((long)(BX_RECHIST_POWERS * BX_RECHIST_SUB))
#define BUCKETS (2 * SIDE + 1)

static uint64_t count_at(const struct bx_rechist *h, long bucket)
{
    long k = bucket < SIDE ? SIDE - 1 - bucket : bucket - SIDE - 1;
    const uint64_t *counts;

    if (bucket == SIDE)
        return h->zeros;
    counts = h->counts[bucket < SIDE][k / (long)BX_RECHIST_SUB];
    return counts == NULL ? 0 : counts[k % (long)BX_RECHIST_SUB];
}

/* The least magnitude of the kth bucket of a side: its bits of a double. */
static double bound(long k)
{
    uint64_t exponent = (uint64_t)(k / (long)BX_RECHIST_SUB + EXP_BIAS + BX_RECHIST_EXP_MIN);
    uint64_t bits = exponent << MANTISSA | (uint64_t)(k % (long)BX_RECHIST_SUB)
                                               << (MANTISSA - SUB_BITS);
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What stands for the values of the kth bucket: its middle; of whole numbers, one of those in it.
 */
static double middle(const struct bx_rechist *h, long k)
{
    double low = bound(k), high = bound(k + 1);

    if (h->fractions || high > 0x1p52)
        return (low + high) / 2;
    if (high - low <= 1)
        return low; /* which holds one at most */
    return (double)(int64_t)((low + high - 1) / 2);
}

double bx_rechist_percentile(const struct bx_rechist *h, double share)
{
    double exact = share * (double)h->n, value = 0;
    uint64_t rank = (uint64_t)exact, seen = 0;

    if (h->n == 0)
        return 0;
    rank += (double)rank < exact;
    if (rank == 0)
        return h->min;
    for (long i = 0; i < BUCKETS; i++) {
        seen += count_at(h, i);
        if (seen < rank)
            continue;
        if (i != SIDE)
            value = i < SIDE ? -middle(h, SIDE - 1 - i) : middle(h, i - SIDE - 1);
        break;
    }
    return value < h->min ? h->min : value > h->max ? h->max : value;
}

/* ---- rows ---- */

/* Buckets of a side that are one row, 2^width of them from a multiple of that on. */
static void row_of(long bucket, unsigned width, struct bx_rechist_row *out, long *id)
{
    long k = bucket < SIDE ? SIDE - 1 - bucket : bucket - SIDE - 1, first;

    *out = (struct bx_rechist_row){0};
    *id = 0;
    if (bucket == SIDE)
        return;
    first = k >> width << width;
    out->low = bound(first);
    out->high = bound(first + (1L << width));
    *id = 1 + (first >> width);
    if (bucket < SIDE) {
        double low = out->low;

        out->low = -out->high;
        out->high = -low;
        *id = -*id;
    }
}

/* The rows between the first bucket that is used and the last one, empty ones too, for that is what
 * a distribution looks like; counted, and written as far as there is room. */
static size_t make_rows(const struct bx_rechist *h, unsigned width, struct bx_rechist_row *rows,
                        size_t max)
{
    size_t n = 0, used = 0;
    long last = 0;

    for (long i = 0; i < BUCKETS; i++) {
        uint64_t count = count_at(h, i);
        struct bx_rechist_row row;
        long id;

        if (n == 0 && count == 0)
            continue;
        row_of(i, width, &row, &id);
        if (n == 0 || id != last) {
            if (n < max)
                rows[n] = row;
            n++;
        }
        last = id;
        if (n <= max)
            rows[n - 1].n += count;
        if (count > 0)
            used = n;
    }
    return used;
}

size_t bx_rechist_rows(const struct bx_rechist *h, struct bx_rechist_row *rows, size_t max)
{
    size_t n = 0;

    if (h->n == 0)
        return 0;
    for (unsigned width = 0; width < 2 * SUB_BITS + 4; width++) {
        n = make_rows(h, width, rows, max);
        if (n <= max)
            return n;
    }
    return max;
}
