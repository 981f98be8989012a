#include "mem/intern.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "mem/slab.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#define DEFAULT_STRINGS 1048576
#define DEFAULT_BYTES (64u << 20)
#define STATIC_REFS UINT32_MAX
#define PRIVATE 0x80000000u

/* XXH3 of each text; a test compares them with bx_hash. */
#define KEY(id, text, xxh3)                                                                        \
    const struct bx_istr bx_key_##id = {                                                           \
        .refs = STATIC_REFS, .len = sizeof text - 1, .hash = (xxh3), .s = text};
KEY(environment, "environment", 0x4e17ac201276f343)
KEY(release, "release", 0xc9283a60a9eace6e)
KEY(level, "level", 0xf5dc041e27418a33)
KEY(transaction, "transaction", 0xc9dcd81452af5a38)
KEY(user_id, "user.id", 0xfd86c93021570557)
KEY(user_email, "user.email", 0x2bd9b2afcaccf615)
#define STATUS(id, xxh3)                                                                           \
    const struct bx_istr bx_status_##id = {                                                        \
        .refs = STATIC_REFS, .len = sizeof #id - 1, .hash = (xxh3), .s = #id};
STATUS(pending, 0x766173d5ab5269ff)
STATUS(creating, 0x6644fc99d6801e16)
STATUS(starting, 0x58a1315acea9312e)
STATUS(running, 0xc950f0eb1de972c3)
STATUS(stopping, 0xaae0663b7ceb2b37)
STATUS(stopped, 0x6abcfe72f7257aa4)
STATUS(failed, 0x3556c92b27aaba5a)
STATUS(migrating, 0x8e10e6d75171e531)
STATUS(lost, 0xe33f7961d4acdd11)
STATUS(leader, 0xa2783f9cf8924c25)
STATUS(follower, 0xbe5c143052e6dfe8)
STATUS(candidate, 0x6ef914d2493ccc30)
STATUS(learner, 0xc213f3913e0fb8bd)
STATUS(initializing, 0x4267bc212a5acaa8)
STATUS(ready, 0x3a474212db2e0a8b)

/* A lock that its owner takes without an atomic instruction, as nearly all calls are its own. The
 * owner says that it is inside and then looks whether others want in; they say so and then look
 * whether it is inside. One of them sees the other, provided that what each says is there before it
 * looks: the fence that the others execute on all threads takes care of that. Others exclude each
 * other, and an owner whom they are ahead of, with the mutex. Without such a fence a shared table
 * has no owner, and all use the mutex. */
struct bx_intern {
    struct bx_map map;
    const void *owner; /* address of its thread_mark; NULL: none */
    uint8_t inside, wanted;
    bool shared;
    struct bx_intern_stats stats;
    struct bx_slab slab;
    void (*fence)(void); /* on all threads */
    pthread_mutex_t lock;
};

/* Its address is different for each thread. */
static _Thread_local char thread_mark;

/* The table contains the constants from the start, so that one received as text yields the same
 * pointer. */
static const struct bx_istr *const constants[] = {
#define X(id, text) &bx_status_##id,
    BX_STATUS_CONSTANTS(X)
#undef X
#define X(id, text) &bx_key_##id,
        BX_COMMON_KEYS(X)
#undef X
};

struct key {
    const char *s;
    size_t len;
};

static bool has_key(const void *item, const void *key)
{
    const struct bx_istr *s = item;
    const struct key *k = key;

    return s->len == k->len && memcmp(s->s, k->s, k->len) == 0;
}

/* ---- the lock ---- */

static __attribute__((noinline, cold)) void enter_slowly(struct bx_intern *t)
{
    bool owner = t->owner == &thread_mark;

    assert(t->shared);
    if (owner)
        __atomic_store_n(&t->inside, 0, __ATOMIC_RELEASE);
    pthread_mutex_lock(&t->lock);
    if (owner || t->owner == NULL)
        return;
    __atomic_store_n(&t->wanted, 1, __ATOMIC_RELAXED);
    t->fence();
    while (__atomic_load_n(&t->inside, __ATOMIC_ACQUIRE) != 0)
        sched_yield();
}

