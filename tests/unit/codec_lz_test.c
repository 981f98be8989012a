/* lz: what is packed comes back, and what claims too much is refused before there is memory for
 * it. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "codec/lz.h"
#include "codec/zst.h"
#include "mem/alloc.h"

#include <string.h>

TEST(what_was_packed_comes_back)
{
    static uint8_t src[300000];
    uint64_t seed = 5;

    for (size_t i = 0; i < sizeof src; i++) /* text-like: pieces that come again */
        src[i] = i % 97 < 60 ? (uint8_t)(i % 97) : (uint8_t)(test_random(&seed) % 7);
    for (size_t n = 800; n <= sizeof src; n = n * 5 + 1) {
        struct bx_buf packed = {0}, out = {0};

        bx_buf_append(&packed, "xyz", 3);
        assert_int_equal(bx_lz_pack(&packed, src, n), BX_OK);
        assert_true(packed.len - 3 <= n - n / 8);
        assert_memory_equal(packed.data, "xyz", 3);
        assert_int_equal(bx_lz_unpack(&out, packed.data + 3, packed.len - 3, n), BX_OK);
        assert_int_equal(out.len, n);
        assert_memory_equal(out.data, src, n);
        assert_int_equal(bx_lz_unpack(&out, packed.data + 3, packed.len - 3, n - 1), BX_MALFORMED);
        assert_int_equal(out.len, n); /* unchanged */
        bx_buf_release(&packed);
        bx_buf_release(&out);
    }
}

TEST(what_gains_nothing_is_not_packed)
{
    uint8_t noise[5000];
    uint64_t seed = 9;
    struct bx_buf b = {0};

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&seed);
    bx_buf_append(&b, "xyz", 3);
    for (size_t n = 0; n < sizeof noise; n += 1 + n / 4)
        assert_int_equal(bx_lz_pack(&b, noise, n), BX_TOO_LARGE);
    assert_int_equal(b.len, 3);
    bx_buf_release(&b);
}

static int fail_large(void *ctx, size_t size)
{
    *(bool *)ctx = *(bool *)ctx || size > 100000;
    return 0;
}

/* A few bytes that claim gigabytes cost nothing: there is no block that becomes that much. */
TEST(claims_are_checked_before_memory_is_taken)
{
    uint8_t bytes[40] = {0};
    struct bx_buf out = {0};
    bool took = false;

    bx_alloc_set_fault(fail_large, &took);
    for (unsigned shift = 14; shift < 32; shift++) {
        bx_put32(bytes, 1u << shift);
        assert_int_equal(bx_lz_unpack(&out, bytes, sizeof bytes, SIZE_MAX), BX_MALFORMED);
    }
    bx_put32(bytes, 0);
    for (size_t n = 0; n < 10; n++)
        assert_int_equal(bx_lz_unpack(&out, bytes, n, SIZE_MAX), BX_MALFORMED);
    bx_alloc_set_fault(NULL, NULL);
    assert_false(took);
    bx_buf_release(&out);
}

TEST(every_cut_is_refused)
{
    uint8_t src[2000];
    struct bx_buf packed = {0}, out = {0};

    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (uint8_t)(i / 50);
    assert_int_equal(bx_lz_pack(&packed, src, sizeof src), BX_OK);
    for (size_t n = 0; n < packed.len; n++)
        assert_int_equal(bx_lz_unpack(&out, packed.data, n, sizeof src), BX_MALFORMED);
    assert_int_equal(out.len, 0);
    bx_buf_release(&packed);
    bx_buf_release(&out);
}

/* ---- zst ---- */

TEST(an_archive_comes_back_and_is_smaller)
{
    static uint8_t src[60000];
    struct bx_buf lz = {0}, zst = {0}, out = {0};

    for (size_t i = 0; i < sizeof src; i++)
        src[i] = (uint8_t)(i % 8 < 4 ? i / 8 >> (i % 4 * 8) : 'x');
    bx_buf_append(&zst, "xyz", 3);
    assert_int_equal(bx_lz_pack(&lz, src, sizeof src), BX_OK);
    assert_int_equal(bx_zst_pack(&zst, src, sizeof src), BX_OK);
    assert_true(zst.len - 3 < lz.len);
    assert_int_equal(bx_zst_unpack(&out, zst.data + 3, zst.len - 3, sizeof src), BX_OK);
    assert_int_equal(out.len, sizeof src);
    assert_memory_equal(out.data, src, sizeof src);
    bx_buf_release(&lz);
    bx_buf_release(&zst);
    bx_buf_release(&out);
}

TEST(an_archive_of_another_size_or_cut_is_refused)
{
    uint8_t src[2000] = {0}, noise[500];
    struct bx_buf packed = {0}, out = {0};
    uint64_t seed = 3;

    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)test_random(&seed);
    assert_int_equal(bx_zst_pack(&packed, noise, sizeof noise), BX_TOO_LARGE);
    assert_int_equal(bx_zst_pack(&packed, noise, 0), BX_TOO_LARGE);
    assert_int_equal(packed.len, 0);
    assert_int_equal(bx_zst_pack(&packed, src, sizeof src), BX_OK);
    assert_int_equal(bx_zst_unpack(&out, packed.data, packed.len, sizeof src - 1), BX_MALFORMED);
    assert_int_equal(bx_zst_unpack(&out, packed.data, packed.len, sizeof src + 1), BX_MALFORMED);
    for (size_t n = 0; n < packed.len; n++)
        assert_int_equal(bx_zst_unpack(&out, packed.data, n, sizeof src), BX_MALFORMED);
    assert_int_equal(bx_zst_unpack(&out, packed.data, packed.len, 0), BX_MALFORMED);
    assert_int_equal(out.len, 0);
    bx_buf_release(&packed);
    bx_buf_release(&out);
}

int main(void)
{
    return test_run(NULL, NULL);
}
