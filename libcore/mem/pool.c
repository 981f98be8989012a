#include "mem/pool.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/poison.h"

#include <assert.h>
#include <string.h>

int bx_pool_init(struct bx_pool *p, const char *name, size_t object_size, struct bx_pool_size size,
                 void (*fini)(void *object))
{
    assert(object_size > 0 && size.min <= size.max);
    *p = (struct bx_pool){
        .stats = {.name = name, .object_bytes = object_size, .size = size},
        .fini = fini,
    };
    p->free = bx_calloc(size.max, sizeof *p->free);
    if (p->free == NULL)
        return BX_NO_MEMORY;
    for (uint32_t i = 0; i < size.min; i++) {
        p->free[i] = bx_alloc(object_size);
        if (p->free[i] == NULL)
            goto fail;
        bx_poison(p->free[i], object_size);
        p->stats.available++;
        p->stats.created++;
    }
    return BX_OK;

fail:
    bx_pool_close(p);
    return BX_NO_MEMORY;
}

void bx_pool_close(struct bx_pool *p)
{
    assert(p->stats.in_use == 0);
    for (uint32_t i = 0; i < p->stats.available; i++)
        bx_free(p->free[i]);
    bx_free(p->free);
    *p = (struct bx_pool){0};
}

void *bx_pool_acquire(struct bx_pool *p)
{
    struct bx_pool_stats *s = &p->stats;
    void *object;

    if (s->available > 0) {
        object = p->free[--s->available];
        bx_unpoison(object, s->object_bytes);
        memset(object, 0, s->object_bytes);
        s->hits++;
    } else {
        object = bx_calloc(1, s->object_bytes);
        if (object == NULL)
            return NULL;
        s->misses++;
        s->created++;
    }
    s->in_use++;
    if (s->in_use > s->high_water)
        s->high_water = s->in_use;
    return object;
}

void bx_pool_release(struct bx_pool *p, void *object)
{
    struct bx_pool_stats *s = &p->stats;

    if (object == NULL)
        return;
    assert(s->in_use > 0);
    s->in_use--;
    if (p->fini != NULL)
        p->fini(object);
    if (s->available < s->size.max) {
        bx_poison(object, s->object_bytes);
        p->free[s->available++] = object;
    } else {
        bx_free(object);
    }
}
