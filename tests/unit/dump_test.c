/* Dump and restore against fsm.h: a dump is what was committed when it was opened, in equal bytes
 * on every replica; a restore brings exactly that back, or leaves nothing that could pass for a
 * state. */
#include "lib/testlib.h"

#include "lib/testfsm.h"
#include "lib/testfsm_random.h"

#include "mem/alloc.h"

#include <string.h>
#include <unistd.h>

struct world {
    struct test_fsm t;
    struct test_commands g;
    struct test_batch next;
    struct bx_buf dump; /* of t as it stands after setup */
    uint64_t digest;
    uint64_t number; /* of what a child does: its seed, or the allocation that fails */
};

static void apply_some(struct world *w, int entries)
{
    while (entries-- > 0) {
        test_commands_fill(&w->g, &w->t, &w->next, 3);
        test_fsm_feed(&w->t, &w->next);
    }
    test_fsm_commit(&w->t);
}

static int setup(void **state)
{
    struct world *w = bx_must_calloc(1, sizeof *w);

    w->g.seed = 11;
    test_fsm_open(&w->t);
    apply_some(w, 60);
    test_fsm_dump(&w->t, &w->dump);
    w->digest = test_fsm_digest(&w->t);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    test_fsm_close(&w->t);
    test_commands_close(&w->g);
    bx_buf_release(&w->next.buf);
    bx_buf_release(&w->dump);
    bx_free(w);
    return 0;
}

/* ---- dumping ---- */

static void same_bytes(const struct bx_buf *a, const struct bx_buf *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->data, b->data, a->len);
}

/* What is applied while a dump is read is not in it, and does not wait for it. */
TEST(a_dump_sees_one_moment)
{
    struct world *w = *state;
    struct bx_buf chunk = {0}, all = {0};
    struct bx_dump *d;

    assert_int_equal(bx_dump_open(&d, w->t.fsm, NULL), BX_OK);
    apply_some(w, 40);
    assert_true(test_fsm_digest(&w->t) != w->digest);
    do {
        assert_int_equal(bx_dump_next(d, &chunk, NULL), BX_OK);
        assert_int_equal(bx_buf_append(&all, chunk.data, chunk.len), BX_OK);
        apply_some(w, 1);
    } while (chunk.len > 0);
    bx_dump_close(d);
    bx_dump_close(NULL);
    same_bytes(&all, &w->dump);
    bx_buf_release(&all);
    bx_buf_release(&chunk);
}

/* Opening one commits what is applied: nothing of the turn is lost to it. */
TEST(a_dump_commits_what_is_applied_first)
{
    struct world *w = *state;
    struct bx_buf before = {0}, after = {0};

    test_commands_fill(&w->g, &w->t, &w->next, 5);
    test_fsm_feed(&w->t, &w->next);
    test_fsm_dump(&w->t, &before);
    test_fsm_commit(&w->t);
    test_fsm_dump(&w->t, &after);
    same_bytes(&before, &after);
    bx_buf_release(&before);
    bx_buf_release(&after);
}

TEST(a_restored_state_dumps_the_same_bytes)
{
    struct world *w = *state;
    struct test_fsm to = {0};
    struct bx_buf again = {0};

    test_fsm_open(&to);
    assert_int_equal(test_fsm_restore(to.fsm, w->dump.data, w->dump.len, w->t.index, w->digest),
                     BX_OK);
    assert_int_equal(bx_fsm_applied(to.fsm), w->t.index);
    assert_int_equal(test_fsm_revision(&to), test_fsm_revision(&w->t));
    assert_int_equal(bx_fsm_events_oldest(to.fsm), bx_fsm_events_oldest(w->t.fsm));
    test_fsm_dump(&to, &again);
    same_bytes(&again, &w->dump);
    test_fsm_close(&to);
    bx_buf_release(&again);
}

TEST(an_empty_state_can_be_restored)
{
    struct test_fsm a = {0}, b = {0};
    struct bx_buf dump = {0};

    test_fsm_open(&a);
    test_fsm_open(&b);
    test_fsm_node(&b, 1, "n1");
    test_fsm_dump(&a, &dump);
    assert_int_equal(test_fsm_restore(b.fsm, dump.data, dump.len, 3, test_fsm_digest(&a)), BX_OK);
    assert_int_equal(bx_fsm_applied(b.fsm), 3);
    assert_int_equal(bx_view_nodes(bx_fsm_view(b.fsm)), 0);
    b.index = 3;
    b.event_index = 0;
    test_fsm_node(&b, 1, "n1");
    test_fsm_close(&a);
    test_fsm_close(&b);
    bx_buf_release(&dump);
}

/* 512 refusals with many words in one entry: the largest row of outcomes, in chunks of at most 1
 * MiB, which test_fsm_dump holds them to. */
