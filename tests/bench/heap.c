#include "heap.h"

#include "mem/alloc.h"

#ifdef HEAP_COUNTS_ALL

#include <stdlib.h>

static _Thread_local struct heap_count count;

void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
    count.allocations++;
    count.bytes += n;
    return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
    count.allocations++;
    count.bytes += n * size;
    return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
    count.allocations++;
    count.bytes += n;
    return __libc_realloc(p, n);
}

void free(void *p)
{
    __libc_free(p);
}

struct heap_count heap_count(void)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    count.ours = s.allocations;
    return count;
}

#else

struct heap_count heap_count(void)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    return (struct heap_count){s.allocations, 0, s.allocations};
}

#endif
