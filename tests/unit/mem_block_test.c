/* Blocks without a buffer, fifo, and libraft's heap that stands on blocks. */
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem/fifo.h"
#include "node/raft.h"

#include <string.h>

static struct bx_alloc_stats now(void)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    return s;
}

/* ---- blocks ---- */

TEST(blocks_are_kept_as_buffers_are)
{
    uint64_t before;
    void *p;

    bx_buf_thread_close();
    for (size_t n = 0; n <= 65536; n = n * 3 + 1) {
        p = bx_block_take(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % BX_BLOCK_ALIGN, 0);
        assert_true(bx_block_size(p) >= n);
        memset(p, 1, bx_block_size(p));
        bx_block_give(p);
        before = now().allocations;
        assert_ptr_equal(bx_block_take(n), p); /* the same again */
        assert_int_equal(now().allocations, before);
        bx_block_give(p);
    }
    p = bx_block_take(65537);
    assert_true(bx_block_size(p) >= 65537);
    bx_block_give(p);
    before = now().allocations;
    bx_block_give(bx_block_take(65537)); /* never kept */
    assert_int_equal(now().allocations, before + 1);
    bx_block_give(NULL);
    assert_null(bx_block_take(SIZE_MAX - 8));
    bx_buf_thread_close();
}

/* How many of 40 blocks of the class are still there after all were given back. */
static uint64_t kept_of_40(void)
{
    void *p[40];
    uint64_t before;

    for (int i = 0; i < 40; i++)
        p[i] = bx_block_take(8000);
    for (int i = 0; i < 40; i++)
        bx_block_give(p[i]);
    before = now().allocations;
    for (int i = 0; i < 40; i++)
        p[i] = bx_block_take(8000);
    before = 40 - (now().allocations - before);
    for (int i = 0; i < 40; i++)
        bx_block_give(p[i]);
    return before;
}

TEST(a_thread_may_keep_more)
{
    bx_buf_thread_close();
    assert_int_equal(kept_of_40(), 4);
    bx_buf_class_keep(3, 32); /* of 8192 bytes */
    assert_int_equal(kept_of_40(), 32);
    bx_buf_thread_close();
    assert_int_equal(kept_of_40(), 4); /* whoever comes next begins as all do */
    bx_buf_thread_close();
}

/* ---- fifo ---- */

TEST(fifo_uses_its_chunks_again)
{
    enum { HELD = 1000, SIZE = 1000, ROUNDS = 100000 };
    struct bx_fifo f = {0};
    uint8_t **held = bx_must_calloc(HELD, sizeof *held);
    uint64_t before = 0;

    for (int i = 0; i < ROUNDS; i++) {
        uint8_t **p = &held[i % HELD];

        if (i == 2 * HELD)
            before = now().allocations;
        if (*p != NULL) {
            assert_int_equal((*p)[0], (uint8_t)(i % HELD));
            assert_int_equal((*p)[SIZE - 1], (uint8_t)(i % HELD));
        }
        bx_fifo_free(*p);
        *p = bx_fifo_alloc(&f, SIZE);
        assert_int_equal((uintptr_t)*p % 16, 0);
        memset(*p, i % HELD, SIZE);
    }
    assert_in_range(now().allocations - before, 0, 2); /* 100 MB went through, a million was held */
    for (int i = 0; i < HELD; i++)
        bx_fifo_free(held[i]);
    bx_fifo_close(&f);
    bx_free(held);
}

/* A log that was compacted forgets half of itself at once, and grows to the same size again. */
TEST(fifo_keeps_what_was_forgotten_at_once)
{
    enum { HELD = 16000, SIZE = 1000, CYCLES = 4, HEAP = 2000, LARGE = 40000 };
    struct bx_fifo f = {0};
    uint8_t **held = bx_must_calloc(HELD, sizeof *held);
    uint64_t before = 0, live = now().live;

    for (int cycle = 0; cycle < CYCLES; cycle++) {
        for (int i = 0; i < HELD; i++)
            held[i] = bx_fifo_alloc(&f, SIZE);
        if (cycle == 0)
            before = now().allocations;
        for (int i = 0; i < HELD; i++)
            bx_fifo_free(held[i]);
    }
    assert_int_equal(now().allocations, before);
    for (int i = 0; i < HEAP; i++)
        held[i] = bx_fifo_alloc(&f, LARGE); /* 80 MB: more than it keeps */
    for (int i = 0; i < HEAP; i++)
        bx_fifo_free(held[i]);
    assert_in_range(now().live - live, 1, 129);
    bx_fifo_close(&f);
    assert_int_equal(now().live, live);
    bx_free(held);
}

