/* A block is a header followed by its bytes. The header names the cache that the block came from. A
 * cache has the free lists of a thread and its return list. Release on the owning thread pushes the
 * block on the free list of its class. Release on another thread pushes it on the owner's return
 * list. Any thread may push; only the owner takes, and it takes the whole list, so there is no ABA
 * problem. The owner checks its return list when a free list is empty.
 *
 * Caches are static and never freed, so a block may outlive the thread that took it. Closing a
 * cache replaces its return list by CLOSED, and a thread that releases a block and finds CLOSED
 * frees the block. The next new thread takes over a closed cache and its outstanding blocks. A
 * thread that finds no free cache uses the heap. */
#include "mem/buf.h"

#include "mem/alloc.h"
#include "mem/poison.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#define CACHES 64
#define RETURNS 104 /* sum of the blocks that all classes keep */

enum { CLASSES = BX_BUF_CLASSES, DIRECT = CLASSES };
const char *const bx_buf_class_names[CLASSES] = {"256", "512", "1500", "8192", "65536"};
static const size_t class_size[CLASSES] = {256, 512, 1500, 8192, 65536};
static const uint32_t class_keep[CLASSES] = {32, 32, 32, 4, 4};

struct cache;
struct block {
    _Alignas(16) struct cache *owner; /* NULL: from the heap, freed to the heap */
    struct block *next;
    size_t cap; /* bytes after the header */
    uint32_t cls;
};

struct cache {
    atomic_bool taken;
    struct block *kept[CLASSES];
    _Atomic uint32_t n_kept[CLASSES]; /* written by the owner, read by others for statistics */
    uint32_t keep[CLASSES];
    struct block *_Atomic returned; /* CLOSED while the cache has no owner */
    _Atomic uint32_t n_returned;
    _Atomic uint64_t hits[CLASSES], misses[CLASSES], direct, returns;
    _Atomic uint64_t
        freed[CLASSES]; /* blocks of the misses that were freed to the heap, by any thread */
    _Atomic uint64_t most[CLASSES]; /* maximum in use; updated on a miss, when no block is kept */
};

static struct block closed_high_water;
#define CLOSED (&closed_high_water)

static struct cache caches[CACHES];
static struct cache heap; /* counters of threads without a cache */
static _Thread_local struct cache *mine;

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* Add to a counter of the thread's own cache, which has one writer. A locked addition would cost as
 * much as the rest of taking a kept block. */
static void count_own(_Atomic uint64_t *counter)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);

    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

static struct cache *claim_cache(void)
{
    for (size_t i = 0; mine == NULL && i < CACHES; i++) {
        bool expected = false;

        if (atomic_compare_exchange_strong(&caches[i].taken, &expected, true)) {
            mine = &caches[i];
            memcpy(mine->keep, class_keep, sizeof class_keep);
            atomic_store(&mine->returned, NULL);
        }
    }
    return mine;
}

static inline struct cache *own_cache(void)
{
    return mine != NULL ? mine : claim_cache();
}

static void drop(struct block *b)
{
    struct cache *c = b->owner == NULL ? &heap : b->owner;

    if (b->cls != DIRECT)
        count(&c->freed[b->cls]);
    bx_free(b);
}

static inline uint32_t n_kept(const struct cache *c, uint32_t cls)
{
    return atomic_load_explicit(&c->n_kept[cls], memory_order_relaxed);
}

static inline void set_kept(struct cache *c, uint32_t cls, uint32_t n)
{
    atomic_store_explicit(&c->n_kept[cls], n, memory_order_relaxed);
}

static inline void keep(struct cache *c, struct block *b)
{
    uint32_t n = n_kept(c, b->cls);

    if (n >= c->keep[b->cls]) {
        drop(b);
        return;
    }
    bx_poison(b + 1, class_size[b->cls]);
    b->next = c->kept[b->cls];
    c->kept[b->cls] = b;
    set_kept(c, b->cls, n + 1);
}

