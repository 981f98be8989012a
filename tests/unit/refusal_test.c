/* The file of refusals and its chain: whatever is changed, removed, doubled or cut is found, and
 * named. */
#include "lib/testlib.h"

#include "wire/audit.h"
#include "wire/chain.h"

#include <stdio.h>
#include <string.h>

#define RECORDS 12u

static struct bx_buf file;
static size_t at[RECORDS + 2]; /* where each item begins, that of the file first */

/* ---- a file ---- */

static void describe(struct bx_refusal *r, uint64_t number, const uint8_t previous[BX_SHA256])
{
    *r = (struct bx_refusal){.number = number,
                             .time = 1700000000000 + number,
                             .principal = bx_str("user:eve"),
                             .source = bx_str("10.0.0.5"),
                             .method = bx_str("vm.delete"),
                             .object = bx_str("web-1"),
                             .code = bx_str("denied"),
                             .message = bx_str("permission denied: vm.delete (user:eve)"),
                             .trace = {7, (uint8_t)number},
                             .previous = {(const char *)previous, BX_SHA256}};
}

/* The numbers of the records in the order in which they are written, each with its place in the
 * chain. */
static int make(void **state)
{
    uint8_t hash[BX_SHA256] = {0}, before[BX_SHA256];
    struct bx_refusals_head head = {1, 1, {(const char *)hash, BX_SHA256}};

    (void)state;
    file.len = 0;
    at[0] = 0;
    assert_int_equal(bx_refusals_head_write(&file, &head), BX_OK);
    for (uint64_t i = 1; i <= RECORDS; i++) {
        struct bx_refusal r;

        memcpy(before, hash, sizeof before);
        describe(&r, i, before);
        at[i] = file.len;
        assert_int_equal(bx_refusal_write(&file, &r), BX_OK);
        bx_refusal_hash(&r, hash);
    }
    at[RECORDS + 1] = file.len;
    return 0;
}

static int drop(void **state)
{
    (void)state;
    bx_buf_release(&file);
    return 0;
}

/* ---- what a reader finds ---- */

struct seen {
    uint32_t records, faults, damage;
    size_t from, to;         /* of all damage */
    struct bx_chain_fault f; /* the first */
};

static void on_fault(void *ctx, const struct bx_chain_fault *f)
{
    struct seen *s = ctx;

    if (s->faults++ == 0)
        s->f = *f;
}

/* Read the bytes, whose newest record has been number `head`; 0: that is not known. */
static struct seen look(const uint8_t *p, size_t n, uint64_t head)
{
    struct seen s = {.from = SIZE_MAX};
    struct bx_refusals r = {.p = p, .n = n};
    struct bx_chain c = {.fault = on_fault, .ctx = &s};
    enum bx_refusals_found found;
    uint8_t hash[BX_SHA256] = {0};
    size_t end = 0;

    while ((found = bx_refusals_next(&r)) != BX_REFUSALS_END) {
        assert_int_equal(r.at, end); /* every byte belongs to something */
        assert_true(r.size > 0);
        end = r.at + r.size;
        if (found == BX_REFUSALS_DAMAGE) {
            s.damage++;
            s.from = r.at < s.from ? r.at : s.from;
            s.to = end;
        } else if (found == BX_REFUSALS_RECORD) {
            s.records++;
            bx_refusal_hash(&r.record, hash);
            bx_chain_step(&c, r.record.number, r.record.previous, hash);
        }
    }
    assert_int_equal(end, n);
    bx_chain_end(&c, c.last == head ? 0 : head, hash);
    bx_refusals_close(&r);
    return s;
}

static struct bx_buf copy_of(size_t from, size_t to)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_buf_append(&b, file.data + from, to - from), BX_OK);
    return b;
}

static void add(struct bx_buf *b, size_t from, size_t to)
{
    assert_int_equal(bx_buf_append(b, file.data + from, to - from), BX_OK);
}

/* A file without record i, in whose place stands this one. */
static struct bx_buf replaced(uint64_t i, const struct bx_refusal *r)
{
    struct bx_buf b = copy_of(0, at[i]);

    assert_int_equal(bx_refusal_write(&b, r), BX_OK);
    add(&b, at[i + 1], file.len);
    return b;
}

/* ---- tests ---- */

TEST(a_file_as_it_was_written_is_whole)
{
    struct seen s = look(file.data, file.len, RECORDS);

    assert_int_equal(s.records, RECORDS);
    assert_int_equal(s.faults + s.damage, 0);
}

TEST(each_byte_that_is_changed_is_found_and_named)
{
    for (size_t i = 0; i < file.len; i++) {
        uint8_t was = file.data[i];
        size_t item = 0;
        struct seen s;

        while (at[item + 1] <= i)
            item++;
        file.data[i] ^= (uint8_t)(1 + i % 255);
        s = look(file.data, file.len, RECORDS);
        file.data[i] = was;
        assert_true(s.damage > 0);
        assert_int_equal(s.from, at[item]);
        assert_int_equal(s.to, at[item + 1]);
        if (item == 0 || item == 1) /* a chain may begin with any record */
            continue;
        assert_int_equal(s.faults, 1);
        assert_int_equal(s.f.kind, BX_CHAIN_MISSING);
        assert_int_equal(s.f.first, item);
        assert_int_equal(s.f.last, item);
    }
}

