/* track - where allocations come from; exists only with --enable-allocation-tracking (R1.12).
 *
 * Each block carries a prefix that names its site. Sites live in a static table, so the tracker
 * never allocates and so never meets itself; a site that finds the table full is counted under
 * "(other sites)". Any thread. The report goes to stderr when the process exits. */
#ifndef BX_TRACK_H
#define BX_TRACK_H

#include "config.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <stddef.h>

#define BX_TRACK_PREFIX 16 /* bytes before each block; keeps the alignment of malloc */

/* base holds BX_TRACK_PREFIX + size bytes; returns the caller's part of it. */
void *bx_track_add(void *base, size_t size, const char *site);
/* base was added before, and may have moved since. */
void bx_track_remove(const void *base);

#endif
#endif
