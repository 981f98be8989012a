/* The frame of a batch against command.h: its bounds, its versions. What is in it is
 * command_test's. */
#include "lib/testlib.h"

#include "codec/header.h"
#include "wire/command.h"

#include <stdlib.h>
#include <string.h>

static int open_exact(const uint8_t *p, size_t n)
{
    uint8_t *copy = malloc(n == 0 ? 1 : n);
    struct bx_err err = {0};
    struct bx_batch batch;
    int rc;

    memcpy(copy, p, n);
    rc = bx_batch_open(copy, n, &batch, &err);
    assert_true(rc == BX_OK || err.msg[0] != '\0');
    free(copy);
    return rc;
}

TEST(a_damaged_batch_is_refused)
{
    static const struct bx_stamp stamp = {12345, 678, {1, 2, 3, 4}};
    struct bx_buf b = {0};

    assert_int_equal(bx_batch_begin(&b), BX_OK);
    for (uint8_t i = 0; i < 200; i++)
        assert_int_equal(bx_buf_append(&b, &i, 1), BX_OK);
    bx_batch_seal(&b, 2, &stamp);
    assert_int_equal(open_exact(b.data, b.len), BX_OK);
    for (size_t n = 0; n < b.len; n++)
        assert_int_equal(open_exact(b.data, n), BX_MALFORMED);
    for (size_t i = 0; i < b.len; i++) {
        for (unsigned flip = 1; flip < 256; flip++) {
            b.data[i] ^= (uint8_t)flip;
            assert_true(open_exact(b.data, b.len) != BX_OK);
            b.data[i] ^= (uint8_t)flip;
        }
    }
    bx_buf_release(&b);
}

TEST(a_batch_beyond_its_bounds_is_refused)
{
    static const struct bx_stamp stamp;
    struct bx_buf b = {0};

    assert_int_equal(bx_batch_begin(&b), BX_OK);
    bx_batch_seal(&b, BX_BATCH_COMMANDS_MAX, &stamp);
    assert_int_equal(open_exact(b.data, b.len), BX_OK);
    bx_batch_seal(&b, BX_BATCH_COMMANDS_MAX + 1, &stamp);
    assert_int_equal(open_exact(b.data, b.len), BX_MALFORMED);
    bx_batch_seal(&b, 0, &stamp);
    bx_header_seal(b.data, BX_KIND_BATCH, 3, BX_CODEC_FLAT, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(open_exact(b.data, b.len), BX_UNSUPPORTED);
    bx_header_seal(b.data, BX_KIND_VOTE, 1, BX_CODEC_FLAT, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(open_exact(b.data, b.len), BX_MALFORMED);
    bx_header_seal(b.data, BX_KIND_BATCH, 1, BX_CODEC_FLAT, 24); /* shorter than the stamp */
    assert_int_equal(open_exact(b.data, b.len), BX_MALFORMED);
    bx_buf_release(&b);
}

/* As batches were before their stamp said what time had passed. */
TEST(a_batch_of_version_1_is_read)
{
    static const struct bx_stamp stamp = {.wall_ms = 12345};
    struct bx_buf b = {0};
    struct bx_batch batch;

    assert_int_equal(bx_batch_begin(&b), BX_OK);
    bx_batch_seal(&b, 3, &stamp);
    bx_header_seal(b.data, BX_KIND_BATCH, 1, BX_CODEC_FLAT, (uint32_t)(b.len - BX_HEADER_SIZE));
    assert_int_equal(bx_batch_open(b.data, b.len, &batch, NULL), BX_OK);
    assert_false(batch.measured);
    assert_int_equal(batch.stamp.wall_ms, 12345);
    assert_int_equal(batch.commands, 3);
    bx_buf_release(&b);
}

int main(void)
{
    return test_run(NULL, NULL);
}
