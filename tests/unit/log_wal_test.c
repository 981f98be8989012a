/* wal: the contract of each function, the bytes on the disk, the cache. Failing files and memory
 * are in log_fault_test.c, crashes in log_crash_test.c, damage in log_flip_test.c. */
#include "unit/log_help.h"

#include "codec/header.h"

#include <errno.h>
#include <stdlib.h>

struct prefix {
    const char *text;
    unsigned n;
};

static void count_one(void *ctx, const char *name)
{
    struct prefix *p = ctx;

    p->n += strncmp(name, p->text, strlen(p->text)) == 0;
}

static unsigned count_names(struct memfs *m, const char *text)
{
    struct prefix p = {text, 0};

    memfs_fs(m)->ops->list(memfs_fs(m), count_one, &p);
    return p.n;
}

TEST(a_new_log_is_empty)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);
    struct bx_wal_entry e;

    for (int again = 0; again < 2; again++) {
        assert_int_equal(bx_wal_first(w), 1);
        assert_int_equal(bx_wal_last(w), 0);
        assert_int_equal(bx_wal_durable(w), 0);
        assert_int_equal(bx_wal_term(w, 0), 0);
        assert_int_equal(bx_wal_term(w, 1), 0);
        assert_int_equal(bx_wal_bytes_after(w, 0), 0);
        assert_int_equal(bx_wal_get(w, 1, &e, NULL, NULL), BX_NOT_FOUND);
        assert_false(bx_wal_begin(w));
        w = reopen(w, m);
    }
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(entries_are_durable_after_finish_and_not_before)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);
    struct bx_wal_stats s;

    for (uint64_t i = 1; i <= 20; i++)
        assert_int_equal(append_one(w, i, 3, (size_t)i * 7), BX_OK);
    assert_int_equal(bx_wal_last(w), 20);
    assert_true(bx_wal_begin(w));
    assert_false(bx_wal_begin(w)); /* one at a time */
    assert_int_equal(append_one(w, 21, 4, 9), BX_OK);
    assert_int_equal(bx_wal_run(w, NULL), BX_OK);
    assert_int_equal(bx_wal_durable(w), 0);
    assert_int_equal(bx_wal_finish(w, BX_OK), BX_OK);
    assert_int_equal(bx_wal_durable(w), 20); /* one write and one sync for all of them */
    bx_wal_stats(w, &s);
    assert_int_equal(s.records, 20);
    assert_int_equal(s.segments, 1);
    assert_int_equal(s.writes, 2); /* and the head of the segment */
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 20);
    assert_int_equal(bx_wal_durable(w), 20);
    for (uint64_t i = 1; i <= 20; i++)
        entry_is(w, i, 3, (size_t)i * 7);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(an_append_at_an_index_supersedes_the_rest)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 10, 1, 100);
    assert_int_equal(pump(w, NULL), BX_OK);
    append_many(w, 6, 7, 2, 50);
    assert_int_equal(bx_wal_last(w), 7);
    assert_int_equal(bx_wal_durable(w), 5); /* what stood there before does not count */
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_durable(w), 7);
    for (int again = 0; again < 2; again++) {
        assert_int_equal(bx_wal_last(w), 7);
        assert_int_equal(bx_wal_term(w, 5), 1);
        assert_int_equal(bx_wal_term(w, 6), 2);
        assert_int_equal(bx_wal_term(w, 8), 0);
        entry_is(w, 5, 1, 100);
        entry_is(w, 7, 2, 50);
        w = reopen(w, m);
    }
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(a_truncation_while_the_old_entry_is_written)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 4, 1, 10);
    assert_true(bx_wal_begin(w));
    append_many(w, 3, 3, 2, 20);
    assert_int_equal(bx_wal_finish(w, bx_wal_run(w, NULL)), BX_OK);
    assert_int_equal(bx_wal_durable(w), 2);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_durable(w), 3);
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 3);
    entry_is(w, 3, 2, 20);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(a_reset_goes_on_behind_the_snapshot)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 40, 1, 300);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_reset(w, 100, 7), BX_OK);
    assert_int_equal(bx_wal_first(w), 101);
    assert_int_equal(bx_wal_last(w), 100);
    assert_int_equal(bx_wal_term(w, 40), 0);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(count_names(m, "wal-"), 1); /* all before it is void */
    w = reopen(w, m);
    assert_int_equal(bx_wal_first(w), 101);
    assert_int_equal(bx_wal_last(w), 100);
    append_many(w, 101, 103, 7, 30);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_reset(w, 50, 8), BX_OK); /* a restored snapshot may be older */
    append_many(w, 51, 52, 8, 30);
    assert_int_equal(pump(w, NULL), BX_OK);
    w = reopen(w, m);
    assert_int_equal(bx_wal_first(w), 51);
    assert_int_equal(bx_wal_durable(w), 52);
    entry_is(w, 52, 8, 30);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(compaction_reuses_segments_and_keeps_what_is_needed)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    for (uint64_t i = 1; i <= 400; i++) {
        append_many(w, i, i, 1, 400);
        assert_int_equal(pump(w, NULL), BX_OK);
        if (i % 50 == 0) {
            assert_int_equal(bx_wal_compact(w, i - 20), BX_OK);
            assert_int_equal(bx_wal_first(w), i - 20);
            assert_int_equal(pump(w, NULL), BX_OK);
            assert_in_range(count_names(m, "wal-"), 1, 5);
            assert_true(count_names(m, "spare-") <= 2);
        }
    }
    w = reopen(w, m);
    assert_in_range(bx_wal_first(w), 400 - 40, 380);
    for (uint64_t i = bx_wal_first(w); i <= 400; i++)
        entry_is(w, i, 1, 400);
    assert_int_equal(bx_wal_compact(w, 401), BX_OK); /* everything */
    assert_int_equal(bx_wal_first(w), 401);
    assert_int_equal(bx_wal_last(w), 400);
    assert_int_equal(pump(w, NULL), BX_OK);
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 400); /* its place is not forgotten */
    append_many(w, 401, 401, 2, 10);
    assert_int_equal(pump(w, NULL), BX_OK);
    w = reopen(w, m);
    entry_is(w, 401, 2, 10);
    bx_wal_close(w);
    memfs_destroy(m);
}

