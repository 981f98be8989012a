/* heap - counts every allocation of the process, those of libraries included.
 *
 * malloc and its family are defined here and go on to the C library. Under a sanitizer, and in the
 * build that tracks allocations, somebody else stands there already: then only ours are counted. */
#ifndef BENCH_HEAP_H
#define BENCH_HEAP_H

#include "config.h"

#include <stddef.h>
#include <stdint.h>

struct heap_count {
    uint64_t allocations, bytes; /* asked for so far by this thread; a resize counts as one */
    uint64_t ours;               /* of the allocations, those that went through bx_alloc */
};
struct heap_count heap_count(void);

#if defined __SANITIZE_ADDRESS__ || defined BX_TRACK_ALLOCATIONS
#include <stdlib.h>
#define heap_plain_malloc malloc
#define heap_plain_free free
#else
#define HEAP_COUNTS_ALL 1
/* Past the counter: the references of the smallest operations must not pay for it. */
void *__libc_malloc(size_t n);
void __libc_free(void *p);
#define heap_plain_malloc __libc_malloc
#define heap_plain_free __libc_free
#endif

#endif
