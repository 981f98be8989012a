/* schema and flat: the golden record, and what becomes of it when it is damaged. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "codec/header.h"
#include "mem/alloc.h"
#include "unit/codec_record.h"

#include <string.h>

/* ---- UUID and UTF-8 ---- */

TEST(uuid_text_there_and_back)
{
    static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
    uint8_t uuid[16], again[16] = {9};
    char out[BX_UUID_TEXT];

    assert_true(bx_uuid_parse(text, 36, uuid));
    bx_uuid_format(uuid, out);
    assert_string_equal(out, text);
    assert_true(bx_uuid_parse("00112233-4455-6677-8899-AABBCCDDEEFF", 36, again));
    assert_memory_equal(uuid, again, 16);
    for (size_t i = 0; i < 36; i++) {
        char bad[37];

        memcpy(bad, text, 37);
        bad[i] = bad[i] == '-' ? '0' : 'g';
        assert_false(bx_uuid_parse(bad, 36, again));
        bad[i] = '-';
        assert_true(text[i] == '-' || !bx_uuid_parse(bad, 36, again));
    }
    assert_memory_equal(uuid, again, 16); /* untouched by what was refused */
    assert_false(bx_uuid_parse(text, 35, again));
    assert_false(bx_uuid_parse("", 0, again));
}

/* The definition itself: decode, and ask whether this code point has this form. */
static bool slow_utf8(const uint8_t *s, size_t n)
{
    size_t i = 0;

    while (i < n) {
        static const uint32_t least[] = {0, 1, 0x80, 0x800, 0x10000};
        size_t len = s[i] < 0x80 ? 1 : s[i] >> 5 == 6 ? 2 : s[i] >> 4 == 14 ? 3 : 0;
        uint32_t cp;

        if (s[i] >> 3 == 30)
            len = 4;
        if (len == 0 || n - i < len)
            return false;
        cp = len == 1 ? s[i] : s[i] & (0x7Fu >> len);
        for (size_t k = 1; k < len; k++) {
            if (s[i + k] >> 6 != 2)
                return false;
            cp = cp << 6 | (s[i + k] & 0x3F);
        }
        if (cp < least[len] || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
            return false;
        i += len;
    }
    return true;
}

TEST(utf8_agrees_with_the_definition)
{
    static const uint8_t tails[] = {0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0};
    uint8_t s[12];

    for (uint32_t first = 0; first < 65536; first++) {
        for (size_t k = 0; k < sizeof tails; k++) {
            memset(s, 'a', sizeof s);
            s[8] = (uint8_t)(first >> 8);
            s[9] = (uint8_t)first;
            s[10] = tails[k];
            s[11] = tails[first % sizeof tails];
            for (size_t n = 1; n <= 4; n++)
                assert_int_equal(bx_utf8_valid((char *)s + 8, n), slow_utf8(s + 8, n));
            assert_int_equal(bx_utf8_valid((char *)s, 12), slow_utf8(s, 12));
        }
    }
    for (size_t i = 0; i < 12; i++) { /* a NUL or a high byte at each place of a fast word */
        memset(s, 'a', sizeof s);
        assert_true(bx_utf8_valid((char *)s, 12));
        s[i] = 0;
        assert_false(bx_utf8_valid((char *)s, 12));
        s[i] = 0x80;
        assert_false(bx_utf8_valid((char *)s, 12));
    }
    assert_true(bx_utf8_valid(NULL, 0));
}

/* ---- flat ---- */

/* Kept for ever: records like this one are on disks. */
static const uint8_t golden[] = {
    0xe8, 0x00, 0x00, 0x00, 0x07, 0x00, 0x0d, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xc8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x34, 0x12, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x70, 0x11, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07,
    0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0xef, 0xcd, 0xab, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x70, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x78, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0x80, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0xa8, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00,
    0x77, 0x65, 0x62, 0x2d, 0x31, 0x00, 0x00, 0x00, 0x00, 0xff, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x98, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0xa0, 0x00, 0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x62, 0x6c, 0x75, 0x65, 0x00, 0x00, 0x00, 0x00,
    0x67, 0x72, 0xc3, 0xbc, 0x6e, 0x00, 0x00, 0x00, 0xc8, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00,
    0xd0, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 0xd8, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00,
    0xe0, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x65, 0x6e, 0x76, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x70, 0x72, 0x6f, 0x64, 0x00, 0x00, 0x00, 0x00, 0x74, 0x69, 0x65, 0x72, 0x00, 0x00, 0x00, 0x00,
    0x31, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

static uint8_t *sample_bytes(size_t *size)
{
    struct record r = record_sample();
    uint8_t *bytes;

    *size = bx_flat_size(&record_schema, &r);
    bytes = bx_must_alloc(*size);
    memset(bytes, 0xEE, *size);
    assert_int_equal(bx_flat_write(&record_schema, &r, bytes), *size);
    return bytes;
}

TEST(flat_is_the_golden_record)
{
    struct record r = record_sample(), back;
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    size_t size, used;
    uint8_t *bytes = sample_bytes(&size);

    assert_int_equal(size, sizeof golden);
    assert_memory_equal(bytes, golden, size);
    assert_int_equal(bx_flat_read(&record_schema, bytes, size, &back, &arena, &used, &err), BX_OK);
    assert_int_equal(used, size);
    assert_true(record_equal(&r, &back));
    assert_true((const uint8_t *)back.name.p > bytes &&
                (const uint8_t *)back.name.p < bytes + size);
    bx_free(bytes);
    bx_arena_close(&arena);
}

TEST(flat_keeps_an_empty_object)
{
    struct record r = {0}, back;
    struct bx_arena arena = {0};
    _Alignas(8) uint8_t bytes[8 + 13 * 8];

    assert_int_equal(bx_flat_size(&record_schema, &r), sizeof bytes);
    bx_flat_write(&record_schema, &r, bytes);
    assert_int_equal(bx_flat_read(&record_schema, bytes, sizeof bytes, &back, &arena, NULL, NULL),
                     BX_OK);
    assert_true(record_equal(&r, &back));
    bx_arena_close(&arena);
}

/* Touch every byte that the views name, so that the sanitizer sees a view out of bounds. */
static uint64_t touch(struct bx_str s)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < s.n; i++)
        sum += (uint8_t)s.p[i];
    return sum;
}