/* Of 16 MB, 4 MB are still in use after the peak. */
TEST(fifo_frees_what_was_not_needed)
{
    enum { PEAK = 16000, LATER = 4000, SIZE = 1000, CHUNK = 256 << 10 };
    struct bx_fifo f = {0};
    uint8_t **held = bx_must_calloc(PEAK, sizeof *held);
    uint64_t live = now().live_bytes;

    for (int n = PEAK; n >= LATER; n -= PEAK - LATER) {
        for (int i = 0; i < n; i++)
            held[i] = bx_fifo_alloc(&f, SIZE);
        for (int i = 0; i < n; i++)
            bx_fifo_free(held[i]);
        bx_fifo_trim(&f);
        assert_in_range(now().live_bytes - live, n * SIZE - CHUNK, PEAK * SIZE + 16 * CHUNK);
    }
    assert_in_range(now().live_bytes - live, LATER * SIZE - CHUNK, LATER * SIZE + 4 * CHUNK);
    bx_fifo_trim(&f);
    assert_in_range(now().live_bytes - live, 0, CHUNK);
    held[0] = bx_fifo_alloc(&f, SIZE);
    bx_fifo_trim(&f);
    memset(held[0], 1, SIZE);
    bx_fifo_free(held[0]);
    bx_fifo_close(&f);
    bx_free(held);
}

TEST(fifo_takes_any_order_and_size)
{
    enum { HELD = 200 };
    struct bx_fifo f = {0};
    struct {
        uint8_t *p;
        size_t n;
        uint8_t fill;
    } held[HELD] = {0};
    uint64_t seed = 3, live = now().live;

    for (int step = 0; step < 20000; step++) {
        size_t i = test_random(&seed) % HELD;

        for (size_t k = 0; held[i].p != NULL && k < held[i].n; k += 61)
            assert_int_equal(held[i].p[k], held[i].fill);
        bx_fifo_free(held[i].p);
        held[i].n = test_random(&seed) % (step % 50 == 0 ? 200000 : 3000);
        held[i].fill = (uint8_t)test_random(&seed);
        held[i].p = bx_fifo_alloc(&f, held[i].n);
        memset(held[i].p, held[i].fill, held[i].n);
    }
    assert_int_equal(f.stats.live, HELD);
    for (size_t i = 0; i < HELD; i++)
        bx_fifo_free(held[i].p);
    bx_fifo_free(NULL);
    assert_null(bx_fifo_alloc(&f, SIZE_MAX - 8));
    bx_fifo_close(&f);
    assert_int_equal(now().live, live);
}

/* ---- libraft's heap ---- */

static void pattern(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7);
}

static bool has_pattern(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != (uint8_t)(i * 7))
            return false;
    }
    return true;
}

TEST(raft_memory_keeps_what_is_in_it)
{
    static const size_t sizes[] = {1, 256, 257, 9000, 70000, 400000, 100000, 5000, 20, 0};
    uint8_t *p = NULL;
    size_t had = 0;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        p = raft_realloc(p, sizes[i]);
        assert_non_null(p);
        assert_true(has_pattern(p, had < sizes[i] ? had : sizes[i]));
        pattern(p, sizes[i]);
        had = sizes[i];
    }
    raft_free(p);
    raft_free(NULL);
    p = raft_calloc(70, 100);
    for (size_t i = 0; i < 7000; i++)
        assert_int_equal(p[i], 0);
    raft_free(p);
    assert_null(raft_calloc(SIZE_MAX / 2, 3));
}

TEST(raft_memory_is_aligned)
{
    for (size_t alignment = 8; alignment <= 65536; alignment *= 2) {
        for (size_t n = 1; n < 20000; n = n * 5 + 3) {
            uint8_t *p = raft_aligned_alloc(alignment, n);

            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignment, 0);
            memset(p, 0xee, n);
            raft_aligned_free(alignment, p);
        }
    }
    assert_null(raft_aligned_alloc(4096, SIZE_MAX - 4096));
    raft_aligned_free(4096, NULL);
}

/* What the core does with an entry: an array and its data, again and again. */
TEST(raft_memory_is_pooled)
{
    uint64_t before = 0;

    for (int i = 0; i < 1000; i++) {
        void *entries = raft_calloc(1, sizeof(struct raft_entry)), *data = raft_malloc(3000);

        if (i == 1)
            before = now().allocations;
        raft_free(data);
        raft_free(entries);
    }
    assert_int_equal(now().allocations, before);
}

static void use_raft(void *ctx)
{
    void *a, *b, *c;

    (void)ctx;
    bx_buf_thread_close();
    a = raft_malloc(100);
    b = raft_realloc(NULL, 1000);
    if (b != NULL) {
        c = raft_realloc(b, 100000);
        b = c == NULL ? b : c;
    }
    c = raft_aligned_alloc(4096, 100);
    raft_aligned_free(4096, c);
    raft_free(b);
    raft_free(a);
    bx_buf_thread_close();
}

TEST(nothing_leaks_when_memory_is_out)
{
    bx_buf_thread_close();
    assert_int_equal(test_fail_each_allocation(use_raft, NULL), 4);
}

static int use_heap(void **state)
{
    (void)state;
    bx_raft_heap_use();
    return 0;
}

int main(void)
{
    return test_run(use_heap, NULL);
}