/* True: as the owner, without the mutex. */
static inline bool enter(struct bx_intern *t)
{
    if (__builtin_expect(t->owner == &thread_mark, 1)) {
        __atomic_store_n(&t->inside, 1, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (__builtin_expect(__atomic_load_n(&t->wanted, __ATOMIC_ACQUIRE) == 0, 1))
            return true;
    }
    enter_slowly(t);
    return false;
}

static __attribute__((noinline, cold)) void leave_slowly(struct bx_intern *t)
{
    __atomic_store_n(&t->wanted, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&t->lock);
}

static inline void leave(struct bx_intern *t, bool owner)
{
    if (__builtin_expect(owner, 1))
        __atomic_store_n(&t->inside, 0, __ATOMIC_RELEASE);
    else
        leave_slowly(t);
}

/* ---- the table ---- */

/* The struct and its text are one block. */
static size_t block_size(size_t len)
{
    return sizeof(struct bx_istr) + len + 1;
}

static struct bx_istr *new_string(struct bx_intern *t, const char *s, size_t len, uint64_t hash)
{
    struct bx_istr *str = bx_slab_alloc(&t->slab, block_size(len));
    char *text;

    if (str == NULL)
        return NULL;
    text = (char *)(str + 1);
    memcpy(text, s, len);
    text[len] = '\0';
    *str = (struct bx_istr){.refs = 1, .len = (uint32_t)len, .hash = hash, .s = text};
    return str;
}

static bool full(const struct bx_intern_stats *s, size_t len)
{
    return s->live >= s->max_strings || len > s->max_bytes - s->live_bytes || len > UINT32_MAX;
}

/* The reference count belongs to the table; for all other code the string is const. */
static struct bx_istr *counted(const struct bx_istr *s)
{
    return (struct bx_istr *)(uintptr_t)s;
}

static void add_ref(const struct bx_istr *s)
{
    if (s->refs != STATIC_REFS) {
        assert((s->refs & ~PRIVATE) > 0 && (s->refs & ~PRIVATE) < ~PRIVATE - 1);
        counted(s)->refs++;
    }
}

static __attribute__((noinline)) struct bx_istr *add(struct bx_intern *t, const struct key *key,
                                                     uint64_t hash)
{
    struct bx_istr *str;

    if (full(&t->stats, key->len)) {
        t->stats.refused++;
        return NULL;
    }
    str = new_string(t, key->s, key->len, hash);
    if (str == NULL)
        return NULL;
    if (bx_map_add(&t->map, hash, str) != BX_OK) {
        bx_slab_free(&t->slab, str, block_size(key->len));
        return NULL;
    }
    t->stats.misses++;
    t->stats.live++;
    t->stats.live_bytes += key->len;
    if (t->stats.live > t->stats.high_water)
        t->stats.high_water = t->stats.live;
    return str;
}

static inline struct bx_istr *get(struct bx_intern *t, const struct key *key, uint64_t hash)
{
    struct bx_istr *str = bx_map_get(&t->map, hash, has_key, key);

    if (str == NULL)
        return add(t, key, hash);
    t->stats.hits++;
    add_ref(str);
    return str;
}

const struct bx_istr *bx_intern_get(struct bx_intern *t, const char *s, size_t len)
{
    struct key key = {len == 0 ? "" : s, len};
    uint64_t hash = bx_hash(key.s, len);
    bool owner = enter(t);
    const struct bx_istr *str = get(t, &key, hash);

    leave(t, owner);
    return str;
}

static struct bx_istr *private_copy(struct bx_intern *t, const struct key *key, uint64_t hash)
{
    struct bx_istr *copy = new_string(t, key->s, key->len, hash);

    if (copy != NULL) {
        copy->refs |= PRIVATE;
        t->stats.copies++;
    }
    return copy;
}

static bool is_constant(const struct bx_istr *s)
{
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++)
        if (s == constants[i])
            return true;
    return false;
}

