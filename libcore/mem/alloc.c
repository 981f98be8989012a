#include "mem/alloc.h"

#include "mem/track.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Relaxed: these are counts, nobody orders memory by them. What is live is the difference of two
 * of them, so that an allocation costs two atomic additions. */
static _Atomic uint64_t n_allocations, n_frees, n_failures, live_bytes, peak_bytes;

static int (*fault)(void *ctx, size_t size);
static void *fault_ctx;

void bx_alloc_set_fault(int (*fail)(void *ctx, size_t size), void *ctx)
{
    fault = fail;
    fault_ctx = ctx;
}

static void count_bytes(size_t more, size_t less)
{
    uint64_t now = atomic_fetch_add_explicit(&live_bytes, more - less, memory_order_relaxed);
    uint64_t peak = atomic_load_explicit(&peak_bytes, memory_order_relaxed);

    now += more - less;
    while (now > peak && more > less &&
           !atomic_compare_exchange_weak_explicit(&peak_bytes, &peak, now, memory_order_relaxed,
                                                  memory_order_relaxed))
        ;
}

static void *failed(void)
{
    atomic_fetch_add_explicit(&n_failures, 1, memory_order_relaxed);
    return NULL;
}

#ifdef BX_TRACK_ALLOCATIONS
#define AT(name) name##_at
#define SITE , const char *site
#define HERE , site
#define RAW(old, size, zero) bx_track_take((old), (size), (zero), site)
#else
#define AT(name) name
#define SITE
#define HERE
#define RAW(old, size, zero) raw((old), (size), (zero))

static void *raw(void *old, size_t size, bool zero)
{
    if (old != NULL)
        return realloc(old, size);
    return zero ? calloc(1, size) : malloc(size);
}
#endif

/* The one place that allocates: old == NULL takes a new block. */
static void *take(void *old, size_t size, bool zero SITE)
{
    size_t before = old == NULL ? 0 : malloc_usable_size(old);
    void *p;

    if (size > PTRDIFF_MAX)
        return failed();
    p = RAW(old, size == 0 ? 1 : size, zero);
    if (p == NULL)
        return failed();
    if (old == NULL)
        atomic_fetch_add_explicit(&n_allocations, 1, memory_order_relaxed);
    count_bytes(malloc_usable_size(p), before);
    return p;
}

void bx_free(void *ptr)
{
    if (ptr == NULL)
        return;
    count_bytes(0, malloc_usable_size(ptr));
    atomic_fetch_add_explicit(&n_frees, 1, memory_order_relaxed);
    free(ptr);
}

static bool refused(size_t size)
{
    if (fault == NULL || !fault(fault_ctx, size))
        return false;
    failed();
    return true;
}

/* n * size, or SIZE_MAX, which take refuses. */
static size_t product(size_t n, size_t size)
{
    size_t total;

    return __builtin_mul_overflow(n, size, &total) ? SIZE_MAX : total;
}

void *AT(bx_alloc)(size_t size SITE)
{
    return refused(size) ? NULL : take(NULL, size, false HERE);
}

void *AT(bx_calloc)(size_t n, size_t size SITE)
{
    size = product(n, size);
    return refused(size) ? NULL : take(NULL, size, true HERE);
}

void *AT(bx_realloc)(void *ptr, size_t size SITE)
{
    return refused(size) ? NULL : take(ptr, size, false HERE);
}

void *AT(bx_must_alloc)(size_t size SITE)
{
    return bx_must(take(NULL, size, false HERE), size);
}

void *AT(bx_must_calloc)(size_t n, size_t size SITE)
{
    size = product(n, size);
    return bx_must(take(NULL, size, true HERE), size);
}

void *AT(bx_must_realloc)(void *ptr, size_t size SITE)
{
    return bx_must(take(ptr, size, false HERE), size);
}

char *AT(bx_must_strdup)(const char *s SITE)
{
    size_t size = strlen(s) + 1;

    return memcpy(bx_must(take(NULL, size, false HERE), size), s, size);
}

_Noreturn void bx_oom(size_t size)
{
    fprintf(stderr, "blixard: out of memory (%zu bytes wanted)\n", size);
    exit(70);
}

void bx_alloc_stats(struct bx_alloc_stats *out)
{
    /* Frees first: a free that comes between the two loads must not make live negative. */
    out->frees = atomic_load_explicit(&n_frees, memory_order_relaxed);
    out->allocations = atomic_load_explicit(&n_allocations, memory_order_relaxed);
    out->failures = atomic_load_explicit(&n_failures, memory_order_relaxed);
    out->live = out->allocations - out->frees;
    out->live_bytes = atomic_load_explicit(&live_bytes, memory_order_relaxed);
    out->peak_bytes = atomic_load_explicit(&peak_bytes, memory_order_relaxed);
}
