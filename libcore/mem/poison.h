/* poison - marks memory kept for reuse as inaccessible to AddressSanitizer.
 *
 * Without it, free lists would hide use after release from the sanitizer. */
#ifndef BX_POISON_H
#define BX_POISON_H

#include <stddef.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
static inline void bx_poison(const void *p, size_t n)
{
    __asan_poison_memory_region(p, n);
}
static inline void bx_unpoison(const void *p, size_t n)
{
    __asan_unpoison_memory_region(p, n);
}
#else
static inline void bx_poison(const void *p, size_t n)
{
    (void)p;
    (void)n;
}
static inline void bx_unpoison(const void *p, size_t n)
{
    (void)p;
    (void)n;
}
#endif

#endif
