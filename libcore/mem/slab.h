/* slab - a size-class allocator for many small objects with individual lifetimes: rows, names,
 * outcomes, table entries.
 *
 * Sizes are rounded up in steps of 16 up to 256, of 32 up to 1024 and of 128 up to 2048. Each class
 * has a free list and grows by a slab of 256 blocks (8 at first, so that small users stay small).
 * Larger sizes come from the heap. Blocks have no header: the caller of free passes the size.
 * Blocks are 16-aligned. Slabs are freed only by close, so memory use stays at its high-water mark.
 * A zeroed struct is valid and empty. Not thread-safe. */
#ifndef BX_SLAB_H
#define BX_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define BX_SLAB_CLASSES 48u

struct bx_slab_class {
    void *free;     /* freed blocks, linked through their first bytes */
    uint8_t *uncut; /* unused rest of the newest slab */
    uint32_t n_uncut, grown;
};

struct bx_slab_stats {
    uint64_t live, live_bytes; /* blocks in use, including large ones; bytes as requested */
    uint64_t slabs, slab_bytes;
};

struct bx_slab {
    struct bx_slab_class classes[BX_SLAB_CLASSES];
    void *slabs; /* all of them, linked */
    struct bx_slab_stats stats;
};

/* n bytes, not zeroed; NULL when memory is exhausted. n is 1 or more. */
void *bx_slab_alloc(struct bx_slab *s, size_t n);
/* Zeroed. */
void *bx_slab_calloc(struct bx_slab *s, size_t n);
/* n is the size passed to alloc; p may be NULL. */
void bx_slab_free(struct bx_slab *s, void *p, size_t n);
/* Every block must have been freed. */
void bx_slab_close(struct bx_slab *s);

#endif