static void check_bounds(const struct record *r)
{
    volatile uint64_t sum = touch(r->name) + touch(r->blob);

    assert_true(r->name.n <= 20 && r->tags.n <= 4 && r->labels.n <= 3 && r->mode <= 2);
    assert_true(bx_utf8_valid(r->name.p, r->name.n));
    for (uint32_t i = 0; i < r->tags.n; i++)
        sum += touch(r->tags.v[i]);
    for (uint32_t i = 0; i < r->labels.n; i++)
        sum += touch(r->labels.v[i].key) + touch(r->labels.v[i].value);
    (void)sum;
}

/* Read a copy in a block of exactly n bytes. What is accepted must have one form only: written
 * again, it gives the same bytes. */
static int read_damaged(const uint8_t *src, size_t n, struct bx_arena *arena)
{
    uint8_t *bytes = bx_must_alloc(n), *again;
    struct bx_err err = {0};
    struct record r;
    size_t used;
    int rc;

    memcpy(bytes, src, n);
    bx_arena_reset(arena);
    rc = bx_flat_read(&record_schema, bytes, n, &r, arena, &used, &err);
    if (rc == BX_OK) {
        check_bounds(&r);
        assert_int_equal(used, bx_flat_size(&record_schema, &r));
        again = bx_must_alloc(used);
        bx_flat_write(&record_schema, &r, again);
        assert_memory_equal(again, bytes, used);
        bx_free(again);
    } else {
        assert_true(rc == BX_MALFORMED || rc == BX_TOO_LARGE);
        assert_int_equal(err.code, rc);
        assert_memory_equal(err.msg, "record", 6);
    }
    bx_free(bytes);
    return rc;
}

TEST(flat_refuses_every_truncation)
{
    struct bx_arena arena = {0};
    uint8_t bytes[sizeof golden];

    for (size_t n = 0; n < sizeof golden; n++)
        assert_int_equal(read_damaged(golden, n, &arena), BX_MALFORMED);
    /* and with a size that fits the cut */
    for (size_t n = 8; n < sizeof golden; n++) {
        memcpy(bytes, golden, n);
        bx_put32(bytes, (uint32_t)n);
        assert_int_equal(read_damaged(bytes, n, &arena), BX_MALFORMED);
    }
    bx_arena_close(&arena);
}

TEST(flat_refuses_bytes_that_nothing_names)
{
    struct bx_arena arena = {0};
    uint8_t bytes[sizeof golden + 8] = {0};

    memcpy(bytes, golden, sizeof golden);
    bx_put32(bytes, sizeof bytes);
    assert_int_equal(read_damaged(bytes, sizeof bytes, &arena), BX_MALFORMED);
    bx_arena_close(&arena);
}

TEST(flat_survives_every_changed_byte)
{
    struct bx_arena arena = {0};
    uint8_t bytes[sizeof golden];
    size_t refused = 0;

    for (size_t at = 0; at < sizeof golden; at++) {
        for (int value = 0; value < 256; value++) {
            memcpy(bytes, golden, sizeof golden);
            if (bytes[at] == value)
                continue;
            bytes[at] = (uint8_t)value;
            /* Fewer slots are an older writer's record, which is written again with more. */
            if (at != 6)
                refused += read_damaged(bytes, sizeof bytes, &arena) != BX_OK;
        }
    }
    assert_true(refused > sizeof golden * 100);
    bx_arena_close(&arena);
}

