#include "node/timerheap.h"

#include "mem/alloc.h"
#include "mem/vec.h"

#include <assert.h>
#include <stdbool.h>

int bx_timer_heap_reserve(struct bx_timer_heap *h, size_t n)
{
    struct bx_timer **v;
    size_t cap;

    if (n <= h->cap)
        return BX_OK;
    cap = bx_vec_headroom(n);
    v = bx_realloc(h->v, cap * sizeof *v);
    if (v == NULL)
        return BX_NO_MEMORY;
    h->v = v;
    h->cap = cap;
    return BX_OK;
}

static bool before(const struct bx_timer *a, const struct bx_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct bx_timer_heap *h, size_t place, struct bx_timer *d)
{
    h->v[place - 1] = d;
    d->place = place;
}

static void rise(struct bx_timer_heap *h, struct bx_timer *d)
{
    size_t place = d->place;

    while (place > 1 && before(d, h->v[place / 2 - 1])) {
        put(h, place, h->v[place / 2 - 1]);
        place /= 2;
    }
    put(h, place, d);
}

static void sink(struct bx_timer_heap *h, struct bx_timer *d)
{
    size_t place = d->place, child;

    while ((child = 2 * place) <= h->n) {
        if (child < h->n && before(h->v[child], h->v[child - 1]))
            child++;
        if (!before(h->v[child - 1], d))
            break;
        put(h, place, h->v[child - 1]);
        place = child;
    }
    put(h, place, d);
}

void bx_timer_heap_set(struct bx_timer_heap *h, struct bx_timer *d, uint64_t at)
{
    bx_timer_heap_remove(h, d);
    assert(h->n < h->cap);
    d->at = at;
    d->order = ++h->order;
    d->place = ++h->n;
    rise(h, d);
}

void bx_timer_heap_remove(struct bx_timer_heap *h, struct bx_timer *d)
{
    struct bx_timer *last;

    if (d->place == 0)
        return;
    assert(h->v[d->place - 1] == d);
    last = h->v[--h->n];
    if (last != d) {
        last->place = d->place;
        rise(h, last);
        sink(h, last);
    }
    d->place = 0;
}

struct bx_timer *bx_timer_heap_first(const struct bx_timer_heap *h)
{
    return h->n == 0 ? NULL : h->v[0];
}

void bx_timer_heap_close(struct bx_timer_heap *h)
{
    bx_free(h->v);
    *h = (struct bx_timer_heap){0};
}
