/* openssl - OpenSSL's objects: what the files of pki share, and transport/tls uses. */
#ifndef PKI_OPENSSL_H
#define PKI_OPENSSL_H

#include "pki/pki.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

/* ---- pki.c ---- */

/* A call of ours failed: its errors go to the log. BX_FAILED. */
int pki_failed(struct bx_err *err, const char *what);
/* Input is refused: what OpenSSL said of it is recorded for who looks closely. BX_INVALID. */
int pki_refuse(struct bx_err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Append what an i2d function writes. BX_OK, BX_NO_MEMORY or BX_FAILED. */
int pki_append(struct bx_buf *out, int (*i2d)(const void *from, uint8_t **to), const void *from,
               const char *what, struct bx_err *err);

/* ---- read.c ---- */

/* False: not an uncompressed point of P-256 that lies on it. */
bool pki_spki_of(const X509_PUBKEY *from, uint8_t out[PKI_SPKI]);
/* As pki_cert_read; *x is freed by the caller. */
int pki_x509_read(const uint8_t *p, size_t n, X509 **x, struct pki_cert *out, struct bx_err *err);
/* As pki_verify, of what OpenSSL has parsed, which takes it longer than all that is checked. */
int pki_verify_x509(const struct pki_trust *t, X509 *x, enum pki_dates dates, uint64_t now_ms,
                    struct pki_cert *out, struct bx_err *err);
/* Printable ASCII without space, and not longer. */
bool pki_is_name(const char *s, size_t n, size_t max);
bool pki_is_role(const char *s, size_t n);

/* ---- key.c ---- */

EVP_PKEY *pki_key_evp(const struct pki_key *k);

#endif
