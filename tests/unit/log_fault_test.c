/* wal when files fail and memory runs out. */
#include "unit/log_help.h"

#include <errno.h>

/* Every change that a job makes fails once: nothing of it is durable, and no job follows. */
TEST(a_failing_disk_makes_nothing_durable)
{
    bool reached = true;

    for (uint64_t at = 0; reached; at++) {
        struct memfs *m = memfs_create();
        struct bx_wal *w = open_small(m);
        struct bx_err err = {0};
        uint64_t before;
        int rc;

        append_many(w, 1, 30, 1, 300);
        assert_int_equal(pump(w, NULL), BX_OK);
        append_many(w, 31, 45, 1, 300);
        assert_int_equal(bx_wal_compact(w, 20), BX_OK);
        bx_wal_raise_high_water(w);
        before = bx_wal_durable(w);
        memfs_plan(m, MEMFS_FAIL, memfs_changes(m) + at, at % 2 ? -EIO : -ENOSPC);
        assert_true(bx_wal_begin(w));
        rc = bx_wal_finish(w, bx_wal_run(w, &err));
        reached = memfs_faulted(m);
        if (reached) {
            assert_true(rc == BX_IO || (rc == BX_NO_SPACE && at % 2 == 0));
            assert_non_null(strstr(err.msg, "memfs/"));
            assert_int_equal(bx_wal_durable(w), before);
            assert_false(bx_wal_begin(w));
        } else {
            assert_int_equal(rc, BX_OK);
            assert_true(bx_wal_durable(w) > before);
        }
        w = reopen(w, m);
        assert_in_range(bx_wal_last(w), 30, 45);
        for (uint64_t i = bx_wal_first(w); i <= bx_wal_last(w); i++)
            entry_is(w, i, 1, 300);
        bx_wal_close(w);
        memfs_destroy(m);
    }
}

/* Nothing but a sync is final for lack of space. */
TEST(a_job_that_found_no_room_is_run_again_and_is_durable)
{
    bool reached = true;
    unsigned again = 0;

    for (uint64_t at = 0; reached; at++) {
        struct memfs *m = memfs_create();
        struct bx_wal *w = open_small(m);
        struct bx_err err = {0};
        int rc;

        append_many(w, 1, 30, 1, 300);
        assert_int_equal(pump(w, NULL), BX_OK);
        append_many(w, 31, 45, 1, 300);
        assert_int_equal(bx_wal_compact(w, 20), BX_OK);
        bx_wal_raise_high_water(w);
        memfs_plan(m, MEMFS_FAIL, memfs_changes(m) + at, -ENOSPC);
        assert_true(bx_wal_begin(w));
        rc = bx_wal_run(w, &err);
        reached = memfs_faulted(m);
        memfs_plan(m, MEMFS_NONE, 0, 0);
        if (rc == BX_NO_SPACE) {
            assert_false(memfs_exists(m, "wal.tmp"));
            rc = bx_wal_run(w, &err);
            again++;
        } else if (reached) {
            assert_int_equal(rc, BX_IO);
            assert_non_null(strstr(err.msg, "sync "));
        }
        assert_int_equal(bx_wal_finish(w, rc), rc);
        if (rc == BX_OK) {
            assert_int_equal(pump(w, NULL), BX_OK);
            assert_int_equal(bx_wal_durable(w), 45);
        }
        w = reopen(w, m);
        assert_in_range(bx_wal_last(w), rc == BX_OK ? 45 : 30, 45);
        for (uint64_t i = bx_wal_first(w); i <= bx_wal_last(w); i++)
            entry_is(w, i, 1, 300);
        bx_wal_close(w);
        assert_int_equal(memfs_open_files(m), 0);
        memfs_destroy(m);
    }
    assert_true(again > 3);
}

TEST(open_fails_cleanly_and_can_be_tried_again)
{
    struct memfs *good = memfs_create();
    struct bx_wal *w = open_small(good);
    bool reached = true;

    append_many(w, 1, 30, 1, 300);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    for (uint64_t at = 0; reached; at++) {
        struct memfs *m = memfs_clone(good);

        memfs_plan(m, MEMFS_FAIL, at, -EIO);
        if (open_log(&w, m, SMALL_SEGMENT, NULL) == BX_OK) {
            reached = memfs_faulted(m);
            assert_false(reached);
            bx_wal_close(w);
            memfs_plan(m, MEMFS_NONE, 0, 0);
        }
        assert_int_equal(memfs_open_files(m), 0);
        w = open_small(m);
        assert_int_equal(bx_wal_last(w), 30);
        bx_wal_close(w);
        memfs_destroy(m);
    }
    memfs_destroy(good);
}

/* With one allocation failing: a clean answer, nothing lost that was there, nothing leaked. */
static void use_log(void *ctx)
{
    struct memfs *m = memfs_create();
    struct bx_buf scratch = {0};
    struct bx_wal_entry e;
    struct bx_wal *w;
    uint64_t last;
    int rc;

    (void)ctx;
    for (int round = 0; round < 2; round++) {
        rc = open_log(&w, m, SMALL_SEGMENT, NULL);
        assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
        if (rc != BX_OK)
            continue;
        for (int i = 0; i < 60; i++) {
            last = bx_wal_last(w);
            rc = append_one(w, last + 1, 1, 300);
            assert_int_equal(bx_wal_last(w), rc == BX_OK ? last + 1 : last);
            assert_int_equal(pump(w, NULL), BX_OK);
        }
        last = bx_wal_last(w);
        rc = bx_wal_reset(w, last + 10, 1);
        assert_int_equal(bx_wal_last(w), rc == BX_OK ? last + 10 : last);
        append_one(w, bx_wal_last(w) + 1, 1, 300);
        assert_int_equal(pump(w, NULL), BX_OK);
        rc = bx_wal_get(w, bx_wal_last(w), &e, &scratch, NULL);
        assert_true(rc == BX_OK || rc == BX_NOT_FOUND);
        bx_wal_close(w);
    }
    bx_buf_release(&scratch);
    bx_buf_thread_close();
    memfs_destroy(m);
}

TEST(every_allocation_may_fail)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use_log, NULL) > 20);
}

int main(void)
{
    return test_run(NULL, NULL);
}
