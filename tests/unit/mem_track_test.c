/* The tracking build: what it sees, whose it says it is, scopes, threads, fork. In any other build
 * there is nothing to test. */
#include "lib/testlib.h"

#ifndef BX_TRACK_ALLOCATIONS

int main(void)
{
    puts("1..0 # SKIP allocations are not tracked in this build");
    return 0;
}

#else

#include "codec/pack.h"
#include "err.h"
#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem/track.h"
#include "node/raft.h"
#include "wire/command.h"

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

static struct bx_track_report now(const char *scope)
{
    struct bx_track_report r;

    assert_int_equal(bx_track_report(scope, &r), BX_OK);
    return r;
}

static uint64_t allocations_of(enum bx_owner owner)
{
    return now(NULL).owners[owner].allocations;
}

static uint64_t live_of(enum bx_owner owner)
{
    struct bx_track_count c = now(NULL).owners[owner];

    return c.allocations - c.frees;
}

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

/* ---- scopes ---- */

TEST(a_scope_counts_what_happens_in_it)
{
    struct bx_track_site top[2];
    struct bx_track_count c;
    void *volatile old = bx_must_alloc(500);
    void *kept;

    assert_int_equal(bx_track_start("scope"), BX_OK);
    assert_int_equal(bx_track_start("scope"), BX_CONFLICT);
    kept = bx_must_alloc(1000);
    bx_free(bx_must_alloc(300));
    bx_free(old);
    c = now("scope").owners[BX_OWNER_OURS];
    assert_int_equal(c.allocations, 2);
    assert_int_equal(c.bytes, 1300);
    assert_int_equal(c.frees, 2);
    assert_int_equal(c.freed_bytes, 800);
    assert_int_equal(bx_track_top("scope", top, 2), 2);
    assert_int_equal(top[0].count.bytes, 1000);
    assert_int_equal(top[1].count.bytes, 300);
    assert_int_equal(top[0].owner, BX_OWNER_OURS);
    assert_non_null(strstr(top[0].name, "tests/unit/mem_track_test.c:"));
    assert_int_equal(bx_track_finish("scope"), BX_OK);
    assert_int_equal(bx_track_finish("scope"), BX_NOT_FOUND);
    assert_int_equal(bx_track_top("scope", top, 2), 0);
    bx_free(kept);
}

TEST(scopes_are_bounded)
{
    struct bx_track_report r;
    char name[BX_TRACK_NAME + 1] = "";

    assert_int_equal(bx_track_start(""), BX_INVALID);
    assert_int_equal(bx_track_report("", &r), BX_NOT_FOUND);
    assert_int_equal(bx_track_finish(""), BX_NOT_FOUND);
    memset(name, 'x', BX_TRACK_NAME);
    assert_int_equal(bx_track_start(name), BX_INVALID);
    for (unsigned i = 0; i < BX_TRACK_SCOPES; i++) {
        snprintf(name, sizeof name, "s%u", i);
        assert_int_equal(bx_track_start(name), BX_OK);
    }
    assert_int_equal(bx_track_start("one more"), BX_BUSY);
    for (unsigned i = 0; i < BX_TRACK_SCOPES; i++) {
        snprintf(name, sizeof name, "s%u", i);
        assert_int_equal(bx_track_finish(name), BX_OK);
    }
}

static struct bx_pool_stats pool_of_scopes(void)
{
    struct bx_pool_stats s;

    bx_track_scope_stats(&s);
    return s;
}

/* Two kept and one made ahead: the third is from the heap, which is counted, and goes back to it.
 * What a scope is made of is not counted in it, but in those that run already. */
TEST(scopes_come_from_a_pool)
{
    static const char *const names[] = {"a", "b", "c"};
    uint64_t live;

    assert_int_equal(bx_track_scopes((struct bx_pool_size){2, 1}), BX_OK);
    live = live_of(BX_OWNER_OURS);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 3; i++) {
            assert_int_equal(bx_track_start(names[i]), BX_OK);
            assert_int_equal(now(names[i]).total.allocations, 0);
        }
        assert_int_equal(now("a").owners[BX_OWNER_OURS].allocations, round == 0 ? 2 : 1);
        assert_int_equal(pool_of_scopes().in_use, 3);
        for (int i = 0; i < 3; i++)
            assert_int_equal(bx_track_finish(names[i]), BX_OK);
        assert_int_equal(pool_of_scopes().available, 2);
    }
    assert_int_equal(pool_of_scopes().hits, 3);
    assert_int_equal(pool_of_scopes().misses, 3);
    assert_int_equal(pool_of_scopes().high_water, 3);
    assert_int_equal(live_of(BX_OWNER_OURS), live + 1); /* of three one went back */
    assert_int_equal(bx_track_scopes(BX_TRACK_SCOPE_POOL), BX_OK);
    assert_int_equal(live_of(BX_OWNER_OURS), live);
}

