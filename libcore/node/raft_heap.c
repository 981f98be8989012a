/* libraft's memory: from the pooled blocks that buffers are made of, so an entry on its way
 * through the core costs no allocation. The core runs on one thread, but a block may go back on
 * any. */
#include "node/raft.h"

#include "mem/buf.h"
#include "mem/track.h"

#include <assert.h>
#include <string.h>

#define SHRINK 65536u /* a block above this is freed when a quarter of it would do */

/* In the tracking build, what the pool takes from the heap here is attributed to libraft. */
static void *take(size_t size)
{
#ifdef BX_TRACK_ALLOCATIONS
    enum bx_owner before = bx_track_for(BX_OWNER_RAFT);
    void *p = bx_block_take(size);

    bx_track_for(before);
    return p;
#else
    return bx_block_take(size);
#endif
}

static void *heap_malloc(void *data, size_t size)
{
    (void)data;
    return take(size);
}

static void heap_free(void *data, void *p)
{
    (void)data;
    bx_block_give(p);
}

static void *heap_calloc(void *data, size_t n, size_t size)
{
    size_t total;
    void *p;

    (void)data;
    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    p = take(total);
    return p == NULL ? NULL : memset(p, 0, total);
}

static void *heap_realloc(void *data, void *old, size_t size)
{
    size_t had = old == NULL ? 0 : bx_block_size(old);
    void *p;

    (void)data;
    if (old != NULL && size <= had && (had <= SHRINK || size > had / 4))
        return old;
    p = take(size);
    if (p == NULL)
        return NULL;
    if (old != NULL)
        memcpy(p, old, had < size ? had : size);
    bx_block_give(old);
    return p;
}

/* Blocks are 16-aligned. For a larger alignment: a larger block, whose address is stored before the
 * pointer that is handed out. */
static void *heap_aligned_alloc(void *data, size_t alignment, size_t size)
{
    uintptr_t at;
    void *p;

    (void)data;
    assert(alignment > 0 && (alignment & (alignment - 1)) == 0);
    if (alignment <= BX_BLOCK_ALIGN)
        return take(size);
    if (size > SIZE_MAX - 2 * alignment || alignment > SIZE_MAX / 4)
        return NULL;
    p = take(size + alignment);
    if (p == NULL)
        return NULL;
    at = ((uintptr_t)p + alignment) & ~(uintptr_t)(alignment - 1);
    ((void **)at)[-1] = p;
    return (void *)at;
}

static void heap_aligned_free(void *data, size_t alignment, void *p)
{
    (void)data;
    if (p != NULL && alignment > BX_BLOCK_ALIGN)
        p = ((void **)p)[-1];
    bx_block_give(p);
}

void bx_raft_heap_use(void)
{
    static struct raft_heap heap = {NULL,         heap_malloc,        heap_free,        heap_calloc,
                                    heap_realloc, heap_aligned_alloc, heap_aligned_free};

    raft_heap_set(&heap);
}
