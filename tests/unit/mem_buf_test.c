/* buf: size classes, growth, and blocks that change threads. */
#include "lib/testlib.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/buf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static uint64_t live(void)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    return s.live;
}

static struct bx_buf_stats stats(void)
{
    struct bx_buf_stats s;

    bx_buf_stats(&s);
    return s;
}

TEST(buf_takes_the_smallest_class_that_fits)
{
    static const struct {
        size_t want, cap;
    } cases[] = {{1, 256},     {256, 256},    {257, 512},    {513, 1500},
                 {1501, 8192}, {8193, 65536}, {65536, 65536}};
    struct bx_buf b = {0};

    assert_int_equal(bx_buf_reserve(&b, 0), BX_OK);
    assert_null(b.data);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(bx_buf_reserve(&b, cases[i].want), BX_OK);
        assert_int_equal(b.cap, cases[i].cap);
        assert_int_equal((uintptr_t)b.data % 16, 0);
        memset(b.data, 1, b.cap);
        bx_buf_release(&b);
    }
    assert_int_equal(bx_buf_reserve(&b, 65537), BX_OK);
    assert_true(b.cap >= 65537);
    bx_buf_release(&b);
    assert_int_equal(bx_buf_reserve(&b, SIZE_MAX), BX_NO_MEMORY);
    assert_int_equal(bx_buf_append(&b, "x", 1), BX_OK);
    assert_int_equal(bx_buf_reserve(&b, SIZE_MAX), BX_NO_MEMORY);
    assert_memory_equal(b.data, "x", 1);
    bx_buf_release(&b);
    bx_buf_release(&b);
}

TEST(buf_keeps_what_is_in_it)
{
    struct bx_buf b = {0}, c = {0};
    uint8_t *p;

    for (uint32_t i = 0; i < 60000; i++)
        assert_int_equal(bx_buf_append(&b, &i, sizeof i), BX_OK);
    assert_int_equal(b.len, 240000);
    bx_buf_consume(&b, 4 * 1000);
    for (uint32_t i = 1000; i < 60000; i++)
        assert_memory_equal(b.data + 4 * (i - 1000), &i, sizeof i);
    assert_int_equal(bx_buf_append(&c, "gone", 4), BX_OK);
    bx_buf_move(&c, &b);
    assert_null(b.data);
    assert_int_equal(c.len, 236000);
    bx_buf_consume(&c, c.len);
    assert_int_equal(c.len, 0);
    assert_int_equal(bx_buf_append(&c, NULL, 0), BX_OK);
    p = bx_buf_extend(&b, 0);
    assert_non_null(p);
    assert_int_equal(b.len, 0);
    memcpy(bx_buf_extend(&b, 3), "abc", 3);
    assert_memory_equal(b.data, "abc", 3);
    bx_buf_release(&b);
    bx_buf_release(&c);
}

TEST(buf_keeps_a_bounded_number_of_blocks)
{
    struct bx_buf b[100] = {{0}};
    uint64_t before;

    bx_buf_thread_close();
    before = live();
    for (int i = 0; i < 100; i++) {
        assert_int_equal(bx_buf_reserve(&b[i], i % 2 ? 100 : 60000), BX_OK);
    }
    for (int i = 0; i < 100; i++)
        bx_buf_release(&b[i]);
    assert_int_equal(stats().kept_bytes, 32 * 256 + 4 * 65536);
    assert_int_equal(live(), before + 36);
    before = stats().hits;
    assert_int_equal(bx_buf_reserve(&b[0], 200), BX_OK);
    assert_int_equal(stats().hits, before + 1);
    bx_buf_release(&b[0]);
    bx_buf_thread_close();
    assert_int_equal(stats().kept_bytes, 0);
}

/* ---- several threads ---- */

struct handover {
    struct bx_buf b[200];
    int n;
};

static void *take_and_end(void *arg)
{
    struct handover *h = arg;

    for (int i = 0; i < h->n; i++)
        bx_buf_append(&h->b[i], "payload", 7);
    bx_buf_thread_close();
    return NULL;
}

static void *release_all(void *arg)
{
    struct handover *h = arg;

    for (int i = 0; i < h->n; i++)
        bx_buf_release(&h->b[i]);
    bx_buf_thread_close();
    return NULL;
}

