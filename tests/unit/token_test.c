#include "lib/testlib.h"

#include "rec/rec.h"
#include "rec/recevent.h"
#include "sys/openssl_log.h"
#include "sys/token.h"

#include <openssl/err.h>
#include <string.h>

static uint64_t clock_ns(void)
{
    return 1;
}

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

/* ---- what OpenSSL says ---- */

/* Each error is told once, also an older one that nobody has taken. */
TEST(openssls_errors_are_events)
{
    struct bx_rec_thread thread;
    struct bx_recevent e = {0};
    struct bx_filter all;
    uint64_t words[2048];
    size_t n, first;

    assert_int_equal(bx_filter_parse(&all, "info", NULL), BX_OK);
    bx_rec_filter_ring(&all);
    assert_int_equal(bx_rec_thread_open(&thread, "test", 1, 2048, 0, clock_ns), BX_OK);
    bx_rec_use(&thread);
    ERR_raise(ERR_LIB_EVP, ERR_R_MALLOC_FAILURE);
    ERR_raise(ERR_LIB_EVP, ERR_R_PASSED_INVALID_ARGUMENT);
    assert_int_equal(openssl_log(BX_LEVEL_ERROR), 2);
    assert_int_equal(openssl_log(BX_LEVEL_ERROR), 0);
    bx_rec_use(NULL);
    n = bx_ring_copy(&thread.ring, words, 2048);
    first = bx_recevent_read(words, n, bx_sites(), &e);
    assert_true(first > 0 && first < n);
    assert_string_equal(e.site->target, "openssl");
    assert_int_equal(e.level, BX_LEVEL_ERROR);
    assert_non_null(memmem(e.args[0].p, e.args[0].n, "malloc failure", 14));
    assert_int_equal(first + bx_recevent_read(words + first, n - first, bx_sites(), &e), n);
    assert_non_null(memmem(e.args[0].p, e.args[0].n, "invalid argument", 16));
    bx_rec_thread_close(&thread);
}

int main(void)
{
    return test_run(NULL, NULL);
}
