/* slab against its header; and what stands on it: an interner that is full. */
#include "lib/testfsm.h"
#include "lib/testlib.h"

#include "mem/alloc.h"
#include "mem/intern.h"
#include "mem/slab.h"

#include <string.h>

static uint64_t allocations(void)
{
    struct bx_alloc_stats s;

    bx_alloc_stats(&s);
    return s.allocations;
}

TEST(blocks_are_aligned_and_apart)
{
    enum { N = 2100 };
    struct bx_slab s = {0};
    uint8_t **p = bx_must_calloc(N + 1, sizeof *p);

    for (size_t n = 1; n <= N; n++) {
        p[n] = bx_slab_alloc(&s, n);
        assert_int_equal((uintptr_t)p[n] % 16, 0);
        memset(p[n], (int)n, n);
    }
    for (size_t n = 1; n <= N; n++) {
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[n][i], (uint8_t)n);
    }
    assert_int_equal(s.stats.live, N);
    assert_int_equal(s.stats.live_bytes, (uint64_t)N * (N + 1) / 2);
    for (size_t n = 1; n <= N; n++)
        bx_slab_free(&s, p[n], n);
    bx_slab_free(&s, NULL, 7);
    assert_int_equal(s.stats.live, 0);
    bx_slab_close(&s);
    bx_free(p);
}

/* Eight blocks at first, then 256 at a time, and what was given back comes first. */
TEST(it_grows_by_one_slab_for_256_blocks)
{
    enum { N = 8 + 3 * 256 };
    struct bx_slab s = {0};
    uint64_t before = allocations();
    void *p[N];

    for (int i = 0; i < N; i++)
        p[i] = bx_slab_alloc(&s, 600);
    assert_int_equal(allocations() - before, 4);
    assert_int_equal(s.stats.slabs, 4);
    assert_int_equal(s.stats.slab_bytes, N * 608);
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < N; i++)
            bx_slab_free(&s, p[i], 600);
        for (int i = 0; i < N; i++)
            p[i] = bx_slab_calloc(&s, 590); /* the same class */
        for (int i = 0; i < N; i++)
            bx_slab_free(&s, p[i], 590);
        for (int i = 0; i < N; i++)
            p[i] = bx_slab_alloc(&s, 600);
    }
    assert_int_equal(allocations() - before, 4);
    for (int i = 0; i < N; i++)
        bx_slab_free(&s, p[i], 600);
    bx_slab_close(&s);
}

TEST(large_blocks_come_from_the_heap)
{
    struct bx_slab s = {0};
    uint64_t before = allocations();
    char *p = bx_slab_calloc(&s, 5000);

    assert_int_equal(p[4999], 0);
    assert_int_equal(allocations() - before, 1);
    assert_int_equal(s.stats.slabs, 0);
    bx_slab_free(&s, p, 5000);
    bx_slab_close(&s);
}

/* A model in random order: each block keeps its own pattern. */
TEST(it_agrees_with_a_model)
{
    enum { N = 500 };
    struct bx_slab s = {0};
    struct {
        uint8_t *p;
        size_t n;
        uint8_t fill;
    } held[N] = {0};
    uint64_t seed = 7;

    for (int step = 0; step < 50000; step++) {
        size_t i = test_random(&seed) % N;

        if (held[i].p != NULL) {
            for (size_t k = 0; k < held[i].n; k++)
                assert_int_equal(held[i].p[k], held[i].fill);
            bx_slab_free(&s, held[i].p, held[i].n);
            held[i].p = NULL;
            continue;
        }
        held[i].n = test_random(&seed) % 2300 + 1;
        held[i].fill = (uint8_t)test_random(&seed);
        held[i].p = bx_slab_alloc(&s, held[i].n);
        memset(held[i].p, held[i].fill, held[i].n);
    }
    for (size_t i = 0; i < N; i++)
        bx_slab_free(&s, held[i].p, held[i].n);
    bx_slab_close(&s);
}

static void use_slab(void *ctx)
{
    struct bx_slab s = {0};
    void *p[300];

    (void)ctx;
    for (int i = 0; i < 300; i++)
        p[i] = bx_slab_alloc(&s, i % 10 == 0 ? 3000 : 100);
    for (int i = 0; i < 300; i++)
        bx_slab_free(&s, p[i], i % 10 == 0 ? 3000 : 100);
    bx_slab_close(&s);
}

