/* near - "did you mean": the word of a list that a mistyped one was probably meant to be. */
#ifndef BX_SUGGEST_H
#define BX_SUGGEST_H

#include <stddef.h>

/* The word with the fewest letters to insert, remove, replace or swap with their neighbour, the
 * first of several; NULL when that is more than one slip in three letters of s (one is always
 * forgiven), or s has more than 40 bytes. s need not end with a NUL. */
const char *bx_suggest(const char *s, size_t n, const char *const *words, size_t n_words);

#endif