TEST(who_closes_ends_the_scopes)
{
    uint64_t live;

    bx_track_scopes_close();
    live = live_of(BX_OWNER_OURS);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(bx_track_start("a"), BX_OK);
        assert_int_equal(bx_track_start("b"), BX_OK);
        bx_track_scopes_close();
        assert_int_equal(live_of(BX_OWNER_OURS), live);
        assert_int_equal(bx_track_finish("a"), BX_NOT_FOUND);
    }
}

static int no_memory(void *ctx, size_t size)
{
    (void)ctx;
    (void)size;
    return 1;
}

TEST(a_scope_without_memory_does_not_begin)
{
    assert_int_equal(bx_track_scopes((struct bx_pool_size){1, 0}), BX_OK);
    bx_alloc_set_fault(no_memory, NULL);
    assert_int_equal(bx_track_start("a"), BX_NO_MEMORY);
    bx_alloc_set_fault(NULL, NULL);
    assert_int_equal(bx_track_finish("a"), BX_NOT_FOUND);
    assert_int_equal(pool_of_scopes().in_use, 0);
    assert_int_equal(bx_track_scopes(BX_TRACK_SCOPE_POOL), BX_OK);
}

TEST(printing_does_not_meet_itself)
{
    uint64_t before = allocations_of(BX_OWNER_OURS);

    bx_track_print(NULL);
    bx_track_print("no such scope");
    assert_int_equal(allocations_of(BX_OWNER_OURS), before);
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

/* ---- scopes of the code ---- */

static struct bx_track_code_count code(const char *name)
{
    struct bx_track_code_count all[32];
    uint32_t n = bx_track_codes(all, 32);

    for (uint32_t i = 0; i < n; i++) {
        if (strcmp(all[i].name, name) == 0)
            return all[i];
    }
    return (struct bx_track_code_count){.name = NULL};
}

static void take_in_inner(int depth, void **out)
{
    void *more;

    BX_TRACK_SCOPE("inner");
    *out = bx_must_alloc(100);
    if (depth > 0) {
        take_in_inner(depth - 1, &more);
        bx_free(more);
    }
}

static void take_in_outer(int depth, void **out)
{
    BX_TRACK_SCOPE("outer");
    take_in_inner(depth, out);
    free(strdup("text"));
}

TEST(a_scope_of_the_code_counts_what_is_allocated_in_it_and_below)
{
    struct bx_track_code_count inner, outer;
    void *p, *other;

    assert_null(code("outer").name);
    take_in_outer(0, &p);
    inner = code("inner");
    outer = code("outer");
    assert_int_equal(inner.entered, 1);
    assert_int_equal(inner.count.allocations, 1);
    assert_int_equal(inner.count.bytes, 100);
    assert_int_equal(inner.count.frees, 0);
    assert_int_equal(outer.entered, 1);
    assert_int_equal(outer.count.allocations, 2); /* libc's, too */
    assert_int_equal(outer.count.frees, 1);
    bx_free(p); /* outside of it */
    other = bx_must_alloc(5000);
    bx_free(other);
    assert_int_equal(code("outer").count.bytes, outer.count.bytes);
    assert_int_equal(code("outer").count.frees, 1);
}

TEST(a_scope_inside_of_itself_counts_once)
{
    struct bx_track_code_count before = code("inner"), after;
    void *p;

    take_in_outer(2, &p);
    after = code("inner");
    assert_int_equal(after.entered, before.entered + 3);
    assert_int_equal(after.count.allocations, before.count.allocations + 3);
    assert_int_equal(after.count.frees, before.count.frees + 2);
    bx_free(p);
}

static void *take_elsewhere(void *arg)
{
    bx_free(bx_must_alloc(777777));
    return arg;
}

TEST(a_scope_of_the_code_is_of_one_thread)
{
    pthread_t thread;

    BX_TRACK_SCOPE("one thread");
    assert_int_equal(pthread_create(&thread, NULL, take_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    assert_true(code("one thread").count.bytes < 777777); /* pthread_create takes some */
}

/* The others are entered by a node: tests/integration/memory.sh. */
TEST(encoding_a_command_enters_its_scope)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_DELETE};
    struct bx_cmd_vm_delete body = {.vm = {"x", 1}};
    uint64_t entered = code("encode").entered;
    struct bx_buf b = {0};

    assert_int_equal(bx_cmd_encode(&b, &head, &body), BX_OK);
    assert_int_equal(code("encode").entered, entered + 1);
    bx_buf_release(&b);
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
