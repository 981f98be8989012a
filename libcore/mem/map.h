/* map - a hash map of pointers with open addressing and linear probing.
 *
 * The map does not own its items and does not know their keys: the caller passes a hash and a
 * function that compares an item with a key. Iteration follows slot order, which depends on hashes:
 * never use it where the order can affect state or output. A zeroed struct is an empty map. */
#ifndef BX_MAP_H
#define BX_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bx_map_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};

struct bx_map {
    struct bx_map_slot *slots;
    size_t cap; /* power of two, or 0 */
    size_t n;   /* items in it; at most 3/4 of cap */
};

typedef bool (*bx_map_eq)(const void *item, const void *key);

/* XXH3 of n bytes. */
uint64_t bx_hash(const void *p, size_t n);

/* Room for n items without growing. BX_OK or BX_NO_MEMORY. */
int bx_map_reserve(struct bx_map *m, size_t n);
static inline size_t bx_map_home(const struct bx_map *m, uint64_t hash)
{
    return (size_t)hash & (m->cap - 1);
}
/* The item with this key, or NULL. Inline, so that the comparison is too. */
static inline void *bx_map_get(const struct bx_map *m, uint64_t hash, bx_map_eq eq, const void *key)
{
    if (m->cap == 0)
        return NULL;
    for (size_t i = bx_map_home(m, hash); m->slots[i].item != NULL; i = (i + 1) & (m->cap - 1)) {
        if (m->slots[i].hash == hash && eq(m->slots[i].item, key))
            return m->slots[i].item;
    }
    return NULL;
}
/* Add an item whose key is not in the map. BX_OK or BX_NO_MEMORY (unchanged). */
int bx_map_add(struct bx_map *m, uint64_t hash, void *item);
/* Replace `item`, which must be in the map, by `with`, which has the same key and hash. */
void bx_map_replace(struct bx_map *m, uint64_t hash, const void *item, void *with);
/* Remove this item, compared by pointer; false if it is not in the map. */
bool bx_map_remove(struct bx_map *m, uint64_t hash, const void *item);
/* Call each(ctx, item) for every item whose hash ends in these bits, `bits` of them (1 to 32).
 * Visits no more than their neighbours in the map. */
void bx_map_each_like(const struct bx_map *m, uint64_t low, unsigned bits,
                      void (*each)(void *ctx, void *item), void *ctx);
/* Iterate: *pos starts at 0; returns NULL at the end. The map must not be modified meanwhile. */
void *bx_map_next(const struct bx_map *m, size_t *pos);
void bx_map_close(struct bx_map *m);

#endif