/* What was compacted once is needed again when an older snapshot was restored. */
TEST(a_reset_to_an_older_index_forgets_the_compaction)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 100, 1, 300);
    assert_int_equal(bx_wal_compact(w, 101), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_reset(w, 10, 1), BX_OK);
    append_many(w, 11, 60, 2, 300);
    assert_int_equal(pump(w, NULL), BX_OK);
    w = reopen(w, m);
    assert_int_equal(bx_wal_first(w), 11);
    assert_int_equal(bx_wal_last(w), 60);
    for (uint64_t i = 11; i <= 60; i++)
        entry_is(w, i, 2, 300);
    bx_wal_close(w);
    memfs_destroy(m);
}

/* Entry 9 is durable in the first segment and superseded in one that is not written yet. */
TEST(compaction_waits_until_what_follows_is_durable)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 9, 1, 300);
    assert_int_equal(pump(w, NULL), BX_OK);
    append_many(w, 9, 20, 2, 400);
    assert_int_equal(bx_wal_compact(w, 21), BX_OK);
    memfs_plan(m, MEMFS_FAIL, memfs_changes(m), -EIO);
    assert_true(bx_wal_begin(w));
    assert_int_equal(bx_wal_finish(w, bx_wal_run(w, NULL)), BX_IO);
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 9);
    entry_is(w, 9, 1, 300);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(sizes_have_bounds)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);
    static uint8_t data[SMALL_SEGMENT];
    struct bx_wal_entry e = {.term = 1, .type = 1, .data = data};
    const uint32_t fits = SMALL_SEGMENT - 64 - 56;

    e.len = fits + 1;
    assert_int_equal(bx_wal_append(w, 1, &e, 1), BX_TOO_LARGE);
    assert_int_equal(bx_wal_last(w), 0);
    e.len = fits;
    assert_int_equal(bx_wal_append(w, 1, &e, 1), BX_OK);
    e.len = 0;
    assert_int_equal(bx_wal_append(w, 2, &e, 1), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 2);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(a_full_queue_is_told_and_empties)
{
    struct memfs *m = memfs_create();
    struct bx_wal_entry e = {.term = 1, .type = 1, .len = BX_WAL_ENTRY_MAX};
    uint8_t *data = calloc(1, BX_WAL_ENTRY_MAX);
    struct bx_wal *w;
    uint64_t n = 0;

    assert_non_null(data);
    e.data = data;
    assert_int_equal(open_log(&w, m, 0, NULL), BX_OK);
    while (bx_wal_room(w, &e, 1) == 1)
        assert_int_equal(bx_wal_append(w, ++n, &e, 1), BX_OK);
    assert_int_equal(n, BX_WAL_QUEUE_MAX / BX_WAL_ENTRY_MAX - 1);
    assert_int_equal(bx_wal_room(w, &e, 1), 0);
    assert_true(bx_wal_queued(w) > BX_WAL_QUEUE_MAX - 2 * BX_WAL_ENTRY_MAX);
    assert_true(bx_wal_begin(w));
    assert_int_equal(bx_wal_finish(w, bx_wal_run(w, NULL)), BX_OK);
    assert_int_equal(bx_wal_room(w, &e, 1), 1);
    bx_wal_close(w);
    free(data);
    memfs_destroy(m);
}

