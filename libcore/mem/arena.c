#include "mem/arena.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <stdint.h>
#include <string.h>

#define ALIGN 16
#define FIRST_BLOCK (4096 - 64) /* with its header and the heap's, a page */
#define KEEP_LIMIT 65536

struct bx_arena_block {
    _Alignas(ALIGN) struct bx_arena_block *next;
    size_t size; /* of what follows */
};

/* Blocks double up to KEEP_LIMIT; what is larger gets a block that fits. */
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

static void free_from(struct bx_arena_block *b)
{
    while (b != NULL) {
        struct bx_arena_block *next = b->next;

        bx_free(b);
        b = next;
    }
}

void bx_arena_reset(struct bx_arena *a)
{
    if (a->first == NULL)
        return;
    if (a->first->size > KEEP_LIMIT) {
        bx_arena_close(a);
        return;
    }
    free_from(a->first->next);
    a->first->next = NULL;
    a->current = a->first;
    a->used = 0;
    bx_poison(a->first + 1, a->first->size);
}

void bx_arena_close(struct bx_arena *a)
{
    free_from(a->first);
    *a = (struct bx_arena){0};
}
