/* rc - immutable values that many share.
 *
 * A value is made once and never changed; who holds it has counted a reference. The cache finds an
 * equal one again: get_or_create gives a reference to it, or makes it. The cache keeps what
 * somebody holds, and of what nobody holds any more the newest few; beyond its bound it still makes
 * values, only does not find them again. Copy-on-write is get_or_create of what the changed copy
 * looks like. A zeroed struct with its bounds and eq set is valid and empty. One thread only. */
#ifndef BX_RC_H
#define BX_RC_H

#include "mem/map.h"
#include "mem/slab.h"

#include <sys/queue.h>

struct bx_rc_value;
TAILQ_HEAD(bx_rc_values, bx_rc_value);

struct bx_rc_stats {
    uint64_t values;     /* alive, those too that nobody holds */
    uint64_t refs;       /* held */
    uint64_t high_water; /* the most values at once */
    uint64_t hits, misses;
    uint64_t apart; /* made beyond the bound: nobody else can find them */
    uint64_t max;   /* that can be found */
};

struct bx_rc_cache {
    uint32_t max, idle_max;               /* values that can be found; of these, without a holder */
    bx_map_eq eq;                         /* of a value and a key */
    void (*fini)(void *ctx, void *value); /* gives back what a value holds; NULL after init */
    void *ctx;
    struct bx_map map;
    struct bx_slab slab;
    struct bx_rc_values idle; /* longest first */
    uint32_t n_idle;
    struct bx_rc_stats stats;
};

void bx_rc_init(struct bx_rc_cache *c, uint32_t max, uint32_t idle_max, bx_map_eq eq);
/* Every reference must have been released. */
void bx_rc_close(struct bx_rc_cache *c);
/* The value that equals key, whose hash is given, with a reference for the caller; made, when there
 * is none, in a block of size bytes, 16-aligned, by make. NULL when memory is out. */
const void *bx_rc_get_or_create(struct bx_rc_cache *c, uint64_t hash, const void *key, size_t size,
                                void (*make)(void *value, const void *key));
const void *bx_rc_ref(struct bx_rc_cache *c, const void *value);
/* NULL is allowed. */
void bx_rc_release(struct bx_rc_cache *c, const void *value);

#endif