TEST(the_largest_row_fits_into_a_dump)
{
    struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE};
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    struct test_fsm t = {0}, to = {0};
    struct test_batch b = {0};
    struct bx_buf dump = {0};
    char name[BX_NAME_MAX + 1];

    test_fsm_open(&t);
    memset(name, 'x', sizeof name);
    name[BX_NAME_MAX] = '\0';
    for (uint64_t id = 10; id < 30; id++) {
        snprintf(name, 3, "%02u", (unsigned)id);
        name[2] = 'x';
        test_fsm_node(&t, id, name);
    }
    bx_vm_config_init(&c.config);
    c.config.name = bx_str("web");
    c.config.memory_mib = BX_MEMORY_MIB_MAX;
    for (int e = 0; e < 3; e++) {
        test_batch_clear(&b);
        while (b.n < BX_BATCH_COMMANDS_MAX) {
            head.session[0] = (uint8_t)(1 + e);
            head.sequence++;
            test_batch_add(&b, &head, &c);
        }
        test_batch_seal(&b, t.index, 5000000);
        test_fsm_feed(&t, &b);
    }
    test_fsm_commit(&t);
    assert_int_equal(t.last.code, BX_UNPLACEABLE);
    assert_true(t.last.message.n > 800);
    test_fsm_dump(&t, &dump);
    assert_true(dump.len > 3 * 512 * 800);
    test_fsm_open(&to);
    assert_int_equal(test_fsm_restore(to.fsm, dump.data, dump.len, t.index, test_fsm_digest(&t)),
                     BX_OK);
    test_fsm_close(&t);
    test_fsm_close(&to);
    bx_buf_release(&dump);
    bx_buf_release(&b.buf);
}

/* ---- restores that fail ---- */

TEST(a_restore_with_another_digest_is_refused)
{
    struct world *w = *state;
    struct test_fsm to = {0};

    test_fsm_open(&to);
    assert_int_equal(test_fsm_restore(to.fsm, w->dump.data, w->dump.len, w->t.index, w->digest + 1),
                     BX_CORRUPT);
    assert_int_equal(bx_fsm_applied(to.fsm), 0);
    /* Begun again, with the right one, it goes through. */
    assert_int_equal(test_fsm_restore(to.fsm, w->dump.data, w->dump.len, w->t.index, w->digest),
                     BX_OK);
    assert_int_equal(bx_fsm_applied(to.fsm), w->t.index);
    assert_true(test_fsm_digest(&to) == w->digest);
    test_fsm_close(&to);
}

/* Given up at any point: after a restart the state from before is there, or none. */
TEST(a_restore_that_is_given_up_leaves_the_old_state_or_none)
{
    struct world *w = *state;
    struct test_fsm to = {0};
    uint64_t digest;
    struct bx_err err;

    test_fsm_open(&to);
    test_fsm_node(&to, 1, "old");
    digest = test_fsm_digest(&to);
    assert_int_equal(bx_fsm_restore_begin(to.fsm, &err), BX_OK);
    test_fsm_reopen(&to);
    assert_int_equal(bx_fsm_applied(to.fsm), 1);
    assert_true(test_fsm_digest(&to) == digest);
    assert_int_equal(bx_fsm_restore_begin(to.fsm, &err), BX_OK);
    assert_int_equal(bx_fsm_restore_chunk(to.fsm, w->dump.data, w->dump.len, &err), BX_OK);
    test_fsm_reopen(&to);
    assert_int_equal(bx_fsm_applied(to.fsm), 1);
    assert_true(test_fsm_digest(&to) == digest);
    test_fsm_close(&to);
}

TEST(cut_rows_are_refused)
{
    struct world *w = *state;
    struct test_fsm to = {0};

    test_fsm_open(&to);
    for (size_t n = 1; n < 2000; n++) {
        int rc = test_fsm_restore(to.fsm, w->dump.data, w->dump.len - n, w->t.index, w->digest);

        /* Whole rows may be missing: the rows' digest does not cover the events, which come last;
         * the file that holds them has a checksum. */
        if (n % 8 != 0)
            assert_int_equal(rc, BX_CORRUPT);
        if (rc != BX_OK)
            assert_int_equal(bx_fsm_applied(to.fsm), 0);
    }
    test_fsm_close(&to);
}

/* Many flips, each restored into memory. What comes through has the right rows. */
static void restore_flipped(void *ctx)
{
    const struct world *w = ctx;
    uint64_t seed = w->number;
    struct bx_fsm_options o = {.path = ":memory:", .intern = bx_intern_create(0, 0)};
    struct bx_fsm *f;

    if (bx_fsm_open(&f, &o, NULL) != BX_OK)
        _exit(2);
    for (int i = 0; i < 150; i++) {
        size_t bit = test_random(&seed) % (8 * w->dump.len);
        struct bx_cluster_info info;
        int rc;

        w->dump.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = test_fsm_restore(f, w->dump.data, w->dump.len, w->t.index, w->digest);
        w->dump.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        bx_view_cluster(bx_fsm_view(f), &info);
        if (rc == BX_OK ? info.digest != w->digest || bx_fsm_applied(f) != w->t.index
                        : rc != BX_CORRUPT || bx_fsm_applied(f) != 0)
            _exit(3);
    }
    bx_fsm_close(f);
    bx_intern_destroy(o.intern);
}