TEST(nothing_leaks_when_memory_is_out)
{
    assert_int_equal(test_fail_each_allocation(use_slab, NULL), 30 + 3);
}

/* ---- the interner ---- */

TEST(a_full_interner_gives_private_copies)
{
    struct bx_intern *t = bx_intern_create(2, 0);
    const struct bx_istr *a = bx_intern_hold(t, "a", 1), *b = bx_intern_hold(t, "b", 1);
    const struct bx_istr *c = bx_intern_hold(t, "c", 1), *again = bx_intern_hold(t, "c", 1);
    struct bx_intern_stats s;

    assert_null(bx_intern_get(t, "c", 1));
    assert_ptr_equal(bx_intern_hold(t, "a", 1), a);
    assert_ptr_not_equal(c, again);
    assert_string_equal(c->s, "c");
    assert_int_equal(c->hash, again->hash);
    assert_int_equal(c->len, 1);
    bx_intern_stats(t, &s);
    assert_int_equal(s.live, 2);
    assert_int_equal(s.copies, 2);
    assert_int_equal(s.refused, 3);
    assert_ptr_equal(bx_intern_ref(t, c), c);
    bx_intern_release(t, c);
    assert_string_equal(c->s, "c");
    bx_intern_release(t, c);
    bx_intern_release(t, again);
    bx_intern_release(t, a);
    bx_intern_release(t, a);
    c = bx_intern_hold(t, "c", 1); /* there is room again */
    assert_ptr_equal(bx_intern_get(t, "c", 1), c);
    bx_intern_release(t, c);
    bx_intern_stats(t, &s);
    assert_int_equal(s.copies, 0);
    bx_intern_release(t, b);
    bx_intern_release(t, c);
    bx_intern_destroy(t);
}

TEST(statuses_need_no_room)
{
    struct bx_intern *t = bx_intern_create(1, 0);
    const struct bx_istr *a = bx_intern_hold(t, "a", 1);

    assert_ptr_equal(bx_intern_hold(t, "running", 7), &bx_status_running);
    bx_intern_release(t, &bx_status_running);
    bx_intern_release(t, a);
    bx_intern_destroy(t);
}

/* A state machine whose interner is too small for its names does all that another one does. */
static void live_with(struct test_fsm *t)
{
    char name[16];

    test_fsm_open(t);
    test_fsm_node(t, 1, "n1");
    for (int i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "vm-%d", i);
        assert_int_equal(test_fsm_vm(t, name, BX_RESTART_NEVER, NULL), BX_OK);
    }
    assert_int_equal(test_fsm_vm(t, "vm-29", BX_RESTART_NEVER, NULL), BX_EXISTS);
    for (int i = 0; i < 30; i += 2) {
        snprintf(name, sizeof name, "vm-%d", i);
        assert_int_equal(test_fsm_delete(t, name), BX_OK);
    }
    test_fsm_reopen(t);
}

TEST(a_state_machine_outgrows_its_interner)
{
    struct test_fsm small = {.intern_strings = 10}, large = {0};
    struct bx_intern_stats s;
    struct bx_index_place at;
    const struct bx_view *v;
    const struct bx_vm *vm;

    live_with(&small);
    live_with(&large);
    bx_intern_stats(small.intern, &s);
    assert_int_equal(s.live, 10);
    assert_true(s.copies > 0 && s.refused > 0);
    assert_int_equal(test_fsm_digest(&small), test_fsm_digest(&large));
    v = bx_fsm_view(small.fsm);
    at = bx_view_after(v, BX_TABLE_VM, NULL);
    vm = bx_view_step(v, BX_TABLE_VM, &at);
    assert_string_equal(vm->name->s, "vm-0");
    vm = bx_view_step(v, BX_TABLE_VM, &at);
    assert_string_equal(vm->name->s, "vm-1");
    assert_string_equal(vm->tenant->s, "default");
    test_fsm_close(&small);
    test_fsm_close(&large);
}

int main(void)
{
    return test_run(NULL, NULL);
}
