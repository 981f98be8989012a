/* Digests, sealed bytes, keys and their files, and requests. */
#include "pki_help.h"

#include "pki/openssl_log.h"
#include "sys/secret_file.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct bx_err err;

/* No test leaves an error in OpenSSL's queue. */
static int nothing_queued(void **state)
{
    (void)state;
    bx_buf_thread_close();
    return openssl_log(BX_LEVEL_DEBUG) == 0 ? 0 : -1;
}

/* ---- bytes ---- */

TEST(the_digest_is_sha256)
{
    static const uint8_t expected[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea};
    uint8_t sum[PKI_SHA256];

    bx_sha256("abc", 3, sum);
    assert_memory_equal(sum, expected, sizeof expected);
    bx_sha256(NULL, 0, sum);
    assert_int_equal(sum[0], 0xe3);
}

TEST(secrets_are_compared_and_wiped)
{
    uint8_t a[4] = {1, 2, 3, 4}, b[4] = {1, 2, 3, 5};
    struct bx_buf buf = {0};

    assert_true(pki_equal(a, a, 4));
    assert_false(pki_equal(a, b, 4));
    assert_true(pki_equal(a, b, 3));
    pki_wipe(a, 4);
    assert_int_equal(a[0] | a[1] | a[2] | a[3], 0);
    pki_wipe_buf(&buf);
    assert_int_equal(bx_buf_append(&buf, b, 4), BX_OK);
    pki_wipe_buf(&buf);
    assert_null(buf.data);
}

static const uint8_t key[PKI_SECRET] = {1, 2, 3}, nonce[PKI_NONCE] = {4, 5, 6};

TEST(sealed_bytes_are_opened_with_the_same_key_and_data)
{
    static const char text[] = "the key of the CA";
    struct bx_buf sealed = {0}, plain = {0};

    assert_int_equal(pki_seal(key, nonce, "row", 3, text, sizeof text, &sealed, &err), BX_OK);
    assert_int_equal(sealed.len, sizeof text + PKI_SEALED_EXTRA);
    assert_memory_equal(sealed.data, nonce, PKI_NONCE);
    assert_null(memmem(sealed.data, sealed.len, "CA", 2));
    assert_int_equal(bx_buf_append(&plain, ">", 1), BX_OK);
    assert_int_equal(pki_open(key, "row", 3, sealed.data, sealed.len, &plain, &err), BX_OK);
    assert_int_equal(plain.len, 1 + sizeof text);
    assert_memory_equal(plain.data + 1, text, sizeof text);
    bx_buf_release(&sealed);
    pki_wipe_buf(&plain);
}

/* From the test cases of the GCM specification: case 14. */
TEST(sealing_is_aes_256_gcm)
{
    static const uint8_t zero[32], expected[] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e},
                                   tag[] = {0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0};
    struct bx_buf sealed = {0};

    assert_int_equal(pki_seal(zero, zero, NULL, 0, zero, 16, &sealed, &err), BX_OK);
    assert_memory_equal(sealed.data + PKI_NONCE, expected, sizeof expected);
    assert_memory_equal(sealed.data + PKI_NONCE + 16, tag, sizeof tag);
    bx_buf_release(&sealed);
}

TEST(sealed_bytes_that_were_changed_are_refused)
{
    struct bx_buf sealed = {0}, plain = {0};
    uint8_t other[PKI_SECRET] = {9};

    assert_int_equal(pki_seal(key, nonce, NULL, 0, "secret", 6, &sealed, &err), BX_OK);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.data[i] ^= 1;
        assert_int_equal(pki_open(key, NULL, 0, sealed.data, sealed.len, &plain, &err), BX_CORRUPT);
        sealed.data[i] ^= 1;
        assert_int_equal(pki_open(key, NULL, 0, sealed.data, i, &plain, &err), BX_CORRUPT);
    }
    assert_int_equal(pki_open(other, NULL, 0, sealed.data, sealed.len, &plain, &err), BX_CORRUPT);
    assert_int_equal(pki_open(key, "x", 1, sealed.data, sealed.len, &plain, &err), BX_CORRUPT);
    assert_int_equal(plain.len, 0);
    bx_buf_release(&sealed);
    bx_buf_release(&plain);
}

TEST(nothing_can_be_sealed)
{
    struct bx_buf sealed = {0}, plain = {0};

    assert_int_equal(pki_seal(key, nonce, NULL, 0, NULL, 0, &sealed, &err), BX_OK);
    assert_int_equal(sealed.len, PKI_SEALED_EXTRA);
    assert_int_equal(pki_open(key, NULL, 0, sealed.data, sealed.len, &plain, &err), BX_OK);
    assert_int_equal(plain.len, 0);
    bx_buf_release(&sealed);
    bx_buf_release(&plain);
}

/* ---- keys ---- */

