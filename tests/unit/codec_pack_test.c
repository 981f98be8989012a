/* pack: the scan, the values, the writers. Records are in codec_pack_record_test.c. */
#include "lib/testlib.h"

#include "codec/pack.h"
#include "mem/alloc.h"
#include "unit/codec_record.h"

#include <msgpack.h>
#include <string.h>

/* One message with every form of head, built byte by byte from the specification. */
static const uint8_t every_form[] = {
    0xdc, 0x00, 0x1f,                                        /* array16 of 31 */
    0x00, 0x7f, 0xe0, 0xff,                                  /* fixint */
    0xc0, 0xc2, 0xc3,                                        /* nil, false, true */
    0xcc, 0x80, 0xcd, 0x01, 0x00, 0xce, 0,    1,    0,    0, /* uint 8, 16, 32 */
    0xcf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,    /* uint 64 */
    0xd0, 0x80, 0xd1, 0x80, 0x00, 0xd2, 0x80, 0,    0,    0, /* int 8, 16, 32 */
    0xd3, 0x80, 0,    0,    0,    0,    0,    0,    0,       /* int 64 */
    0xca, 0x3f, 0xc0, 0,    0,                               /* float 32: 1.5 */
    0xcb, 0x40, 0x04, 0,    0,    0,    0,    0,    0,       /* float 64: 2.5 */
    0xa3, 'a',  'b',  'c',                                   /* fixstr */
    0xd9, 2,    'd',  'e',  0xda, 0,    1,    'f',           /* str 8, 16 */
    0xdb, 0,    0,    0,    1,    'g',                       /* str 32 */
    0xc4, 1,    'h',  0xc5, 0,    1,    'i',                 /* bin 8, 16 */
    0xc6, 0,    0,    0,    2,    'j',  'k',                 /* bin 32 */
    0x82, 0xa1, 'k',  0x01, 0xa1, 'l',  0x90,                /* fixmap */
    0xde, 0,    1,    0xa1, 'm',  0x80,                      /* map 16 */
    0xdf, 0,    0,    0,    1,    0xa1, 'n',  0xc0,          /* map 32 */
    0xdd, 0,    0,    0,    1,    0x91, 0x05,                /* array 32 */
    0xd4, 9,    'x',  0xd5, 9,    'x',  'x',                 /* fixext 1, 2 */
    0xd6, 9,    'x',  'x',  'x',  'x',                       /* fixext 4 */
};

