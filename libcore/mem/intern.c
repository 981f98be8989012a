#include "mem/intern.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "mem/slab.h"

#include <assert.h>
#include <string.h>

#define DEFAULT_STRINGS 1048576
#define DEFAULT_BYTES (64u << 20)
#define STATIC_REFS UINT32_MAX
#define PRIVATE 0x80000000u

/* XXH3 of each text; a test compares them with bx_hash. */
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

struct bx_intern {
    struct bx_map map;
    struct bx_slab slab;
    struct bx_intern_stats stats;
};

/* The table contains the status constants from the start, so that a status received as text yields
 * the same pointer. */
static const struct bx_istr *const statuses[] = {
#define X(id, text) &bx_status_##id,
    BX_STATUS_CONSTANTS(X)
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

struct bx_intern *bx_intern_create(uint64_t max_strings, uint64_t max_bytes)
{
    struct bx_intern *t = bx_calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->stats.max_strings = max_strings == 0 ? DEFAULT_STRINGS : max_strings;
    t->stats.max_bytes = max_bytes == 0 ? DEFAULT_BYTES : max_bytes;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        if (bx_map_add(&t->map, statuses[i]->hash, (void *)(uintptr_t)statuses[i]) != BX_OK)
            goto fail;
    }
    return t;

fail:
    bx_map_close(&t->map);
    bx_free(t);
    return NULL;
}

void bx_intern_destroy(struct bx_intern *t)
{
    if (t == NULL)
        return;
    assert(t->stats.live == 0 && t->stats.copies == 0);
    bx_map_close(&t->map);
    bx_slab_close(&t->slab);
    bx_free(t);
}

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

const struct bx_istr *bx_intern_get(struct bx_intern *t, const char *s, size_t len)
{
    struct key key = {len == 0 ? "" : s, len};
    uint64_t hash = bx_hash(key.s, len);
    struct bx_istr *str = bx_map_get(&t->map, hash, has_key, &key);

    if (str != NULL) {
        t->stats.hits++;
        return bx_intern_ref(str);
    }
    if (full(&t->stats, len)) {
        t->stats.refused++;
        return NULL;
    }
    str = new_string(t, key.s, len, hash);
    if (str == NULL)
        return NULL;
    if (bx_map_add(&t->map, hash, str) != BX_OK) {
        bx_slab_free(&t->slab, str, block_size(len));
        return NULL;
    }
    t->stats.misses++;
    t->stats.live++;
    t->stats.live_bytes += len;
    if (t->stats.live > t->stats.high_water)
        t->stats.high_water = t->stats.live;
    return str;
}

const struct bx_istr *bx_intern_hold(struct bx_intern *t, const char *s, size_t len)
{
    const struct bx_istr *str = bx_intern_get(t, s, len);
    struct bx_istr *copy;

    if (str != NULL || len >= UINT32_MAX)
        return str;
    copy = new_string(t, len == 0 ? "" : s, len, bx_hash(s, len));
    if (copy != NULL) {
        copy->refs |= PRIVATE;
        t->stats.copies++;
    }
    return copy;
}

/* The reference count belongs to the table; for all other code the string is const. */
static struct bx_istr *counted(const struct bx_istr *s)
{
    return (struct bx_istr *)(uintptr_t)s;
}

const struct bx_istr *bx_intern_ref(const struct bx_istr *s)
{
    if (s->refs != STATIC_REFS) {
        assert((s->refs & ~PRIVATE) > 0 && (s->refs & ~PRIVATE) < ~PRIVATE - 1);
        counted(s)->refs++;
    }
    return s;
}

void bx_intern_release(struct bx_intern *t, const struct bx_istr *s)
{
    bool found;

    if (s == NULL || s->refs == STATIC_REFS)
        return;
    assert((s->refs & ~PRIVATE) > 0);
    if ((--counted(s)->refs & ~PRIVATE) > 0)
        return;
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

void bx_intern_stats(const struct bx_intern *t, struct bx_intern_stats *out)
{
    *out = t->stats;
}