TEST(flipped_bits_are_refused_or_end_the_process)
{
    struct world *w = *state;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        int ended;

        w->number = seed;
        ended = test_in_child(restore_flipped, w);
        /* 70: a key that is there twice ends the process before the commit. */
        if (ended != 0 && ended != 70)
            fail_msg("seed %u: %d", (unsigned)seed, ended);
    }
}

/* The same rows twice: names and ids would not be unique. */
TEST(rows_that_come_twice_are_refused)
{
    struct world *w = *state;
    struct test_fsm t = {0}, to = {0};
    struct bx_buf dump = {0};
    uint64_t digest;
    size_t once;

    (void)w;
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_NEVER, NULL), BX_OK);
    digest = test_fsm_digest(&t);
    test_fsm_dump(&t, &dump);
    once = dump.len;
    test_fsm_dump(&t, &dump);
    test_fsm_open(&to);
    for (size_t n = 0; n < once; n += 8)
        assert_int_equal(test_fsm_restore(to.fsm, dump.data, n, t.index, digest), BX_CORRUPT);
    assert_int_equal(test_fsm_restore(to.fsm, dump.data, once, t.index, digest), BX_OK);
    /* What users do not see may be said twice, a row may not. */
    for (size_t n = once + 8; n < dump.len; n += 8) {
        if (test_fsm_restore(to.fsm, dump.data, n, t.index, digest) == BX_OK)
            assert_true(test_fsm_digest(&to) == digest);
    }
    assert_int_equal(test_fsm_restore(to.fsm, dump.data, dump.len, t.index, digest), BX_CORRUPT);
    test_fsm_close(&t);
    test_fsm_close(&to);
    bx_buf_release(&dump);
}

/* ---- memory that runs out ---- */

enum { DONE = 20, REFUSED, NOT_REACHED };

static void restore_without_memory(void *ctx)
{
    struct world *w = ctx;
    struct test_countdown c = {.fail_at = (uint32_t)w->number};
    int rc;

    memset(&w->t.options.sink, 0, sizeof w->t.options.sink);
    w->t.options.trusted = true;
    if (bx_fsm_open(&w->t.fsm, &w->t.options, NULL) != BX_OK)
        _exit(1);
    bx_alloc_set_fault(test_fail_one, &c);
    rc = test_fsm_restore(w->t.fsm, w->dump.data, w->dump.len, 1000, w->digest);
    _exit(rc != BX_OK ? REFUSED : c.calls <= c.fail_at ? NOT_REACHED : DONE);
}

TEST(a_restore_without_memory_changes_all_or_nothing)
{
    struct world *w = *state;
    uint64_t index, changed, n = 0;
    int ended = 0;

    apply_some(w, 5);
    index = w->t.index;
    changed = test_fsm_digest(&w->t);
    for (; ended != NOT_REACHED; n += 1 + n / 8) {
        bool done;

        bx_fsm_close(w->t.fsm);
        w->number = n;
        ended = test_in_child(restore_without_memory, w);
        if (ended != 70 && ended != REFUSED && ended != DONE && ended != NOT_REACHED)
            fail_msg("allocation %u: %d", (unsigned)n, ended);
        w->t.options.trusted = true;
        assert_int_equal(bx_fsm_open(&w->t.fsm, &w->t.options, NULL), BX_OK);
        done = ended == DONE || ended == NOT_REACHED;
        assert_int_equal(bx_fsm_applied(w->t.fsm), done ? 1000 : index);
        assert_true(test_fsm_digest(&w->t) == (done ? w->digest : changed));
        if (ended == DONE)
            break; /* what failed was something it can do without */
    }
    assert_true(n > 20);
}

static void read_dump(void *ctx)
{
    struct world *w = ctx;
    struct bx_buf chunk = {0};
    struct bx_dump *d = NULL;
    int rc = bx_dump_open(&d, w->t.fsm, NULL);

    if (rc == BX_OK) {
        do
            rc = bx_dump_next(d, &chunk, NULL);
        while (rc == BX_OK && chunk.len > 0);
        assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    }
    bx_dump_close(d);
    bx_buf_release(&chunk);
    bx_buf_thread_close();
}

/* A snapshot that finds no memory is given up, and taken later. */
TEST(a_dump_without_memory_is_given_up)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(read_dump, *state) > 2);
}

int main(void)
{
    return test_run(setup, teardown);
}
