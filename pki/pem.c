/* PEM: base64 between two lines. */
#include "pki/openssl.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <string.h>

static const char *const labels[] = {[PKI_PEM_CERTIFICATE] = PEM_STRING_X509,
                                     [PKI_PEM_KEY] = PEM_STRING_PKCS8INF,
                                     [PKI_PEM_CSR] = PEM_STRING_X509_REQ};

int pki_pem_write(enum pki_pem what, const void *der, size_t n, struct bx_buf *out,
                  struct bx_err *err)
{
    BIO *b = BIO_new(BIO_s_secmem());
    char *text;
    long size;
    int rc;

    if (b == NULL || PEM_write_bio(b, labels[what], "", der, (long)n) <= 0 ||
        (size = BIO_get_mem_data(b, &text)) <= 0)
        rc = pki_failed(err, "PEM");
    else if (bx_buf_append(out, text, (size_t)size) != BX_OK)
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
    else
        rc = BX_OK;
    BIO_free(b); /* wipes it */
    return rc;
}

/* Append it; n is what the library has found. */
static int take(const uint8_t *der, long n, struct bx_buf *out, struct bx_err *err)
{
    return bx_buf_append(out, der, (size_t)n) == BX_OK
               ? BX_OK
               : bx_err_set(err, BX_NO_MEMORY, "out of memory");
}

/* The next block of any kind. */
static int read_block(BIO *b, enum pki_pem what, bool *found, struct bx_buf *out,
                      struct bx_err *err)
{
    char *label = NULL, *header = NULL;
    uint8_t *der = NULL;
    long n = 0;
    int rc = BX_OK;

    if (PEM_read_bio_ex(b, &label, &header, &der, &n, PEM_FLAG_SECURE) != 1) {
        (void)pki_refuse(err, "no %s in PEM form", labels[what]);
        return err == NULL ? BX_NOT_FOUND : (err->code = BX_NOT_FOUND);
    }
    *found = strcmp(label, labels[what]) == 0;
    if (*found && header[0] != '\0')
        rc = bx_err_set(err, BX_INVALID, "%s: it is encrypted", labels[what]);
    else if (*found)
        rc = take(der, n, out, err);
    OPENSSL_secure_free(label);
    OPENSSL_secure_free(header);
    OPENSSL_secure_clear_free(der, (size_t)n);
    return rc;
}

int pki_pem_read(enum pki_pem what, const char *text, size_t n, size_t *taken, struct bx_buf *out,
                 struct bx_err *err)
{
    bool found = false;
    char *rest;
    int rc = BX_OK;
    BIO *b;

    if (n > PKI_PEM_MAX)
        return bx_err_set(err, BX_TOO_LARGE, "larger than %u KiB", PKI_PEM_MAX >> 10);
    b = BIO_new_mem_buf(text, (int)n);
    if (b == NULL)
        return pki_failed(err, "PEM");
    while (rc == BX_OK && !found)
        rc = read_block(b, what, &found, out, err);
    if (taken != NULL)
        *taken = n - (size_t)BIO_get_mem_data(b, &rest);
    BIO_free(b);
    return rc;
}
