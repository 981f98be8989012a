/* parse: text in, values or an error that names the flag out. */
#include "lib/testlib.h"

#include "parse.h"

#include <string.h>

static struct bx_err err;

TEST(sizes_are_read)
{
    static const struct {
        const char *text;
        uint64_t mib; /* UINT64_MAX: refused */
    } cases[] = {
        {"512", 512},
        {"512MiB", 512},
        {"512M", 512},
        {"4GiB", 4096},
        {"1TiB", 1u << 20},
        {"64TiB", 64u << 20},
        {"1024KiB", 1},
        {"0", 0},
        {"0MiB", 0},
        {"1048576B", 1},
        {"1PiB", 1u << 30},
        {"1KiB", UINT64_MAX},
        {"1025KiB", UINT64_MAX},
        {"", UINT64_MAX},
        {"MiB", UINT64_MAX},
        {"-1", UINT64_MAX},
        {"+1", UINT64_MAX},
        {" 1", UINT64_MAX},
        {"1.5GiB", UINT64_MAX},
        {"1 GiB", UINT64_MAX},
        {"1gib", UINT64_MAX},
        {"1GiBx", UINT64_MAX},
        {"0x10", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"17179869184PiB", UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t n = UINT64_MAX;
        int rc = parse_size(cases[i].text, "--memory", 1 << 20, &n, &err);

        if (rc != (cases[i].mib == UINT64_MAX ? BX_INVALID : BX_OK) ||
            (rc == BX_OK && n != cases[i].mib))
            fail_msg("\"%s\": code %d, %llu MiB", cases[i].text, rc, (unsigned long long)n);
        if (rc != BX_OK) {
            assert_non_null(strstr(err.msg, "--memory"));
            assert_true(err.hint[0] != '\0');
        }
    }
}

TEST(a_size_that_is_not_whole_is_refused_by_its_unit)
{
    uint64_t n = 3;

    assert_int_equal(parse_size("512MiB", "--disk", 1 << 30, &n, &err), BX_INVALID);
    assert_string_equal(err.msg, "--disk: \"512MiB\" is not a whole number of GiB");
    assert_string_equal(err.hint, "disk sizes are whole GiB, for example 4GiB");
    assert_int_equal(n, 3);
    assert_int_equal(parse_size("2048MiB", "--disk", 1 << 30, &n, &err), BX_OK);
    assert_int_equal(n, 2);
}

TEST(durations_are_read)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"60", 60000},
        {"60s", 60000},
        {"5m", 300000},
        {"500ms", 500},
        {"2h", 7200000},
        {"1d", 86400000},
        {"0", 0},
        {"", UINT64_MAX},
        {"s", UINT64_MAX},
        {"-5s", UINT64_MAX},
        {"5 s", UINT64_MAX},
        {"5sec", UINT64_MAX},
        {"1.5s", UINT64_MAX},
        {"18446744073709551615d", UINT64_MAX},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ms = UINT64_MAX;
        int rc = parse_duration(cases[i].text, "--timeout", &ms, &err);

        if (rc != (cases[i].ms == UINT64_MAX ? BX_INVALID : BX_OK) || ms != cases[i].ms)
            fail_msg("\"%s\": code %d, %llu ms", cases[i].text, rc, (unsigned long long)ms);
    }
}

TEST(a_number_is_held_to_its_bounds)
{
    uint64_t n = 0;

    assert_int_equal(parse_number("512", "--vcpus", 1, 512, &n, &err), BX_OK);
    assert_int_equal(n, 512);
    assert_int_equal(parse_number("513", "--vcpus", 1, 512, &n, &err), BX_INVALID);
    assert_string_equal(err.msg, "--vcpus: must be at most 512, not 513");
    assert_int_equal(parse_number("0", "--vcpus", 1, 512, &n, &err), BX_INVALID);
    assert_string_equal(err.msg, "--vcpus: must be at least 1, not 0");
    assert_int_equal(parse_number("18446744073709551616", "--vcpus", 0, UINT64_MAX, &n, &err),
                     BX_INVALID);
    assert_int_equal(parse_number("4x", "--vcpus", 1, 512, &n, &err), BX_INVALID);
    assert_int_equal(parse_number("", "--vcpus", 1, 512, &n, &err), BX_INVALID);
    assert_int_equal(parse_number("-1", "--vcpus", 1, 512, &n, &err), BX_INVALID);
}

TEST(a_choice_names_the_others)
{
    static const char *const names[] = {"stay", "restart", NULL};
    uint8_t at = 9;

    assert_int_equal(parse_choice("restart", "--on-lost", names, &at, &err), BX_OK);
    assert_int_equal(at, 1);
    assert_int_equal(parse_choice("Restart", "--on-lost", names, &at, &err), BX_INVALID);
    assert_string_equal(err.hint, "available values: stay, restart");
    assert_int_equal(at, 1);
}

int main(void)
{
    return test_run(NULL, NULL);
}
