/* rechist - how values are distributed, in a bounded space: percentiles and rows of a histogram.
 *
 * Buckets are log-linear, as in HdrHistogram (G. Tene, https://hdrhistogram.org): each power of two
 * is divided into BX_RECHIST_SUB buckets of equal width, so that a percentile differs from the true
 * value by at most 1/(2 * BX_RECHIST_SUB) of it, 1.6 %. Whole numbers below 64 are exact. A value
 * whose magnitude is below 2^-32 counts as zero, and one beyond 2^64 as that. NaN is left out.
 *
 * A zeroed struct is empty. Memory is taken by power of two, 256 bytes each, when its first value
 * comes: at most 49 KiB. */
#ifndef BX_RECHIST_H
#define BX_RECHIST_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BX_RECHIST_SUB 32u
#define BX_RECHIST_EXP_MIN (-32)
#define BX_RECHIST_EXP_MAX 64
#define BX_RECHIST_POWERS 97u /* from EXP_MIN to EXP_MAX */
#define BX_RECHIST_ROWS 32u

struct bx_rechist {
    uint64_t n, zeros;
    double min, max, sum;
    bool fractions; /* not all of them are whole numbers */
    /* By sign and power of two. */
    uint64_t *counts[2][BX_RECHIST_POWERS];
};

/* BX_OK, or BX_NO_MEMORY, and the value is left out. */
int bx_rechist_add(struct bx_rechist *h, double value);
/* The value below or at which `share` (0 to 1) of the values are; 0 when there are none. */
double bx_rechist_percentile(const struct bx_rechist *h, double share);

/* Values of low <= value < high; of the row of zeros both are 0. */
struct bx_rechist_row {
    double low, high;
    uint64_t n;
};
/* The distribution as rows in ascending order, of at most max (3 to BX_RECHIST_ROWS) rows where
 * that is possible: a row is a power of two, an equal part of one, or several. The number of rows.
 */
size_t bx_rechist_rows(const struct bx_rechist *h, struct bx_rechist_row *rows, size_t max);

void bx_rechist_close(struct bx_rechist *h);

#endif