/* What the specification says about one object's length, told by recursion. 0: not complete. */
static size_t slow_length(const uint8_t *p, size_t n)
{
    static const uint8_t fixed[32] = {1, 0, 1, 1, 0, 0, 0, 0,  0,  0, 5, 9, 2, 3, 5, 9,
                                      2, 3, 5, 9, 3, 4, 6, 10, 18, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t lengths[32] = {0, 0, 0, 0, 1, 2, 4, 1, 2, 4, 0, 0, 0, 0, 0, 0,
                                        0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
    size_t at = 1, count = 0, head;

    if (n == 0)
        return 0;
    if (p[0] < 0x80 || p[0] >= 0xe0)
        return 1;
    if (p[0] >= 0xa0 && p[0] < 0xc0)
        return n > (p[0] & 31u) ? 1 + (p[0] & 31u) : 0;
    if (p[0] >= 0xc0 && fixed[p[0] & 31] != 0)
        return n >= fixed[p[0] & 31] ? fixed[p[0] & 31] : 0;
    if (p[0] < 0xa0) {
        count = p[0] & 15;
    } else {
        head = lengths[p[0] & 31];
        if (n < 1 + head)
            return 0;
        for (; head > 0; head--)
            count = count << 8 | p[at++];
        if (p[0] <= 0xdb) {
            at += count + (p[0] >= 0xc7 && p[0] <= 0xc9);
            return n >= at ? at : 0;
        }
    }
    if (p[0] < 0x90 || p[0] >= 0xde)
        count *= 2;
    for (; count > 0; count--) {
        size_t one = slow_length(p + at, n - at);

        if (one == 0)
            return 0;
        at += one;
    }
    return at;
}

/* ---- scan ---- */

static int scan(const uint8_t *p, size_t n, size_t max, size_t *at)
{
    struct bx_pack_scan s;
    int rc;

    bx_pack_scan_init(&s);
    rc = bx_pack_scan(&s, p, n, max);
    *at = s.at;
    return rc;
}

TEST(scan_finds_the_end_in_any_two_pieces)
{
    enum { N = sizeof every_form };
    uint8_t stream[N + 3];
    size_t at;

    memcpy(stream, every_form, N);
    memset(stream + N, 0xc1, 3); /* the next message is not looked at */
    assert_int_equal(slow_length(every_form, N), N);
    assert_int_equal(scan(stream, sizeof stream, N, &at), BX_OK);
    assert_int_equal(at, N);
    for (size_t first = 0; first < N; first++) {
        for (size_t second = first; second <= N; second++) {
            struct bx_pack_scan s;
            uint8_t *part = bx_must_alloc(second);
            size_t before;

            bx_pack_scan_init(&s);
            memcpy(part, stream, first);
            assert_int_equal(bx_pack_scan(&s, part, first, N), BX_BUSY);
            before = s.at;
            memcpy(part, stream, second);
            memset(part, 0xc1, before < second ? before : second); /* never looked at again */
            assert_int_equal(bx_pack_scan(&s, part, second, N), second == N ? BX_OK : BX_BUSY);
            assert_true(second < N || s.at == N);
            bx_free(part);
        }
    }
    assert_int_equal(scan(every_form, N, N - 1, &at), BX_TOO_LARGE);
}

TEST(scan_goes_byte_by_byte)
{
    struct bx_pack_scan s;

    bx_pack_scan_init(&s);
    for (size_t n = 0; n < sizeof every_form; n++)
        assert_int_equal(bx_pack_scan(&s, every_form, n, 1000), BX_BUSY);
    assert_int_equal(bx_pack_scan(&s, every_form, sizeof every_form, 1000), BX_OK);
    assert_int_equal(s.at, sizeof every_form);
}

TEST(scan_agrees_with_the_specification)
{
    uint64_t seed = 5;
    size_t whole = 0;

    for (int round = 0; round < 200000; round++) {
        uint8_t bytes[24];
        size_t at, expected;
        bool valid = true;
        int rc;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (uint8_t)(test_random(&seed) % 4 != 0 ? test_random(&seed) & 0x9f
                                                             : test_random(&seed));
        for (size_t i = 0; i < sizeof bytes; i++)
            valid = valid && bytes[i] != 0xc1;
        if (!valid)
            continue;
        expected = slow_length(bytes, sizeof bytes);
        rc = scan(bytes, sizeof bytes, 1 << 20, &at);
        if (rc == BX_OK)
            assert_int_equal(at, expected);
        else if (rc == BX_BUSY)
            assert_int_equal(expected, 0);
        whole += rc == BX_OK;
    }
    assert_true(whole > 10000);
}

TEST(scan_refuses_what_can_not_end_in_time)
{
    static const uint8_t claims[][6] = {
        {0xdd, 0xff, 0xff, 0xff, 0xff}, {0xdf, 0xff, 0xff, 0xff, 0xff},
        {0xdb, 0xff, 0xff, 0xff, 0xff}, {0xc6, 0xff, 0xff, 0xff, 0xff},
        {0xc9, 0xff, 0xff, 0xff, 0xff}, {0x91, 0xdd, 0xff, 0xff, 0xff, 0xff},
    };
    struct bx_pack *p = bx_pack_create();
    struct bx_err err = {0};
    size_t at;

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        assert_int_equal(scan(claims[i], i == 5 ? 6 : 5, 1 << 20, &at), BX_TOO_LARGE);
        assert_null(bx_pack_parse(p, claims[i], i == 5 ? 6 : 5, 1 << 20, &err));
        assert_int_equal(err.code, BX_TOO_LARGE);
    }
    /* Within the bound it may still come, and msgpack-c is not asked before it has. */
    assert_int_equal(scan(claims[0], 5, (size_t)1 << 40, &at), BX_BUSY);
    assert_null(bx_pack_parse(p, claims[0], 5, (size_t)1 << 40, &err));
    assert_int_equal(err.code, BX_MALFORMED);
    assert_int_equal(scan((const uint8_t *)"\xdd\xff", 2, 2, &at), BX_TOO_LARGE);
    assert_int_equal(scan((const uint8_t *)"\x01", 0, 0, &at), BX_TOO_LARGE);
    bx_pack_destroy(p);
}

TEST(scan_bounds_the_depth)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_err err = {0};
    uint8_t nested[40];
    size_t at;

    memset(nested, 0x91, sizeof nested);
    nested[15] = 0x90;
    assert_int_equal(scan(nested, 16, 100, &at), BX_OK);
    assert_non_null(bx_pack_parse(p, nested, 16, 100, &err));
    nested[15] = 0x91;
    nested[16] = 0x90;
    assert_int_equal(scan(nested, 17, 100, &at), BX_TOO_LARGE);
    assert_null(bx_pack_parse(p, nested, 17, 100, &err));
    assert_int_equal(err.code, BX_TOO_LARGE);
    bx_pack_destroy(p);
}

