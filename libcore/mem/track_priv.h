/* track_priv - internal declarations of the tracker's files; not for other files. */
#ifndef BX_TRACK_PRIV_H
#define BX_TRACK_PRIV_H

#include "mem/track.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <pthread.h>

/* A power of two. One more site per owner follows, used when the table is full. */
#define BX_TRACK_SITES 8192u

struct bx_track_entry {
    const char *name; /* NULL: free */
    uint64_t hash;
    enum bx_owner owner;
    uint32_t n_frames;
    void *frames[BX_TRACK_FRAMES];
    struct bx_track_count count;
};

/* Every allocation takes bx_track_lock, so no code may allocate while it holds the lock.
 * bx_track_door serialises the start and end of scopes, which may allocate; it is taken before the
 * lock. */
extern pthread_mutex_t bx_track_door, bx_track_lock;
extern struct bx_track_entry bx_track_entries[BX_TRACK_SITES + BX__OWNERS];
extern uint64_t bx_track_peak;
extern bool bx_track_stacks, bx_track_prints;

void bx_track_sum(struct bx_track_count *to, const struct bx_track_count *more);
/* Add to the code scopes that this thread is in. The caller holds the lock. */
void bx_track_count_code(const struct bx_track_count *more);

#endif
#endif
