/* suggest - "did you mean": finds the word in a list that is closest to a mistyped one. */
#ifndef BX_SUGGEST_H
#define BX_SUGGEST_H

#include <stddef.h>

/* The word with the smallest edit distance (insertions, deletions, replacements and swaps of
 * neighbouring letters), the first of several. NULL if the distance exceeds one per three letters
 * of s (one is always allowed), or s has more than 40 bytes. s need not be NUL-terminated. */
const char *bx_suggest(const char *s, size_t n, const char *const *words, size_t n_words);

#endif
