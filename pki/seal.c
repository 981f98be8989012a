/* Bytes sealed to the owner of a private key: ECDH on P-256 with a key that is made for it and
 * thrown away, HKDF with SHA-256, AES-256-GCM. Both public keys are part of what the key is derived
 * from, so sealed bytes are of one sender, one owner and one purpose. */
#include "pki/openssl.h"

#include "pki/openssl_log.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

static const char purpose[] = "blixard sealed to a key 1";

#define INFO (sizeof purpose + 2 * PKI_SPKI)

/* The x coordinate that both sides come to; false: OpenSSL failed, or the point is not on the
 * curve. */
static bool agree(EVP_PKEY *own, EVP_PKEY *peer, uint8_t out[PKI_SHARED])
{
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(own, NULL);
    size_t n = PKI_SHARED;
    bool ok = c != NULL && EVP_PKEY_derive_init(c) == 1 &&
              EVP_PKEY_derive_set_peer_ex(c, peer, 1) == 1 && EVP_PKEY_derive(c, out, &n) == 1 &&
              n == PKI_SHARED;

    EVP_PKEY_CTX_free(c);
    return ok;
}

static bool derive(const uint8_t shared[PKI_SHARED], const uint8_t sender[PKI_SPKI],
                   const uint8_t owner[PKI_SPKI], uint8_t out[PKI_SECRET])
{
    uint8_t info[INFO], secret[PKI_SHARED];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)(uintptr_t) "SHA256", 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret, sizeof secret),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof info),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *c = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    bool ok;

    memcpy(secret, shared, sizeof secret);
    memcpy(info, purpose, sizeof purpose);
    memcpy(info + sizeof purpose, sender, PKI_SPKI);
    memcpy(info + sizeof purpose + PKI_SPKI, owner, PKI_SPKI);
    ok = c != NULL && EVP_KDF_derive(c, out, PKI_SECRET, params) == 1;
    pki_wipe(secret, sizeof secret);
    EVP_KDF_CTX_free(c);
    EVP_KDF_free(kdf);
    return ok;
}

/* A public key, uncompressed on P-256, and nothing else; NULL: it is none. */
static EVP_PKEY *read_public(const uint8_t spki[PKI_SPKI])
{
    const uint8_t *at = spki;
    X509_PUBKEY *public = d2i_X509_PUBKEY(NULL, &at, PKI_SPKI);
    uint8_t again[PKI_SPKI];
    EVP_PKEY *evp = NULL;

    if (public != NULL && pki_spki_of(public, again) && memcmp(again, spki, PKI_SPKI) == 0)
        evp = X509_PUBKEY_get(public);
    X509_PUBKEY_free(public);
    return evp;
}

int pki_seal_to(const uint8_t owner[PKI_SPKI], const uint8_t nonce[PKI_NONCE], const void *with,
                size_t n_with, const void *p, size_t n, struct bx_buf *out, struct bx_err *err)
{
    uint8_t shared[PKI_SHARED], key[PKI_SECRET], sender[PKI_SPKI];
    EVP_PKEY *peer = read_public(owner);
    struct pki_key *own = NULL;
    size_t was = out->len;
    int rc;

    if (peer == NULL)
        return pki_refuse(err, "not a public key on P-256");
    rc = pki_key_generate(&own, err);
    if (rc == BX_OK) {
        pki_key_public(own, sender);
        if (!agree(pki_key_evp(own), peer, shared) || !derive(shared, sender, owner, key))
            rc = pki_failed(err, "seal to a key");
    }
    if (rc == BX_OK && bx_buf_append(out, sender, sizeof sender) != BX_OK)
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (rc == BX_OK)
        rc = pki_seal(key, nonce, with, n_with, p, n, out, err);
    if (rc != BX_OK)
        out->len = was;
    pki_wipe(shared, sizeof shared);
    pki_wipe(key, sizeof key);
    pki_key_destroy(own);
    EVP_PKEY_free(peer);
    return rc;
}

int pki_open_own(const struct pki_key *owner, const void *with, size_t n_with, const void *p,
                 size_t n, struct bx_buf *out, struct bx_err *err)
{
    uint8_t shared[PKI_SHARED], key[PKI_SECRET], own[PKI_SPKI];
    const uint8_t *sender = p;
    EVP_PKEY *peer = n < PKI_SEALED_TO_EXTRA ? NULL : read_public(sender);
    int rc;

    if (peer == NULL) {
        openssl_log(BX_LEVEL_DEBUG);
        return bx_err_set(err, BX_CORRUPT, "data that is not sealed to a key");
    }
    pki_key_public(owner, own);
    if (!agree(pki_key_evp(owner), peer, shared) || !derive(shared, sender, own, key))
        rc = pki_failed(err, "open what is sealed to a key");
    else
        rc = pki_open(key, with, n_with, sender + PKI_SPKI, n - PKI_SPKI, out, err);
    pki_wipe(shared, sizeof shared);
    pki_wipe(key, sizeof key);
    EVP_PKEY_free(peer);
    return rc;
}
