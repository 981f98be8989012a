/* Certificates, and requests for them, that a stranger sends. */
#include "fuzz/targets.h"

#include "mem/alloc.h"
#include "pki/openssl_log.h"
#include "pki/pki.h"

#include <assert.h>
#include <string.h>

int fuzz_csr(const uint8_t *p, size_t n)
{
    uint8_t *copy = fuzz_copy(p, n), pin[PKI_SHA256];
    struct pki_csr csr;
    int rc = pki_csr_read(copy, n, &csr, NULL);

    bx_free(copy);
    assert(openssl_log(BX_LEVEL_DEBUG) == 0); /* nothing stays in its queue */
    if (rc != BX_OK)
        return rc;
    bx_sha256(csr.spki, PKI_SPKI, pin);
    assert(pki_equal(pin, csr.pin, sizeof pin));
    return BX_OK;
}

static void check(const struct pki_cert *c)
{
    char name[80];

    assert(c->not_before_ms <= c->not_after_ms);
    assert((c->kind == PKI_NODE) == (c->node != 0));
    assert((c->kind == PKI_NODE) == (c->role[0] != '\0'));
    assert((c->kind == PKI_NODE) == (c->name[0] == '\0'));
    assert(memchr(c->name, 0, sizeof c->name) != NULL);
    pki_cert_name(c, name, sizeof name);
    assert(strlen(name) < sizeof name - 1);
}

int fuzz_certificate(const uint8_t *p, size_t n)
{
    uint8_t *copy = fuzz_copy(p, n);
    struct pki_der der = {copy, n};
    struct pki_trust *trust;
    struct pki_cert c;
    int rc = pki_cert_read(copy, n, &c, NULL);

    if (rc == BX_OK)
        check(&c);
    assert(pki_cert_length(copy, n) <= n && (rc != BX_OK || pki_cert_length(copy, n) == n));
    if (pki_trust_create(&trust, &der, 1, NULL) == BX_OK) {
        assert(rc == BX_OK && c.kind == PKI_CA);
        assert(pki_verify(trust, copy, n, PKI_DATES_OF_ALL, 0, &c, NULL) == BX_DENIED);
        pki_trust_destroy(trust);
    }
    bx_free(copy);
    assert(openssl_log(BX_LEVEL_DEBUG) == 0);
    return rc;
}
