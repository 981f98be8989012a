/* malloc and its family for the whole process: the executable's definitions take precedence over
 * libc's, also for calls from libc. They record the call and forward it to libc through
 * __libc_malloc and friends, which need no dlsym and so no bootstrap. strdup, asprintf, getline and
 * the like reach these functions through libc. */
#include "mem/track.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CALLER __builtin_return_address(0)

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *p);

/* Forget the old block first: as soon as libc has freed it, another thread may get its address. */
static inline void *move(void *old, size_t size, const char *site, const void *pc)
{
    struct bx_track_block block = bx_track_forget(old);
    void *p = __libc_realloc(old, size);

    if (p != NULL)
        bx_track_note(p, size, site, pc);
    else if (size > 0 || old == NULL)
        bx_track_restore(old, block); /* realloc(p, 0) frees */
    return p;
}

static inline void *align(size_t alignment, size_t size, const void *pc)
{
    void *p = __libc_memalign(alignment, size);

    bx_track_note(p, size, NULL, pc);
    return p;
}

void *malloc(size_t size)
{
    void *p = __libc_malloc(size);

    bx_track_note(p, size, NULL, CALLER);
    return p;
}

void *calloc(size_t n, size_t size)
{
    void *p = __libc_calloc(n, size);

    bx_track_note(p, n * size, NULL, CALLER);
    return p;
}

void *realloc(void *old, size_t size)
{
    return move(old, size, NULL, CALLER);
}

void *reallocarray(void *old, size_t n, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(n, size, &total)) {
        errno = ENOMEM;
        return NULL;
    }
    return move(old, total, NULL, CALLER);
}

void free(void *p)
{
    bx_track_forget(p);
    __libc_free(p);
}

void *memalign(size_t alignment, size_t size)
{
    return align(alignment, size, CALLER);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return align(alignment, size, CALLER);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *p;

    if (alignment < sizeof(void *) || (alignment & (alignment - 1)) != 0)
        return EINVAL;
    p = align(alignment, size, CALLER);
    if (p == NULL)
        return ENOMEM;
    *out = p;
    return 0;
}

void *valloc(size_t size)
{
    return align((size_t)sysconf(_SC_PAGESIZE), size, CALLER);
}

void *pvalloc(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return align(page, (size + page - 1) & ~(page - 1), CALLER);
}

void *bx_track_take(void *old, size_t size, bool zero, const char *site)
{
    void *p;

    if (old != NULL)
        return move(old, size, site, CALLER);
    p = zero ? __libc_calloc(1, size) : __libc_malloc(size);
    bx_track_note(p, size, site, CALLER);
    return p;
}

#endif
