/* weight - what the collections of a thread's scopes weigh: bytes of memory, now and at most. */
#ifndef BX_WEIGHT_H
#define BX_WEIGHT_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed at first. */
struct bx_weight {
    uint64_t bytes, peak;
    uint64_t grown; /* how often something has taken memory */
};

/* Something has so many bytes now; *was is what it had, and is changed. */
static inline void bx_weigh(struct bx_weight *w, size_t *was, size_t now)
{
    w->grown += now > *was;
    w->bytes += now - *was;
    *was = now;
    if (w->bytes > w->peak)
        w->peak = w->bytes;
}

#endif
