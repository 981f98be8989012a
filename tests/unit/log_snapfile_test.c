/* snapfile: whole or not there, whatever was cut off or damaged. */
#include "lib/memfs.h"
#include "lib/testlib.h"

#include "log/snapfile.h"

#include <errno.h>
#include <string.h>

#define CHUNKS 4

static const struct bx_snap_meta ten = {
    .index = 10,
    .term = 3,
    .conf_index = 8,
    .conf = {"conf", 4},
    .revision = 77,
    .digest = 0x1122334455667788,
    .history = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

static size_t make_chunk(uint8_t p[512], uint64_t index, unsigned i)
{
    uint64_t seed = index * 100 + i;
    size_t n = (size_t)(test_random(&seed) % 300);

    for (size_t k = 0; k < n; k++)
        p[k] = i % 2 == 0 ? (uint8_t)test_random(&seed) : (uint8_t)i; /* every second one packs */
    return n;
}

static int write_snapshot(struct bx_fs *fs, uint64_t index, struct bx_err *err)
{
    struct bx_snap_meta meta = ten;
    struct bx_snap_writer *w;
    uint8_t chunk[512];
    int rc;

    meta.index = index;
    rc = bx_snap_create(&w, fs, &meta, err);
    for (unsigned i = 0; i < CHUNKS && rc == BX_OK; i++) {
        rc = bx_snap_write(w, chunk, make_chunk(chunk, index, i), err);
        if (rc != BX_OK)
            bx_snap_abort(w);
    }
    return rc == BX_OK ? bx_snap_finish(w, err) : rc;
}

static void contents_are(struct bx_snap_reader *r, uint64_t index)
{
    const struct bx_snap_meta *m = bx_snap_meta(r);
    struct bx_buf buf = {0};
    uint8_t chunk[512];
    bool end = false;

    assert_int_equal(m->index, index);
    assert_int_equal(m->term, ten.term);
    assert_int_equal(m->conf_index, ten.conf_index);
    assert_int_equal(m->revision, ten.revision);
    assert_int_equal(m->digest, ten.digest);
    assert_memory_equal(m->history, ten.history, sizeof ten.history);
    assert_true(bx_str_eq(m->conf, ten.conf));
    for (unsigned i = 0; i < CHUNKS; i++) {
        size_t n = make_chunk(chunk, index, i);

        assert_int_equal(bx_snap_read(r, &buf, &end, NULL), BX_OK);
        assert_false(end);
        assert_int_equal(buf.len, n);
        if (n > 0)
            assert_memory_equal(buf.data, chunk, n);
    }
    for (int again = 0; again < 2; again++) {
        assert_int_equal(bx_snap_read(r, &buf, &end, NULL), BX_OK);
        assert_true(end);
        assert_int_equal(buf.len, 0);
    }
    bx_buf_release(&buf);
}

/* The index of the newest snapshot, whose contents are right; 0: none. */
static uint64_t latest(struct memfs *m)
{
    struct bx_snap_reader *r;
    uint64_t index;
    int rc = bx_snap_open_latest(&r, memfs_fs(m), NULL);

    if (rc == BX_NOT_FOUND)
        return 0;
    assert_int_equal(rc, BX_OK);
    index = bx_snap_meta(r)->index;
    contents_are(r, index);
    bx_snap_close(r);
    assert_int_equal(memfs_open_files(m), 0);
    return index;
}

TEST(the_newest_comes_back_and_prune_keeps_it)
{
    struct memfs *m = memfs_create();

    assert_int_equal(latest(m), 0);
    for (uint64_t i = 10; i <= 30; i += 10)
        assert_int_equal(write_snapshot(memfs_fs(m), i, NULL), BX_OK);
    assert_int_equal(latest(m), 30);
    assert_int_equal(bx_snap_prune(memfs_fs(m), 20, NULL), BX_OK);
    assert_false(memfs_exists(m, "snapshot-000000000000000a"));
    assert_true(memfs_exists(m, "snapshot-0000000000000014"));
    assert_int_equal(bx_snap_prune(memfs_fs(m), 30, NULL), BX_OK);
    assert_false(memfs_exists(m, "snapshot-0000000000000014"));
    assert_int_equal(latest(m), 30);
    memfs_destroy(m);
}

TEST(an_aborted_one_leaves_nothing)
{
    struct memfs *m = memfs_create();
    struct bx_snap_writer *w;

    assert_int_equal(bx_snap_create(&w, memfs_fs(m), &ten, NULL), BX_OK);
    assert_int_equal(bx_snap_write(w, "x", 1, NULL), BX_OK);
    bx_snap_abort(w);
    bx_snap_abort(NULL);
    assert_false(memfs_exists(m, "snapshot.tmp"));
    assert_int_equal(latest(m), 0);
    assert_int_equal(memfs_open_files(m), 0);
    memfs_destroy(m);
}

TEST(a_crash_leaves_the_old_one_or_the_new_one)
{
    bool reached = true;

    for (uint64_t at = 0; reached; at++) {
        for (unsigned variant = 0; variant < 16; variant++) {
            struct memfs *m = memfs_create();
            uint64_t found;
            int rc;

            assert_int_equal(write_snapshot(memfs_fs(m), 10, NULL), BX_OK);
            memfs_plan(m, variant % 2 ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE, memfs_changes(m) + at,
                       0);
            rc = write_snapshot(memfs_fs(m), 20, NULL);
            if (rc == BX_OK)
                rc = bx_snap_prune(memfs_fs(m), 20, NULL) == BX_OK ? BX_OK : rc;
            reached = memfs_faulted(m);
            memfs_crash(m, at * 100 + variant);
            found = latest(m);
            assert_true(found == 20 || (found == 10 && rc != BX_OK));
            assert_int_equal(bx_snap_clean(memfs_fs(m), NULL), BX_OK);
            assert_false(memfs_exists(m, "snapshot.tmp"));
            assert_int_equal(latest(m), found);
            assert_int_equal(write_snapshot(memfs_fs(m), 30, NULL), BX_OK);
            assert_int_equal(latest(m), 30);
            memfs_destroy(m);
        }
    }
}

TEST(every_flip_and_cut_is_refused_with_a_way_out)
{
    struct memfs *good = memfs_create();
    struct bx_snap_reader *r;
    size_t n;

    assert_int_equal(write_snapshot(memfs_fs(good), 5, NULL), BX_OK);
    assert_int_equal(write_snapshot(memfs_fs(good), 10, NULL), BX_OK);
    memfs_bytes(good, "snapshot-000000000000000a", &n);
    for (size_t at = 0; at < 2 * n; at++) {
        struct memfs *m = memfs_clone(good);
        struct bx_err err = {0};

        if (at < n)
            memfs_flip(m, "snapshot-000000000000000a", at, (uint8_t)(1 << at % 8));
        else
            memfs_cut(m, "snapshot-000000000000000a", at - n);
        assert_int_equal(bx_snap_open_latest(&r, memfs_fs(m), &err), BX_CORRUPT);
        assert_null(r);
        assert_non_null(strstr(err.msg, "memfs/snapshot-"));
        assert_string_not_equal(err.hint, "");
        assert_int_equal(memfs_open_files(m), 0);
        memfs_destroy(m);
    }
    memfs_destroy(good);
}

static int write_at(struct memfs *m, const char *name, const void *p, size_t n, uint64_t offset)
{
    struct bx_fs *fs = memfs_fs(m);
    int fd, rc = fs->ops->open(fs, name, BX_FS_CREATE, &fd);

    if (rc == 0) {
        rc = fs->ops->write(fs, fd, p, n, offset);
        fs->ops->close(fs, fd);
    }
    return rc;
}

/* Intact items in the wrong place: swapped chunks, more behind the end, another file's name. */
TEST(intact_pieces_in_the_wrong_place_are_refused)
{
    static const char name[] = "snapshot-000000000000000a";
    struct bx_snap_writer *w;
    struct memfs *good = memfs_create(), *m;
    struct bx_snap_reader *r;
    uint8_t swapped[44], file[512];
    const size_t first = 16 + 1 + 60 + 4, each = 22;
    size_t n;

    assert_int_equal(bx_snap_create(&w, memfs_fs(good), &ten, NULL), BX_OK);
    assert_int_equal(bx_snap_write(w, "12345", 5, NULL), BX_OK);
    assert_int_equal(bx_snap_write(w, "abcde", 5, NULL), BX_OK);
    assert_int_equal(bx_snap_finish(w, NULL), BX_OK);
    memcpy(file, memfs_bytes(good, name, &n), first + 2 * each);
    memcpy(swapped, file + first + each, each);
    memcpy(swapped + each, file + first, each);

    m = memfs_clone(good);
    assert_int_equal(write_at(m, name, swapped, sizeof swapped, first), 0);
    assert_int_equal(bx_snap_open_latest(&r, memfs_fs(m), NULL), BX_CORRUPT);
    memfs_destroy(m);

    m = memfs_clone(good);
    assert_int_equal(write_at(m, name, swapped, each, n), 0);
    assert_int_equal(bx_snap_open_latest(&r, memfs_fs(m), NULL), BX_CORRUPT);
    memfs_destroy(m);

    m = memfs_clone(good);
    memfs_fs(m)->ops->rename(memfs_fs(m), name, "snapshot-000000000000000b");
    assert_int_equal(bx_snap_open_latest(&r, memfs_fs(m), NULL), BX_CORRUPT);
    memfs_destroy(m);
    memfs_destroy(good);
}

/* ---- receiving ---- */

/* Take what was received, and read it. */
static int finish(struct memfs *to, uint64_t index, uint64_t term, struct bx_err *err)
{
    struct bx_snap_reader *r;
    int rc = bx_snap_receive_finish(&r, memfs_fs(to), index, term, err);

    assert_int_equal(r != NULL, rc == BX_OK);
    if (rc == BX_OK)
        contents_are(r, index);
    bx_snap_close(r);
    return rc;
}

static int send_all(struct memfs *from, struct memfs *to, struct bx_err *err)
{
    struct bx_snap_reader *r;
    uint64_t offset = 0;
    uint8_t piece[100];
    size_t got;
    int rc;

    assert_int_equal(bx_snap_open_latest(&r, memfs_fs(from), NULL), BX_OK);
    do {
        rc = bx_snap_read_raw(r, offset, piece, sizeof piece, &got, err);
        if (rc == BX_OK && got > 0)
            rc = bx_snap_receive(memfs_fs(to), offset, piece, got, err);
        offset += got;
    } while (rc == BX_OK && got > 0);
    bx_snap_close(r);
    return rc == BX_OK ? finish(to, 20, ten.term, err) : rc;
}

TEST(a_received_one_is_the_one_that_was_sent)
{
    struct memfs *from = memfs_create(), *to = memfs_create();

    assert_int_equal(write_snapshot(memfs_fs(from), 20, NULL), BX_OK);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 0, "left over", 9, NULL), BX_OK);
    assert_int_equal(send_all(from, to, NULL), BX_OK);
    assert_false(memfs_exists(to, BX_SNAP_INCOMING));
    memfs_crash(to, 3);
    assert_int_equal(latest(to), 20);
    memfs_destroy(from);
    memfs_destroy(to);
}

