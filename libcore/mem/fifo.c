#include "mem/fifo.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <assert.h>

#define CHUNK ((256u << 10) - 64)
#define LARGEST (64u << 10)
#define SPARES 128u

struct bx_fifo_chunk {
    _Alignas(16) struct bx_fifo *owner;
    struct bx_fifo_chunk *next; /* of the spares */
    size_t used;
    uint32_t live; /* blocks */
};

struct block {
    _Alignas(16) struct bx_fifo *owner;
    struct bx_fifo_chunk *chunk; /* NULL: by itself */
};

static uint8_t *bytes_of(struct bx_fifo_chunk *c)
{
    return (uint8_t *)(c + 1);
}

/* Nothing in it is in use: it begins again, waits for its turn, or goes. */
static void emptied(struct bx_fifo *f, struct bx_fifo_chunk *c)
{
    if (c != f->current && f->n_spares == SPARES) {
        bx_free(c);
        return;
    }
    c->used = 0;
    bx_poison(bytes_of(c), CHUNK);
    if (c != f->current) {
        c->next = f->spares;
        f->spares = c;
        f->n_spares++;
    }
}

static struct bx_fifo_chunk *next_chunk(struct bx_fifo *f)
{
    struct bx_fifo_chunk *c = f->spares;

    if (c != NULL) {
        f->spares = c->next;
        f->n_spares--;
    } else {
        c = bx_alloc(sizeof *c + CHUNK);
        if (c == NULL)
            return NULL;
        *c = (struct bx_fifo_chunk){.owner = f};
        bx_poison(bytes_of(c), CHUNK);
    }
    f->current = c;
    return c;
}

void *bx_fifo_alloc(struct bx_fifo *f, size_t n)
{
    size_t size = sizeof(struct block) + ((n + 15) & ~(size_t)15);
    struct bx_fifo_chunk *c = f->current;
    struct block *b;

    if (n > LARGEST) {
        b = n > SIZE_MAX / 2 ? NULL : bx_alloc(sizeof *b + n);
        c = NULL;
    } else {
        if (c == NULL || size > CHUNK - c->used)
            c = next_chunk(f);
        b = c == NULL ? NULL : (struct block *)(void *)(bytes_of(c) + c->used);
    }
    if (b == NULL)
        return NULL;
    if (c != NULL) {
        bx_unpoison(b, sizeof *b + n);
        c->used += size;
        c->live++;
    }
    *b = (struct block){f, c};
    f->live++;
    return b + 1;
}

void bx_fifo_free(void *p)
{
    struct block *b = p == NULL ? NULL : (struct block *)p - 1;
    struct bx_fifo_chunk *c;
    struct bx_fifo *f;

    if (b == NULL)
        return;
    c = b->chunk;
    f = b->owner;
    assert(f->live > 0 && (c == NULL || c->live > 0));
    f->live--;
    if (c == NULL)
        bx_free(b);
    else if (--c->live == 0)
        emptied(f, c);
}

void bx_fifo_close(struct bx_fifo *f)
{
    struct bx_fifo_chunk *c;

    assert(f->live == 0);
    bx_free(f->current);
    while ((c = f->spares) != NULL) {
        f->spares = c->next;
        bx_free(c);
    }
    *f = (struct bx_fifo){0};
}
