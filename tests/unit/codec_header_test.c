/* header: checksum and the sixteen bytes. Built twice: with the processor's instruction, where
 * there is one, and with the table alone. */
#include "lib/testlib.h"

#include "codec/header.h"

#include <string.h>

static uint32_t crc_bit_by_bit(const uint8_t *p, size_t n)
{
    uint32_t crc = 0xffffffffu;

    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

TEST(crc_has_the_published_values)
{
    uint8_t block[32];

    assert_int_equal(bx_crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(bx_crc32c(0, NULL, 0), 0);
    /* RFC 3720, B.4 */
    memset(block, 0, sizeof block);
    assert_int_equal(bx_crc32c(0, block, 32), 0x8a9136aau);
    memset(block, 0xff, sizeof block);
    assert_int_equal(bx_crc32c(0, block, 32), 0x62a8ab43u);
    for (uint8_t i = 0; i < 32; i++)
        block[i] = i;
    assert_int_equal(bx_crc32c(0, block, 32), 0x46dd794eu);
}

TEST(crc_goes_on_where_it_stopped)
{
    uint8_t data[100];
    uint64_t seed = 3;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)test_random(&seed);
    for (size_t from = 0; from < 9; from++) {
        for (size_t n = 0; from + n <= sizeof data; n++) {
            uint32_t whole = bx_crc32c(0, data + from, n);

            assert_int_equal(whole, crc_bit_by_bit(data + from, n));
            assert_int_equal(
                bx_crc32c(bx_crc32c(0, data + from, n / 3), data + from + n / 3, n - n / 3), whole);
        }
    }
}

/* Long enough for lanes side by side, and for what is left of them. */
TEST(crc_of_much_is_that_of_its_bytes)
{
    static const size_t sizes[] = {255,  256,  767,  768,  769,  775,  1023, 1024,
                                   1535, 1536, 1537, 2303, 2304, 3000, 7777, 70000};
    static uint8_t data[70008];
    uint64_t seed = 4;

    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)test_random(&seed);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const uint8_t *p = data + i % 8;
        size_t n = sizes[i], part = n / 3 + i;
        uint32_t whole = crc_bit_by_bit(p, n);

        assert_int_equal(bx_crc32c(0, p, n), whole);
        assert_int_equal(bx_crc32c(bx_crc32c(0, p, part), p + part, n - part), whole);
    }
}

static const uint8_t golden[] = {0xBD, 0x58, 2,    1,    0x08, 0,   0,   0,   5,   0,  0,
                                 0,    0x9b, 0xd8, 0x9c, 0x69, 'h', 'e', 'l', 'l', 'o'};

TEST(head_is_the_golden_one)
{
    uint8_t item[BX_HEADER_SIZE + 5];
    struct bx_header h;

    memcpy(item + BX_HEADER_SIZE, "hello", 5);
    bx_header_seal(item, BX_KIND_BATCH, 2, BX_CODEC_FLAT, 5);
    assert_memory_equal(item, golden, sizeof golden);
    assert_int_equal(bx_header_read(item, &h), BX_OK);
    assert_int_equal(h.version, 2);
    assert_int_equal(h.codec, BX_CODEC_FLAT);
    assert_int_equal(h.kind, BX_KIND_BATCH);
    assert_int_equal(h.length, 5);
    assert_int_equal(bx_header_check(item, sizeof item, BX_KIND_BATCH, 2, &h), BX_OK);
}

TEST(head_refuses_every_flipped_bit)
{
    uint8_t item[sizeof golden];
    struct bx_header h;

    for (size_t bit = 0; bit < 8 * sizeof golden; bit++) {
        int rc;

        memcpy(item, golden, sizeof golden);
        item[bit / 8] ^= (uint8_t)(1 << bit % 8);
        rc = bx_header_check(item, sizeof item, BX_KIND_BATCH, 255, &h);
        assert_true(rc == BX_CORRUPT || rc == BX_MALFORMED);
    }
    for (size_t len = 0; len < sizeof golden; len++)
        assert_int_equal(bx_header_check(golden, len, BX_KIND_BATCH, 255, &h), BX_MALFORMED);
}

TEST(head_tells_newer_from_wrong)
{
    uint8_t item[BX_HEADER_SIZE];
    struct bx_header h;

    bx_header_seal(item, BX_KIND_VOTE, 3, BX_CODEC_FLAT, 0);
    assert_int_equal(bx_header_check(item, sizeof item, BX_KIND_VOTE, 3, &h), BX_OK);
    assert_int_equal(bx_header_check(item, sizeof item, BX_KIND_VOTE, 2, &h), BX_UNSUPPORTED);
    assert_int_equal(bx_header_check(item, sizeof item, BX_KIND_MARK, 3, &h), BX_MALFORMED);
    item[6] = 1;
    assert_int_equal(bx_header_read(item, &h), BX_UNSUPPORTED);
    bx_put32(item + 12, bx_crc32c(0, item, 12));
    assert_int_equal(bx_header_check(item, sizeof item, BX_KIND_VOTE, 3, &h), BX_UNSUPPORTED);
    item[0] = '{';
    assert_int_equal(bx_header_read(item, &h), BX_MALFORMED);
}

TEST(loads_and_stores_are_little_endian)
{
    uint8_t b[9] = {0};

    bx_put64(b + 1, 0x0102030405060708u);
    assert_memory_equal(b, "\0\x08\x07\x06\x05\x04\x03\x02\x01", 9);
    assert_true(bx_get64(b + 1) == 0x0102030405060708u);
    assert_int_equal(bx_get32(b + 1), 0x05060708u);
    assert_int_equal(bx_get16(b + 1), 0x0708);
}

int main(void)
{
    return test_run(NULL, NULL);
}
