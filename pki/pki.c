#include "pki/pki.h"

#include "pki/openssl_log.h"
#include "pki/openssl.h"

#include <assert.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int pki_failed(struct bx_err *err, const char *what)
{
    openssl_log(BX_LEVEL_ERROR);
    return bx_err_set(err, BX_FAILED, "%s: OpenSSL failed", what);
}

int pki_refuse(struct bx_err *err, const char *format, ...)
{
    char text[160];
    va_list args;

    openssl_log(BX_LEVEL_DEBUG);
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return bx_err_set(err, BX_INVALID, "%s", text);
}

int pki_append(struct bx_buf *out, int (*i2d)(const void *from, uint8_t **to), const void *from,
               const char *what, struct bx_err *err)
{
    int n = i2d(from, NULL);
    uint8_t *p;

    if (n <= 0)
        return pki_failed(err, what);
    p = bx_buf_extend(out, (size_t)n);
    if (p == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (i2d(from, &p) == n)
        return BX_OK;
    out->len -= (size_t)n;
    return pki_failed(err, what);
}

/* ---- bytes ---- */

bool pki_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void pki_wipe(void *p, size_t n)
{
    OPENSSL_cleanse(p, n);
}

void pki_wipe_buf(struct bx_buf *b)
{
    if (b->data != NULL)
        pki_wipe(b->data, b->cap);
    bx_buf_release(b);
}

/* ---- sealing ---- */

static bool encrypt(EVP_CIPHER_CTX *c, const uint8_t *key, const uint8_t *nonce, const void *with,
                    int n_with, const void *p, int n, uint8_t *out)
{
    int len = 0, last = 0;

    return EVP_EncryptInit_ex2(c, EVP_aes_256_gcm(), key, nonce, NULL) == 1 &&
           (n_with == 0 || EVP_EncryptUpdate(c, NULL, &len, with, n_with) == 1) &&
           (n == 0 || (EVP_EncryptUpdate(c, out, &len, p, n) == 1 && len == n)) &&
           EVP_EncryptFinal_ex(c, out + n, &last) == 1 && last == 0 &&
           EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, PKI_TAG, out + n) == 1;
}

int pki_seal(const uint8_t key[PKI_SECRET], const uint8_t nonce[PKI_NONCE], const void *with,
             size_t n_with, const void *p, size_t n, struct bx_buf *out, struct bx_err *err)
{
    EVP_CIPHER_CTX *c;
    uint8_t *to;
    bool ok;

    assert(n < INT_MAX && n_with < INT_MAX);
    to = bx_buf_extend(out, n + PKI_SEALED_EXTRA);
    if (to == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    memcpy(to, nonce, PKI_NONCE);
    c = EVP_CIPHER_CTX_new();
    ok = c != NULL && encrypt(c, key, nonce, with, (int)n_with, p, (int)n, to + PKI_NONCE);
    EVP_CIPHER_CTX_free(c);
    if (ok)
        return BX_OK;
    out->len -= n + PKI_SEALED_EXTRA;
    return pki_failed(err, "encrypt");
}

/* 1; 0: the tag is wrong; -1: OpenSSL failed. */
static int decrypt(EVP_CIPHER_CTX *c, const uint8_t *key, const void *with, int n_with,
                   const uint8_t *sealed, int n, uint8_t *out)
{
    uint8_t tag[PKI_TAG];
    int len = 0;

    memcpy(tag, sealed + PKI_NONCE + n, PKI_TAG);
    if (EVP_DecryptInit_ex2(c, EVP_aes_256_gcm(), key, sealed, NULL) != 1 ||
        (n_with > 0 && EVP_DecryptUpdate(c, NULL, &len, with, n_with) != 1) ||
        (n > 0 && EVP_DecryptUpdate(c, out, &len, sealed + PKI_NONCE, n) != 1) ||
        EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, PKI_TAG, tag) != 1)
        return -1;
    return EVP_DecryptFinal_ex(c, out + n, &len) == 1;
}

int pki_open(const uint8_t key[PKI_SECRET], const void *with, size_t n_with, const void *p,
             size_t n, struct bx_buf *out, struct bx_err *err)
{
    size_t plain = n - PKI_SEALED_EXTRA;
    EVP_CIPHER_CTX *c;
    uint8_t *to;
    int ok;

    assert(n_with < INT_MAX);
    if (n < PKI_SEALED_EXTRA || n >= INT_MAX)
        return bx_err_set(err, BX_CORRUPT, "encrypted data of %zu bytes", n);
    to = bx_buf_extend(out, plain);
    if (to == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    c = EVP_CIPHER_CTX_new();
    ok = c == NULL ? -1 : decrypt(c, key, with, (int)n_with, p, (int)plain, to);
    EVP_CIPHER_CTX_free(c);
    if (ok == 1)
        return BX_OK;
    pki_wipe(to, plain); /* it is not authenticated */
    out->len -= plain;
    if (ok < 0)
        return pki_failed(err, "decrypt");
    openssl_log(BX_LEVEL_DEBUG);
    return bx_err_set(err, BX_CORRUPT, "encrypted data was changed, or belongs to another key");
}