TEST(a_key_reads_back)
{
    uint8_t der[PKI_KEY_MAX], a[PKI_SPKI], b[PKI_SPKI], pin[PKI_SHA256], sum[PKI_SHA256];
    struct pki_key *k, *back;
    size_t n;

    assert_int_equal(pki_key_generate(&k, &err), BX_OK);
    assert_int_equal(pki_key_write(k, der, &n, &err), BX_OK);
    assert_int_equal(pki_key_read(der, n, &back, &err), BX_OK);
    pki_key_public(k, a);
    pki_key_public(back, b);
    assert_memory_equal(a, b, PKI_SPKI);
    pki_key_pin(back, pin);
    bx_sha256(a, PKI_SPKI, sum);
    assert_memory_equal(pin, sum, sizeof pin);
    pki_key_destroy(back);
    assert_int_equal(pki_key_read(der, n - 1, &back, &err), BX_INVALID);
    der[n] = 0;
    assert_int_equal(pki_key_read(der, n + 1, &back, &err), BX_INVALID);
    der[n - 1] ^= 1; /* the public key is another one */
    assert_int_equal(pki_key_read(der, n, &back, &err), BX_INVALID);
    assert_true(err.msg[0] != '\0');
    pki_key_destroy(k);
    pki_key_destroy(NULL);
}

static void refuse_key(EVP_PKEY *evp)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(evp);
    uint8_t *der = NULL;
    struct pki_key *k;
    int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);

    assert_true(n > 0);
    assert_int_equal(pki_key_read(der, (size_t)n, &k, &err), BX_INVALID);
    OPENSSL_free(der);
    PKCS8_PRIV_KEY_INFO_free(info);
    EVP_PKEY_free(evp);
}

TEST(keys_of_other_kinds_are_refused)
{
    refuse_key(EVP_EC_gen("P-384"));
    refuse_key(EVP_RSA_gen(2048));
    refuse_key(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
}

TEST(a_key_is_kept_in_a_file_of_its_owner)
{
    char *dir = test_make_dir(), path[256], tmp[272];
    uint8_t a[PKI_SPKI], b[PKI_SPKI];
    struct pki_key *k, *back;
    struct stat st;

    snprintf(path, sizeof path, "%s/node.key", dir);
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    assert_int_equal(secret_file_load_key(path, &back, &err), BX_NOT_FOUND);
    assert_int_equal(pki_key_generate(&k, &err), BX_OK);
    assert_int_equal(secret_file_save_key(path, k, &err), BX_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_not_equal(access(tmp, F_OK), 0);
    assert_int_equal(secret_file_load_key(path, &back, &err), BX_OK);
    pki_key_public(k, a);
    pki_key_public(back, b);
    assert_memory_equal(a, b, PKI_SPKI);
    pki_key_destroy(back);
    pki_key_destroy(k);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(secret_file_load_key(path, &back, &err), BX_DENIED);
    assert_non_null(strstr(err.msg, path));
    assert_non_null(strstr(err.hint, "chmod 600"));
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 20), 0);
    assert_int_equal(secret_file_load_key(path, &back, &err), BX_INVALID);
    assert_non_null(strstr(err.msg, path));
    test_remove_dir(dir);
}

/* ---- files of secrets ---- */