TEST(a_file_that_is_cut_anywhere_misses_what_follows)
{
    for (size_t n = at[2]; n < file.len; n++) {
        struct seen s = look(file.data, n, RECORDS);
        uint64_t whole = 1;

        while (at[whole + 2] <= n)
            whole++;
        assert_int_equal(s.records, whole);
        assert_int_equal(s.damage, at[whole + 1] == n ? 0 : 1);
        assert_int_equal(s.f.kind, BX_CHAIN_MISSING);
        assert_int_equal(s.f.first, whole + 1);
        assert_int_equal(s.f.last, RECORDS);
    }
}

TEST(a_record_that_was_removed_is_named)
{
    for (uint64_t i = 2; i < RECORDS; i++) {
        struct bx_buf b = copy_of(0, at[i]);
        struct seen s;

        add(&b, at[i + 1], file.len);
        s = look(b.data, b.len, RECORDS);
        assert_int_equal(s.faults, 1);
        assert_int_equal(s.f.kind, BX_CHAIN_MISSING);
        assert_true(s.f.first == i && s.f.last == i);
        bx_buf_release(&b);
    }
}

TEST(a_record_that_is_there_twice_is_named)
{
    for (uint64_t i = 1; i <= RECORDS; i++) {
        struct bx_buf b = copy_of(0, at[i + 1]);
        struct seen s;

        add(&b, at[i], file.len);
        s = look(b.data, b.len, RECORDS);
        assert_int_equal(s.faults, 1);
        assert_int_equal(s.f.kind, BX_CHAIN_DOUBLED);
        assert_int_equal(s.f.first, i);
        bx_buf_release(&b);
    }
}

/* With a checksum that is right, as who knows the format would write it. */
TEST(a_record_that_was_written_anew_is_named)
{
    for (uint64_t i = 1; i < RECORDS; i++) {
        uint8_t previous[BX_SHA256];
        struct bx_refusals r = {.p = file.data + at[i], .n = file.len - at[i]};
        struct bx_refusal other;
        struct bx_buf b;
        struct seen s;

        assert_int_equal(bx_refusals_next(&r), BX_REFUSALS_RECORD);
        memcpy(previous, r.record.previous.p, sizeof previous);
        describe(&other, i, previous);
        other.principal = bx_str("user:bob");
        b = replaced(i, &other);
        s = look(b.data, b.len, RECORDS);
        assert_int_equal(s.damage, 0);
        assert_int_equal(s.faults, 1);
        assert_int_equal(s.f.kind, BX_CHAIN_CHANGED);
        assert_int_equal(s.f.first, i);
        bx_buf_release(&b);
        previous[5] ^= 1; /* the same if only its hash of the one before is another */
        describe(&other, i, previous);
        b = replaced(i, &other);
        s = look(b.data, b.len, RECORDS);
        assert_int_equal(s.faults, 1);
        assert_int_equal(s.f.kind, BX_CHAIN_CHANGED);
        assert_int_equal(s.f.first, i);
        bx_buf_release(&b);
        bx_refusals_close(&r);
    }
}

TEST(what_is_told_of_a_record_gives_its_hash_again)
{
    struct bx_refusals r = {.p = file.data, .n = file.len};
    uint8_t hash[BX_SHA256], made[BX_SHA256], previous[BX_SHA256];
    struct bx_arena arena = {0};
    struct bx_audit_reply a;

    assert_int_equal(bx_refusals_next(&r), BX_REFUSALS_HEAD);
    assert_int_equal(bx_refusals_next(&r), BX_REFUSALS_RECORD);
    assert_int_equal(bx_refusals_next(&r), BX_REFUSALS_RECORD);
    bx_refusal_hash(&r.record, hash);
    bx_audit_of_refusal(&r.record, &arena, &a);
    assert_true(bx_audit_check(&a, made, previous));
    assert_memory_equal(made, hash, sizeof hash);
    assert_memory_equal(previous, r.record.previous.p, sizeof previous);
    a.who = bx_str("user:bob");
    assert_true(bx_audit_check(&a, made, previous));
    assert_memory_not_equal(made, hash, sizeof hash);
    a.previous.n--;
    assert_false(bx_audit_check(&a, made, previous));
    bx_arena_close(&arena);
    bx_refusals_close(&r);
}

TEST(what_is_told_of_an_event_gives_its_hash_again)
{
    static const uint8_t before[BX_SHA256] = {1, 2, 3};
    struct bx_event e = {.index = 77,
                         .time = 5,
                         .type = BX_EVENT_VM_PHASE,
                         .object = bx_str("web-1"),
                         .node = bx_str("n1"),
                         .tenant = bx_str("blue"),
                         .detail = bx_str("running"),
                         .principal = bx_str("node"),
                         .source = bx_str("node 1"),
                         .previous = {(const char *)before, BX_SHA256}};
    uint8_t made[BX_SHA256], previous[BX_SHA256], told[BX_SHA256];
    struct bx_arena arena = {0};
    struct bx_audit_reply a;

    bx_audit_of_event(&e, &arena, &a);
    assert_true(bx_audit_check(&a, made, previous));
    assert_true(bx_audit_unhex(a.hash, told));
    assert_memory_equal(made, told, sizeof made);
    assert_memory_equal(previous, before, sizeof before);
    a.what = bx_str("no.such.type");
    assert_false(bx_audit_check(&a, made, previous));
    e.previous.n = 0;
    bx_audit_of_event(&e, &arena, &a);
    assert_false(bx_audit_check(&a, made, previous));
    bx_arena_close(&arena);
}

int main(void)
{
    return test_run(make, drop);
}