/* ---- values ---- */

TEST(parse_reads_every_form)
{
    struct bx_pack *p = bx_pack_create();
    bx_val v = bx_pack_parse(p, every_form, sizeof every_form, 1000, NULL);
    struct bx_str s;
    uint64_t u = 42;
    int64_t i;
    double d;
    bool flag;

    assert_int_equal(bx_val_type(v), BX_V_ARRAY);
    assert_int_equal(bx_val_len(v), 31);
    assert_true(bx_val_u64(bx_val_at(v, 1), &u) && u == 127);
    assert_true(bx_val_i64(bx_val_at(v, 2), &i) && i == -32);
    assert_false(bx_val_u64(bx_val_at(v, 2), &u));
    assert_int_equal(u, 127);
    assert_int_equal(bx_val_type(bx_val_at(v, 4)), BX_V_NIL);
    assert_true(bx_val_bool(bx_val_at(v, 6), &flag) && flag);
    assert_true(bx_val_u64(bx_val_at(v, 10), &u) && u == UINT64_MAX);
    assert_false(bx_val_i64(bx_val_at(v, 10), &i));
    assert_true(bx_val_i64(bx_val_at(v, 14), &i) && i == INT64_MIN);
    assert_true(bx_val_f64(bx_val_at(v, 15), &d) && d == 1.5);
    assert_true(bx_val_f64(bx_val_at(v, 16), &d) && d == 2.5);
    assert_true(bx_val_f64(bx_val_at(v, 2), &d) && d == -32);
    assert_false(bx_val_u64(bx_val_at(v, 16), &u));
    assert_true(bx_val_str(bx_val_at(v, 17), &s) && bx_str_eq(s, bx_str("abc")));
    assert_true((const uint8_t *)s.p > every_form); /* a view, not a copy */
    assert_true((const uint8_t *)s.p < every_form + sizeof every_form);
    assert_int_equal(bx_val_type(bx_val_at(v, 23)), BX_V_BIN);
    assert_true(bx_val_str(bx_val_at(v, 23), &s) && bx_str_eq(s, bx_str("jk")));
    assert_true(bx_val_u64(bx_val_get(bx_val_at(v, 24), "k"), &u) && u == 1);
    assert_int_equal(bx_val_type(bx_val_get(bx_val_at(v, 24), "l")), BX_V_ARRAY);
    assert_null(bx_val_get(bx_val_at(v, 24), "x"));
    assert_int_equal(bx_val_type(bx_val_at(v, 28)), BX_V_EXT);
    bx_pack_destroy(p);
    bx_pack_destroy(NULL);
}

TEST(accessors_take_what_is_not_there)
{
    struct bx_str s;
    uint64_t u;
    int64_t i;
    double d;
    bool flag;

    assert_int_equal(bx_val_type(NULL), BX_V_NONE);
    assert_int_equal(bx_val_len(NULL), 0);
    assert_null(bx_val_at(NULL, 0));
    assert_null(bx_val_key(NULL, 0));
    assert_null(bx_val_value(NULL, 0));
    assert_null(bx_val_get(NULL, "k"));
    assert_false(bx_val_str(NULL, &s) || bx_val_u64(NULL, &u) || bx_val_i64(NULL, &i) ||
                 bx_val_f64(NULL, &d) || bx_val_bool(NULL, &flag));
}

TEST(parse_refuses_what_is_not_one_object)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_err err = {0};
    uint8_t bytes[sizeof every_form + 1];

    memcpy(bytes, every_form, sizeof every_form);
    bytes[sizeof every_form] = 0;
    for (size_t n = 0; n <= sizeof bytes; n++) {
        bx_val v = bx_pack_parse(p, bytes, n, 1000, &err);

        assert_true((v != NULL) == (n == sizeof every_form));
        assert_true(v != NULL || err.code == BX_MALFORMED);
    }
    assert_null(bx_pack_parse(p, "\xc1", 1, 1000, &err));
    assert_int_equal(err.code, BX_MALFORMED);
    bx_pack_destroy(p);
}

TEST(copied_values_are_the_same_bytes)
{
    static const char message[] = "\x82\xa1k\x93\x01\xc0\xcb\x40\x04\0\0\0\0\0\0\xa1l\xc4\x01x";
    struct bx_pack *p = bx_pack_create();
    struct bx_buf b = {0};

    assert_int_equal(bx_pw_val(&b, bx_pack_parse(p, message, sizeof message - 1, 100, NULL)),
                     BX_OK);
    assert_int_equal(b.len, sizeof message - 1);
    assert_memory_equal(b.data, message, b.len);
    bx_buf_release(&b);
    bx_pack_destroy(p);
}