TEST(a_crash_while_receiving_leaves_all_or_nothing)
{
    struct memfs *from = memfs_create();
    bool reached = true;

    assert_int_equal(write_snapshot(memfs_fs(from), 20, NULL), BX_OK);
    for (uint64_t at = 0; reached; at++) {
        for (unsigned variant = 0; variant < 16; variant++) {
            struct memfs *to = memfs_create();
            uint64_t found;
            int rc;

            assert_int_equal(write_snapshot(memfs_fs(to), 10, NULL), BX_OK);
            memfs_plan(to, variant % 2 ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE,
                       memfs_changes(to) + at, 0);
            rc = send_all(from, to, NULL);
            reached = memfs_faulted(to);
            memfs_crash(to, at * 100 + variant);
            found = latest(to);
            assert_true(found == 20 || (found == 10 && rc != BX_OK));
            assert_int_equal(bx_snap_clean(memfs_fs(to), NULL), BX_OK);
            assert_int_equal(send_all(from, to, NULL), BX_OK);
            assert_int_equal(latest(to), 20);
            memfs_destroy(to);
        }
    }
    memfs_destroy(from);
}

TEST(what_was_not_announced_or_is_damaged_is_not_taken)
{
    struct memfs *from = memfs_create(), *to = memfs_create();
    const uint8_t *file;
    struct bx_err err = {0};
    size_t n;

    assert_int_equal(write_snapshot(memfs_fs(from), 20, NULL), BX_OK);
    file = memfs_bytes(from, "snapshot-0000000000000014", &n);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 0, file, 100, NULL), BX_OK);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 101, file, 1, &err), BX_MALFORMED);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 99, file, 1, &err), BX_MALFORMED);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 100, file + 100, n - 100, NULL), BX_OK);
    assert_int_equal(finish(to, 21, ten.term, &err), BX_MALFORMED);
    assert_int_equal(finish(to, 20, 4, &err), BX_MALFORMED);
    for (size_t at = 0; at < n; at++) {
        memfs_flip(to, BX_SNAP_INCOMING, at, 0x20);
        assert_int_equal(finish(to, 20, ten.term, &err), BX_MALFORMED);
        memfs_flip(to, BX_SNAP_INCOMING, at, 0x20);
    }
    assert_int_equal(latest(to), 0);
    assert_int_equal(finish(to, 20, ten.term, &err), BX_OK);
    assert_int_equal(latest(to), 20);
    memfs_destroy(from);
    memfs_destroy(to);
}

