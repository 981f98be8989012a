/* Bytes that are sealed to the owner of a private key. */
#include "pki_help.h"

#include "pki/openssl_log.h"

#include <string.h>

static struct bx_err err;
static struct pki_key *owner;
static uint8_t owners[PKI_SPKI];
static const uint8_t nonce[PKI_NONCE] = {4, 5, 6};
static struct bx_buf sealed, plain;

static int setup(void **state)
{
    (void)state;
    assert_int_equal(pki_key_generate(&owner, &err), BX_OK);
    pki_key_public(owner, owners);
    return 0;
}

/* Nothing stays in OpenSSL's queue. */
static int teardown(void **state)
{
    (void)state;
    pki_key_destroy(owner);
    bx_buf_release(&sealed);
    pki_wipe_buf(&plain);
    return openssl_log(BX_LEVEL_DEBUG) == 0 ? 0 : -1;
}

static void seal(const char *text)
{
    sealed.len = 0;
    assert_int_equal(pki_seal_to(owners, nonce, "for", 3, text, strlen(text), &sealed, &err),
                     BX_OK);
}

static int open_it(const struct pki_key *k, const char *with)
{
    plain.len = 0;
    return pki_open_own(k, with, strlen(with), sealed.data, sealed.len, &plain, &err);
}

TEST(the_owner_opens_what_is_sealed_to_it)
{
    static const char text[] = "the new key of the cluster......";
    struct bx_buf again = {0};

    seal(text);
    assert_int_equal(sealed.len, strlen(text) + PKI_SEALED_TO_EXTRA);
    assert_null(memmem(sealed.data, sealed.len, "cluster", 7));
    assert_int_equal(open_it(owner, "for"), BX_OK);
    assert_int_equal(plain.len, strlen(text));
    assert_memory_equal(plain.data, text, plain.len);
    assert_int_equal(pki_seal_to(owners, nonce, "for", 3, text, strlen(text), &again, &err), BX_OK);
    assert_memory_not_equal(again.data, sealed.data, PKI_SPKI); /* another sender each time */
    bx_buf_release(&again);
    seal("");
    assert_int_equal(open_it(owner, "for"), BX_OK);
    assert_int_equal(plain.len, 0);
}

TEST(nobody_else_opens_it_nor_for_something_else)
{
    struct pki_key *other;

    assert_int_equal(pki_key_generate(&other, &err), BX_OK);
    seal("secret");
    assert_int_equal(open_it(other, "for"), BX_CORRUPT);
    assert_int_equal(open_it(owner, "four"), BX_CORRUPT);
    assert_int_equal(plain.len, 0);
    pki_key_destroy(other);
}

TEST(what_was_changed_is_refused)
{
    seal("secret");
    for (size_t i = 0; i < sealed.len; i++) {
        size_t n = sealed.len;

        sealed.data[i] ^= 1;
        assert_int_equal(open_it(owner, "for"), BX_CORRUPT);
        sealed.data[i] ^= 1;
        sealed.len = i;
        assert_int_equal(open_it(owner, "for"), BX_CORRUPT);
        sealed.len = n;
    }
    assert_int_equal(open_it(owner, "for"), BX_OK);
}

/* A sender's point that is not on the curve could tell something of the owner's key. */
TEST(points_that_are_none_are_refused)
{
    uint8_t bad[PKI_SPKI];

    memcpy(bad, owners, sizeof bad);
    memset(bad + 27, 0, sizeof bad - 27);
    assert_int_equal(pki_seal_to(bad, nonce, NULL, 0, "x", 1, &sealed, &err), BX_INVALID);
    memset(bad + 27, 0xff, sizeof bad - 27);
    assert_int_equal(pki_seal_to(bad, nonce, NULL, 0, "x", 1, &sealed, &err), BX_INVALID);
    memset(bad, 0, sizeof bad);
    assert_int_equal(pki_seal_to(bad, nonce, NULL, 0, "x", 1, &sealed, &err), BX_INVALID);
    assert_int_equal(sealed.len, 0);
    seal("secret");
    memset(sealed.data + 27, 0, PKI_SPKI - 27);
    assert_int_equal(open_it(owner, "for"), BX_CORRUPT);
}

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        unsigned byte = 0;

        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return n;
}

