#include "mem/rc.h"

#include "err.h"

#include <assert.h>

struct bx_rc_value {                            /* precedes the value */
    _Alignas(16) TAILQ_ENTRY(bx_rc_value) link; /* in idle, while refs is 0 */
    uint64_t hash;
    uint32_t size;                 /* of the header and the value */
    uint32_t refs : 31, found : 1; /* found: it is in the map */
};

static void *body(struct bx_rc_value *v)
{
    return v + 1;
}

static struct bx_rc_value *head(const void *value)
{
    return (struct bx_rc_value *)(uintptr_t)value - 1;
}

void bx_rc_init(struct bx_rc_cache *c, uint32_t max, uint32_t idle_max, bx_map_eq eq)
{
    *c = (struct bx_rc_cache){.max = max, .idle_max = idle_max, .eq = eq, .stats = {.max = max}};
    TAILQ_INIT(&c->idle);
}

static void drop(struct bx_rc_cache *c, struct bx_rc_value *v)
{
    assert(v->refs == 0);
    if (v->found)
        bx_map_remove(&c->map, v->hash, body(v));
    c->stats.values--;
    if (c->fini != NULL)
        c->fini(c->ctx, body(v));
    bx_slab_free(&c->slab, v, v->size);
}

/* Evict the value that has been idle longest. */
static void forget(struct bx_rc_cache *c)
{
    struct bx_rc_value *v = TAILQ_FIRST(&c->idle);

    TAILQ_REMOVE(&c->idle, v, link);
    c->n_idle--;
    drop(c, v);
}

void bx_rc_close(struct bx_rc_cache *c)
{
    assert(c->stats.refs == 0);
    while (c->n_idle > 0)
        forget(c);
    bx_map_close(&c->map);
    bx_slab_close(&c->slab);
}

const void *bx_rc_ref(struct bx_rc_cache *c, const void *value)
{
    struct bx_rc_value *v = head(value);

    if (v->refs == 0) {
        TAILQ_REMOVE(&c->idle, v, link);
        c->n_idle--;
    }
    v->refs++;
    c->stats.refs++;
    return value;
}

void bx_rc_release(struct bx_rc_cache *c, const void *value)
{
    struct bx_rc_value *v;

    if (value == NULL)
        return;
    v = head(value);
    assert(v->refs > 0 && c->stats.refs > 0);
    c->stats.refs--;
    if (--v->refs > 0)
        return;
    if (!v->found) {
        drop(c, v);
        return;
    }
    TAILQ_INSERT_TAIL(&c->idle, v, link);
    if (++c->n_idle > c->idle_max)
        forget(c);
}

const void *bx_rc_get_or_create(struct bx_rc_cache *c, uint64_t hash, const void *key, size_t size,
                                void (*make)(void *value, const void *key))
{
    const void *there = bx_map_get(&c->map, hash, c->eq, key);
    struct bx_rc_value *v;

    if (there != NULL) {
        c->stats.hits++;
        return bx_rc_ref(c, there);
    }
    size += sizeof *v;
    if (c->map.n >= c->max && c->n_idle > 0)
        forget(c);
    if (size > UINT32_MAX || bx_map_reserve(&c->map, c->map.n + 1) != BX_OK)
        return NULL;
    v = bx_slab_alloc(&c->slab, size);
    if (v == NULL)
        return NULL;
    *v = (struct bx_rc_value){.hash = hash, .size = (uint32_t)size, .refs = 1};
    make(body(v), key);
    v->found = c->map.n < c->max;
    if (v->found) {
        int rc = bx_map_add(&c->map, hash, body(v));

        assert(rc == BX_OK); /* the reservation above made room */
        (void)rc;
    } else {
        c->stats.apart++;
    }
    c->stats.misses++;
    c->stats.refs++;
    if (++c->stats.values > c->stats.high_water)
        c->stats.high_water = c->stats.values;
    return body(v);
}
