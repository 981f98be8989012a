#include "mem/arena.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <stdint.h>
#include <string.h>

#define ALIGN 16
#define FIRST_BLOCK (4096 - 64) /* one page, including this header and malloc's */
#define KEEP_LIMIT 65536

struct bx_arena_block {
    _Alignas(ALIGN) struct bx_arena_block *next;
    size_t size; /* bytes after this header */
};

/* Block sizes double up to KEEP_LIMIT; a larger request gets a block of its own size. */
static struct bx_arena_block *add_block(struct bx_arena *a, size_t n)
{
    size_t size = a->current == NULL ? FIRST_BLOCK : a->current->size * 2;
    struct bx_arena_block *b;

    if (size > KEEP_LIMIT)
        size = KEEP_LIMIT;
    if (size < n)
        size = n;
    b = bx_alloc(sizeof *b + size);
    if (b == NULL)
        return NULL;
    *b = (struct bx_arena_block){.size = size};
    bx_poison(b + 1, size);
    if (a->current == NULL)
        a->first = b;
    else
        a->current->next = b;
    a->current = b;
    a->used = 0;
    return b;
}

void *bx_arena_alloc(struct bx_arena *a, size_t n)
{
    struct bx_arena_block *b = a->current;
    size_t padded = (n + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    uint8_t *p;

    if (n > SIZE_MAX / 2)
        return NULL;
    if (n == 0)
        padded = ALIGN;
    if (b == NULL || padded > b->size - a->used) {
        b = add_block(a, padded);
        if (b == NULL)
            return NULL;
    }
    p = (uint8_t *)(b + 1) + a->used;
    a->used += padded;
    bx_unpoison(p, n);
    return p;
}

char *bx_arena_strndup(struct bx_arena *a, const char *s, size_t n)
{
    char *copy = n == SIZE_MAX ? NULL : bx_arena_alloc(a, n + 1);

    if (copy == NULL)
        return NULL;
    if (n > 0)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

/* Workloads repeat: when the largest block is kept, the next round needs only that block and no
 * malloc. */
void bx_arena_reset(struct bx_arena *a)
{
    struct bx_arena_block *kept = NULL, *next;

    for (struct bx_arena_block *b = a->first; b != NULL; b = next) {
        next = b->next;
        if (b->size > KEEP_LIMIT || (kept != NULL && b->size <= kept->size)) {
            bx_free(b);
            continue;
        }
        bx_free(kept);
        kept = b;
    }
    *a = (struct bx_arena){.first = kept, .current = kept};
    if (kept != NULL) {
        kept->next = NULL;
        bx_poison(kept + 1, kept->size);
    }
}

void bx_arena_close(struct bx_arena *a)
{
    for (struct bx_arena_block *b = a->first, *next; b != NULL; b = next) {
        next = b->next;
        bx_free(b);
    }
    *a = (struct bx_arena){0};
}
