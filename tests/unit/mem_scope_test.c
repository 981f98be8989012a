/* The scopes of the tracking build: what was allocated between two points. In any other build there
 * is nothing to test. */
#include "lib/testlib.h"

#ifndef BX_TRACK_ALLOCATIONS

int main(void)
{
    puts("1..0 # SKIP allocations are not tracked in this build");
    return 0;
}

#else

#include "mem/alloc.h"
#include "mem/buf.h"
#include "mem_track_help.h"
#include "wire/command.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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
    assert_non_null(strstr(top[0].name, "tests/unit/mem_scope_test.c:"));
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

TEST(a_scope_without_memory_does_not_begin)
{
    assert_int_equal(bx_track_scopes((struct bx_pool_size){1, 0}), BX_OK);
    test_fail_allocations(true);
    assert_int_equal(bx_track_start("a"), BX_NO_MEMORY);
    test_fail_allocations(false);
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

int main(void)
{
    return test_run(NULL, NULL);
}

#endif