TEST(damage_that_is_found_after_the_rename_is_told_by_the_new_name)
{
    static const char name[] = "snapshot-0000000000000014";
    struct memfs *m = memfs_create();
    struct bx_snap_reader *r;
    struct bx_buf chunk = {0};
    struct bx_err err = {0};
    const uint8_t *file;
    bool end;
    size_t n;

    assert_int_equal(write_snapshot(memfs_fs(m), 20, NULL), BX_OK);
    file = memfs_bytes(m, name, &n);
    assert_int_equal(bx_snap_receive(memfs_fs(m), 0, file, n, NULL), BX_OK);
    memfs_remove(m, name);
    assert_int_equal(bx_snap_receive_finish(&r, memfs_fs(m), 20, ten.term, NULL), BX_OK);
    memfs_flip(m, name, n / 2, 0x20);
    while (bx_snap_read(r, &chunk, &end, &err) == BX_OK)
        assert_false(end);
    assert_int_equal(err.code, BX_CORRUPT);
    assert_non_null(strstr(err.msg, name));
    bx_buf_release(&chunk);
    bx_snap_close(r);
    memfs_destroy(m);
}

TEST(a_failing_disk_is_told_and_leaves_the_old_one)
{
    bool reached = true;

    for (uint64_t at = 0; reached; at++) {
        struct memfs *m = memfs_create();
        struct bx_err err = {0};
        int rc;

        assert_int_equal(write_snapshot(memfs_fs(m), 10, NULL), BX_OK);
        memfs_plan(m, MEMFS_FAIL, memfs_changes(m) + at, -ENOSPC);
        rc = write_snapshot(memfs_fs(m), 20, &err);
        reached = memfs_faulted(m);
        assert_int_equal(rc, reached ? BX_NO_SPACE : BX_OK);
        assert_true(!reached || strstr(err.msg, "memfs/snapshot") != NULL);
        assert_int_equal(memfs_open_files(m), 0);
        memfs_crash(m, at);
        assert_int_equal(latest(m) == 20 || reached, true);
        memfs_destroy(m);
    }
}