TEST(a_secret_file_is_replaced_whole)
{
    char *dir = test_make_dir(), path[256], tmp[272], got[8];
    struct stat st;
    size_t n;
    FILE *f;

    snprintf(path, sizeof path, "%s/secret", dir);
    snprintf(tmp, sizeof tmp, "%s.tmp", path);
    f = fopen(tmp, "we"); /* an earlier attempt, that everybody may read */
    assert_non_null(f);
    assert_true(fputs("a long text that was left behind", f) > 0);
    fclose(f);
    assert_int_equal(chmod(tmp, 0666), 0);
    assert_int_equal(secret_file_save(path, "one", 3, &err), BX_OK);
    assert_int_equal(secret_file_save(path, "four", 4, &err), BX_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(secret_file_load(path, got, sizeof got, &n, &err), BX_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(got, "four", 4);
    assert_int_equal(secret_file_load(path, got, 3, &n, &err), BX_INVALID);
    test_remove_dir(dir);
}

TEST(what_is_no_secret_file_is_refused)
{
    char *dir = test_make_dir(), path[5000], to[256], got[8];
    size_t n;

    assert_int_equal(secret_file_load(dir, got, sizeof got, &n, &err), BX_IO);
    snprintf(path, sizeof path, "%s/link", dir);
    snprintf(to, sizeof to, "%s/secret", dir);
    assert_int_equal(secret_file_save(to, "one", 3, &err), BX_OK);
    assert_int_equal(symlink(to, path), 0);
    assert_int_equal(secret_file_load(path, got, sizeof got, &n, &err), BX_IO);
    snprintf(path, sizeof path, "%s/none/secret", dir);
    assert_int_equal(secret_file_save(path, "one", 3, &err), BX_IO);
    snprintf(path, sizeof path, "%s/%0300d", dir, 0);
    assert_int_equal(secret_file_save(path, "one", 3, &err), BX_INVALID);
    snprintf(path, sizeof path, "%s/%04500d/x", dir, 0);
    assert_int_equal(secret_file_load(path, got, sizeof got, &n, &err), BX_INVALID);
    test_remove_dir(dir);
}

/* ---- requests ---- */

static void make_csr(struct bx_buf *out)
{
    struct pki_key *k;

    assert_int_equal(pki_key_generate(&k, &err), BX_OK);
    assert_int_equal(pki_csr_make(k, out, &err), BX_OK);
    pki_key_destroy(k);
}

TEST(a_request_tells_its_key)
{
    uint8_t spki[PKI_SPKI], pin[PKI_SHA256];
    struct bx_buf der = {0};
    struct pki_csr csr;
    struct pki_key *k;

    assert_int_equal(pki_key_generate(&k, &err), BX_OK);
    assert_int_equal(pki_csr_make(k, &der, &err), BX_OK);
    assert_int_equal(pki_csr_read(der.data, der.len, &csr, &err), BX_OK);
    pki_key_public(k, spki);
    pki_key_pin(k, pin);
    assert_memory_equal(csr.spki, spki, PKI_SPKI);
    assert_memory_equal(csr.pin, pin, PKI_SHA256);
    pki_key_destroy(k);
    bx_buf_release(&der);
}

TEST(a_changed_request_is_refused)
{
    struct bx_buf der = {0};
    struct pki_csr csr;

    make_csr(&der);
    for (size_t i = 0; i < der.len; i++) {
        assert_int_equal(pki_csr_read(der.data, i, &csr, &err), BX_INVALID);
        der.data[i] ^= 1;
        if (pki_csr_read(der.data, der.len, &csr, &err) != BX_INVALID)
            fail_msg("byte %zu", i);
        der.data[i] ^= 1;
    }
    assert_int_equal(bx_buf_append(&der, "", 1), BX_OK);
    assert_int_equal(pki_csr_read(der.data, der.len, &csr, &err), BX_INVALID);
    bx_buf_release(&der);
}

static void refuse_request(EVP_PKEY *with, EVP_PKEY *signed_by, const EVP_MD *md)
{
    X509_REQ *r = X509_REQ_new();
    struct pki_csr csr;
    uint8_t *der = NULL;
    int n;

    assert_true(X509_REQ_set_pubkey(r, with) == 1 && X509_REQ_sign(r, signed_by, md) > 0);
    n = i2d_X509_REQ(r, &der);
    assert_true(n > 0);
    assert_int_equal(pki_csr_read(der, (size_t)n, &csr, &err), BX_INVALID);
    OPENSSL_free(der);
    X509_REQ_free(r);
}

/* Named as a curve, its parameters are those of P-256; given one by one they could be any. */
static EVP_PKEY *explicit_key(void)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *k = NULL;

    assert_true(EVP_PKEY_keygen_init(c) == 1 &&
                EVP_PKEY_CTX_set_ec_paramgen_curve_nid(c, NID_X9_62_prime256v1) == 1 &&
                EVP_PKEY_CTX_set_ec_param_enc(c, OPENSSL_EC_EXPLICIT_CURVE) == 1 &&
                EVP_PKEY_generate(c, &k) == 1);
    EVP_PKEY_CTX_free(c);
    return k;
}

TEST(a_request_for_another_key_is_refused)
{
    EVP_PKEY *good = EVP_EC_gen("P-256"), *other = EVP_EC_gen("P-256"), *rsa = EVP_RSA_gen(2048),
             *p384 = EVP_EC_gen("P-384"), *odd = explicit_key();

    refuse_request(rsa, rsa, EVP_sha256());
    refuse_request(p384, p384, EVP_sha256());
    refuse_request(odd, odd, EVP_sha256());
    refuse_request(good, other, EVP_sha256()); /* somebody else's */
    refuse_request(good, good, EVP_sha1());
    EVP_PKEY_free(good);
    EVP_PKEY_free(other);
    EVP_PKEY_free(rsa);
    EVP_PKEY_free(p384);
    EVP_PKEY_free(odd);
}

TEST(a_request_is_bounded)
{
    static uint8_t large[PKI_CSR_MAX + 1];
    struct pki_csr csr;

    assert_int_equal(pki_csr_read(large, sizeof large, &csr, &err), BX_TOO_LARGE);
    assert_int_equal(pki_csr_read(large, sizeof large - 1, &csr, &err), BX_INVALID);
    assert_int_equal(pki_csr_read(large, 0, &csr, &err), BX_INVALID);
}

int main(void)
{
    return test_run(NULL, nothing_queued);
}
