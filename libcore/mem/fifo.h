/* fifo - blocks that go back in about the order in which they were taken: the cache of a log.
 *
 * Blocks are cut one behind the other from chunks of 256 KiB. A chunk whose blocks have all been
 * given back is kept and used again, up to 32 MiB of them unless bx_fifo_keep sets another bound;
 * the rest goes to the heap. So a log that forgets much at a time, when it was compacted, finds its
 * memory again, and one old block holds its chunk. A block above 64 KiB comes from the heap by
 * itself. Blocks are 16-aligned. A zeroed struct is valid and empty; it must not move. One thread
 * only. */
#ifndef BX_FIFO_H
#define BX_FIFO_H

#include <stddef.h>
#include <stdint.h>

struct bx_fifo_stats {
    uint64_t live;              /* blocks */
    uint64_t in_use, available; /* chunks: with blocks or about to be cut, and kept */
    uint64_t high_water;        /* the most chunks in use at once */
    uint64_t created, hits, misses;
    uint64_t max; /* chunks kept at most; 0: 128 */
    uint64_t chunk_bytes;
};

struct bx_fifo_chunk;
struct bx_fifo {
    struct bx_fifo_chunk *current, *spares;
    struct bx_fifo_stats stats;
};

/* NULL when memory is out. n may be 0. */
void *bx_fifo_alloc(struct bx_fifo *f, size_t n);
/* NULL is allowed. */
void bx_fifo_free(void *p);
/* How many bytes of chunks are kept for reuse, rounded up to whole chunks; 0: 32 MiB. Before the
 * first block. */
void bx_fifo_keep(struct bx_fifo *f, uint64_t bytes);
/* chunk_bytes and max as they are in effect. */
void bx_fifo_stats(const struct bx_fifo *f, struct bx_fifo_stats *out);
/* Every block must have been freed. */
void bx_fifo_close(struct bx_fifo *f);

#endif
