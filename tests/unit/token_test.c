#include "lib/testlib.h"

#include "sys/token.h"

#include <string.h>

TEST(a_token_reads_back_what_it_was_made_of)
{
    struct token t = {.n_addresses = 3}, back;
    char text[TOKEN_TEXT_MAX];

    for (uint8_t i = 0; i < TOKEN_SECRET; i++)
        t.secret[i] = (uint8_t)(i * 17);
    snprintf(t.addresses[0], sizeof t.addresses[0], "127.0.0.1:7411");
    snprintf(t.addresses[1], sizeof t.addresses[1], "localhost:1");
    snprintf(t.addresses[2], sizeof t.addresses[2], "[::1]:65535");
    token_make(&t, text);
    assert_string_equal(text, "blx1.00112233445566778899aabbccddeeff."
                              "127.0.0.1:7411,localhost:1,[::1]:65535");
    assert_int_equal(token_parse(text, &back, NULL), BX_OK);
    assert_memory_equal(&t, &back, sizeof t);
}

TEST(the_longest_token_fits)
{
    struct token t = {.n_addresses = TOKEN_ADDRESSES_MAX};
    char text[TOKEN_TEXT_MAX];

    for (uint32_t i = 0; i < TOKEN_ADDRESSES_MAX; i++)
        memset(t.addresses[i], 'a', sizeof t.addresses[i] - 1);
    token_make(&t, text);
    assert_int_equal(strlen(text), 5 + 32 + TOKEN_ADDRESSES_MAX * 256);
}

TEST(anything_else_is_refused_with_a_hint)
{
#define SECRET "00112233445566778899aabbccddeeff"
    static const char *const bad[] = {
        "",
        "blx1",
        "blx2." SECRET ".127.0.0.1:1",
        "blx1." SECRET,
        "blx1." SECRET ".",
        "blx1." SECRET ".127.0.0.1",
        "blx1." SECRET ".127.0.0.1:1,",
        "blx1." SECRET ",127.0.0.1:1",
        "blx1.00112233445566778899aabbccddeef.127.0.0.1:1",
        "blx1.00112233445566778899aabbccddeefF.127.0.0.1:1",
        "blx1." SECRET "0.127.0.0.1:1",
        "blx1." SECRET ".h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1",
    };
    char longest[600] = "blx1." SECRET ".";
    struct token t;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bx_err err = {0};

        if (token_parse(bad[i], &t, &err) != BX_INVALID || err.hint[0] == '\0')
            fail_msg("taken for a token: %s", bad[i]);
    }
    memset(longest + strlen(longest), '1', 300);
    assert_int_equal(token_parse(longest, &t, NULL), BX_INVALID);
#undef SECRET
}

TEST(the_hash_is_half_of_sha256)
{
    static const uint8_t expected[16] = {0x37, 0x47, 0x08, 0xff, 0xf7, 0x71, 0x9d, 0xd5,
                                         0x97, 0x9e, 0xc8, 0x75, 0xd5, 0x6c, 0xd2, 0x28};
    uint8_t secret[TOKEN_SECRET] = {0}, hash[16];

    token_hash(secret, hash);
    assert_memory_equal(hash, expected, sizeof hash);
}

int main(void)
{
    return test_run(NULL, NULL);
}
