/* due - what has to happen at a time: items in the order of (time, order of setting). A binary heap
 * that knows where each item is, so that an item can be moved or taken out.
 *
 * The item lives in the caller's struct. A zeroed item is not in any heap; a zeroed heap is empty.
 */
#ifndef BX_TIMERHEAP_H
#define BX_TIMERHEAP_H

#include <stddef.h>
#include <stdint.h>

struct bx_timer {
    uint64_t at, order;
    size_t place; /* 0: not in the heap; else its place, from 1 */
};

struct bx_timer_heap {
    struct bx_timer **v;
    size_t n, cap;
    uint64_t order;
};

/* Room for n items. BX_OK or BX_NO_MEMORY. */
int bx_timer_heap_reserve(struct bx_timer_heap *h, size_t n);
/* Put the item in, or move it; there must be room. Behind all that are set for the same time. */
void bx_timer_heap_set(struct bx_timer_heap *h, struct bx_timer *d, uint64_t at);
/* Take it out; nothing when it is not in. */
void bx_timer_heap_remove(struct bx_timer_heap *h, struct bx_timer *d);
/* The item that is due first, or NULL. */
struct bx_timer *bx_timer_heap_first(const struct bx_timer_heap *h);
void bx_timer_heap_close(struct bx_timer_heap *h);

#endif
