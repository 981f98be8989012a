#include "mem/fifo.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <assert.h>

#define CHUNK ((256u << 10) - 64)
#define LARGEST (64u << 10)
#define SPARES 128u

struct bx_fifo_chunk {
    _Alignas(16) struct bx_fifo *owner;
    struct bx_fifo_chunk *next; /* list of spares */
    size_t used;
    uint32_t live; /* blocks */
};

struct block {
    _Alignas(16) struct bx_fifo *owner;
    struct bx_fifo_chunk *chunk; /* NULL: allocated separately */
};

static uint8_t *bytes_of(struct bx_fifo_chunk *c)
{
    return (uint8_t *)(c + 1);
}

static uint64_t kept_at_most(const struct bx_fifo *f)
{
    return f->stats.max == 0 ? SPARES : f->stats.max;
}

void bx_fifo_keep(struct bx_fifo *f, uint64_t bytes)
{
    f->stats.max = bytes / CHUNK + (bytes % CHUNK != 0);
}

void bx_fifo_stats(const struct bx_fifo *f, struct bx_fifo_stats *out)
{
    *out = f->stats;
    out->max = kept_at_most(f);
    out->chunk_bytes = CHUNK;
}

/* The chunk has no live block. The current chunk is cut again from its start; another one is kept
 * or freed. */
static void emptied(struct bx_fifo *f, struct bx_fifo_chunk *c)
{
    if (c != f->current) {
        f->stats.in_use--;
        if (f->stats.available >= kept_at_most(f)) {
            bx_free(c);
            return;
        }
        c->next = f->spares;
        f->spares = c;
        f->stats.available++;
    }
    c->used = 0;
    bx_poison(bytes_of(c), CHUNK);
}

static struct bx_fifo_chunk *next_chunk(struct bx_fifo *f)
{
    struct bx_fifo_chunk *c = f->spares;

    if (c != NULL) {
        f->spares = c->next;
        if (--f->stats.available < f->unused)
            f->unused = f->stats.available;
        f->stats.hits++;
    } else {
        c = bx_alloc(sizeof *c + CHUNK);
        if (c == NULL)
            return NULL;
        *c = (struct bx_fifo_chunk){.owner = f};
        bx_poison(bytes_of(c), CHUNK);
        f->unused = 0;
        f->stats.misses++;
        f->stats.created++;
    }
    f->current = c;
    if (++f->stats.in_use > f->stats.high_water)
        f->stats.high_water = f->stats.in_use;
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
    f->stats.live++;
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
    assert(f->stats.live > 0 && (c == NULL || c->live > 0));
    f->stats.live--;
    if (c == NULL)
        bx_free(b);
    else if (--c->live == 0)
        emptied(f, c);
}

void bx_fifo_trim(struct bx_fifo *f)
{
    struct bx_fifo_chunk *c;

    for (; f->unused > 0; f->unused--) {
        c = f->spares;
        f->spares = c->next;
        f->stats.available--;
        bx_free(c);
    }
    f->unused = f->stats.available;
}

void bx_fifo_close(struct bx_fifo *f)
{
    struct bx_fifo_chunk *c;

    assert(f->stats.live == 0);
    bx_free(f->current);
    while ((c = f->spares) != NULL) {
        f->spares = c->next;
        bx_free(c);
    }
    *f = (struct bx_fifo){0};
}
