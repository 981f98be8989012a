/* arena - an allocator whose memory is freed all at once, for one request or one batch.
 *
 * Allocation advances a pointer. reset frees everything and keeps the largest block of at most 64
 * KiB. A zeroed struct is a valid empty arena. Not thread-safe. */
#ifndef BX_ARENA_H
#define BX_ARENA_H

#include <stddef.h>

struct bx_arena_block;
struct bx_arena {
    struct bx_arena_block *first, *current;
    size_t used; /* of current */
};

/* n bytes, aligned for any type, not zeroed; NULL when memory is exhausted. n may be 0. */
void *bx_arena_alloc(struct bx_arena *a, size_t n);
/* A NUL-terminated copy of n bytes; NULL when memory is exhausted. */
char *bx_arena_strndup(struct bx_arena *a, const char *s, size_t n);
void bx_arena_reset(struct bx_arena *a);
void bx_arena_close(struct bx_arena *a);

#endif
