#include "mem/map.h"

#include "err.h"
#include "mem/alloc.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define MIN_CAP 8

uint64_t bx_hash(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

static void place(struct bx_map *m, uint64_t hash, void *item)
{
    size_t i = bx_map_home(m, hash);

    while (m->slots[i].item != NULL)
        i = (i + 1) & (m->cap - 1);
    m->slots[i] = (struct bx_map_slot){.hash = hash, .item = item};
}

int bx_map_reserve(struct bx_map *m, size_t n)
{
    struct bx_map bigger = {.cap = m->cap == 0 ? MIN_CAP : m->cap, .n = m->n};

    if (n <= m->cap / 4 * 3)
        return BX_OK;
    while (n > bigger.cap / 4 * 3) {
        if (bigger.cap > SIZE_MAX / 2 / sizeof *bigger.slots)
            return BX_NO_MEMORY;
        bigger.cap *= 2;
    }
    bigger.slots = bx_calloc(bigger.cap, sizeof *bigger.slots);
    if (bigger.slots == NULL)
        return BX_NO_MEMORY;
    for (size_t i = 0; i < m->cap; i++) {
        if (m->slots[i].item != NULL)
            place(&bigger, m->slots[i].hash, m->slots[i].item);
    }
    bx_free(m->slots);
    *m = bigger;
    return BX_OK;
}

int bx_map_add(struct bx_map *m, uint64_t hash, void *item)
{
    assert(item != NULL);
    if (bx_map_reserve(m, m->n + 1) != BX_OK)
        return BX_NO_MEMORY;
    place(m, hash, item);
    m->n++;
    return BX_OK;
}

/* The slot that holds this pointer, or NULL. */
static struct bx_map_slot *find(const struct bx_map *m, uint64_t hash, const void *item)
{
    if (m->cap == 0)
        return NULL;
    for (size_t i = bx_map_home(m, hash); m->slots[i].item != NULL; i = (i + 1) & (m->cap - 1)) {
        if (m->slots[i].item == item)
            return &m->slots[i];
    }
    return NULL;
}

void bx_map_replace(struct bx_map *m, uint64_t hash, const void *item, void *with)
{
    struct bx_map_slot *slot = find(m, hash, item);

    assert(slot != NULL && with != NULL);
    slot->item = with;
}

/* Backward-shift deletion: move each following item into the gap unless its home slot is after the
 * gap. So there are no tombstones, and lookups stay short. */
bool bx_map_remove(struct bx_map *m, uint64_t hash, const void *item)
{
    struct bx_map_slot *slot = find(m, hash, item);
    size_t mask = m->cap - 1, gap;

    if (slot == NULL)
        return false;
    gap = (size_t)(slot - m->slots);
    for (size_t i = (gap + 1) & mask; m->slots[i].item != NULL; i = (i + 1) & mask) {
        size_t from_home = (i - bx_map_home(m, m->slots[i].hash)) & mask;

        if (from_home >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct bx_map_slot){0};
    m->n--;
    return true;
}

void bx_map_each_like(const struct bx_map *m, uint64_t low, unsigned bits,
                      void (*each)(void *ctx, void *item), void *ctx)
{
    const size_t step = (size_t)1 << bits, mask = m->cap - 1;

    /* A slot's home is the end of its hash, so these items have one home each `step` slots. */
    for (size_t at = (size_t)low & mask; at < m->cap; at += step) {
        for (size_t i = at; m->slots[i].item != NULL; i = (i + 1) & mask) {
            uint64_t hash = m->slots[i].hash;

            if (bx_map_home(m, hash) == at && ((hash ^ low) & (step - 1)) == 0)
                each(ctx, m->slots[i].item);
        }
    }
}

void *bx_map_next(const struct bx_map *m, size_t *pos)
{
    while (*pos < m->cap) {
        void *item = m->slots[(*pos)++].item;

        if (item != NULL)
            return item;
    }
    return NULL;
}

void bx_map_close(struct bx_map *m)
{
    bx_free(m->slots);
    *m = (struct bx_map){0};
}
