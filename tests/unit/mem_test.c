/* alloc, arena, pool, vec, map and intern against their headers. */
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "mem/arena.h"
#include "mem/intern.h"
#include "mem/map.h"
#include "mem/pool.h"
#include "mem/vec.h"

#include <stdlib.h>
#include <string.h>

/* ---- alloc ---- */

TEST(alloc_refuses_a_size_that_wraps)
{
    struct bx_alloc_stats before, after;

    bx_alloc_stats(&before);
    assert_null(bx_calloc(SIZE_MAX / 2, 3));
    assert_null(bx_calloc(SIZE_MAX, SIZE_MAX));
    bx_alloc_stats(&after);
    assert_int_equal(after.failures, before.failures + 2);
    assert_int_equal(after.live, before.live);
}

TEST(alloc_counts_what_lives)
{
    struct bx_alloc_stats before, during, after;
    char *p, *q, *empty;

    bx_alloc_stats(&before);
    p = bx_alloc(1000);
    q = bx_calloc(10, 10);
    empty = bx_realloc(NULL, 0);
    assert_non_null(empty);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(q[i], 0);
    memset(p, 'x', 1000);
    p = bx_realloc(p, 100000);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(p[i], 'x');
    bx_alloc_stats(&during);
    assert_int_equal(during.live, before.live + 3);
    assert_int_equal(during.allocations, before.allocations + 3);
    assert_true(during.live_bytes >= before.live_bytes + 100100);
    assert_true(during.peak_bytes >= during.live_bytes);
    bx_free(p);
    bx_free(q);
    bx_free(empty);
    bx_free(NULL);
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
    assert_int_equal(after.live_bytes, before.live_bytes);
    assert_true(after.peak_bytes >= during.live_bytes);
}

static int fail_all(void *ctx, size_t size)
{
    *(size_t *)ctx = size;
    return 1;
}

TEST(alloc_fault_spares_the_must_family)
{
    size_t seen = 0;
    char *kept = bx_alloc(10), *copy;

    bx_alloc_set_fault(fail_all, &seen);
    assert_null(bx_alloc(77));
    assert_int_equal(seen, 77);
    assert_null(bx_calloc(2, 50));
    assert_int_equal(seen, 100);
    assert_null(bx_realloc(kept, 20));
    copy = bx_must_strdup("abc");
    bx_alloc_set_fault(NULL, NULL);
    assert_string_equal(copy, "abc");
    bx_free(copy);
    bx_free(kept);
}

/* ---- arena ---- */

TEST(arena_gives_aligned_separate_memory)
{
    struct bx_arena a = {0};
    uint8_t *last = NULL;

    for (size_t n = 0; n < 3000; n += 7) {
        uint8_t *p = bx_arena_alloc(&a, n);

        assert_non_null(p);
        assert_ptr_not_equal(p, last);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        memset(p, 0xEE, n);
        last = p;
    }
    assert_string_equal(bx_arena_strndup(&a, "hello, world", 5), "hello");
    assert_string_equal(bx_arena_strndup(&a, NULL, 0), "");
    assert_null(bx_arena_alloc(&a, SIZE_MAX));
    assert_null(bx_arena_strndup(&a, "", SIZE_MAX));
    bx_arena_close(&a);
    bx_arena_close(&a);
}

static void twenty_pieces(struct bx_arena *a)
{
    for (int i = 0; i < 20; i++)
        assert_non_null(bx_arena_alloc(a, 1000));
}

TEST(arena_reset_keeps_the_largest_block)
{
    struct bx_alloc_stats empty, before, after;
    struct bx_arena a = {0};

    bx_arena_reset(&a);
    bx_alloc_stats(&empty);
    twenty_pieces(&a);
    bx_arena_reset(&a);
    twenty_pieces(&a); /* may need a larger one than any before */
    bx_arena_reset(&a);
    bx_alloc_stats(&before);
    assert_int_equal(before.live, empty.live + 1);
    twenty_pieces(&a);
    bx_arena_reset(&a);
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations);
    assert_int_equal(after.live, before.live);
    bx_arena_close(&a);

    /* A single large request must not stay with the connection for ever. */
    assert_non_null(bx_arena_alloc(&a, 1 << 20));
    bx_arena_reset(&a);
    bx_alloc_stats(&after);
    assert_int_equal(after.live, empty.live);
    bx_arena_close(&a);
}

