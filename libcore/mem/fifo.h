/* fifo - blocks that go back in about the order in which they were taken: the cache of a log.
 *
 * Blocks are cut one behind the other from chunks of 256 KiB. A chunk whose blocks have all been
 * given back is kept and used again, up to 32 MiB of them; the rest goes to the heap. So a log that
 * forgets much at a time, when it was compacted, finds its memory again, and one old block holds
 * its chunk. A block above 64 KiB comes from the heap by itself. Blocks are 16-aligned. A zeroed
 * struct is valid and empty; it must not move. One thread only. */
#ifndef BX_FIFO_H
#define BX_FIFO_H

#include <stddef.h>
#include <stdint.h>

struct bx_fifo_chunk;
struct bx_fifo {
    struct bx_fifo_chunk *current, *spares;
    uint32_t n_spares;
    uint64_t live; /* blocks */
};

/* NULL when memory is out. n may be 0. */
void *bx_fifo_alloc(struct bx_fifo *f, size_t n);
/* NULL is allowed. */
void bx_fifo_free(void *p);
/* Every block must have been freed. */
void bx_fifo_close(struct bx_fifo *f);

#endif