TEST(writers_choose_the_shortest_form)
{
    static const uint8_t uuid[16] = {0xab};
    struct bx_buf b = {0};

    assert_int_equal(bx_pw_array(&b, 9), BX_OK);
    assert_int_equal(bx_pw_u64(&b, 127), BX_OK);
    assert_int_equal(bx_pw_u64(&b, 128), BX_OK);
    assert_int_equal(bx_pw_i64(&b, -1), BX_OK);
    assert_int_equal(bx_pw_i64(&b, 5), BX_OK);
    assert_int_equal(bx_pw_f64(&b, 2.5), BX_OK);
    assert_int_equal(bx_pw_str(&b, NULL), BX_OK);
    assert_int_equal(bx_pw_strn(&b, NULL, 0), BX_OK);
    assert_int_equal(bx_pw_bool(&b, false), BX_OK);
    assert_int_equal(bx_pw_map(&b, 1), BX_OK);
    assert_memory_equal(b.data, "\x99\x7f\xcc\x80\xff\x05\xcb\x40\x04\0\0\0\0\0\0\xc0\xa0\xc2\x81",
                        b.len);
    assert_int_equal(b.len, 19);
    b.len = 0;
    assert_int_equal(bx_pw_uuid(&b, uuid), BX_OK);
    assert_memory_equal(b.data,
                        "\xd9\x24"
                        "ab000000-0000-0000-0000-000000000000",
                        b.len);
    bx_buf_release(&b);
}

/* ---- the writers by hand write what msgpack-c writes ---- */

static msgpack_sbuffer theirs;
static msgpack_packer packer;
static struct bx_buf ours;

static void both_wrote_the_same(void)
{
    assert_int_equal(ours.len, theirs.size);
    assert_memory_equal(ours.data, theirs.data, theirs.size);
    ours.len = 0;
    msgpack_sbuffer_clear(&theirs);
}

static void numbers_are_written_as_by_msgpack(void)
{
    static const int steps[] = {5, 7, 8, 15, 16, 31, 32, 63, 64};

    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        uint64_t edge = steps[i] == 64 ? 0 : (uint64_t)1 << steps[i];

        for (uint64_t v = edge - 2; v != edge + 3; v++) {
            bx_pw_u64(&ours, v);
            msgpack_pack_uint64(&packer, v);
            both_wrote_the_same();
            bx_pw_i64(&ours, (int64_t)v);
            msgpack_pack_int64(&packer, (int64_t)v);
            both_wrote_the_same();
            bx_pw_i64(&ours, (int64_t)(0 - v));
            msgpack_pack_int64(&packer, (int64_t)(0 - v));
            both_wrote_the_same();
        }
    }
    bx_pw_f64(&ours, -1.5e300);
    msgpack_pack_double(&packer, -1.5e300);
    both_wrote_the_same();
}

static void sizes_are_written_as_by_msgpack(void)
{
    static const uint32_t sizes[] = {0, 1, 15, 16, 31, 32, 255, 256, 65535, 65536};
    static char text[65536];

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t n = sizes[i];
        size_t at = 0;

        bx_pw_strn(&ours, text, n);
        msgpack_pack_str_with_body(&packer, text, n);
        both_wrote_the_same();
        bx_pw_bin(&ours, text, n);
        msgpack_pack_bin_with_body(&packer, text, n);
        both_wrote_the_same();
        bx_pw_array(&ours, n);
        msgpack_pack_array(&packer, n);
        both_wrote_the_same();
        bx_pw_map(&ours, n);
        msgpack_pack_map(&packer, n);
        both_wrote_the_same();
        bx_pw_bin_begin(&ours, &at);
        bx_buf_append(&ours, text, n);
        bx_pw_bin_end(&ours, at);
        assert_int_equal(ours.len, 5 + n);
        assert_int_equal(ours.data[0], 0xc6);
        assert_int_equal((uint32_t)ours.data[2] << 16 | ours.data[3] << 8 | ours.data[4], n);
        ours.len = 0;
    }
}

TEST(what_is_written_by_hand_is_msgpack)
{
    msgpack_sbuffer_init(&theirs);
    msgpack_packer_init(&packer, &theirs, msgpack_sbuffer_write);
    numbers_are_written_as_by_msgpack();
    sizes_are_written_as_by_msgpack();
    msgpack_sbuffer_destroy(&theirs);
    bx_buf_release(&ours);
}

int main(void)
{
    return test_run(NULL, NULL);
}
