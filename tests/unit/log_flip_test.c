/* wal on a damaged disk: every byte flipped, every file cut and removed. What opens is the log as
 * it was, or without a tail nobody was promised; everything else is refused with a way out. */
#include "unit/log_help.h"

#include "codec/header.h"
#include "log/record.h"

#define ENTRY 150
#define NAMES_MAX 16

struct subject {
    struct memfs *disk;
    uint64_t first, last; /* of the undamaged log */
    uint64_t promised;    /* up to here nothing may be trimmed */
    unsigned same, trimmed, refused;
};

struct names {
    char name[NAMES_MAX][64];
    unsigned n;
};

static void add_name(void *ctx, const char *name)
{
    struct names *v = ctx;

    assert_true(v->n < NAMES_MAX);
    snprintf(v->name[v->n++], sizeof v->name[0], "%s", name);
}

static void list(struct memfs *m, struct names *v)
{
    v->n = 0;
    assert_int_equal(memfs_fs(m)->ops->list(memfs_fs(m), add_name, v), 0);
}

/* After a trim the log must go on, and what was trimmed must not come back. */
static void goes_on(struct memfs *m, uint64_t last)
{
    struct bx_wal *w;

    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(append_one(w, last + 1, 9, 10), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    memfs_crash(m, 1);
    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(bx_wal_last(w), last + 1);
    entry_is(w, last + 1, 9, 10);
    bx_wal_close(w);
}

static void judge(struct subject *s, struct memfs *m, const char *what, const char *name, size_t at)
{
    struct bx_err err = {0};
    struct bx_wal *w;
    uint64_t last;
    int rc = open_log(&w, m, SMALL_SEGMENT, &err);

    if (rc == BX_CORRUPT) {
        s->refused++;
        if (err.hint[0] == '\0' || strstr(err.msg, "memfs/") == NULL)
            fail_msg("%s %s at %zu: no way out in: %s", what, name, at, err.msg);
        return;
    }
    if (rc != BX_OK)
        fail_msg("%s %s at %zu: %s", what, name, at, err.msg);
    last = bx_wal_last(w);
    if (bx_wal_first(w) != s->first || last > s->last || last < s->promised)
        fail_msg("%s %s at %zu: the log is %llu to %llu", what, name, at,
                 (unsigned long long)bx_wal_first(w), (unsigned long long)last);
    for (uint64_t i = s->first; i <= last; i++)
        entry_is(w, i, 1, ENTRY);
    bx_wal_close(w);
    if (last == s->last) {
        s->same++;
        return;
    }
    s->trimmed++;
    goes_on(m, last);
}

static void flip_every_byte(struct subject *s, uint8_t (*mask)(size_t at))
{
    struct names v;
    size_t n;

    list(s->disk, &v);
    for (unsigned i = 0; i < v.n; i++) {
        memfs_bytes(s->disk, v.name[i], &n);
        for (size_t at = 0; at < n; at++) {
            struct memfs *m = memfs_clone(s->disk);

            memfs_flip(m, v.name[i], at, mask(at));
            judge(s, m, "flip", v.name[i], at);
            memfs_destroy(m);
        }
    }
}

static uint8_t one_bit(size_t at)
{
    return (uint8_t)(1 << at % 8);
}

static uint8_t all_bits(size_t at)
{
    (void)at;
    return 0xff;
}

static void cut_every_file(struct subject *s)
{
    struct names v;
    size_t n;

    list(s->disk, &v);
    for (unsigned i = 0; i < v.n; i++) {
        memfs_bytes(s->disk, v.name[i], &n);
        for (size_t at = 0; at < n; at += 3) {
            struct memfs *m = memfs_clone(s->disk);

            memfs_cut(m, v.name[i], at);
            judge(s, m, "cut", v.name[i], at);
            memfs_destroy(m);
        }
    }
}

/* A log over several segments, with the front compacted away, spares, and reused segments. */
static struct bx_wal *prepare(struct subject *s)
{
    struct bx_wal *w;

    memset(s, 0, sizeof *s);
    s->disk = memfs_create();
    assert_int_equal(open_log(&w, s->disk, SMALL_SEGMENT, NULL), BX_OK);
    for (uint64_t i = 1; i <= 120; i++) {
        assert_int_equal(append_one(w, i, 1, ENTRY), BX_OK);
        if (i % 3 == 0)
            assert_int_equal(pump(w, NULL), BX_OK);
        if (i == 80)
            assert_int_equal(bx_wal_compact(w, 75), BX_OK);
    }
    assert_int_equal(bx_wal_compact(w, 90), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    return w;
}

static void ready(struct subject *s, struct bx_wal *w)
{
    bx_wal_close(w);
    memfs_kill(s->disk);
    assert_int_equal(open_log(&w, s->disk, SMALL_SEGMENT, NULL), BX_OK);
    s->first = bx_wal_first(w);
    s->last = bx_wal_last(w);
    bx_wal_close(w);
}

TEST(under_the_mark_no_flip_trims)
{
    struct subject s;
    struct bx_wal *w = prepare(&s);

    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    ready(&s, w);
    s.promised = s.last;
    assert_true(s.last - s.first > 30);
    flip_every_byte(&s, one_bit);
    flip_every_byte(&s, all_bits);
    cut_every_file(&s);
    assert_int_equal(s.trimmed, 0);
    /* all that is used of three segments, twice, but for padding */
    assert_true(s.refused > 2 * (s.last - s.first) * (ENTRY + 56));
    assert_true(s.same > 0);
    memfs_destroy(s.disk);
}

/* The last job was written, and the process died before anybody was told. */
TEST(a_tail_nobody_was_told_of_is_trimmed_and_no_more)
{
    struct subject s;
    struct bx_wal *w = prepare(&s);

    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    s.promised = bx_wal_durable(w);
    for (uint64_t i = 121; i <= 125; i++)
        assert_int_equal(append_one(w, i, 1, ENTRY), BX_OK);
    assert_true(bx_wal_begin(w));
    memfs_plan(s.disk, MEMFS_STOP_AFTER, memfs_changes(s.disk), 0);
    assert_int_equal(bx_wal_finish(w, bx_wal_run(w, NULL)), BX_IO);
    ready(&s, w);
    assert_int_equal(s.last, 125);
    flip_every_byte(&s, one_bit);
    cut_every_file(&s);
    assert_true(s.trimmed > 5 * ENTRY);
    assert_true(s.refused > (s.promised - s.first) * ENTRY);
    memfs_destroy(s.disk);
}

/* Without any mark: what a record says that was durable before it is a promise as well. */
TEST(records_and_heads_promise_what_is_before_them)
{
    struct subject s;
    struct bx_wal *w = prepare(&s);

    s.promised = bx_wal_durable(w);
    assert_int_equal(append_one(w, 121, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_true(bx_wal_high_water_behind(w));
    ready(&s, w);
    flip_every_byte(&s, one_bit);
    assert_true(s.trimmed > ENTRY);
    assert_true(s.trimmed < ENTRY + 64 + 1);
    assert_true(s.refused > (s.promised - s.first) * ENTRY);
    memfs_destroy(s.disk);
}

/* One job over two segments, and no mark: its records promise nothing, the head between them does.
 */
TEST(the_head_of_a_segment_promises_the_one_before)
{
    struct subject s = {.disk = memfs_create(), .promised = 19};
    struct bx_wal *w;

    assert_int_equal(open_log(&w, s.disk, SMALL_SEGMENT, NULL), BX_OK);
    for (uint64_t i = 1; i <= 25; i++)
        assert_int_equal(append_one(w, i, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_true(memfs_exists(s.disk, "wal-0000000000000002"));
    ready(&s, w);
    flip_every_byte(&s, one_bit);
    assert_true(s.refused > 19 * ENTRY);
    assert_true(s.trimmed > 6 * ENTRY);
    memfs_destroy(s.disk);
}

/* Records that are intact by themselves, where others should be. */
TEST(a_record_out_of_place_is_refused)
{
    static const struct bx_record wrong[] = {
        {.lsn = 2, .index = 2, .term = 1, .type = 1, .prev = 12345}, /* of another chain */
        {.lsn = 3, .index = 2, .term = 1, .type = 1},                /* of another place */
        {.lsn = 2, .index = 4, .term = 1, .type = 1},                /* a gap between entries */
        {.lsn = 2, .index = 0, .term = 1, .type = 1},
    };
    struct memfs *good = memfs_create();
    struct bx_record first;
    struct bx_wal *w;
    size_t n;

    assert_int_equal(open_log(&w, good, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(append_one(w, 1, 1, ENTRY), BX_OK);
    assert_int_equal(append_one(w, 2, 1, 0), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    assert_int_equal(
        bx_record_read(memfs_bytes(good, "wal-0000000000000001", &n) + 64, 256, &first), BX_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct memfs *m = memfs_clone(good);
        struct bx_fs *fs = memfs_fs(m);
        struct bx_err err = {0};
        uint8_t bytes[BX_RECORD_HEADER];
        int fd;

        bx_record_put(bytes, &wrong[i]);
        bx_record_seal(bytes, wrong[i].prev == 0 ? first.crc : wrong[i].prev);
        assert_int_equal(fs->ops->open(fs, "wal-0000000000000001", 0, &fd), 0);
        assert_int_equal(fs->ops->write(fs, fd, bytes, sizeof bytes, 64 + 208), 0);
        fs->ops->close(fs, fd);
        assert_int_equal(open_log(&w, m, SMALL_SEGMENT, &err), BX_CORRUPT);
        assert_string_not_equal(err.hint, "");
        memfs_destroy(m);
    }
    memfs_destroy(good);
}

TEST(a_missing_file_is_refused)
{
    struct subject s;
    struct bx_wal *w = prepare(&s);
    unsigned named = 0;
    struct names v;

    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    ready(&s, w);
    list(s.disk, &v);
    for (unsigned i = 0; i < v.n; i++) {
        struct memfs *m = memfs_clone(s.disk);
        struct bx_err err = {0};
        int rc;

        memfs_remove(m, v.name[i]);
        rc = open_log(&w, m, SMALL_SEGMENT, &err);
        if (rc ==
            BX_OK) { /* a spare; or the front, which only the snapshot can tell is too short */
            assert_true(strncmp(v.name[i], "spare-", 6) == 0 || bx_wal_first(w) > s.first);
            assert_int_equal(bx_wal_last(w), s.last);
            bx_wal_close(w);
        } else {
            assert_int_equal(rc, BX_CORRUPT);
            assert_string_not_equal(err.hint, "");
            s.refused++;
            named += strstr(err.msg, v.name[i]) != NULL;
        }
        memfs_destroy(m);
    }
    assert_true(named >= 2);     /* all but the last one, which can only be missed by the mark */
    assert_true(s.refused >= 3); /* the mark, a segment in the middle, the last one */
    memfs_destroy(s.disk);
}

TEST(all_segments_missing_is_refused)
{
    struct subject s;
    struct bx_wal *w = prepare(&s);
    struct bx_err err = {0};
    struct names v;

    bx_wal_raise_high_water(w);
    assert_int_equal(pump(w, NULL), BX_OK);
    ready(&s, w);
    list(s.disk, &v);
    for (unsigned i = 0; i < v.n; i++) {
        if (strncmp(v.name[i], "wal-", 4) == 0)
            memfs_remove(s.disk, v.name[i]);
    }
    assert_int_equal(open_log(&w, s.disk, SMALL_SEGMENT, &err), BX_CORRUPT);
    assert_non_null(strstr(err.msg, "high-water mark"));
    memfs_destroy(s.disk);
}

/* Records 2 and 3 in one job that nobody was told of; 2 is damaged, both go; 2 is written again,
 * byte for byte: the old 3 fits behind it, and must not be there any more. */
TEST(what_was_trimmed_does_not_come_back)
{
    struct memfs *m = memfs_create();
    struct bx_wal *w;

    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(append_one(w, 1, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(append_one(w, 2, 1, ENTRY), BX_OK);
    assert_int_equal(append_one(w, 3, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    memfs_flip(m, "wal-0000000000000001", 64 + 208 + 60, 1);
    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(bx_wal_last(w), 1);
    assert_int_equal(append_one(w, 2, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    memfs_crash(m, 1);
    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(bx_wal_last(w), 2);
    entry_is(w, 2, 1, ENTRY);
    bx_wal_close(w);
    memfs_destroy(m);
}

/* What a tenant stores may look like a record that promises the sky. */
TEST(a_record_within_an_entry_promises_nothing)
{
    struct memfs *m = memfs_create();
    uint8_t fake[64];
    struct bx_record r = {.lsn = 1ull << 40, .durable = (1ull << 40) - 1, .index = 1, .type = 1};
    struct bx_wal_entry e = {.term = 1, .type = 1, .len = sizeof fake, .data = fake};
    struct bx_wal *w;

    memset(fake, 0, sizeof fake);
    bx_record_put(fake, &r);
    bx_record_seal(fake, 0);
    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(append_one(w, 1, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    assert_int_equal(bx_wal_append(w, 2, &e, 1), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    memfs_flip(m, "wal-0000000000000001", 64 + 208 + 40, 1); /* its term: torn */
    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(bx_wal_last(w), 1);
    bx_wal_close(w);
    memfs_destroy(m);
}

TEST(a_newer_version_is_not_taken_for_damage)
{
    static const size_t offsets[] = {0, 64};
    static const uint16_t kinds[] = {BX_KIND_WAL_SEGMENT, BX_KIND_WAL_RECORD};
    struct memfs *m = memfs_create();
    struct bx_wal *w;

    assert_int_equal(open_log(&w, m, SMALL_SEGMENT, NULL), BX_OK);
    assert_int_equal(append_one(w, 1, 1, ENTRY), BX_OK);
    assert_int_equal(pump(w, NULL), BX_OK);
    bx_wal_close(w);
    for (int i = 0; i < 2; i++) {
        struct memfs *copy = memfs_clone(m);
        struct bx_fs *fs = memfs_fs(copy);
        uint8_t item[512];
        size_t n;
        int fd;

        memcpy(item, memfs_bytes(copy, "wal-0000000000000001", &n) + offsets[i], sizeof item);
        bx_header_seal(item, kinds[i], 2, BX_CODEC_FLAT, bx_get32(item + 8));
        assert_int_equal(fs->ops->open(fs, "wal-0000000000000001", 0, &fd), 0);
        assert_int_equal(fs->ops->write(fs, fd, item, sizeof item, offsets[i]), 0);
        fs->ops->close(fs, fd);
        assert_int_equal(open_log(&w, copy, SMALL_SEGMENT, NULL), BX_UNSUPPORTED);
        memfs_destroy(copy);
    }
    memfs_destroy(m);
}

int main(void)
{
    return test_run(NULL, NULL);
}