const struct bx_istr *bx_intern_keep(struct bx_intern *t, const char *s, size_t len)
{
    struct key key = {len == 0 ? "" : s, len};
    uint64_t hash = bx_hash(key.s, len);
    bool owner = enter(t);
    struct bx_istr *str = get(t, &key, hash);

    if (str != NULL && str->refs != STATIC_REFS) {
        str->refs = STATIC_REFS;
        t->stats.live--;
        t->stats.live_bytes -= len;
        t->stats.kept++;
    }
    leave(t, owner);
    return str;
}

static void free_kept(struct bx_intern *t)
{
    size_t at = 0;

    for (struct bx_istr *s; (s = bx_map_next(&t->map, &at)) != NULL;)
        if (!is_constant(s))
            bx_slab_free(&t->slab, s, block_size(s->len));
}

const struct bx_istr *bx_intern_hold(struct bx_intern *t, const char *s, size_t len)
{
    struct key key = {len == 0 ? "" : s, len};
    uint64_t hash = bx_hash(key.s, len);
    bool owner = enter(t);
    const struct bx_istr *str = get(t, &key, hash);

    if (str == NULL && len < UINT32_MAX)
        str = private_copy(t, &key, hash);
    leave(t, owner);
    return str;
}

const struct bx_istr *bx_intern_ref(struct bx_intern *t, const struct bx_istr *s)
{
    bool owner = enter(t);

    add_ref(s);
    leave(t, owner);
    return s;
}

static __attribute__((noinline)) void drop(struct bx_intern *t, const struct bx_istr *s)
{
    bool found;

    if ((s->refs & PRIVATE) != 0) {
        t->stats.copies--;
    } else {
        found = bx_map_remove(&t->map, s->hash, s);
        assert(found);
        t->stats.live--;
        t->stats.live_bytes -= s->len;
    }
    bx_slab_free(&t->slab, counted(s), block_size(s->len));
}

static void take_ref(struct bx_intern *t, const struct bx_istr *s)
{
    if (s->refs == STATIC_REFS)
        return;
    assert((s->refs & ~PRIVATE) > 0);
    if ((--counted(s)->refs & ~PRIVATE) == 0)
        drop(t, s);
}

void bx_intern_release(struct bx_intern *t, const struct bx_istr *s)
{
    bool owner;

    if (s == NULL)
        return;
    owner = enter(t);
    take_ref(t, s);
    leave(t, owner);
}

struct bx_intern *bx_intern_create(uint64_t max_strings, uint64_t max_bytes)
{
    struct bx_intern *t = bx_calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    pthread_mutex_init(&t->lock, NULL);
    t->owner = &thread_mark;
    t->stats.max_strings = max_strings == 0 ? DEFAULT_STRINGS : max_strings;
    t->stats.max_bytes = max_bytes == 0 ? DEFAULT_BYTES : max_bytes;
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        if (bx_map_add(&t->map, constants[i]->hash, (void *)(uintptr_t)constants[i]) != BX_OK)
            goto fail;
    }
    return t;

fail:
    bx_intern_destroy(t);
    return NULL;
}

void bx_intern_share(struct bx_intern *t, void (*fence)(void))
{
    assert(t->owner == &thread_mark);
    t->fence = fence;
    t->shared = true;
    if (fence == NULL)
        t->owner = NULL;
}

void bx_intern_destroy(struct bx_intern *t)
{
    if (t == NULL)
        return;
    assert(t->stats.live == 0 && t->stats.copies == 0);
    free_kept(t);
    bx_map_close(&t->map);
    bx_slab_close(&t->slab);
    pthread_mutex_destroy(&t->lock);
    bx_free(t);
}

void bx_intern_stats(struct bx_intern *t, struct bx_intern_stats *out)
{
    bool owner = enter(t);

    *out = t->stats;
    leave(t, owner);
}
