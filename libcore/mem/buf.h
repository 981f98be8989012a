/* buf - a growing byte buffer whose memory comes from per-thread size classes.
 *
 * Classes: 256, 512, 1500 (32 kept each), 8 KiB and 64 KiB (4 kept each). A larger block comes from
 * the heap and is never kept. If a buffer is released on another thread than the one that took its
 * block, the block goes to the return list of the owning thread. If that thread has ended, or its
 * return list holds 104 blocks, the block is freed to the heap. A zeroed struct is a valid empty
 * buffer. */
#ifndef BX_BUF_H
#define BX_BUF_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bx_buf {
    uint8_t *data;
    size_t len;  /* bytes in use */
    size_t cap;  /* bytes allocated */
    bool failed; /* an allocation failed and data may be missing; cleared by release */
};

/* Make room for n more bytes. BX_OK, or BX_NO_MEMORY with the bytes unchanged and `failed` set. A
 * caller that appends many times may therefore check `failed` once, before it uses the bytes. */
int bx_buf_reserve(struct bx_buf *b, size_t n);
/* Append; src may be NULL when n is 0. BX_OK or BX_NO_MEMORY. */
int bx_buf_append(struct bx_buf *b, const void *src, size_t n);
/* Append n bytes for the caller to fill, 16-aligned if the buffer was empty; NULL when memory is
 * exhausted. The pointer is valid until the next call. */
static inline uint8_t *bx_buf_extend(struct bx_buf *b, size_t n)
{
    uint8_t *at;

    if (n >= b->cap - b->len && bx_buf_reserve(b, n == 0 ? 1 : n) != BX_OK)
        return NULL;
    at = b->data + b->len;
    b->len += n;
    return at;
}
/* Drop the first n bytes, moving the rest to the front. */
void bx_buf_consume(struct bx_buf *b, size_t n);
/* Release the memory; the struct is a valid empty buffer afterwards. */
void bx_buf_release(struct bx_buf *b);
/* Release *to, move the contents of *from into it, and leave *from empty. */
void bx_buf_move(struct bx_buf *to, struct bx_buf *from);

/* ---- blocks without a buffer: 16-aligned, from the same classes, thread-safe ---- */

#define BX_BLOCK_ALIGN 16u
/* At least n bytes, n may be 0; NULL when memory is exhausted. */
void *bx_block_take(size_t n);
/* NULL is allowed. */
void bx_block_give(void *p);
/* The allocated size in bytes. */
size_t bx_block_size(const void *p);

#define BX_BUF_CLASSES 5u
/* The names of the classes: "256", "512", "1500", "8192", "65536". */
extern const char *const bx_buf_class_names[BX_BUF_CLASSES];

struct bx_buf_class_stats {
    uint64_t available, max; /* of the calling thread: blocks kept now, and the bound */
    uint64_t in_use; /* this and the following: of all threads; includes blocks on return lists */
    uint64_t high_water; /* sum of the maximum in use of each thread */
    uint64_t created, hits, misses;
};
void bx_buf_class_stats(uint32_t cls, struct bx_buf_class_stats *out);

struct bx_buf_stats {
    uint64_t hits, misses, direct, returned; /* of all threads; direct: above 64 KiB */
    uint64_t kept_bytes;                     /* of the calling thread */
};
void bx_buf_stats(struct bx_buf_stats *out);
/* Set how many blocks of that class the calling thread keeps, for a thread that uses more of them
 * at once than the default allows. */
void bx_buf_class_keep(uint32_t cls, uint32_t n);
/* Free the blocks that the calling thread keeps and reset its bounds. Call it before a thread ends.
 */
void bx_buf_thread_close(void);

#endif
