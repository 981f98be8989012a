#include "mem/slab.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <assert.h>
#include <string.h>

#define LARGEST 2048u
#define FIRST 8u
#define BLOCKS 256u

struct slab {
    _Alignas(16) struct slab *next;
};

struct freed {
    struct freed *next;
};

static uint32_t class_of(size_t n)
{
    if (n <= 256)
        return (uint32_t)((n + 15) / 16) - 1;
    if (n <= 1024)
        return 16 + (uint32_t)((n - 256 + 31) / 32) - 1;
    return 40 + (uint32_t)((n - 1024 + 127) / 128) - 1;
}

static size_t size_of(uint32_t cls)
{
    if (cls < 16)
        return 16 * ((size_t)cls + 1);
    if (cls < 40)
        return 256 + 32 * ((size_t)cls - 15);
    return 1024 + 128 * ((size_t)cls - 39);
}

static struct bx_slab_class *grow(struct bx_slab *s, uint32_t cls)
{
    struct bx_slab_class *c = &s->classes[cls];
    uint32_t blocks = c->grown == 0 ? FIRST : BLOCKS;
    size_t bytes = blocks * size_of(cls);
    struct slab *slab = bx_alloc(sizeof *slab + bytes);

    if (slab == NULL)
        return NULL;
    slab->next = s->slabs;
    s->slabs = slab;
    s->stats.slabs++;
    s->stats.slab_bytes += bytes;
    bx_poison(slab + 1, bytes);
    c->uncut = (uint8_t *)(slab + 1);
    c->n_uncut = blocks;
    c->grown++;
    return c;
}

static void *cut(struct bx_slab *s, uint32_t cls)
{
    struct bx_slab_class *c = &s->classes[cls];
    struct freed *f = c->free;
    uint8_t *p;

    if (f != NULL) {
        bx_unpoison(f, sizeof *f);
        c->free = f->next;
        bx_poison(f, sizeof *f);
        return f;
    }
    if (c->n_uncut == 0 && grow(s, cls) == NULL)
        return NULL;
    p = c->uncut;
    c->uncut += size_of(cls);
    c->n_uncut--;
    return p;
}

void *bx_slab_alloc(struct bx_slab *s, size_t n)
{
    void *p;

    assert(n > 0);
    p = n > LARGEST ? bx_alloc(n) : cut(s, class_of(n));
    if (p == NULL)
        return NULL;
    bx_unpoison(p, n);
    s->stats.live++;
    s->stats.live_bytes += n;
    return p;
}

void *bx_slab_calloc(struct bx_slab *s, size_t n)
{
    void *p = bx_slab_alloc(s, n);

    return p == NULL ? NULL : memset(p, 0, n);
}

void bx_slab_free(struct bx_slab *s, void *p, size_t n)
{
    struct bx_slab_class *c;
    struct freed *f = p;

    if (p == NULL)
        return;
    assert(s->stats.live > 0 && s->stats.live_bytes >= n);
    s->stats.live--;
    s->stats.live_bytes -= n;
    if (n > LARGEST) {
        bx_free(p);
        return;
    }
    c = &s->classes[class_of(n)];
    bx_unpoison(f, sizeof *f); /* the previous user may have requested fewer bytes */
    f->next = c->free;
    c->free = f;
    bx_poison(f, size_of(class_of(n)));
}

void bx_slab_close(struct bx_slab *s)
{
    struct slab *slab = s->slabs;

    assert(s->stats.live == 0);
    while (slab != NULL) {
        struct slab *next = slab->next;

        bx_free(slab);
        slab = next;
    }
    *s = (struct bx_slab){0};
}