/* ---- pool ---- */

struct thing {
    char *owned;
    uint64_t filler[4];
};

static void thing_fini(void *object)
{
    bx_free(((struct thing *)object)->owned);
}

TEST(pool_reuses_and_never_keeps_more_than_its_bound)
{
    struct bx_pool p;
    struct bx_alloc_stats before, after;
    struct thing *t[6];

    bx_alloc_stats(&before);
    assert_int_equal(
        bx_pool_init(&p, "thing", sizeof *t[0], (struct bx_pool_size){4, 2}, thing_fini), BX_OK);
    assert_int_equal(p.stats.available, 2);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 6; i++) {
            static const struct thing zero;

            t[i] = bx_pool_acquire(&p);
            assert_memory_equal(t[i], &zero, sizeof zero);
            memset(t[i], 0xFF, sizeof *t[i]);
            t[i]->owned = bx_alloc(10);
        }
        assert_int_equal(p.stats.in_use, 6);
        for (size_t i = 0; i < 6; i++)
            bx_pool_release(&p, t[i]);
        assert_int_equal(p.stats.available, 4);
        assert_int_equal(p.stats.in_use, 0);
    }
    assert_int_equal(p.stats.high_water, 6);
    assert_int_equal(p.stats.hits, 2 + 4);
    assert_int_equal(p.stats.misses, 4 + 2);
    assert_int_equal(p.stats.created, 2 + 4 + 2);
    bx_pool_release(&p, NULL);
    bx_pool_close(&p);
    bx_pool_close(&p);
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

/* ---- vec ---- */

BX_VEC(ints, int, 8);

TEST(vec_spills_with_headroom)
{
    struct bx_alloc_stats before, after;
    struct ints v;

    bx_alloc_stats(&before);
    ints_init(&v);
    for (int i = 0; i < 8; i++)
        assert_int_equal(ints_push(&v, i), BX_OK);
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations);
    for (int i = 8; i < 1000; i++)
        assert_int_equal(ints_push(&v, i), BX_OK);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(v.items[i], i);
    assert_true(v.cap <= 1000 + 1000 / 4 + 1);
    assert_int_equal(ints_reserve(&v, SIZE_MAX / 4), BX_NO_MEMORY);
    assert_int_equal(ints_reserve(&v, SIZE_MAX), BX_NO_MEMORY);
    assert_int_equal(v.items[999], 999);
    ints_clear(&v);
    assert_int_equal(v.len, 0);
    ints_close(&v);
    bx_alloc_stats(&after);
    assert_int_equal(after.live, before.live);
}

/* ---- map ---- */

struct item {
    uint64_t key, hash;
    bool in;
};

static bool item_has_key(const void *item, const void *key)
{
    return ((const struct item *)item)->key == *(const uint64_t *)key;
}

static void check_all(const struct bx_map *m, struct item *items, size_t n)
{
    size_t in = 0, pos = 0, walked = 0;

    for (size_t i = 0; i < n; i++) {
        void *found = bx_map_get(m, items[i].hash, item_has_key, &items[i].key);

        assert_ptr_equal(found, items[i].in ? &items[i] : NULL);
        in += items[i].in;
    }
    assert_int_equal(m->n, in);
    for (struct item *it = bx_map_next(m, &pos); it != NULL; it = bx_map_next(m, &pos)) {
        assert_true(it->in);
        walked++;
    }
    assert_int_equal(walked, in);
    assert_true(m->n <= m->cap / 4 * 3);
}

/* Few different hashes, at the end of the table too: long clusters that wrap around. */
TEST(map_agrees_with_a_plain_list)
{
    static struct item items[200];
    struct bx_map m = {0};
    uint64_t seed = 1;

    for (size_t i = 0; i < 200; i++)
        items[i] = (struct item){.key = i, .hash = i % 5 == 0 ? i : UINT64_MAX - i % 7};
    check_all(&m, items, 200);
    for (int step = 0; step < 20000; step++) {
        struct item *it = &items[test_random(&seed) % 200];

        if (it->in)
            assert_true(bx_map_remove(&m, it->hash, it));
        else
            assert_int_equal(bx_map_add(&m, it->hash, it), BX_OK);
        it->in = !it->in;
        assert_false(!it->in && bx_map_remove(&m, it->hash, it));
        if (step % 50 == 0)
            check_all(&m, items, 200);
    }
    bx_map_close(&m);
    bx_map_close(&m);
}