TEST(room_is_for_the_first_of_several_entries)
{
    struct memfs *m = memfs_create();
    struct bx_wal_options o = {.fs = memfs_fs(m), .queue_bytes = 200};
    struct bx_wal_entry e[3] = {
        {.term = 1, .type = 1}, {.term = 1, .type = 1}, {.term = 1, .type = 1, .len = 100}};
    static const uint8_t data[1000];
    struct bx_wal *w;

    e[2].data = data;
    assert_int_equal(bx_wal_open(&w, &o, NULL), BX_OK);
    assert_int_equal(bx_wal_room(w, e, 3), 2); /* of 56 bytes each, and one of 160 */
    assert_int_equal(bx_wal_append(w, 1, e, 2), BX_OK);
    assert_int_equal(bx_wal_queued(w), 112);
    assert_int_equal(bx_wal_room(w, e, 1), 1);
    assert_int_equal(bx_wal_room(w, e + 2, 1), 0);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_queued(w), 0);
    e[2].len = sizeof data;
    assert_int_equal(bx_wal_room(w, e + 2, 1), 1);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(bytes_after_counts_records)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 10, 1, 1); /* 57 bytes, padded to 64 */
    assert_int_equal(bx_wal_bytes_after(w, 0), 640);
    assert_int_equal(bx_wal_bytes_after(w, 4), 384);
    assert_int_equal(bx_wal_bytes_after(w, 10), 0);
    assert_int_equal(bx_wal_bytes_after(w, 99), 0);
    assert_int_equal(bx_wal_compact(w, 4), BX_OK);
    assert_int_equal(bx_wal_bytes_after(w, 0), 448);
    append_many(w, 6, 6, 2, 8);
    assert_int_equal(bx_wal_bytes_after(w, 0), 192);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(evicted_entries_are_read_back_and_checked)
{
    struct memfs *m = memfs_create();
    struct bx_wal_options o = {
        .fs = memfs_fs(m), .segment_size = SMALL_SEGMENT, .cache_bytes = 1000};
    struct bx_buf scratch = {0};
    struct bx_wal_entry e;
    struct bx_wal_stats s;
    struct bx_err err = {0};
    struct bx_wal *w;

    assert_int_equal(bx_wal_open(&w, &o, NULL), BX_OK);
    append_many(w, 1, 60, 1, 200);
    bx_wal_stats(w, &s);
    assert_int_equal(s.cached_bytes, 60 * 200); /* not durable, not evicted */
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_stats(w, &s);
    assert_int_equal(s.cached_bytes, 1000);
    for (uint64_t i = 1; i <= 60; i++)
        entry_is(w, i, 1, 200);
    bx_wal_stats(w, &s);
    assert_int_equal(s.disk_reads, 55);
    append_many(w, 61, 62, 1, 200);
    assert_true(bx_wal_begin(w));
    append_many(w, 63, 70, 1, 200); /* more than the cache holds, and not durable */
    assert_int_equal(bx_wal_finish(w, bx_wal_run(w, NULL)), BX_OK);
    for (uint64_t i = 61; i <= 70; i++)
        entry_is(w, i, 1, 200);
    append_many(w, 30, 31, 2, 200); /* truncates what is on the disk only */
    assert_int_equal(pump(w, NULL), BX_OK);
    append_many(w, 32, 50, 2, 200);
    assert_int_equal(pump(w, NULL), BX_OK);
    entry_is(w, 29, 1, 200);
    entry_is(w, 30, 2, 200);
    assert_int_equal(bx_wal_compact(w, 25), BX_OK);
    entry_is(w, 25, 1, 200);
    assert_int_equal(pump(w, NULL), BX_OK);
    entry_is(w, 25, 1, 200);

    memfs_flip(m, "wal-0000000000000002", 64 + 9 * 256 + 56 + 3, 1); /* entry 25 */
    for (uint64_t i = 25; i <= 50; i++) {
        int rc = bx_wal_get(w, i, &e, &scratch, &err);
        assert_int_equal(rc, i == 25 ? BX_CORRUPT : BX_OK);
    }
    assert_string_not_equal(err.hint, "");
    bx_buf_release(&scratch);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(entries_that_rest_leave_memory)
{
    struct memfs *m = memfs_create();
    struct bx_wal_options o = {.fs = memfs_fs(m)};
    struct bx_wal_stats s;
    struct bx_wal *w;

    assert_int_equal(bx_wal_open(&w, &o, NULL), BX_OK);
    append_many(w, 1, 10, 1, 200);
    bx_wal_age(w);
    bx_wal_age(w);
    bx_wal_stats(w, &s);
    assert_int_equal(s.cached_bytes, 10 * 200); /* not durable */
    assert_int_equal(pump(w, NULL), BX_OK);
    append_many(w, 11, 15, 1, 200);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_age(w);
    bx_wal_stats(w, &s);
    assert_int_equal(s.cached_bytes, 5 * 200);
    append_many(w, 13, 16, 2, 200); /* truncates */
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_age(w);
    bx_wal_age(w);
    bx_wal_stats(w, &s);
    assert_int_equal(s.cached_bytes, 0);
    for (uint64_t i = 1; i <= 16; i++)
        entry_is(w, i, i < 13 ? 1 : 2, 200);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(the_mark_follows_when_it_is_asked_to)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    assert_false(bx_wal_high_water_behind(w));
    bx_wal_raise_high_water(w);
    assert_false(bx_wal_begin(w)); /* nothing to tell */
    append_many(w, 1, 3, 1, 10);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_true(bx_wal_high_water_behind(w));
    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_false(bx_wal_high_water_behind(w));
    w = reopen(w, m);
    assert_false(bx_wal_high_water_behind(w));
    bx_wal_close(w);
    memfs_destroy(m);
}

/* Nothing says yet that they were durable, and the log ends at the first that is damaged. */
TEST(intact_records_behind_a_damaged_one_are_cut_and_counted)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);

    append_many(w, 1, 4, 1, 10);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_cut(w), 0);
    w = reopen(w, m);
    assert_int_equal(bx_wal_last(w), 4);
    assert_int_equal(bx_wal_cut(w), 0);
    bx_wal_close(w);
    memfs_flip(m, "wal-0000000000000001", 64 + 72 + 20, 1); /* in the second */
    w = open_small(m);
    assert_int_equal(bx_wal_last(w), 1);
    assert_int_equal(bx_wal_cut(w), 2);
    w = reopen(w, m);
    assert_int_equal(bx_wal_cut(w), 0);
    assert_false(bx_wal_mark_repaired(w));
    bx_wal_close(w);
    memfs_destroy(m);
}

