/* track_priv - what the files of the tracker share. Nobody else includes it. */
#ifndef BX_TRACK_PRIV_H
#define BX_TRACK_PRIV_H

#include "mem/track.h"

#ifdef BX_TRACK_ALLOCATIONS

#include <pthread.h>

/* A power of two; behind them stands one for each owner, for when these are taken. */
#define BX_TRACK_SITES 8192u

struct bx_track_entry {
    const char *name; /* NULL: free */
    uint64_t hash;
    enum bx_owner owner;
    uint32_t n_frames;
    void *frames[BX_TRACK_FRAMES];
    struct bx_track_count count;
};

/* Whoever allocates takes the lock, so nothing is allocated while it is held. The door is for those
 * who begin and end a scope, which may allocate: it is taken before the lock. */
extern pthread_mutex_t bx_track_door, bx_track_lock;
extern struct bx_track_entry bx_track_entries[BX_TRACK_SITES + BX__OWNERS];
extern uint64_t bx_track_peak;
extern bool bx_track_stacks, bx_track_prints;

void bx_track_sum(struct bx_track_count *to, const struct bx_track_count *more);
/* Under the lock: something was allocated or freed, in whatever scopes of the code this thread is.
 */
void bx_track_count_code(const struct bx_track_count *more);

#endif
#endif
