#include "wire/near.h"

#include <string.h>

#define WORD 40u

/* Levenshtein distance, one row at a time; words beyond WORD are far from everything. */
static size_t distance(const char *a, size_t na, const char *b)
{
    size_t row[WORD + 1], n = strlen(b);

    if (n > WORD || na > WORD)
        return WORD;
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; i <= na; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[n];
}

const char *bx_near_find(const char *s, size_t n, const char *const *words, size_t n_words)
{
    size_t best = n > WORD ? 0 : n / 3 + 2;
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