static void run(void *(*entry)(void *), void *arg)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, entry, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

TEST(buf_outlives_its_thread)
{
    struct handover h = {.n = 200};
    uint64_t before;

    bx_buf_thread_close();
    before = live();
    run(take_and_end, &h);
    for (int i = 0; i < h.n; i++)
        assert_memory_equal(h.b[i].data, "payload", 7);
    for (int i = 0; i < h.n; i++)
        bx_buf_release(&h.b[i]);
    bx_buf_thread_close();
    assert_int_equal(live(), before);
}

TEST(buf_goes_home_from_another_thread)
{
    struct handover h = {.n = 200};
    uint64_t before, hits, returned;

    bx_buf_thread_close();
    before = live();
    returned = stats().returned;
    for (int i = 0; i < h.n; i++)
        assert_int_equal(bx_buf_append(&h.b[i], "payload", 7), BX_OK);
    run(release_all, &h);
    assert_int_equal(stats().returned, returned + 104); /* the bound; the rest went to the heap */
    hits = stats().hits;
    assert_int_equal(bx_buf_append(&h.b[0], "x", 1), BX_OK);
    assert_int_equal(stats().hits, hits + 1);
    assert_int_equal(stats().kept_bytes, 31 * 256);
    bx_buf_release(&h.b[0]);
    bx_buf_thread_close();
    assert_int_equal(live(), before);
}

enum { LANES = 64, ROUNDS = 20000 };
static struct bx_buf *_Atomic lanes[LANES];
static atomic_int wrong;

/* Put filled buffers where the other threads find them, release what the others put there. */
static void *trade(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS; i++) {
        struct bx_buf *b = bx_must_calloc(1, sizeof *b);
        uint8_t fill = (uint8_t)test_random(&seed);
        size_t n = test_random(&seed) % 2000 + 1;

        memset(bx_buf_extend(b, n), fill, n);
        b = atomic_exchange(&lanes[test_random(&seed) % LANES], b);
        if (b == NULL)
            continue;
        if (b->data[0] != b->data[b->len - 1])
            atomic_fetch_add(&wrong, 1);
        bx_buf_release(b);
        bx_free(b);
        if (i % 1000 == 0)
            bx_buf_thread_close();
    }
    bx_buf_thread_close();
    return NULL;
}

TEST(buf_survives_trade_between_threads)
{
    pthread_t threads[4];
    uint64_t before;

    bx_buf_thread_close();
    before = live();
    for (uintptr_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, trade, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (int i = 0; i < LANES; i++) {
        if (lanes[i] != NULL)
            bx_buf_release(lanes[i]);
        bx_free(lanes[i]);
    }
    bx_buf_thread_close();
    assert_int_equal(wrong, 0);
    assert_int_equal(live(), before);
}

static atomic_int arrived;
static atomic_bool leave;

static void *hold_a_cache(void *arg)
{
    struct bx_buf b = {0};

    (void)arg;
    if (bx_buf_append(&b, "x", 1) != BX_OK)
        atomic_fetch_add(&wrong, 1);
    atomic_fetch_add(&arrived, 1);
    while (!atomic_load(&leave))
        sched_yield();
    bx_buf_release(&b);
    bx_buf_thread_close();
    return NULL;
}

TEST(buf_works_in_more_threads_than_caches)
{
    enum { THREADS = 80 };
    pthread_t threads[THREADS];
    uint64_t before;

    bx_buf_thread_close();
    before = live();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hold_a_cache, NULL), 0);
    while (atomic_load(&arrived) < THREADS)
        sched_yield();
    atomic_store(&leave, true);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(wrong, 0);
    assert_int_equal(live(), before);
}

static void use_buf(void *ctx)
{
    struct bx_buf b = {0};
    size_t len = 0;

    (void)ctx;
    bx_buf_thread_close();
    for (size_t n = 1; n < 200000; n *= 3) {
        if (bx_buf_extend(&b, n) != NULL)
            len += n;
        assert_int_equal(b.len, len);
    }
    bx_buf_release(&b);
    bx_buf_thread_close();
}

TEST(buf_is_unchanged_when_memory_is_out)
{
    assert_true(test_fail_each_allocation(use_buf, NULL) >= 6);
}

int main(void)
{
    return test_run(NULL, NULL);
}
