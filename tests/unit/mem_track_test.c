/* The tracking build: what it sees, whose it says it is, threads, fork. In any other build there is
 * nothing to test. */
#include "lib/testlib.h"

#ifndef BX_TRACK_ALLOCATIONS

int main(void)
{
    puts("1..0 # SKIP allocations are not tracked in this build");
    return 0;
}

#else

#include "codec/pack.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem_track_help.h"
#include "node/raft.h"

#include <jansson.h>
#include <malloc.h>
#include <pthread.h>
#include <raft.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

/* ---- whose ---- */

static void use_raft(void)
{
    struct raft_configuration conf;

    raft_configuration_init(&conf);
    assert_int_equal(raft_configuration_add(&conf, 1, "a", RAFT_VOTER), 0);
    raft_configuration_close(&conf);
}

static void use_sqlite(void)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void use_msgpack(void)
{
    static const uint8_t message[] = {0x93, 1, 2, 3};
    struct bx_pack *p = bx_pack_create();

    assert_non_null(bx_pack_parse(p, message, sizeof message, 100, NULL));
    bx_pack_destroy(p);
}

static void use_jansson(void)
{
    json_decref(json_pack("{s:i}", "a", 1));
}

static void use_uv(void)
{
    uv_loop_t loop;
    uv_fs_t request;

    uv_loop_init(&loop);
    uv_fs_scandir(&loop, &request, "/", 0, NULL);
    uv_fs_req_cleanup(&request);
    uv_run(&loop, UV_RUN_DEFAULT);
    uv_loop_close(&loop);
}

static void use_libc(void)
{
    char *a = strdup("abc"), *b = NULL;

    assert_true(asprintf(&b, "%d", 77) == 2);
    free(a);
    free(b);
}

static void use_ours(void)
{
    bx_free(bx_must_strdup("abc"));
}

TEST(each_library_gets_its_own)
{
    static const struct {
        void (*use)(void);
        enum bx_owner owner;
    } cases[] = {
        {use_raft, BX_OWNER_RAFT},       {use_sqlite, BX_OWNER_SQLITE},
        {use_msgpack, BX_OWNER_MSGPACK}, {use_jansson, BX_OWNER_JANSSON},
        {use_uv, BX_OWNER_UV},           {use_libc, BX_OWNER_LIBC},
        {use_ours, BX_OWNER_OURS},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum bx_owner owner = cases[i].owner;
        uint64_t before, live, ours = allocations_of(BX_OWNER_OURS);

        cases[i].use(); /* once for what a library keeps */
        before = allocations_of(owner);
        live = live_of(owner);
        cases[i].use();
        if (allocations_of(owner) == before)
            fail_msg("%s was not seen", bx_owner_names[owner]);
        if (live_of(owner) != live)
            fail_msg("%s: a free was not seen", bx_owner_names[owner]);
        if (owner != BX_OWNER_OURS && owner != BX_OWNER_MSGPACK)
            assert_int_equal(allocations_of(BX_OWNER_OURS), ours);
    }
}

/* ---- each way to allocate ---- */

static void *by_malloc(void)
{
    return malloc(100);
}
static void *by_calloc(void)
{
    return calloc(10, 10);
}
static void *by_realloc(void)
{
    return realloc(malloc(10), 100);
}
static void *by_reallocarray(void)
{
    return reallocarray(NULL, 10, 10);
}
static void *by_aligned_alloc(void)
{
    return aligned_alloc(64, 128);
}
static void *by_posix_memalign(void)
{
    void *p = NULL;

    assert_int_equal(posix_memalign(&p, 4096, 100), 0);
    return p;
}
static void *by_memalign(void)
{
    return memalign(32, 100);
}
static void *by_valloc(void)
{
    return valloc(100);
}
static void *by_pvalloc(void)
{
    return pvalloc(100);
}
static void *by_strndup(void)
{
    return strndup("abcdef", 3);
}