/* What came before the disk was full would keep it full. */
TEST(what_was_received_goes_when_there_is_no_room_for_the_rest)
{
    struct memfs *from = memfs_create(), *to = memfs_create();

    assert_int_equal(write_snapshot(memfs_fs(from), 20, NULL), BX_OK);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 0, "begun", 5, NULL), BX_OK);
    memfs_plan(to, MEMFS_FAIL, memfs_changes(to), -ENOSPC);
    assert_int_equal(bx_snap_receive(memfs_fs(to), 5, "more", 4, NULL), BX_NO_SPACE);
    assert_false(memfs_exists(to, BX_SNAP_INCOMING));
    assert_int_equal(bx_snap_receive(memfs_fs(to), 9, "rest", 4, NULL), BX_MALFORMED);
    assert_int_equal(finish(to, 20, ten.term, NULL), BX_IO);
    assert_int_equal(send_all(from, to, NULL), BX_OK);
    assert_int_equal(latest(to), 20);
    memfs_destroy(from);
    memfs_destroy(to);
}

static void use_snapshots(void *ctx)
{
    struct memfs *m = memfs_create();
    struct bx_snap_reader *r;
    int rc;

    (void)ctx;
    rc = write_snapshot(memfs_fs(m), 20, NULL);
    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    rc = bx_snap_open_latest(&r, memfs_fs(m), NULL);
    assert_true(rc == BX_OK || rc == BX_NO_MEMORY || rc == BX_NOT_FOUND);
    bx_snap_close(r);
    rc = bx_snap_prune(memfs_fs(m), 20, NULL);
    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    bx_buf_thread_close();
    memfs_destroy(m);
}

TEST(every_allocation_may_fail)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use_snapshots, NULL) >= 4);
}

/* As a table of bytes made apart from this code: meta, one chunk, end. */
static const uint8_t golden[] = {
    0xbd, 0x58, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00, 0x41, 0x00, 0x00, 0x00, 0x60, 0x91, 0xb4, 0x7c,
    0x01, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x4d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x04, 0x00, 0x00, 0x00, 0x63, 0x6f, 0x6e,
    0x66, 0xbd, 0x58, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x8b, 0xe7, 0xaf,
    0x65, 0x02, 0x63, 0x68, 0x75, 0x6e, 0x6b, 0xbd, 0x58, 0x01, 0x01, 0x05, 0x00, 0x00, 0x00, 0x15,
    0x00, 0x00, 0x00, 0x24, 0x84, 0x35, 0x89, 0x03, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xcf, 0x3b, 0x10, 0xed,
};

TEST(the_file_has_the_golden_bytes)
{
    struct memfs *m = memfs_create();
    struct bx_snap_writer *w;
    const uint8_t *p;
    size_t n;

    assert_int_equal(bx_snap_create(&w, memfs_fs(m), &ten, NULL), BX_OK);
    assert_int_equal(bx_snap_write(w, "chunk", 5, NULL), BX_OK);
    assert_int_equal(bx_snap_finish(w, NULL), BX_OK);
    p = memfs_bytes(m, "snapshot-000000000000000a", &n);
    assert_int_equal(n, sizeof golden);
    assert_memory_equal(p, golden, n);
    memfs_destroy(m);
}

int main(void)
{
    return test_run(NULL, NULL);
}
