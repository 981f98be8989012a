/* sorted - a set of pointers in order: a sorted array that is divided into blocks.
 *
 * Adding and removing cost a binary search and moving items within one block; finding a place costs
 * a binary search. The set does not own its items and does not know their keys: the caller passes a
 * function that compares an item with a key. No two items have the same key. Blocks are
 * kept for reuse until close. A zeroed struct is an empty set. Not thread-safe. */
#ifndef BX_SORTED_H
#define BX_SORTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BX_SORTED_BLOCK 128u

struct bx_sorted_block {
    uint32_t n; /* 1 or more */
    const void *items[BX_SORTED_BLOCK];
};

struct bx_sorted {
    struct bx_sorted_block **blocks; /* n_blocks in use, then those kept for reuse */
    uint32_t n_blocks, n_made, cap_blocks;
    size_t n; /* items */
};

/* A place between two items; valid until the set changes. Zeroed: before the first one. */
struct bx_sorted_place {
    uint32_t block, item;
};

/* Negative, zero or positive, as the item's key is less than, equal to or greater than the key. */
typedef int (*bx_sorted_cmp)(const void *item, const void *key);

/* Add an item whose key is not in the set. BX_OK or BX_NO_MEMORY (unchanged). */
int bx_sorted_add(struct bx_sorted *s, bx_sorted_cmp cmp, const void *key, const void *item);
/* Remove the item with this key; false if there is none. */
bool bx_sorted_remove(struct bx_sorted *s, bx_sorted_cmp cmp, const void *key);
/* The place after the item with this key, or where that item would be. */
struct bx_sorted_place bx_sorted_after(const struct bx_sorted *s, bx_sorted_cmp cmp,
                                       const void *key);
/* Return the item at the place and advance the place; NULL at the end. */
const void *bx_sorted_next(const struct bx_sorted *s, struct bx_sorted_place *at);
void bx_sorted_close(struct bx_sorted *s);

#endif
