/* Private keys, and what proves that one is owned. */
#include "pki/openssl.h"

#include "mem/alloc.h"

#include <assert.h>
#include <openssl/ec.h>

struct pki_key {
    EVP_PKEY *evp;
    uint8_t spki[PKI_SPKI];
};

EVP_PKEY *pki_key_evp(const struct pki_key *k)
{
    return k->evp;
}

/* Takes over evp. */
static int wrap(EVP_PKEY *evp, struct pki_key **out, struct bx_err *err)
{
    struct pki_key *k = bx_calloc(1, sizeof *k);
    X509_PUBKEY *public = NULL;
    int rc = BX_OK;

    if (k == NULL)
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
    else if (X509_PUBKEY_set(&public, evp) != 1)
        rc = pki_failed(err, "private key");
    else if (!pki_spki_of(public, k->spki))
        rc = pki_refuse(err, "not an EC key on P-256");
    X509_PUBKEY_free(public);
    if (rc != BX_OK) {
        EVP_PKEY_free(evp);
        bx_free(k);
        return rc;
    }
    k->evp = evp;
    *out = k;
    return BX_OK;
}

int pki_key_generate(struct pki_key **out, struct bx_err *err)
{
    EVP_PKEY *evp = EVP_EC_gen("P-256");

    return evp == NULL ? pki_failed(err, "generate a key") : wrap(evp, out, err);
}

void pki_key_destroy(struct pki_key *k)
{
    if (k == NULL)
        return;
    EVP_PKEY_free(k->evp); /* wipes it */
    bx_free(k);
}

/* The public key that is beside the private one belongs to it. */
static bool agrees(EVP_PKEY *evp)
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(evp, NULL);
    bool ok = c != NULL && EVP_PKEY_pairwise_check(c) == 1;

    EVP_PKEY_CTX_free(c);
    return ok;
}

int pki_key_read(const uint8_t *p, size_t n, struct pki_key **out, struct bx_err *err)
{
    const uint8_t *at = p;
    PKCS8_PRIV_KEY_INFO *info =
        n > PKI_KEY_MAX ? NULL : d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)n);
    EVP_PKEY *evp = info == NULL || at != p + n ? NULL : EVP_PKCS82PKEY(info);

    PKCS8_PRIV_KEY_INFO_free(info);
    if (evp != NULL && agrees(evp))
        return wrap(evp, out, err);
    EVP_PKEY_free(evp);
    return pki_refuse(err, "not a private key in PKCS#8 form");
}

int pki_key_write(const struct pki_key *k, uint8_t out[PKI_KEY_MAX], size_t *n, struct bx_err *err)
{
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(k->evp);
    int len = info == NULL ? -1 : i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
    uint8_t *to = out;

    assert(len <= (int)PKI_KEY_MAX);
    if (len > 0)
        len = i2d_PKCS8_PRIV_KEY_INFO(info, &to);
    PKCS8_PRIV_KEY_INFO_free(info); /* wipes it */
    if (len <= 0)
        return pki_failed(err, "private key");
    *n = (size_t)len;
    return BX_OK;
}

void pki_key_public(const struct pki_key *k, uint8_t out[PKI_SPKI])
{
    for (size_t i = 0; i < PKI_SPKI; i++)
        out[i] = k->spki[i];
}

void pki_key_pin(const struct pki_key *k, uint8_t out[PKI_SHA256])
{
    bx_sha256(k->spki, PKI_SPKI, out);
}

/* ---- requests ---- */

static int request_to_der(const void *from, uint8_t **to)
{
    return i2d_X509_REQ(from, to);
}

int pki_csr_make(const struct pki_key *k, struct bx_buf *out, struct bx_err *err)
{
    X509_REQ *r = X509_REQ_new();
    int rc;

    if (r == NULL || X509_REQ_set_version(r, X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(r, k->evp) != 1 || X509_REQ_sign(r, k->evp, EVP_sha256()) <= 0)
        rc = pki_failed(err, "certificate request");
    else
        rc = pki_append(out, request_to_der, r, "certificate request", err);
    X509_REQ_free(r);
    return rc;
}
