/* dualcopy and vote: never lost once saved, never wrong, whatever one copy has suffered. */
#include "lib/memfs.h"
#include "lib/testlib.h"

#include "log/vote.h"

#include <errno.h>
#include <string.h>

#define KIND BX_KIND_TRUST
#define VARIANTS 8 /* ways a crash may leave what was not synced */

static int open_slots(struct memfs *m, struct bx_dualcopy *s, char value[BX_DUALCOPY_MAX],
                      size_t *len, struct bx_err *err)
{
    return bx_dualcopy_open(s, memfs_fs(m), "value", KIND, value, len, err);
}

static void value_is(struct memfs *m, const char *want)
{
    char value[BX_DUALCOPY_MAX];
    struct bx_dualcopy s;
    size_t len;

    assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
    assert_int_equal(len, strlen(want));
    assert_memory_equal(value, want, len);
    bx_dualcopy_close(&s);
}

static void save_all(struct memfs *m, const char *const *values, unsigned n, unsigned *saved)
{
    char value[BX_DUALCOPY_MAX];
    struct bx_dualcopy s;
    size_t len;

    *saved = 0;
    if (open_slots(m, &s, value, &len, NULL) != BX_OK)
        return;
    while (*saved < n &&
           bx_dualcopy_save(&s, values[*saved], strlen(values[*saved]), NULL) == BX_OK)
        ++*saved;
    bx_dualcopy_close(&s);
}

TEST(a_new_value_is_empty_and_a_saved_one_comes_back)
{
    static const char *const values[] = {"one", "a longer one", "2"};
    struct memfs *m = memfs_create();
    unsigned saved;

    value_is(m, "");
    for (unsigned i = 0; i < 3; i++) {
        save_all(m, values + i, 1, &saved);
        assert_int_equal(saved, 1);
        value_is(m, values[i]);
    }
    assert_int_equal(memfs_open_files(m), 0);
    memfs_destroy(m);
}

/* Stop at every change of a run that creates the file and saves three values. */
TEST(a_crash_leaves_the_old_value_or_the_new_one)
{
    static const char *const values[] = {"", "first", "second value", "3"};
    unsigned runs = 0, last = 0;
    bool reached = true;

    for (uint64_t at = 0; reached; at++) {
        for (unsigned variant = 0; variant < 2 * VARIANTS; variant++) {
            struct memfs *m = memfs_create();
            char value[BX_DUALCOPY_MAX];
            struct bx_dualcopy s;
            unsigned saved;
            size_t len;

            memfs_plan(m, variant % 2 ? MEMFS_STOP_AFTER : MEMFS_STOP_BEFORE, at, 0);
            save_all(m, values + 1, 3, &saved);
            reached = memfs_faulted(m);
            memfs_crash(m, at * 1000 + variant);
            assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
            bx_dualcopy_close(&s);
            value[len] = '\0';
            last = saved < 3 && strcmp(value, values[saved + 1]) == 0 ? saved + 1 : saved;
            assert_string_equal(value, values[last]);
            memfs_crash(m, variant); /* what open told stays told */
            value_is(m, values[last]);
            memfs_destroy(m);
            runs++;
        }
    }
    assert_true(runs > 2 * VARIANTS * 12);
}

/* The process dies in a save or while it creates the file; what the next one reads, and what it
 * saves then, must be durable. */
