#include "mem/alloc.h"

#include "mem/track.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Each thread has its own counters, so that an allocation needs no locked instruction; the totals
 * are computed on request. Counters outlive their thread: the next new thread reuses them. If none
 * is free, the thread shares the last slot with others. */
#define SLOTS 64
#define PUBLISH 65536

struct counts {
    _Alignas(64) atomic_bool taken;
    _Atomic uint64_t allocations, frees, failures;
    _Atomic uint64_t bytes; /* live bytes, modulo 2^64: a block may be freed by another thread than
                               allocated it */
    int64_t unpublished;    /* part of bytes not yet added to live_about */
};

static struct counts slots[SLOTS], shared = {.taken = true};
static _Thread_local struct counts *mine;
/* Live bytes, accurate to PUBLISH bytes per thread, and their maximum. */
static _Atomic int64_t live_about, peak_about;

static struct counts *claim(void)
{
    for (size_t i = 0; mine == NULL && i < SLOTS; i++) {
        bool expected = false;

        if (atomic_compare_exchange_strong(&slots[i].taken, &expected, true))
            mine = &slots[i];
    }
    if (mine == NULL)
        mine = &shared;
    return mine;
}

static inline struct counts *own(void)
{
    return mine != NULL ? mine : claim();
}

void bx_alloc_thread_close(void)
{
    if (mine != NULL && mine != &shared)
        atomic_store(&mine->taken, false);
    mine = NULL;
}

/* Release order: a reader that sees a free also sees the allocation before it. */
static inline void add(struct counts *c, _Atomic uint64_t *n, uint64_t more)
{
    if (c == &shared)
        atomic_fetch_add_explicit(n, more, memory_order_release);
    else
        atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + more,
                              memory_order_release);
}

static void raise_peak(int64_t live)
{
    int64_t peak = atomic_load_explicit(&peak_about, memory_order_relaxed);

    while (live > peak && !atomic_compare_exchange_weak_explicit(
                              &peak_about, &peak, live, memory_order_relaxed, memory_order_relaxed))
        ;
}

static void publish(int64_t more)
{
    raise_peak(atomic_fetch_add_explicit(&live_about, more, memory_order_relaxed) + more);
}

static inline void count_bytes(struct counts *c, size_t more, size_t less)
{
    int64_t change = (int64_t)more - (int64_t)less;

    add(c, &c->bytes, (uint64_t)change);
    if (c == &shared) {
        publish(change);
        return;
    }
    c->unpublished += change;
    if (c->unpublished >= PUBLISH || c->unpublished <= -PUBLISH) {
        publish(c->unpublished);
        c->unpublished = 0;
    }
}

static void *failed(void)
{
    struct counts *c = own();

    add(c, &c->failures, 1);
    return NULL;
}

#ifdef BX_ALLOC_FAULTS
static int (*fault)(void *ctx, size_t size);
static void *fault_ctx;

void bx_alloc_set_fault(int (*fail)(void *ctx, size_t size), void *ctx)
{
    fault = fail;
    fault_ctx = ctx;
}

static bool refused(size_t size)
{
    if (fault == NULL || !fault(fault_ctx, size))
        return false;
    failed();
    return true;
}
#else
static inline bool refused(size_t size)
{
    (void)size;
    return false;
}
#endif

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

/* All allocations end here. old == NULL allocates a new block. */
static void *take(void *old, size_t size, bool zero SITE)
{
    size_t before = old == NULL ? 0 : malloc_usable_size(old);
    struct counts *c;
    void *p;

    if (size > PTRDIFF_MAX)
        return failed();
    p = RAW(old, size == 0 ? 1 : size, zero);
    if (p == NULL)
        return failed();
    c = own();
    if (old == NULL)
        add(c, &c->allocations, 1);
    count_bytes(c, malloc_usable_size(p), before);
    return p;
}

void bx_free(void *ptr)
{
    struct counts *c;

    if (ptr == NULL)
        return;
    c = own();
    count_bytes(c, 0, malloc_usable_size(ptr));
    add(c, &c->frees, 1);
    free(ptr);
}

/* n * size, or SIZE_MAX on overflow, which take refuses. */
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
    struct bx_err err;

    bx_err_set(&err, BX_NO_MEMORY, "out of memory (requested %zu bytes)", size);
    bx_err_tell_fatal(&err);
    fprintf(stderr, "blixard: %s\n", err.msg);
    exit(70);
}

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_acquire);
}

/* Read the frees of all threads first, so that a concurrent free can not make live negative. */
void bx_alloc_stats(struct bx_alloc_stats *out)
{
    uint64_t frees = get(&shared.frees), allocations, failures, bytes;

    for (size_t i = 0; i < SLOTS; i++)
        frees += get(&slots[i].frees);
    allocations = get(&shared.allocations);
    failures = get(&shared.failures);
    bytes = get(&shared.bytes);
    for (size_t i = 0; i < SLOTS; i++) {
        allocations += get(&slots[i].allocations);
        failures += get(&slots[i].failures);
        bytes += get(&slots[i].bytes);
    }
    if ((int64_t)bytes < 0)
        bytes = 0; /* other threads freed and allocated during the sum */
    raise_peak((int64_t)bytes);
    *out = (struct bx_alloc_stats){
        .allocations = allocations,
        .frees = frees,
        .failures = failures,
        .live = allocations - frees,
        .live_bytes = bytes,
        .peak_bytes = (uint64_t)atomic_load_explicit(&peak_about, memory_order_relaxed),
    };
}