TEST(flat_survives_random_damage)
{
    struct bx_arena arena = {0};
    uint64_t seed = 11;

    for (int round = 0; round < 20000; round++) {
        _Alignas(8) uint8_t bytes[sizeof golden];

        memcpy(bytes, golden, sizeof golden);
        for (int i = 0; i < 3; i++) { /* words, small values: plausible offsets and counts */
            size_t at = 8 + test_random(&seed) % (sizeof golden / 4 - 2) * 4;

            bx_put32(bytes + at, (uint32_t)(test_random(&seed) % 300));
        }
        read_damaged(bytes, sizeof bytes, &arena);
    }
    bx_arena_close(&arena);
}

TEST(flat_takes_its_own_size_from_a_stream)
{
    _Alignas(8) uint8_t bytes[2 * sizeof golden];
    struct bx_arena arena = {0};
    struct record r;
    size_t used;

    memset(bytes, 0xFF, sizeof bytes);
    memcpy(bytes, golden, sizeof golden);
    assert_int_equal(bx_flat_read(&record_schema, bytes, sizeof bytes, &r, &arena, &used, NULL),
                     BX_OK);
    assert_int_equal(used, sizeof golden);
    bx_arena_close(&arena);
}

/* ---- older and newer schemas ---- */

static const struct bx_schema older = {
    .name = "record", .kind = 7, .size = sizeof(struct record), .n = 9, .fields = record_fields};

TEST(flat_reads_older_and_newer_records)
{
    struct record r = record_sample(), back;
    struct bx_arena arena = {0};
    size_t size, used;
    uint8_t *bytes = sample_bytes(&size);

    assert_int_equal(bx_flat_read(&older, bytes, size, &back, &arena, &used, NULL), BX_OK);
    assert_int_equal(used, size);
    assert_true(bx_str_eq(back.name, r.name));
    assert_int_equal(back.tags.n, 0);
    size = bx_flat_write(&older, &r, bytes);
    assert_int_equal(bx_flat_read(&record_schema, bytes, size, &back, &arena, &used, NULL), BX_OK);
    assert_int_equal(used, size);
    assert_true(bx_str_eq(back.name, r.name));
    assert_int_equal(back.labels.n, 0);
    bytes[4]++; /* its kind */
    assert_int_equal(bx_flat_read(&record_schema, bytes, size, &back, &arena, &used, NULL),
                     BX_MALFORMED);
    bx_free(bytes);
    bx_arena_close(&arena);
}

TEST(flat_refuses_keys_out_of_order)
{
    static const char *const keys[] = {"abcd", "abce", "abcd", "abc"};
    struct bx_arena arena = {0};

    for (size_t i = 1; i < 4; i++) {
        struct bx_pair pairs[2] = {{{"abcd", 4}, {"1", 1}}, {{"zzzz", 4}, {"2", 1}}};
        struct record r = {.labels = {pairs, 2}}, back;
        size_t size = bx_flat_size(&record_schema, &r);
        uint8_t *bytes = bx_must_alloc(size);

        bx_flat_write(&record_schema, &r, bytes);
        memset(bytes + size - 16, 0, 8);
        memcpy(bytes + size - 16, keys[i], strlen(keys[i]));
        bx_put32(bytes + size - 16 - 16 - 16 + 4, (uint32_t)strlen(keys[i]));
        assert_int_equal(bx_flat_read(&record_schema, bytes, size, &back, &arena, NULL, NULL),
                         i == 1 ? BX_OK : BX_MALFORMED);
        bx_free(bytes);
    }
    bx_arena_close(&arena);
}

static const struct bx_field wide[] = {BX_FIELD(record, name, BX_T_STR, .max = 21)};
static const struct bx_field narrow[] = {BX_FIELD(record, name, BX_T_STR, .max = 20)};
static const struct bx_schema wide_schema = BX_SCHEMA("w", 1, record, wide);
static const struct bx_schema narrow_schema = BX_SCHEMA("n", 1, record, narrow);

TEST(flat_names_the_field_that_is_too_large)
{
    struct record r = {.name = {"012345678901234567890", 21}}, back;
    _Alignas(8) uint8_t bytes[64];
    struct bx_arena arena = {0};
    struct bx_err err = {0};
    size_t size = bx_flat_write(&wide_schema, &r, bytes);

    assert_int_equal(bx_flat_read(&narrow_schema, bytes, size, &back, &arena, NULL, &err),
                     BX_TOO_LARGE);
    assert_string_equal(err.msg, "n.name: exceeds the field's maximum");
    bx_arena_close(&arena);
}

static void use_flat(void *ctx)
{
    struct bx_arena arena = {0};
    struct record r;
    int rc = bx_flat_read(&record_schema, ctx, sizeof golden, &r, &arena, NULL, NULL);

    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    bx_arena_close(&arena);
}

TEST(flat_says_when_memory_is_out)
{
    _Alignas(8) uint8_t bytes[sizeof golden];

    memcpy(bytes, golden, sizeof golden);
    assert_int_equal(test_fail_each_allocation(use_flat, bytes), 1);
}

int main(void)
{
    return test_run(NULL, NULL);
}
