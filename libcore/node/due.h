/* due - what has to happen at a time: items in the order of (time, order of setting). A binary heap
 * that knows where each item is, so that an item can be moved or taken out.
 *
 * The item lives in the caller's struct. A zeroed item is not in any heap; a zeroed heap is empty.
 */
#ifndef BX_DUE_H
#define BX_DUE_H

#include <stddef.h>
#include <stdint.h>

struct bx_due {
    uint64_t at, order;
    size_t place; /* 0: not in the heap; else its place, from 1 */
};

struct bx_dues {
    struct bx_due **v;
    size_t n, cap;
    uint64_t order;
};

/* Room for n items. BX_OK or BX_NO_MEMORY. */
int bx_dues_reserve(struct bx_dues *h, size_t n);
/* Put the item in, or move it; there must be room. Behind all that are set for the same time. */
void bx_dues_set(struct bx_dues *h, struct bx_due *d, uint64_t at);
/* Take it out; nothing when it is not in. */
void bx_dues_clear(struct bx_dues *h, struct bx_due *d);
/* The item that is due first, or NULL. */
struct bx_due *bx_dues_first(const struct bx_dues *h);
void bx_dues_close(struct bx_dues *h);

#endif
