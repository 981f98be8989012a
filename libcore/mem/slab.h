/* slab - blocks cut from slabs, for what comes and goes one by one by the thousand: rows, names,
 * outcomes, entries of tables.
 *
 * Sizes are rounded up, in steps of 16 up to 256, of 32 up to 1024 and of 128 up to 2048; each such
 * class has a list of free blocks and grows by one slab of 256 of them (8 at first, so that little
 * costs little). What is larger comes from the heap as it is. A block has no header: who frees it
 * says its size. Blocks are 16-aligned. Slabs go back to the heap when the whole is closed, so
 * memory stays at its high water. A zeroed struct is valid and empty. One thread only. */
#ifndef BX_SLAB_H
#define BX_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define BX_SLAB_CLASSES 48u

struct bx_slab_class {
    void *free;     /* blocks that were given back, linked through their first bytes */
    uint8_t *uncut; /* what is left of the newest slab */
    uint32_t n_uncut, grown;
};

struct bx_slab_stats {
    uint64_t live, live_bytes; /* blocks in use, large ones too, as they were asked for */
    uint64_t slabs, slab_bytes;
};

struct bx_slab {
    struct bx_slab_class classes[BX_SLAB_CLASSES];
    void *slabs; /* all of them, linked */
    struct bx_slab_stats stats;
};

/* n bytes, not zeroed; NULL when memory is out. n is 1 or more. */
void *bx_slab_alloc(struct bx_slab *s, size_t n);
/* Zeroed. */
void *bx_slab_calloc(struct bx_slab *s, size_t n);
/* n as it was asked for; NULL is allowed. */
void bx_slab_free(struct bx_slab *s, void *p, size_t n);
/* Every block must have been freed. */
void bx_slab_close(struct bx_slab *s);

#endif