TEST(what_a_killed_process_left_is_made_durable)
{
    static const char *const values[] = {"old", "new"};

    for (uint64_t at = 0; at < 16; at++) {
        for (unsigned seed = 0; seed < VARIANTS; seed++) {
            struct memfs *m = memfs_create();
            char value[BX_DUALCOPY_MAX], again[BX_DUALCOPY_MAX];
            size_t len, len2;
            struct bx_dualcopy s;
            unsigned saved;

            memfs_plan(m, MEMFS_STOP_AFTER, at, 0);
            save_all(m, values, 2, &saved);
            memfs_kill(m);
            assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
            if (seed % 2 == 1) {
                memcpy(value, "third", len = 5);
                assert_int_equal(bx_dualcopy_save(&s, value, len, NULL), BX_OK);
            }
            bx_dualcopy_close(&s);
            memfs_crash(m, seed);
            assert_int_equal(open_slots(m, &s, again, &len2, NULL), BX_OK);
            bx_dualcopy_close(&s);
            assert_int_equal(len, len2);
            assert_memory_equal(value, again, len);
            memfs_destroy(m);
        }
    }
}

/* The value is there, and a copy of it was damaged. */
static void is_repaired(struct memfs *m, const char *want)
{
    char value[BX_DUALCOPY_MAX];
    struct bx_dualcopy s;
    size_t len;

    assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
    assert_true(s.repaired);
    bx_dualcopy_close(&s);
    assert_int_equal(len, strlen(want));
    assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
    assert_false(s.repaired);
    bx_dualcopy_close(&s);
}

TEST(an_older_copy_is_no_damage)
{
    static const char *const values[] = {"old", "new"};

    for (uint64_t at = 0; at < 16; at++) {
        struct memfs *m = memfs_create();
        char value[BX_DUALCOPY_MAX];
        struct bx_dualcopy s;
        unsigned saved;
        size_t len;

        memfs_plan(m, MEMFS_STOP_AFTER, at, 0);
        save_all(m, values, 2, &saved);
        memfs_kill(m);
        assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
        assert_false(s.repaired);
        bx_dualcopy_close(&s);
        memfs_destroy(m);
    }
}

TEST(every_flip_and_cut_of_one_copy_is_survived)
{
    static const char *const values[] = {"a value", "another value"};
    struct memfs *good = memfs_create();
    unsigned saved;
    size_t n;

    save_all(good, values, 2, &saved);
    memfs_bytes(good, "value", &n);
    assert_int_equal(n, 8192);
    for (size_t at = 0; at < n; at++) {
        struct memfs *m = memfs_clone(good);

        memfs_flip(m, "value", at, (uint8_t)(1 << at % 8));
        if (at % 4096 < 30)
            is_repaired(m, "another value");
        value_is(m, "another value");
        memfs_flip(m, "value", (at + 4096) % n, 0x10); /* it was repaired: the other may go now */
        value_is(m, "another value");
        memfs_destroy(m);
    }
    for (size_t cut = 4096; cut < n; cut += 5) {
        struct memfs *m = memfs_clone(good);

        memfs_cut(m, "value", cut);
        value_is(m, "another value");
        memfs_destroy(m);
    }
    memfs_destroy(good);
}

TEST(two_damaged_copies_are_refused_with_a_way_out)
{
    static const char *const values[] = {"a value"};
    struct memfs *m = memfs_create();
    char value[BX_DUALCOPY_MAX];
    struct bx_err err = {0};
    struct bx_dualcopy s;
    unsigned saved;
    size_t len;

    save_all(m, values, 1, &saved);
    memfs_flip(m, "value", 30, 1);
    memfs_flip(m, "value", 4096 + 30, 1);
    assert_int_equal(open_slots(m, &s, value, &len, &err), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "memfs/value"));
    assert_non_null(strstr(err.hint, "--data memfs --forget-cluster"));
    assert_int_equal(memfs_open_files(m), 0);
    memfs_destroy(m);
}

TEST(a_newer_version_is_not_taken_for_damage)
{
    static const char *const values[] = {"a value"};
    struct memfs *m = memfs_create();
    char value[BX_DUALCOPY_MAX];
    uint8_t item[BX_HEADER_SIZE + 8 + 7];
    struct bx_dualcopy s;
    unsigned saved;
    size_t len, n;
    int fd;

    save_all(m, values, 1, &saved);
    memcpy(item, memfs_bytes(m, "value", &n), sizeof item);
    bx_header_seal(item, KIND, 2, BX_CODEC_FLAT, 8 + 7);
    assert_int_equal(memfs_fs(m)->ops->open(memfs_fs(m), "value", 0, &fd), 0);
    memfs_fs(m)->ops->write(memfs_fs(m), fd, item, sizeof item, 0);
    memfs_fs(m)->ops->close(memfs_fs(m), fd);
    assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_UNSUPPORTED);
    memfs_destroy(m);
}