TEST(map_reserve_and_replace)
{
    static struct item items[100];
    struct item other = {.key = 7, .hash = 7, .in = true};
    struct bx_alloc_stats before, after;
    struct bx_map m = {0};

    assert_int_equal(bx_map_reserve(&m, 100), BX_OK);
    bx_alloc_stats(&before);
    for (size_t i = 0; i < 100; i++) {
        items[i] = (struct item){.key = i, .hash = i, .in = true};
        assert_int_equal(bx_map_add(&m, i, &items[i]), BX_OK);
    }
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations);
    bx_map_replace(&m, 7, &items[7], &other);
    assert_ptr_equal(bx_map_get(&m, 7, item_has_key, &other.key), &other);
    assert_false(bx_map_remove(&m, 7, &items[7]));
    assert_int_equal(bx_map_reserve(&m, SIZE_MAX), BX_NO_MEMORY);
    assert_int_equal(m.n, 100);
    bx_map_close(&m);
}

/* ---- intern ---- */

TEST(intern_keeps_one_copy_while_it_is_held)
{
    struct bx_intern *t = bx_intern_create(0, 0);
    struct bx_intern_stats s;
    const struct bx_istr *a, *b;

    a = bx_intern_get(t, "web-1", 5);
    b = bx_intern_get(t, "web-12", 5);
    assert_ptr_equal(a, b);
    assert_string_equal(a->s, "web-1");
    assert_int_equal(a->refs, 2);
    bx_intern_stats(t, &s);
    assert_int_equal(s.live, 1);
    assert_int_equal(s.live_bytes, 5);
    assert_int_equal(s.hits, 1);
    assert_int_equal(s.misses, 1);
    bx_intern_release(t, a);
    assert_ptr_equal(bx_intern_get(t, "web-1", 5), b);
    bx_intern_release(t, bx_intern_ref(t, b));
    bx_intern_release(t, b);
    bx_intern_release(t, b);
    bx_intern_stats(t, &s);
    assert_int_equal(s.live, 0);
    a = bx_intern_get(t, "web-1", 5);
    bx_intern_stats(t, &s);
    assert_int_equal(s.misses, 2); /* it was gone */
    bx_intern_release(t, a);
    a = bx_intern_get(t, NULL, 0);
    assert_string_equal(a->s, "");
    bx_intern_release(t, a);
    bx_intern_release(t, NULL);
    bx_intern_stats(t, &s);
    assert_int_equal(s.live, 0);
    assert_int_equal(s.live_bytes, 0);
    assert_int_equal(s.high_water, 1);
    bx_intern_destroy(t);
    bx_intern_destroy(NULL);
}

TEST(intern_refuses_beyond_its_bounds)
{
    struct bx_intern *t = bx_intern_create(2, 10);
    const struct bx_istr *a, *b;
    struct bx_intern_stats s;

    a = bx_intern_get(t, "12345678", 8);
    assert_null(bx_intern_get(t, "abc", 3));
    b = bx_intern_get(t, "ab", 2);
    assert_non_null(b);
    assert_null(bx_intern_get(t, "", 0));
    assert_ptr_equal(bx_intern_get(t, "ab", 2), b); /* who is there is still found */
    bx_intern_stats(t, &s);
    assert_int_equal(s.refused, 2);
    assert_int_equal(s.max_strings, 2);
    bx_intern_release(t, b);
    bx_intern_release(t, b);
    bx_intern_release(t, a);
    a = bx_intern_get(t, "abc", 3);
    assert_non_null(a); /* a released name is reclaimed */
    bx_intern_release(t, a);
    bx_intern_destroy(t);
}

