/* fifo - an allocator for blocks that are freed in roughly the order of allocation, such as the
 * cache of a log.
 *
 * Blocks are cut in sequence from chunks of 256 KiB. When all blocks of a chunk have been freed,
 * the chunk is kept for reuse, up to 32 MiB of chunks unless bx_fifo_keep sets another bound;
 * beyond it, chunks are freed to the heap. A log that drops many entries at once, on compaction,
 * reuses this memory afterwards; bx_fifo_trim frees what was not needed for a while. One live block
 * keeps its whole chunk. A block above 64 KiB is allocated separately from the heap. Blocks are
 * 16-aligned. A zeroed struct is valid and empty; it must not be moved. Not thread-safe. */
#ifndef BX_FIFO_H
#define BX_FIFO_H

#include <stddef.h>
#include <stdint.h>

struct bx_fifo_stats {
    uint64_t live;              /* blocks */
    uint64_t in_use, available; /* chunks: with live blocks or current, and kept for reuse */
    uint64_t high_water;        /* maximum of in_use */
    uint64_t created, hits, misses;
    uint64_t max; /* bound on kept chunks; 0: 128 */
    uint64_t chunk_bytes;
};

struct bx_fifo_chunk;
struct bx_fifo {
    struct bx_fifo_chunk *current, *spares;
    uint64_t unused; /* the fewest chunks that were available since the last bx_fifo_trim */
    struct bx_fifo_stats stats;
};

/* NULL when memory is exhausted. n may be 0. */
void *bx_fifo_alloc(struct bx_fifo *f, size_t n);
/* NULL is allowed. */
void bx_fifo_free(void *p);
/* Set how many bytes of chunks are kept for reuse, rounded up to whole chunks; 0: 32 MiB. Call it
 * before the first allocation. */
void bx_fifo_keep(struct bx_fifo *f, uint64_t bytes);
/* Free the kept chunks that were not needed since the last call. */
void bx_fifo_trim(struct bx_fifo *f);
/* chunk_bytes and max are the effective values. */
void bx_fifo_stats(const struct bx_fifo *f, struct bx_fifo_stats *out);
/* Every block must have been freed. */
void bx_fifo_close(struct bx_fifo *f);

#endif