TEST(a_failing_write_or_sync_is_told)
{
    static const char *const values[] = {"x"};

    for (uint64_t at = 0; at < 4; at++) { /* two writes, two syncs */
        struct memfs *m = memfs_create();
        char value[BX_DUALCOPY_MAX];
        struct bx_err err = {0};
        struct bx_dualcopy s;
        size_t len;

        assert_int_equal(open_slots(m, &s, value, &len, NULL), BX_OK);
        memfs_plan(m, MEMFS_FAIL, memfs_changes(m) + at, at % 2 ? -EIO : -ENOSPC);
        assert_int_equal(bx_dualcopy_save(&s, values[0], 1, &err), at % 2 ? BX_IO : BX_NO_SPACE);
        assert_non_null(strstr(err.msg, "memfs/value"));
        bx_dualcopy_close(&s);
        memfs_destroy(m);
    }
}

/* kind 3 (vote), sequence 1, term 7, voted for 9; the checksum was computed elsewhere. */
static const uint8_t golden_vote[] = {
    0xBD, 0x58, 1, 1, 3, 0, 0, 0, 24, 0, 0, 0, 0, 0, 0, 0, /* head, checksum below */
    1,    0,    0, 0, 0, 0, 0, 0,                          /* sequence */
    7,    0,    0, 0, 0, 0, 0, 0, 9,  0, 0, 0, 0, 0, 0, 0, /* term, voted for */
};
#define GOLDEN_VOTE_CRC 0x1b6a0597u

TEST(vote_has_the_golden_bytes)
{
    struct memfs *m = memfs_create();
    uint8_t want[sizeof golden_vote];
    struct bx_vote v;
    const uint8_t *p;
    size_t n;

    assert_int_equal(bx_vote_open(&v, memfs_fs(m), NULL), BX_OK);
    assert_int_equal(v.term, 0);
    assert_int_equal(v.voted_for, 0);
    assert_int_equal(bx_vote_save(&v, 7, 9, NULL), BX_OK);
    bx_vote_close(&v);
    memcpy(want, golden_vote, sizeof want);
    bx_put32(want + 12, GOLDEN_VOTE_CRC);
    p = memfs_bytes(m, "vote", &n);
    assert_memory_equal(p, want, sizeof want);
    assert_memory_equal(p + 4096, want, sizeof want);
    assert_int_equal(bx_vote_open(&v, memfs_fs(m), NULL), BX_OK);
    assert_int_equal(v.term, 7);
    assert_int_equal(v.voted_for, 9);
    bx_vote_close(&v);
    memfs_destroy(m);
}

TEST(a_vote_of_another_size_is_refused)
{
    struct memfs *m = memfs_create();
    char value[BX_DUALCOPY_MAX];
    struct bx_err err = {0};
    struct bx_dualcopy s;
    struct bx_vote v;
    size_t len;

    assert_int_equal(bx_dualcopy_open(&s, memfs_fs(m), "vote", BX_KIND_VOTE, value, &len, NULL), 0);
    assert_int_equal(bx_dualcopy_save(&s, "short", 5, NULL), BX_OK);
    bx_dualcopy_close(&s);
    assert_int_equal(bx_vote_open(&v, memfs_fs(m), &err), BX_CORRUPT);
    assert_string_not_equal(err.hint, "");
    assert_int_equal(memfs_open_files(m), 0);
    memfs_destroy(m);
}

int main(void)
{
    return test_run(NULL, NULL);
}