/* What another build has sealed: the state keeps it. Computed with Python's cryptography. */
TEST(what_was_sealed_before_is_opened)
{
    static const char key[] =
        "308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b020101042011111111"
        "11111111111111111111111111111111111111111111111111111111a144034200040217e617f0b6"
        "443928278f96999e69a23a4f2c152bdf6d6cdf66e5b80282d4ed194a7debcb97712d2dda3ca85aa8"
        "765a56f45fc758599652f2897c65306e5794";
    static const char text[] =
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004d65a93977caa3d1b081852ff57"
        "a79e465f1660577304baead505dd3a48589cf350185e895372df6221ea3a137557e473fddb6755f0"
        "5bd507c3c533fce9c91285000102030405060708090a0bbe8325d7331167bb9f613e60ea3b2beee1"
        "84370aa8c381d1adc9b83e4f346db26e5b7b96b2209c89e8a531335a8ac1c8";
    uint8_t bytes[512];
    struct pki_key *k;

    assert_int_equal(pki_key_read(bytes, from_hex(key, bytes), &k, &err), BX_OK);
    assert_int_equal(bx_buf_append(&sealed, bytes, from_hex(text, bytes)), BX_OK);
    assert_int_equal(open_it(k, "for"), BX_OK);
    assert_int_equal(plain.len, 32);
    assert_memory_equal(plain.data, "0123456789abcdef0123456789abcdef", 32);
    pki_key_destroy(k);
}

/* ---- several certificates ---- */

TEST(certificates_in_a_row_are_told_apart)
{
    struct pki_test_ca a, b;
    struct bx_buf both = {0};

    pki_test_ca_open(&a, 1);
    pki_test_ca_open(&b, 2);
    assert_int_equal(bx_buf_append(&both, a.der.data, a.der.len), BX_OK);
    assert_int_equal(bx_buf_append(&both, b.der.data, b.der.len), BX_OK);
    assert_int_equal(pki_cert_length(both.data, both.len), a.der.len);
    assert_int_equal(pki_cert_length(both.data + a.der.len, b.der.len), b.der.len);
    assert_int_equal(pki_cert_length(both.data, a.der.len - 1), 0);
    assert_int_equal(pki_cert_length(both.data + 1, both.len - 1), 0);
    assert_int_equal(pki_cert_length(both.data, 0), 0);
    bx_buf_release(&both);
    pki_test_ca_close(&a);
    pki_test_ca_close(&b);
}

/* Which of the trusted CAs it was. */
TEST(a_verified_certificate_tells_its_ca)
{
    struct pki_test_ca a, b;
    struct pki_trust *trust;
    struct pki_cert of_ca, c;
    struct pki_issue i;
    struct bx_buf der = {0};

    pki_test_ca_open(&a, 1);
    pki_test_ca_open(&b, 1);
    i = pki_test_node(&b, 7);
    pki_test_issue(&b, &i, NULL, &der);
    assert_int_equal(
        pki_trust_create(
            &trust, (struct pki_der[]){{a.der.data, a.der.len}, {b.der.data, b.der.len}}, 2, &err),
        BX_OK);
    assert_int_equal(pki_verify(trust, der.data, der.len, PKI_DATES_IGNORED, 0, &c, &err), BX_OK);
    assert_int_equal(pki_cert_read(b.der.data, b.der.len, &of_ca, &err), BX_OK);
    assert_memory_equal(c.ca, of_ca.fingerprint, PKI_SHA256);
    assert_true(pki_trusts(trust, c.ca));
    assert_true(pki_trusts(b.trust, c.ca));
    assert_false(pki_trusts(a.trust, c.ca));
    assert_int_equal(pki_verify(a.trust, der.data, der.len, PKI_DATES_IGNORED, 0, &c, &err),
                     BX_DENIED);
    pki_trust_destroy(trust);
    bx_buf_release(&der);
    pki_test_ca_close(&a);
    pki_test_ca_close(&b);
}

int main(void)
{
    return test_run(setup, teardown);
}