/* The checksums were computed apart from this code. */
/* clang-format off */
static const uint8_t golden[64 + 64 + 56] = {
    0xBD, 0x58, 1, 1, 1, 0, 0, 0, 20, 0, 0, 0, 0x78, 0xcb, 0x37, 0x53, /* head, WAL_SEGMENT */
    1, 0, 0, 0, 0, 0, 0, 0,                                            /* sequence */
    1, 0, 0, 0, 0, 0, 0, 0,                                            /* first lsn */
    0, 0, 0, 0,                                                        /* crc before: none */
    [64] =
    0xBD, 0x58, 1, 1, 2, 0, 0, 0, 45, 0, 0, 0, 0x3f, 0x68, 0x1b, 0x43, /* head, WAL_RECORD */
    1, 0, 0, 0, 0, 0, 0, 0,                                            /* lsn */
    0, 0, 0, 0, 0, 0, 0, 0,                                            /* durable lsn */
    1, 0, 0, 0, 0, 0, 0, 0,                                            /* index */
    5, 0, 0, 0, 0, 0, 0, 0,                                            /* term */
    0, 0, 0, 0, 1, 0, 0, 0,                                            /* crc before, type */
    'h', 'e', 'l', 'l', 'o', 0, 0, 0,                                  /* data, padding */
    0xBD, 0x58, 1, 1, 2, 0, 0, 0, 40, 0, 0, 0, 0xea, 0x47, 0x7b, 0x6e, /* head */
    2, 0, 0, 0, 0, 0, 0, 0,                                            /* lsn */
    1, 0, 0, 0, 0, 0, 0, 0,                                            /* durable lsn */
    2, 0, 0, 0, 0, 0, 0, 0,                                            /* index */
    6, 0, 0, 0, 0, 0, 0, 0,                                            /* term */
    0x3f, 0x68, 0x1b, 0x43, 2, 0, 0, 0,                                /* crc before, type */
};

