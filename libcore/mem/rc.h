/* rc - immutable, reference-counted values that are shared.
 *
 * A value is created once and never modified; each holder owns a reference. The cache returns an
 * equal value if it has one: get_or_create adds a reference to it, or creates the value. The cache
 * keeps all values with references and the most recently released ones without, up to idle_max.
 * Beyond `max` values it still creates new ones, but does not find them again. For copy-on-write,
 * call get_or_create with the modified contents. A zeroed struct with its bounds and eq set is
 * valid and empty. Not thread-safe. */
#ifndef BX_RC_H
#define BX_RC_H

#include "mem/map.h"
#include "mem/slab.h"

#include <sys/queue.h>

struct bx_rc_value;
TAILQ_HEAD(bx_rc_values, bx_rc_value);

struct bx_rc_stats {
    uint64_t values;     /* live values, with or without references */
    uint64_t refs;       /* references held */
    uint64_t high_water; /* maximum of values */
    uint64_t hits, misses;
    uint64_t apart; /* created beyond the bound: can not be found again */
    uint64_t max;   /* bound on values that can be found */
};

struct bx_rc_cache {
    uint32_t max, idle_max;               /* values that can be found; of these, without a holder */
    bx_map_eq eq;                         /* of a value and a key */
    void (*fini)(void *ctx, void *value); /* frees what a value owns; NULL after init */
    void *ctx;
    struct bx_map map;
    struct bx_slab slab;
    struct bx_rc_values idle; /* least recently released first */
    uint32_t n_idle;
    struct bx_rc_stats stats;
};

void bx_rc_init(struct bx_rc_cache *c, uint32_t max, uint32_t idle_max, bx_map_eq eq);
/* Every reference must have been released. */
void bx_rc_close(struct bx_rc_cache *c);
/* The value that equals key, with a reference for the caller; hash is the hash of key. If there is
 * none, it is created in a 16-aligned block of size bytes and filled by make. NULL when memory is
 * exhausted. */
const void *bx_rc_get_or_create(struct bx_rc_cache *c, uint64_t hash, const void *key, size_t size,
                                void (*make)(void *value, const void *key));
const void *bx_rc_ref(struct bx_rc_cache *c, const void *value);
/* NULL is allowed. */
void bx_rc_release(struct bx_rc_cache *c, const void *value);

#endif
