#include "lib/testlib.h"

#include "rec/rec.h"
#include "rec/recevent.h"
#include "pki/openssl_log.h"
#include "wire/jointoken.h"

#include <openssl/err.h>
#include <string.h>

static uint64_t clock_ns(void)
{
    return 1;
}

static struct bx_arena arena;

static int teardown(void **state)
{
    (void)state;
    bx_arena_close(&arena);
    return 0;
}

static const char secret[BX_JOIN_SECRET + 1] = "\x01\xff\x80 a secret of 32 bytes......";
static const char fingerprint[BX_FINGERPRINT + 1] = "\xfe\x00\x7f the hash of a certificate!";
static struct bx_str addresses[] = {
    {"127.0.0.1:7411", 14}, {"localhost:1", 11}, {"[::1]:65535", 11}};

static struct bx_join_token sample(void)
{
    return (struct bx_join_token){.addresses = {addresses, 3},
                                  .secret = {secret, BX_JOIN_SECRET},
                                  .fingerprint = {fingerprint, BX_FINGERPRINT},
                                  .id = 17,
                                  .expires_ms = 1700000000000,
                                  .role = BX_ROLE_STANDBY};
}

static char *text_of(const struct bx_join_token *t)
{
    static char text[BX_JOIN_TOKEN_MAX];
    struct bx_buf b = {0};

    assert_int_equal(bx_join_token_write(t, &b), BX_OK);
    assert_true(b.len < sizeof text);
    memcpy(text, b.data, b.len);
    text[b.len] = '\0';
    bx_buf_release(&b);
    return text;
}

static int reads(const char *text, struct bx_join_token *t)
{
    struct bx_err err = {0};
    int rc = bx_join_token_read(text, strlen(text), t, &arena, &err);

    if (rc != BX_OK && err.hint[0] == '\0')
        fail_msg("no hint: %s", err.msg);
    return rc;
}

static void is_like(const struct bx_join_token *a, const struct bx_join_token *b)
{
    assert_int_equal(a->addresses.n, b->addresses.n);
    for (uint32_t i = 0; i < a->addresses.n; i++)
        assert_true(bx_str_eq(a->addresses.v[i], b->addresses.v[i]));
    assert_true(bx_str_eq(a->secret, b->secret));
    assert_true(bx_str_eq(a->fingerprint, b->fingerprint));
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->expires_ms, b->expires_ms);
    assert_int_equal(a->role, b->role);
}

TEST(a_token_reads_back_what_it_was_made_of)
{
    struct bx_join_token t = sample(), back;

    assert_int_equal(reads(text_of(&t), &back), BX_OK);
    is_like(&t, &back);
    t.fingerprint.n = 0;
    assert_int_equal(reads(text_of(&t), &back), BX_OK);
    is_like(&t, &back);
}

TEST(a_token_of_before_certificates_reads_back)
{
    struct bx_join_token t = sample(), back;
    struct bx_join_token old = {.addresses = t.addresses, .secret = {secret, 16}};

    assert_string_equal(text_of(&old), "blx1.01ff80206120736563726574206f6620."
                                       "127.0.0.1:7411,localhost:1,[::1]:65535");
    assert_int_equal(reads(text_of(&old), &back), BX_OK);
    is_like(&old, &back);
}

TEST(the_longest_token_fits)
{
    struct bx_join_token t = sample(), back;
    struct bx_str v[BX_JOIN_ADDRESSES_MAX];
    char a[BX_ADDRESS_MAX];

    memset(a, 'a', sizeof a);
    for (uint32_t i = 0; i < BX_JOIN_ADDRESSES_MAX; i++)
        v[i] = (struct bx_str){a, sizeof a};
    t.addresses = (struct bx_strs){v, BX_JOIN_ADDRESSES_MAX};
    assert_int_equal(reads(text_of(&t), &back), BX_OK);
    is_like(&t, &back);
}

TEST(anything_else_is_refused_with_a_hint)
{
#define SECRET "00112233445566778899aabbccddeeff"
    static const char *const bad[] = {
        "",
        "blx1",
        "blx2." SECRET ".127.0.0.1:1",
        "blx1." SECRET,
        "blx1." SECRET ",127.0.0.1:1",
        "blx1.00112233445566778899aabbccddeef.127.0.0.1:1",
        "blx1.00112233445566778899aabbccddeefF.127.0.0.1:1",
        "blx1." SECRET "0.127.0.0.1:1",
        "blx1." SECRET ".h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1,h:1",
        "blxj1.",
        "blxj1.AAAA",
        "blxj1.====",
    };
    char longest[BX_JOIN_TOKEN_MAX + 8] = "blx1." SECRET ".";
    struct bx_join_token t;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (reads(bad[i], &t) != BX_INVALID)
            fail_msg("taken for a token: %s", bad[i]);
    }
    memset(longest + strlen(longest), '1', 300);
    assert_int_equal(reads(longest, &t), BX_INVALID);
    memset(longest, '1', sizeof longest - 1);
    assert_int_equal(reads(longest, &t), BX_INVALID);
#undef SECRET
}

/* No character is without meaning: a token that was not copied as a whole is told as such. */
TEST(a_token_that_is_cut_or_has_another_character_is_refused)
{
    struct bx_join_token t = sample(), back;
    char *text = text_of(&t), *copy;

    for (size_t n = strlen(text) - 1; n > 0; n--) {
        text[n] = '\0';
        assert_int_equal(reads(text, &back), BX_INVALID);
    }
    copy = text_of(&t);
    for (size_t i = 0; i < strlen(copy); i++) {
        char was = copy[i];

        copy[i] = '!';
        assert_int_equal(reads(copy, &back), BX_INVALID);
        copy[i] = was;
    }
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
    return test_run(NULL, teardown);
}