TEST(every_way_is_seen_and_freed)
{
    void *(*const ways[])(void) = {
        by_malloc,         by_calloc,   by_realloc, by_reallocarray, by_aligned_alloc,
        by_posix_memalign, by_memalign, by_valloc,  by_pvalloc,      by_strndup};

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct bx_track_count before = now(NULL).total, during, after;
        void *volatile p = ways[i]();

        during = now(NULL).total;
        assert_int_equal(during.allocations - during.frees, before.allocations - before.frees + 1);
        assert_true(during.bytes - during.freed_bytes > before.bytes - before.freed_bytes);
        free(p);
        after = now(NULL).total;
        assert_int_equal(after.allocations - after.frees, before.allocations - before.frees);
        assert_int_equal(after.bytes - after.freed_bytes, before.bytes - before.freed_bytes);
    }
}

TEST(a_refused_realloc_changes_nothing)
{
    volatile size_t huge = PTRDIFF_MAX;
    struct bx_track_count before, after;
    void *volatile p = malloc(100);
    void *none = NULL;

    before = now(NULL).total;
    if (reallocarray(p, huge, 3) != NULL || realloc(p, huge) != NULL)
        fail_msg("so much memory?");
    after = now(NULL).total;
    assert_memory_equal(&before, &after, sizeof before);
    assert_int_equal(posix_memalign(&none, 3, 100), EINVAL);
    assert_null(none);
    free(p);
}

/* ---- threads and fork ---- */

#define THREADS 4
#define ROUNDS 20000

static void *churn(void *arg)
{
    void *held[16] = {NULL};

    (void)arg;
    for (unsigned i = 0; i < ROUNDS; i++) {
        bx_free(held[i % 16]);
        held[i % 16] = i % 3 == 0 ? bx_must_realloc(bx_must_alloc(8), i % 700 + 1)
                                  : bx_must_alloc(i % 900 + 1);
    }
    for (unsigned i = 0; i < 16; i++)
        bx_free(held[i]);
    return NULL;
}

TEST(threads_lose_no_count)
{
    struct bx_track_count before = now(NULL).owners[BX_OWNER_OURS], after;
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    after = now(NULL).owners[BX_OWNER_OURS];
    assert_int_equal(after.allocations - after.frees, before.allocations - before.frees);
    assert_int_equal(after.bytes - after.freed_bytes, before.bytes - before.freed_bytes);
    assert_true(after.allocations - before.allocations >= THREADS * ROUNDS);
}

static void *churn_scopes(void *arg)
{
    const char *name = arg;

    for (int i = 0; i < 100; i++) {
        assert_int_equal(bx_track_start(name), BX_OK);
        now(name);
        assert_int_equal(bx_track_finish(name), BX_OK);
    }
    return NULL;
}

/* A child that is made while others allocate, and begin and end scopes, can itself do that. */
TEST(fork_leaves_no_lock_behind)
{
    static char other[] = "other", third[] = "third";
    pthread_t threads[4];

    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, NULL), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, churn_scopes, other), 0);
    assert_int_equal(pthread_create(&threads[3], NULL, churn_scopes, third), 0);
    for (int i = 0; i < 20; i++) {
        int status;
        pid_t child = fork();

        if (child == 0) {
            alarm(20);
            bx_free(bx_must_alloc(10));
            _exit(bx_track_start("child"));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

TEST(raft_memory_is_known_as_such)
{
    struct bx_track_report before, after;
    void *p;

    bx_raft_heap_use();
    bx_buf_thread_close();
    before = now(NULL);
    p = raft_malloc(100000);
    after = now(NULL);
    assert_int_equal(after.owners[BX_OWNER_RAFT].allocations,
                     before.owners[BX_OWNER_RAFT].allocations + 1);
    assert_int_equal(after.owners[BX_OWNER_OURS].allocations,
                     before.owners[BX_OWNER_OURS].allocations);
    raft_free(p);
}

int main(void)
{
    return test_run(NULL, NULL);
}

#endif
