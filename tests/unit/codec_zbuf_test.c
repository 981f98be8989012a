/* zbuf: what was appended is found by its number, whatever the sizes, and however the memory
 * goes. */
#include "lib/testlib.h"

#include "codec/zbuf.h"
#include "err.h"

#include <string.h>

static void fill(uint8_t *p, size_t n, uint32_t i)
{
    uint64_t seed = i;

    for (size_t k = 0; k < n; k++)
        p[k] = (uint8_t)test_random(&seed);
}

TEST(items_are_found_by_their_number)
{
    struct bx_zbuf z = {.items = NULL};
    uint8_t want[600];

    for (int round = 0; round < 3; round++) {
        bx_buf_append(&z.bytes, "a head of 13b", 13);
        for (uint32_t i = 0; i < 5000; i++) {
            size_t n = i * 7 % 601;
            uint32_t index = 99;

            fill(want, n, i);
            assert_int_equal(bx_zbuf_append(&z, want, n, &index), BX_OK);
            assert_int_equal(index, i);
        }
        assert_memory_equal(z.bytes.data, "a head of 13b\0\0\0", 16);
        for (uint32_t i = 0; i < 5000; i++) {
            size_t n;
            const uint8_t *p = bx_zbuf_get(&z, i, &n);

            assert_int_equal(n, i * 7 % 601);
            assert_int_equal((uintptr_t)p % 8, 0);
            fill(want, n, i);
            assert_memory_equal(p, want, n);
        }
        bx_zbuf_clear(&z);
        assert_int_equal(z.len, 0);
        assert_int_equal(z.bytes.len, 0);
    }
    bx_zbuf_close(&z);
    bx_zbuf_close(&z);
}

TEST(what_is_there_is_marked)
{
    struct bx_zbuf z = {.items = NULL};
    size_t n;

    bx_buf_append(&z.bytes, "headfirstsecond", 15);
    assert_int_equal(bx_zbuf_mark(&z, 4, 5), BX_OK);
    assert_int_equal(bx_zbuf_mark(&z, 9, 6), BX_OK);
    assert_memory_equal(bx_zbuf_get(&z, 1, &n), "second", 6);
    assert_int_equal(n, 6);
    assert_memory_equal(bx_zbuf_get(&z, 0, &n), "first", 5);
    assert_int_equal(n, 5);
    bx_zbuf_close(&z);
}

static void use(void *ctx)
{
    struct bx_zbuf z = {.items = NULL};
    uint32_t n = 0, index;

    (void)ctx;
    for (uint32_t i = 0; i < 400; i++) {
        size_t before = z.bytes.len, size;

        if (bx_zbuf_append(&z, &i, sizeof i, &index) != BX_OK) {
            assert_int_equal(z.bytes.len, before); /* nothing half appended */
            continue;
        }
        assert_int_equal(index, n++);
        assert_memory_equal(bx_zbuf_get(&z, index, &size), &i, sizeof i);
    }
    assert_int_equal(z.len, n);
    bx_zbuf_close(&z);
    bx_buf_thread_close();
}

TEST(failing_allocations_leave_what_was_there)
{
    bx_buf_thread_close();
    assert_true(test_fail_each_allocation(use, NULL) > 2);
}

int main(void)
{
    return test_run(NULL, NULL);
}
