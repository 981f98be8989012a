/* timerheap - timers in the order of (time, order of setting): a binary heap in which each timer
 * knows its place, so that it can be moved or removed.
 *
 * A timer is embedded in the caller's struct. A zeroed timer is in no heap; a zeroed heap is empty.
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

/* Make room for n timers in all. BX_OK or BX_NO_MEMORY. */
int bx_timer_heap_reserve(struct bx_timer_heap *h, size_t n);
/* Add the timer, or move it; there must be room. It comes after all that are set for that time. */
void bx_timer_heap_set(struct bx_timer_heap *h, struct bx_timer *d, uint64_t at);
/* Remove it, if it is in the heap. */
void bx_timer_heap_remove(struct bx_timer_heap *h, struct bx_timer *d);
/* The timer that is due first, or NULL. */
struct bx_timer *bx_timer_heap_first(const struct bx_timer_heap *h);
void bx_timer_heap_close(struct bx_timer_heap *h);

#endif
