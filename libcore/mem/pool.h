/* pool - objects of one type, kept for reuse.
 *
 * acquire returns a zeroed object. If the pool has none, acquire allocates one and counts a miss,
 * so an empty pool never fails a request. release takes back any object from acquire; size.max
 * bounds how many objects the pool keeps. Not thread-safe. */
#ifndef BX_POOL_H
#define BX_POOL_H

#include <stddef.h>
#include <stdint.h>

struct bx_pool_size {
    uint32_t max; /* bound on kept objects */
    uint32_t min; /* allocated at init */
};

struct bx_pool_stats {
    const char *name;
    uint64_t object_bytes;
    struct bx_pool_size size;
    uint32_t available, in_use, high_water;
    uint64_t created, hits, misses; /* misses: allocated because none was kept */
};

struct bx_pool {
    struct bx_pool_stats stats;
    void (*fini)(void *object); /* frees what the object owns; may be NULL */
    void **free;                /* stack of stats.available objects */
};

/* name is a static string. fini runs on release, before the object is kept or freed. Returns BX_OK
 * or BX_NO_MEMORY. */
int bx_pool_init(struct bx_pool *p, const char *name, size_t object_size, struct bx_pool_size size,
                 void (*fini)(void *object));
/* Every object must have been released; accepts a zeroed pool. */
void bx_pool_close(struct bx_pool *p);
/* A zeroed object, or NULL when memory is exhausted. */
void *bx_pool_acquire(struct bx_pool *p);
/* NULL is allowed. */
void bx_pool_release(struct bx_pool *p, void *object);

#endif
