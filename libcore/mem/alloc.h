/* alloc - the allocator; all code of the project allocates through it.
 *
 * There are two families. bx_alloc and friends return NULL when memory is exhausted; the caller
 * rolls back what it began and returns BX_NO_MEMORY. bx_must_alloc and friends print a message and
 * exit instead. They are for start-up and for apply: an exit before COMMIT loses nothing, but a
 * half-applied command would corrupt the state.
 *
 * A build with --enable-allocation-tracking counts by call site and prints a report when the
 * process exits with BLIXARD_PRINT_ALLOCATIONS=1. Other builds contain none of that code.
 *
 * A size of 0 returns a valid, separate block, also from realloc. Thread-safe. */
#ifndef BX_ALLOC_H
#define BX_ALLOC_H

#include "config.h"
#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define BX_ALLOC_STR2(x) #x
#define BX_ALLOC_STR(x) BX_ALLOC_STR2(x)
#define BX_ALLOC_SITE __FILE__ ":" BX_ALLOC_STR(__LINE__)

#ifdef BX_TRACK_ALLOCATIONS
#define bx_alloc(size) bx_alloc_at((size), BX_ALLOC_SITE)
#define bx_calloc(n, size) bx_calloc_at((n), (size), BX_ALLOC_SITE)
#define bx_realloc(ptr, size) bx_realloc_at((ptr), (size), BX_ALLOC_SITE)
#define bx_must_alloc(size) bx_must_alloc_at((size), BX_ALLOC_SITE)
#define bx_must_calloc(n, size) bx_must_calloc_at((n), (size), BX_ALLOC_SITE)
#define bx_must_realloc(ptr, size) bx_must_realloc_at((ptr), (size), BX_ALLOC_SITE)
#define bx_must_strdup(s) bx_must_strdup_at((s), BX_ALLOC_SITE)
void *bx_alloc_at(size_t size, const char *site);
void *bx_calloc_at(size_t n, size_t size, const char *site);
void *bx_realloc_at(void *ptr, size_t size, const char *site);
void *bx_must_alloc_at(size_t size, const char *site);
void *bx_must_calloc_at(size_t n, size_t size, const char *site);
void *bx_must_realloc_at(void *ptr, size_t size, const char *site);
char *bx_must_strdup_at(const char *s, const char *site);
#else
void *bx_alloc(size_t size);
void *bx_calloc(size_t n, size_t size);
void *bx_realloc(void *ptr, size_t size);
void *bx_must_alloc(size_t size);
void *bx_must_calloc(size_t n, size_t size);
void *bx_must_realloc(void *ptr, size_t size);
char *bx_must_strdup(const char *s);
#endif
/* Free what any function of this header returned; NULL is allowed. */
void bx_free(void *ptr);

/* Tell the function of bx_err_on_fatal, print an out-of-memory message and exit(70). */
_Noreturn void bx_oom(size_t size);

/* Return p; if it is NULL because size bytes could not be allocated, call bx_oom. Pass 0 for an
 * unknown size. */
static inline void *bx_must(void *p, size_t size)
{
    if (p == NULL)
        bx_oom(size);
    return p;
}

/* For calls that can fail only with BX_NO_MEMORY: calls bx_oom unless rc is BX_OK. */
static inline void bx_must_ok(int rc)
{
    if (rc != BX_OK)
        bx_oom(0);
}

/* Fault hook for tests: called with the size before each allocation of the bx_alloc family. If it
 * returns true, that allocation fails. NULL removes the hook. Not thread-safe. Only the test
 * library has it, which compiles this file with BX_ALLOC_FAULTS; installed programs do not contain
 * the hook. */
void bx_alloc_set_fault(int (*fail)(void *ctx, size_t size), void *ctx);

struct bx_alloc_stats {
    uint64_t allocations, frees, failures; /* since process start */
    uint64_t live, live_bytes, peak_bytes; /* sizes as malloc_usable_size reports them */
};
/* Totals over all threads. They are exact while no other thread allocates; the peak is accurate to
 * 64 KiB per thread. */
void bx_alloc_stats(struct bx_alloc_stats *out);
/* Release the calling thread's counter slot for reuse by another thread; its counts are kept. If
 * the thread continues to allocate, it gets a slot again. bx_buf_thread_close calls this function.
 */
void bx_alloc_thread_close(void);

#endif
