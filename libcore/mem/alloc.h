/* alloc - every allocation of ours goes through here.
 *
 * Two families. bx_alloc and friends return NULL when memory is out, and the caller undoes what it
 * began and answers BX_NO_MEMORY. bx_must_alloc and friends end the process with a message: for
 * start-up and for apply, where an exit before COMMIT loses nothing and a half-applied command
 * would.
 *
 * A build with --enable-allocation-tracking counts by call site and prints a report when the
 * process exits with BLIXARD_PRINT_ALLOCATIONS=1; any other build has no trace of that.
 *
 * A size of 0 gives a block of its own, also from realloc. Any thread may call. */
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

/* Say that memory is out and exit(70). */
_Noreturn void bx_oom(size_t size);

/* p, unless it is NULL because size bytes were not there: then as bx_oom. A size that is not known
 * is 0. */
static inline void *bx_must(void *p, size_t size)
{
    if (p == NULL)
        bx_oom(size);
    return p;
}

/* For calls that fail only when memory is out: as bx_oom when rc is not BX_OK. */
static inline void bx_must_ok(int rc)
{
    if (rc != BX_OK)
        bx_oom(0);
}

/* Fault hook: called before each allocation of the bx_alloc family with its size; a true answer
 * makes that allocation fail. NULL takes the hook away. Not for several threads. Only the allocator
 * of the tests' library has it, which is this one compiled with BX_ALLOC_FAULTS: what is installed
 * does not look for a hook. */
void bx_alloc_set_fault(int (*fail)(void *ctx, size_t size), void *ctx);

struct bx_alloc_stats {
    uint64_t allocations, frees, failures; /* since the process began */
    uint64_t live, live_bytes, peak_bytes; /* as malloc_usable_size counts them */
};
/* The sums of all threads. They are exact while no other thread allocates; the peak is so to within
 * 64 KiB for each thread. */
void bx_alloc_stats(struct bx_alloc_stats *out);
/* The thread's place to count in is free for another one; what it counted stays. A thread that goes
 * on finds a place again. bx_buf_thread_close calls it. */
void bx_alloc_thread_close(void);

#endif