static void collect(struct cache *c)
{
    struct block *b = atomic_exchange_explicit(&c->returned, NULL, memory_order_acquire);
    uint32_t n = 0;

    while (b != NULL) {
        struct block *next = b->next;

        keep(c, b);
        b = next;
        n++;
    }
    atomic_fetch_sub_explicit(&c->n_returned, n, memory_order_relaxed);
}

static inline struct block *take_kept(struct cache *c, uint32_t cls)
{
    struct block *b;

    if (c->kept[cls] == NULL)
        collect(c);
    b = c->kept[cls];
    if (b != NULL) {
        c->kept[cls] = b->next;
        set_kept(c, cls, n_kept(c, cls) - 1);
        bx_unpoison(b + 1, class_size[cls]);
    }
    return b;
}

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void raise_most(struct cache *c, uint32_t cls)
{
    uint64_t in_use = get(&c->misses[cls]) - get(&c->freed[cls]);

    if (in_use > get(&c->most[cls]))
        atomic_store_explicit(&c->most[cls], in_use, memory_order_relaxed);
}

/* c may be NULL. */
static struct block *take_from_heap(struct cache *c, uint32_t cls, size_t cap)
{
    struct cache *counts = c == NULL ? &heap : c;
    struct block *b = bx_alloc(sizeof *b + cap);

    if (b == NULL)
        return NULL;
    count(cls == DIRECT ? &counts->direct : &counts->misses[cls]);
    if (cls != DIRECT)
        raise_most(counts, cls);
    *b = (struct block){.owner = cls == DIRECT ? NULL : c, .cls = cls, .cap = cap};
    return b;
}

static inline struct block *take(uint32_t cls, size_t cap)
{
    struct cache *c = own_cache();
    struct block *b = cls == DIRECT || c == NULL ? NULL : take_kept(c, cls);

    if (b == NULL)
        return take_from_heap(c, cls, cap);
    count_own(&c->hits[cls]);
    return b;
}

/* False if the cache is closed or its return list is full. */
static bool send_home(struct block *b)
{
    struct cache *c = b->owner;

    if (atomic_fetch_add_explicit(&c->n_returned, 1, memory_order_relaxed) >= RETURNS)
        goto fail;
    b->next = atomic_load_explicit(&c->returned, memory_order_relaxed);
    do {
        if (b->next == CLOSED)
            goto fail;
    } while (!atomic_compare_exchange_weak_explicit(&c->returned, &b->next, b, memory_order_release,
                                                    memory_order_relaxed));
    count(&c->returns);
    return true;

fail:
    atomic_fetch_sub_explicit(&c->n_returned, 1, memory_order_relaxed);
    return false;
}

static inline void give(struct block *b)
{
    if (b->owner != NULL && b->owner == mine)
        keep(mine, b);
    else if (b->owner == NULL || !send_home(b))
        drop(b);
}

static uint32_t class_of(size_t need)
{
    uint32_t cls = 0;

    while (cls < CLASSES && class_size[cls] < need)
        cls++;
    return cls;
}

void *bx_block_take(size_t n)
{
    uint32_t cls = class_of(n);
    struct block *b = NULL;

    if (n <= SIZE_MAX / 2)
        b = take(cls, cls == DIRECT ? n : class_size[cls]);
    return b == NULL ? NULL : b + 1;
}

void bx_block_give(void *p)
{
    if (p != NULL)
        give((struct block *)p - 1);
}

size_t bx_block_size(const void *p)
{
    return ((const struct block *)p - 1)->cap;
}

int bx_buf_reserve(struct bx_buf *b, size_t n)
{
    struct block *old = b->data == NULL ? NULL : (struct block *)(void *)b->data - 1;
    struct block *block;
    size_t need = b->len + n, cap;
    uint32_t cls;

    if (n <= b->cap - b->len)
        return BX_OK;
    if (need < n || need > SIZE_MAX / 2)
        goto fail;
    cls = class_of(need);
    cap = cls == DIRECT ? need + need / 4 : class_size[cls];
    if (cls == DIRECT && old != NULL && old->cls == DIRECT) {
        block = bx_realloc(old, sizeof *old + cap);
        if (block != NULL)
            block->cap = cap;
        old = NULL;
    } else {
        block = take(cls, cap);
    }
    if (block == NULL)
        goto fail;
    if (old != NULL) {
        memcpy(block + 1, b->data, b->len);
        give(old);
    }
    b->data = (uint8_t *)(block + 1);
    b->cap = cap;
    return BX_OK;

fail:
    b->failed = true;
    return BX_NO_MEMORY;
}

