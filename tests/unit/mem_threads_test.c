/* What threads share and what they do not: each thread has an interner, a pool, an arena and a map
 * of its own and works on them while the others do, and only the counters of alloc and buf are
 * common. One interner is shared by all of them. ThreadSanitizer watches (make check-threads). */
#include "lib/testlib.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/arena.h"
#include "mem/buf.h"
#include "mem/intern.h"
#include "mem/map.h"
#include "mem/pool.h"

#include <linux/membarrier.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { THREADS = 4, ROUNDS = 3000 };

static atomic_int wrong, running;

static void work(struct bx_intern *names, struct bx_pool *pool, struct bx_arena *arena,
                 uint64_t *seed)
{
    char name[24];
    const struct bx_istr *s[2];
    struct bx_buf b = {0};
    uint64_t *object = bx_pool_acquire(pool);

    snprintf(name, sizeof name, "vm-%u", (unsigned)(test_random(seed) % 50));
    s[0] = bx_intern_get(names, name, strlen(name));
    s[1] = bx_intern_get(names, "running", 7); /* static, so the same for all threads */
    *object = test_random(seed);
    if (strcmp(bx_arena_strndup(arena, name, strlen(name)), s[0]->s) != 0 ||
        s[1] != &bx_status_running || bx_buf_append(&b, name, strlen(name)) != BX_OK)
        atomic_fetch_add(&wrong, 1);
    bx_buf_release(&b);
    bx_arena_reset(arena);
    bx_pool_release(pool, object);
    bx_intern_release(names, s[0]);
    bx_intern_release(names, s[1]);
}

static void *run(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;
    struct bx_intern *names = bx_intern_create(0, 0);
    struct bx_arena arena = {0};
    struct bx_pool pool;

    bx_pool_init(&pool, "x", 64, (struct bx_pool_size){4, 1}, NULL);
    for (int i = 0; i < ROUNDS; i++)
        work(names, &pool, &arena, &seed);
    bx_pool_close(&pool);
    bx_arena_close(&arena);
    bx_intern_destroy(names);
    bx_buf_thread_close();
    atomic_fetch_sub(&running, 1);
    return NULL;
}

TEST(threads_do_not_meet)
{
    pthread_t threads[THREADS];
    struct bx_alloc_stats before, s;
    struct bx_buf_stats b;

    bx_alloc_stats(&before);
    atomic_store(&running, THREADS);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, (void *)(i + 1)), 0);
    while (atomic_load(&running) > 0) { /* statistics may be read meanwhile */
        bx_alloc_stats(&s);
        bx_buf_stats(&b);
        if (s.live > s.allocations)
            atomic_fetch_add(&wrong, 1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    bx_alloc_stats(&s);
    assert_int_equal(wrong, 0);
    assert_int_equal(s.live, before.live);
    assert_int_equal(s.live_bytes, before.live_bytes);
}

static struct bx_intern *common;

/* What holds one string twice has it at one address, with its text. */
static void use_common(uint64_t *seed)
{
    char name[24];
    size_t n = (size_t)snprintf(name, sizeof name, "vm-%u", (unsigned)(test_random(seed) % 20));
    const struct bx_istr *a = bx_intern_get(common, name, n), *b = bx_intern_hold(common, name, n);

    if (a != b || strcmp(a->s, name) != 0 || bx_intern_get(common, "api", 3)->len != 3)
        atomic_fetch_add(&wrong, 1);
    bx_intern_release(common, bx_intern_ref(common, a));
    bx_intern_release(common, a);
    bx_intern_release(common, b);
}

static void *run_common(void *arg)
{
    uint64_t seed = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS; i++)
        use_common(&seed);
    bx_buf_thread_close();
    return NULL;
}

static void share_among_threads(void (*fence)(void))
{
    pthread_t threads[THREADS];
    struct bx_intern_stats s;

    common = bx_intern_create(0, 0);
    assert_non_null(bx_intern_keep(common, "api", 3));
    bx_intern_share(common, fence);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_common, (void *)(i + 1)), 0);
    for (int i = 0; i < 20; i++)
        run_common((void *)(uintptr_t)(i + 100)); /* the owner, which is the fastest */
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    bx_intern_stats(common, &s);
    assert_int_equal(s.live, 0);
    assert_int_equal(s.kept, 1);
    assert_int_equal(s.hits + s.misses, 1 + 3 * (uint64_t)ROUNDS * (THREADS + 20));
    bx_intern_destroy(common);
    assert_int_equal(wrong, 0);
}

TEST(a_shared_interner_gives_all_threads_the_same_strings)
{
    share_among_threads(NULL);
}

static void membarrier_all(void)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
        atomic_fetch_add(&wrong, 1);
}

TEST(an_owner_without_atomic_instructions_and_others_exclude_each_other)
{
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0)
        skip();
    share_among_threads(membarrier_all);
}

static void *take_one(void *arg)
{
    *(void **)arg = bx_alloc(1000);
    bx_buf_thread_close();
    return NULL;
}

TEST(what_a_thread_allocated_counts_when_it_has_ended)
{
    struct bx_alloc_stats before, during, after;
    pthread_t thread;
    void *p = NULL;

    bx_alloc_stats(&before);
    assert_int_equal(pthread_create(&thread, NULL, take_one, &p), 0);
    pthread_join(thread, NULL);
    bx_alloc_stats(&during);
    assert_int_equal(during.live, before.live + 1);
    assert_true(during.live_bytes >= before.live_bytes + 1000);
    bx_free(p); /* another thread than the one that took it */
    bx_alloc_stats(&after);
    assert_int_equal(after.frees, before.frees + 1);
    assert_int_equal(after.live, before.live);
    assert_int_equal(after.live_bytes, before.live_bytes);
}

enum { MANY = 100, TIMES = 30000 };
static pthread_barrier_t all_have_one;

static void *churn(void *arg)
{
    (void)arg;
    bx_free(bx_must_alloc(100));
    pthread_barrier_wait(&all_have_one); /* each has a place, or none is left */
    for (int i = 0; i < TIMES; i++)
        bx_free(bx_must_alloc(100));
    bx_buf_thread_close();
    return NULL;
}

TEST(more_threads_than_places_lose_no_count)
{
    struct bx_alloc_stats before, after;
    pthread_t threads[MANY];

    bx_alloc_stats(&before);
    assert_int_equal(pthread_barrier_init(&all_have_one, NULL, MANY), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < MANY; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&all_have_one);
    bx_alloc_stats(&after);
    assert_int_equal(after.allocations, before.allocations + MANY * (TIMES + 1));
    assert_int_equal(after.live, before.live);
    assert_int_equal(after.live_bytes, before.live_bytes);
}

TEST(the_peak_is_seen_between_two_looks)
{
    struct bx_alloc_stats before, after;

    bx_alloc_stats(&before);
    bx_free(bx_must_alloc(before.peak_bytes + (1u << 20)));
    bx_alloc_stats(&after);
    assert_true(after.peak_bytes + (64u << 10) * THREADS >=
                before.live_bytes + before.peak_bytes + (1u << 20)); /* as exact as alloc.h says */
    assert_int_equal(after.live_bytes, before.live_bytes);
}

int main(void)
{
    return test_run(NULL, NULL);
}