static const uint8_t golden_mark[] = {
    0xBD, 0x58, 1, 1, 4, 0, 0, 0, 16, 0, 0, 0, 0xff, 0xcc, 0xe4, 0xcd, /* head, MARK */
    1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,                    /* sequence, lsn */
};
/* clang-format on */

TEST(the_files_have_the_golden_bytes)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w = open_small(m);
    struct bx_wal_entry one = {.term = 5, .type = 1, .len = 5, .data = "hello"};
    struct bx_wal_entry two = {.term = 6, .type = 2};
    const uint8_t *p;
    size_t n;

    assert_int_equal(bx_wal_append(w, 1, &one, 1), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_append(w, 2, &two, 1), BX_OK);
    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    p = memfs_bytes(m, "wal-0000000000000001", &n);
    assert_int_equal(n, SMALL_SEGMENT);
    assert_memory_equal(p, golden, sizeof golden);
    for (size_t i = sizeof golden; i < n; i++)
        assert_int_equal(p[i], 0);
    p = memfs_bytes(m, "mark", &n);
    assert_memory_equal(p, golden_mark, sizeof golden_mark);
    assert_memory_equal(p + 4096, golden_mark, sizeof golden_mark);
    memfs_destroy(m);
}

int main(void)
{
    return test_run(NULL, NULL);
}
