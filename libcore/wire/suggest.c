#include "wire/suggest.h"

#include <string.h>

#define WORD 40u

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The edit distance, computed row by row; words longer than WORD never match. */
static size_t distance(const char *a, size_t na, const char *b)
{
    size_t rows[3][WORD + 1], *before = rows[0], *last = rows[1], *row = rows[2], n = strlen(b);

    if (n > WORD || na > WORD)
        return WORD;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t *free_row = before;

        before = last;
        last = row;
        row = free_row;
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            row[j] =
                smaller(last[j - 1] + (a[i - 1] != b[j - 1]), smaller(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
    }
    return row[n];
}

const char *bx_suggest(const char *s, size_t n, const char *const *words, size_t n_words)
{
    size_t best = n > WORD ? 0 : n / 3 + (n < 3) + 1;
    const char *hit = NULL;

    for (size_t i = 0; i < n_words; i++) {
        size_t d = distance(s, n, words[i]);

        if (d < best) {
            best = d;
            hit = words[i];
        }
    }
    return hit;
}