int bx_buf_append(struct bx_buf *b, const void *src, size_t n)
{
    int rc = n <= b->cap - b->len ? BX_OK : bx_buf_reserve(b, n);

    if (rc == BX_OK && n > 0) {
        memcpy(b->data + b->len, src, n);
        b->len += n;
    }
    return rc;
}

void bx_buf_consume(struct bx_buf *b, size_t n)
{
    assert(n <= b->len);
    b->len -= n;
    if (b->len > 0 && n > 0)
        memmove(b->data, b->data + n, b->len);
}

void bx_buf_release(struct bx_buf *b)
{
    if (b->data != NULL)
        give((struct block *)(void *)b->data - 1);
    *b = (struct bx_buf){0};
}

void bx_buf_move(struct bx_buf *to, struct bx_buf *from)
{
    bx_buf_release(to);
    *to = *from;
    *from = (struct bx_buf){0};
}

static void add_counts(struct bx_buf_stats *out, const struct cache *c)
{
    for (size_t cls = 0; cls < CLASSES; cls++) {
        out->hits += get(&c->hits[cls]);
        out->misses += get(&c->misses[cls]);
    }
    out->direct += get(&c->direct);
    out->returned += get(&c->returns);
}

void bx_buf_stats(struct bx_buf_stats *out)
{
    *out = (struct bx_buf_stats){0};
    add_counts(out, &heap);
    for (size_t i = 0; i < CACHES; i++)
        add_counts(out, &caches[i]);
    for (uint32_t cls = 0; mine != NULL && cls < CLASSES; cls++)
        out->kept_bytes += n_kept(mine, cls) * class_size[cls];
}

static void add_class(struct bx_buf_class_stats *out, const struct cache *c, uint32_t cls)
{
    uint64_t freed = get(&c->freed[cls]), kept = n_kept(c, cls);

    out->hits += get(&c->hits[cls]);
    out->misses += get(&c->misses[cls]);
    out->high_water += get(&c->most[cls]);
    out->in_use += get(&c->misses[cls]) - freed - kept;
}

void bx_buf_class_stats(uint32_t cls, struct bx_buf_class_stats *out)
{
    assert(cls < CLASSES);
    *out = (struct bx_buf_class_stats){.hits = 0};
    add_class(out, &heap, cls);
    for (size_t i = 0; i < CACHES; i++)
        add_class(out, &caches[i], cls);
    out->created = out->misses;
    if ((int64_t)out->in_use < 0)
        out->in_use = 0; /* other threads took and released blocks during the sum */
    if (mine != NULL) {
        out->available = n_kept(mine, cls);
        out->max = mine->keep[cls];
    }
}

static uint32_t free_list(struct block *b)
{
    uint32_t n = 0;

    for (; b != NULL; n++) {
        struct block *next = b->next;

        drop(b);
        b = next;
    }
    return n;
}

void bx_buf_class_keep(uint32_t cls, uint32_t n)
{
    struct cache *c = own_cache();

    assert(cls < CLASSES);
    if (c != NULL)
        c->keep[cls] = n;
}

static void close_cache(struct cache *c)
{
    uint32_t n = free_list(atomic_exchange_explicit(&c->returned, CLOSED, memory_order_acquire));

    atomic_fetch_sub_explicit(&c->n_returned, n, memory_order_relaxed);
    for (uint32_t cls = 0; cls < CLASSES; cls++) {
        free_list(c->kept[cls]);
        c->kept[cls] = NULL;
        set_kept(c, cls, 0);
    }
    atomic_store(&c->taken, false);
}

void bx_buf_thread_close(void)
{
    struct cache *c = mine;

    mine = NULL;
    if (c != NULL)
        close_cache(c);
    bx_alloc_thread_close();
}
