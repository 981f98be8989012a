/* intern - one copy of each string, compared by pointer.
 *
 * Strings are reference counted and looked up by full comparison; the last release frees the
 * string. A string with references is never evicted. If the table is full, get returns NULL. hold
 * then makes a private copy, which has equal contents but is not shared, so pointer comparison does
 * not apply to it.
 *
 * A table belongs to the thread that made it, until it is shared; then every thread may call these
 * functions. The owner's calls take no lock and no atomic instruction, those of others some
 * microseconds (bx_intern_share). Nothing may depend on the order or the addresses of strings.
 *
 * The status constants of VMs and nodes and the common keys are static strings of this type and
 * need no release. */
#ifndef BX_INTERN_H
#define BX_INTERN_H

#include <stddef.h>
#include <stdint.h>

struct bx_istr {
    uint32_t refs; /* UINT32_MAX: static, never freed; the highest bit: a private copy */
    uint32_t len;  /* without the NUL */
    uint64_t hash; /* XXH3 of the bytes */
    const char *s; /* NUL-terminated */
};

struct bx_intern;

struct bx_intern_stats {
    uint64_t live, live_bytes, high_water;
    uint64_t hits, misses, refused;
    uint64_t copies; /* live private copies */
    uint64_t kept;   /* for good; not among the live ones */
    uint64_t max_strings, max_bytes;
};

/* Bounds: the number of live strings and their bytes; 0 selects the default (1,048,576 and 64 MiB).
 * NULL when memory is exhausted. */
struct bx_intern *bx_intern_create(uint64_t max_strings, uint64_t max_bytes);
/* Every string must have been released; NULL is allowed. */
void bx_intern_destroy(struct bx_intern *t);
/* From now on every thread may use it; the caller is its owner. fence: makes what any thread has
 * written before it visible to the caller and the other way round, like membarrier(2); NULL: there
 * is none, and all calls take a lock. */
void bx_intern_share(struct bx_intern *t, void (*fence)(void));
/* The one string with these bytes, for as long as the table lives, without a reference to give
 * back. For what is known when a program starts. NULL when full or out of memory. */
const struct bx_istr *bx_intern_keep(struct bx_intern *t, const char *s, size_t len);
/* The one string with these bytes, with a reference for the caller; NULL when full or out of
 * memory. */
const struct bx_istr *bx_intern_get(struct bx_intern *t, const char *s, size_t len);
/* The same, or a private copy when the table is full; NULL when out of memory. Not to be compared
 * by pointer. */
const struct bx_istr *bx_intern_hold(struct bx_intern *t, const char *s, size_t len);
const struct bx_istr *bx_intern_ref(struct bx_intern *t, const struct bx_istr *s);
/* NULL is allowed. */
void bx_intern_release(struct bx_intern *t, const struct bx_istr *s);
void bx_intern_stats(struct bx_intern *t, struct bx_intern_stats *out);

/* X(identifier, text): bx_status_<identifier>. Of VMs, in the order of enum bx_phase, and of
 * nodes. */
#define BX_VM_STATUSES(X)                                                                          \
    X(pending, "pending")                                                                          \
    X(creating, "creating")                                                                        \
    X(starting, "starting")                                                                        \
    X(running, "running")                                                                          \
    X(stopping, "stopping")                                                                        \
    X(stopped, "stopped")                                                                          \
    X(failed, "failed")                                                                            \
    X(migrating, "migrating")                                                                      \
    X(lost, "lost")
#define BX_NODE_STATUSES(X)                                                                        \
    X(leader, "leader")                                                                            \
    X(follower, "follower")                                                                        \
    X(candidate, "candidate")                                                                      \
    X(learner, "learner")                                                                          \
    X(initializing, "initializing")                                                                \
    X(ready, "ready")
#define BX_STATUS_CONSTANTS(X) BX_VM_STATUSES(X) BX_NODE_STATUSES(X)
#define X(id, text) extern const struct bx_istr bx_status_##id;
BX_STATUS_CONSTANTS(X)
#undef X

/* Keys that most reports of an event have. X(identifier, text): bx_key_<identifier>. */
#define BX_COMMON_KEYS(X)                                                                          \
    X(environment, "environment")                                                                  \
    X(release, "release")                                                                          \
    X(level, "level")                                                                              \
    X(transaction, "transaction")                                                                  \
    X(user_id, "user.id")                                                                          \
    X(user_email, "user.email")
#define X(id, text) extern const struct bx_istr bx_key_##id;
BX_COMMON_KEYS(X)
#undef X

#endif