TEST(intern_knows_the_statuses)
{
    struct bx_intern *t = bx_intern_create(1, 1);

#define X(id, text)                                                                                \
    assert_string_equal(bx_status_##id.s, text);                                                   \
    assert_int_equal(bx_status_##id.len, strlen(text));                                            \
    assert_true(bx_status_##id.hash == bx_hash(text, strlen(text)));                               \
    assert_ptr_equal(bx_intern_get(t, text, strlen(text)), &bx_status_##id);                       \
    bx_intern_release(t, &bx_status_##id);
    BX_STATUS_CONSTANTS(X)
#undef X
    bx_intern_destroy(t);
}

TEST(intern_knows_the_common_keys_and_keeps_what_it_is_told_to)
{
    struct bx_intern *t = bx_intern_create(1, 10);
    const struct bx_istr *kept, *name;
    struct bx_intern_stats s;

#define X(id, text)                                                                                \
    assert_true(bx_key_##id.hash == bx_hash(text, strlen(text)));                                  \
    assert_ptr_equal(bx_intern_get(t, text, strlen(text)), &bx_key_##id);
    BX_COMMON_KEYS(X)
#undef X
    assert_ptr_equal(bx_intern_keep(t, "level", 5), &bx_key_level);
    kept = bx_intern_keep(t, "raft", 4);
    assert_ptr_equal(bx_intern_keep(t, "raft", 4), kept);
    assert_ptr_equal(bx_intern_get(t, "raft", 4), kept);
    bx_intern_release(t, kept);
    bx_intern_release(t, kept); /* does nothing */
    assert_ptr_equal(bx_intern_get(t, "raft", 4), kept);
    name = bx_intern_get(t, "web-1", 5); /* what is kept is not among the one that it may hold */
    assert_non_null(name);
    bx_intern_stats(t, &s);
    assert_int_equal(s.live, 1);
    assert_int_equal(s.kept, 1);
    bx_intern_release(t, name);
    bx_intern_destroy(t);
}

TEST(intern_survives_many_names)
{
    enum { N = 20000 };
    const struct bx_istr **s = bx_must_calloc(N, sizeof *s);
    struct bx_intern *t = bx_intern_create(0, 0);
    char name[32];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < N; i++) {
            snprintf(name, sizeof name, "vm-%d", i);
            s[i] = bx_intern_get(t, name, strlen(name));
            assert_string_equal(s[i]->s, name);
        }
        for (int i = 0; i < N; i++)
            bx_intern_release(t, s[(i * 7919) % N]);
    }
    bx_intern_destroy(t);
    bx_free(s);
}

/* ---- every allocation fails in turn ---- */

static void use_intern(void *ctx)
{
    struct bx_intern *t = bx_intern_create(0, 0);
    const struct bx_istr *s[40];
    char name[16];

    (void)ctx;
    for (int i = 0; t != NULL && i < 40; i++) {
        snprintf(name, sizeof name, "n%d", i);
        s[i] = bx_intern_get(t, name, strlen(name));
    }
    for (int i = 0; t != NULL && i < 40; i++)
        bx_intern_release(t, s[i]);
    bx_intern_destroy(t);
}

static void use_pool(void *ctx)
{
    struct bx_pool p;
    void *o[4];

    (void)ctx;
    if (bx_pool_init(&p, "x", 100, (struct bx_pool_size){2, 2}, NULL) != BX_OK)
        return;
    for (int i = 0; i < 4; i++)
        o[i] = bx_pool_acquire(&p);
    for (int i = 0; i < 4; i++)
        bx_pool_release(&p, o[i]);
    bx_pool_close(&p);
}

static void use_arena(void *ctx)
{
    struct bx_arena a = {0};

    (void)ctx;
    for (int i = 0; i < 50; i++)
        bx_arena_strndup(&a, "0123456789", 10);
    bx_arena_alloc(&a, 100000);
    bx_arena_alloc(&a, 10);
    bx_arena_reset(&a);
    bx_arena_alloc(&a, 10);
    bx_arena_close(&a);
}

TEST(nothing_leaks_when_memory_is_out)
{
    assert_true(test_fail_each_allocation(use_intern, NULL) >= 6);
    assert_true(test_fail_each_allocation(use_pool, NULL) == 5);
    assert_true(test_fail_each_allocation(use_arena, NULL) >= 3);
}

int main(void)
{
    return test_run(NULL, NULL);
}
