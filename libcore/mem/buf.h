/* buf - a growing byte buffer whose memory comes from per-thread size classes.
 *
 * Classes: 256, 512, 1500 (32 kept each), 8 KiB and 64 KiB (4 kept each); a larger block comes from
 * the heap and is never kept. A buffer released on another thread than the one that took its block
 * gives the block back through that thread's return list; when that thread has ended, or 104 blocks
 * wait there, the block goes back to the heap. A zeroed struct is a valid empty buffer. */
#ifndef BX_BUF_H
#define BX_BUF_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bx_buf {
    uint8_t *data;
    size_t len;  /* bytes in use */
    size_t cap;  /* bytes there are */
    bool failed; /* memory was out once: something may be missing; until it is released */
};

/* Make room for n more bytes. BX_OK, or BX_NO_MEMORY with the bytes unchanged and failed set, so
 * that who appends many times may look once, before the bytes are used. */
int bx_buf_reserve(struct bx_buf *b, size_t n);
/* Append; src may be NULL when n is 0. BX_OK or BX_NO_MEMORY. */
int bx_buf_append(struct bx_buf *b, const void *src, size_t n);
/* Append n bytes that the caller fills, 16-aligned when the buffer was empty; NULL when memory is
 * out. Valid until the next call. */
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
/* Give the memory back; the struct is an empty buffer again. */
void bx_buf_release(struct bx_buf *b);
/* *to, which gives its own memory back, takes over what *from holds; *from is empty then. */
void bx_buf_move(struct bx_buf *to, struct bx_buf *from);

/* ---- blocks without a buffer around them: 16-aligned, of the same classes, for any thread ---- */

#define BX_BLOCK_ALIGN 16u
/* At least n bytes, n may be 0; NULL when memory is out. */
void *bx_block_take(size_t n);
/* NULL is allowed. */
void bx_block_give(void *p);
/* How many bytes there are. */
size_t bx_block_size(const void *p);

#define BX_BUF_CLASSES 5u
/* What the blocks of a class are called: "256", "512", "1500", "8192", "65536". */
extern const char *const bx_buf_class_names[BX_BUF_CLASSES];

struct bx_buf_class_stats {
    uint64_t available, max; /* of the calling thread: kept now, and at most */
    uint64_t in_use;         /* of all threads, as the rest; also those on their way back */
    uint64_t high_water;     /* the most in use at once, each thread for itself */
    uint64_t created, hits, misses;
};
void bx_buf_class_stats(uint32_t cls, struct bx_buf_class_stats *out);

struct bx_buf_stats {
    uint64_t hits, misses, direct, returned; /* of all threads; direct: above 64 KiB */
    uint64_t kept_bytes;                     /* of the calling thread */
};
void bx_buf_stats(struct bx_buf_stats *out);
/* The calling thread keeps n blocks of that class from now on, for one which has more of them in
 * use at once than others have. */
void bx_buf_class_keep(uint32_t cls, uint32_t n);
/* Give back what the calling thread keeps, and keep as much as others; call it before a thread
 * ends. */
void bx_buf_thread_close(void);

#endif
