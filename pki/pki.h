/* pki - keys, certificates and sealed bytes: the owner of libcrypto, but for SHA-256, which
 * codec/sha256 has.
 *
 * A cluster has a certificate authority (CA), which signs the certificates of nodes and of users.
 * All keys are EC P-256, all signatures ECDSA with SHA-256, and a certificate has this form:
 *
 *   subject      O=<uuid of the cluster>, OU=ca|node|user, CN, of a node also title (2.5.4.12)
 *   CN           "Blixard CA <name of the cluster>", "node:<id>" or "user:<name>"
 *   title        the role of a node
 *   serial       16 bytes
 *   extensions   CA: basicConstraints CA:TRUE pathlen:0, keyUsage keyCertSign and cRLSign
 *                others: basicConstraints CA:FALSE, keyUsage digitalSignature, extendedKeyUsage
 *                serverAuth and clientAuth of a node, clientAuth of a user; alternative names
 *
 * Anything else is refused, with the reason. Certificates, requests and public keys are DER, in
 * memory of the caller; they are input of strangers, and all sizes are bounded here. Times are
 * milliseconds since 1970, kept in whole seconds. Random bytes and the time come from the caller,
 * except for what OpenSSL takes itself for keys and signatures.
 *
 * Functions that return int return BX_OK or the codes that they name, with a message in *err, which
 * may be NULL; *out is then unchanged. BX_FAILED: OpenSSL failed, mostly for lack of memory; its
 * errors go to the log. What it says about refused input is recorded at level debug. Nothing stays
 * in its queue. Any thread, but one at a time for an object. */
#ifndef PKI_H
#define PKI_H

#include "codec/sha256.h"
#include "err.h"
#include "mem/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PKI_SHA256 BX_SHA256 /* of pins and fingerprints */
#define PKI_SERIAL 16u
#define PKI_SPKI 91u       /* a public key: SubjectPublicKeyInfo of P-256, uncompressed */
#define PKI_KEY_MAX 256u   /* a private key as PKCS#8 */
#define PKI_CERT_MAX 8192u /* a certificate */
#define PKI_CSR_MAX 8192u  /* a request for one */
#define PKI_NAME_MAX 63u   /* of a cluster or a user: printable ASCII without space */
#define PKI_ROLE_MAX 15u   /* of a node: lower case letters and '-' */
#define PKI_CAS_MAX 4u     /* certificates of CAs that are trusted at once */
#define PKI_ALT_NAMES_MAX 16u
#define PKI_NODE_DIGITS 18u
#define PKI_NODE_MAX UINT64_C(999999999999999999)
#define PKI_HOST_MAX 253u
#define PKI_SKEW_MS 3600000u                   /* certificates begin so much earlier */
#define PKI_CA_MS (3652u * UINT64_C(86400000)) /* lifetime of a CA: ten years */
#define PKI_SEALED_EXTRA (PKI_NONCE + PKI_TAG) /* what sealing adds */
#define PKI_SEALED_TO_EXTRA (PKI_SPKI + PKI_SEALED_EXTRA)
#define PKI_SHARED 32u /* what two keys on P-256 agree on */
#define PKI_SECRET 32u /* a symmetric key */
#define PKI_NONCE 12u
#define PKI_TAG 16u

/* ---- bytes ---- */

/* In a time that depends on n only. */
bool pki_equal(const void *a, const void *b, size_t n);
/* Overwrite a secret; the compiler does not leave it out. */
void pki_wipe(void *p, size_t n);
/* Overwrite all the memory of a buffer, and release it. Reserve a buffer for secrets at once:
 * growing moves its bytes, and leaves a copy behind. */
void pki_wipe_buf(struct bx_buf *b);

/* Encrypt with AES-256-GCM and append nonce, ciphertext and tag, n + PKI_SEALED_EXTRA bytes, to
 * out. The nonce is random, of the caller's clock; `with` (may be NULL if n_with is 0) is
 * authenticated and not contained. n below 2^31. BX_OK, BX_NO_MEMORY or BX_FAILED. */
int pki_seal(const uint8_t key[PKI_SECRET], const uint8_t nonce[PKI_NONCE], const void *with,
             size_t n_with, const void *p, size_t n, struct bx_buf *out, struct bx_err *err);
/* Append the plaintext of sealed bytes to out, which the caller wipes. BX_OK, BX_CORRUPT (another
 * key, other `with`, or changed bytes), BX_NO_MEMORY or BX_FAILED. */
int pki_open(const uint8_t key[PKI_SECRET], const void *with, size_t n_with, const void *p,
             size_t n, struct bx_buf *out, struct bx_err *err);

struct pki_key;

/* Encrypt for the owner of a private key, and append its sender's public key and what pki_seal
 * makes, n + PKI_SEALED_TO_EXTRA bytes, to out. The sender's key is made for it and kept by nobody.
 * The others as for pki_seal; also BX_INVALID: not a public key on P-256. */
int pki_seal_to(const uint8_t owner[PKI_SPKI], const uint8_t nonce[PKI_NONCE], const void *with,
                size_t n_with, const void *p, size_t n, struct bx_buf *out, struct bx_err *err);
/* As pki_open, with one's private key. */
int pki_open_own(const struct pki_key *owner, const void *with, size_t n_with, const void *p,
                 size_t n, struct bx_buf *out, struct bx_err *err);

/* ---- PEM, in which people keep keys and certificates ---- */

#define PKI_PEM_MAX (64u << 10) /* bytes of text that are looked at */

enum pki_pem { PKI_PEM_CERTIFICATE, PKI_PEM_KEY, PKI_PEM_CSR };
/* Append DER as PEM; of a key, reserve `out` before, and wipe it. BX_OK, BX_NO_MEMORY or BX_FAILED.
 */
int pki_pem_write(enum pki_pem what, const void *der, size_t n, struct bx_buf *out,
                  struct bx_err *err);
/* Append the DER of the first block of this kind in the text, which may have others, and text
 * between them; *taken, which may be NULL, is how much of the text was read. BX_OK; BX_NOT_FOUND:
 * there is none; BX_INVALID: encrypted; BX_TOO_LARGE, BX_NO_MEMORY or BX_FAILED. */
int pki_pem_read(enum pki_pem what, const char *text, size_t n, size_t *taken, struct bx_buf *out,
                 struct bx_err *err);

/* ---- private keys ---- */

/* BX_OK, BX_NO_MEMORY or BX_FAILED. */
int pki_key_generate(struct pki_key **out, struct bx_err *err);
/* NULL is allowed. */
void pki_key_destroy(struct pki_key *k);
/* From PKCS#8 DER: BX_OK, BX_INVALID (not a P-256 key), BX_NO_MEMORY or BX_FAILED. */
int pki_key_read(const uint8_t *p, size_t n, struct pki_key **out, struct bx_err *err);
/* To PKCS#8 DER, *n bytes, which the caller wipes. BX_OK or BX_FAILED. */
int pki_key_write(const struct pki_key *k, uint8_t out[PKI_KEY_MAX], size_t *n, struct bx_err *err);
/* The public key, and its pin: the SHA-256 of it. */
void pki_key_public(const struct pki_key *k, uint8_t out[PKI_SPKI]);
void pki_key_pin(const struct pki_key *k, uint8_t out[PKI_SHA256]);

/* ---- requests ---- */

struct pki_csr {
    uint8_t spki[PKI_SPKI];
    uint8_t pin[PKI_SHA256];
};
/* Append a PKCS#10 request for the key; its subject is empty: whoever signs decides about it.
 * BX_OK, BX_NO_MEMORY or BX_FAILED. */
int pki_csr_make(const struct pki_key *k, struct bx_buf *out, struct bx_err *err);
/* The key of a request whose sender has proven to own it. BX_OK, BX_TOO_LARGE or BX_INVALID. */
int pki_csr_read(const uint8_t *p, size_t n, struct pki_csr *out, struct bx_err *err);

/* ---- certificates: making ---- */

enum pki_kind { PKI_CA, PKI_NODE, PKI_USER };

/* Append the certificate of a new CA, valid for PKI_CA_MS from now_ms. Of the random serial the
 * first two bits are replaced (here and below). BX_OK, BX_INVALID (the name), BX_NO_MEMORY or
 * BX_FAILED. */
int pki_ca_make(const struct pki_key *k, const uint8_t cluster[16], const char *cluster_name,
                uint64_t now_ms, const uint8_t serial[PKI_SERIAL], struct bx_buf *out,
                struct bx_err *err);

struct pki_issue {
    enum pki_kind kind; /* PKI_NODE or PKI_USER */
    uint8_t cluster[16];
    uint64_t node;    /* of a node: 1 to PKI_NODE_MAX */
    const char *role; /* of a node */
    const char *name; /* of a user */
    /* Addresses (IPv4, or IPv6 without brackets) and names of hosts, without ports; of a node. */
    const char *const *alt_names;
    uint32_t n_alt_names;
    uint64_t not_before_ms; /* PKI_SKEW_MS is subtracted, because clocks differ */
    uint64_t not_after_ms;
    uint8_t serial[PKI_SERIAL];
    uint8_t spki[PKI_SPKI]; /* from pki_csr_read or pki_key_public */
};
/* Append the certificate that the CA signs. BX_OK; BX_INVALID: a field of the request, not a CA's
 * certificate, not the key of it, or another cluster's; BX_NO_MEMORY or BX_FAILED. */
int pki_issue(const struct pki_key *ca_key, const uint8_t *ca, size_t n_ca,
              const struct pki_issue *i, struct bx_buf *out, struct bx_err *err);

/* ---- certificates: reading ---- */

struct pki_cert {
    enum pki_kind kind;
    uint8_t cluster[16];
    uint64_t node;                   /* 0 unless of a node */
    char role[PKI_ROLE_MAX + 1];     /* of a node */
    char name[PKI_NAME_MAX + 1];     /* of a user; of a CA the name of its cluster */
    uint8_t pin[PKI_SHA256];         /* of its public key */
    uint8_t fingerprint[PKI_SHA256]; /* SHA-256 of the certificate */
    uint8_t serial[PKI_SERIAL];
    uint64_t not_before_ms, not_after_ms;
    uint8_t ca[PKI_SHA256]; /* fingerprint of the CA that has signed it; once it is verified */
};
/* What it says; nobody vouches for it yet. BX_OK, BX_TOO_LARGE or BX_INVALID. */
int pki_cert_read(const uint8_t *p, size_t n, struct pki_cert *out, struct bx_err *err);
/* Whether its alternative names are these, as of pki_issue. False also: it can not be read. */
bool pki_cert_has_names(const uint8_t *p, size_t n, const char *const *names, uint32_t n_names);
/* The first certificate of several that are written one after the other: its length, not more than
 * n, or 0: there is none. Nothing else of it is checked. */
size_t pki_cert_length(const uint8_t *p, size_t n);
/* "node 7", "user alice" or "CA of c1", for messages; at most 80 bytes with the NUL. */
void pki_cert_name(const struct pki_cert *c, char *out, size_t size);

/* The CAs that are trusted: more than one while they are rotated. Read-only after it is made. */
struct pki_trust;
struct pki_der {
    const uint8_t *p;
    size_t n;
};
/* Of 1 to PKI_CAS_MAX certificates of CAs of one cluster, which are copied. BX_OK, BX_INVALID,
 * BX_TOO_LARGE, BX_NO_MEMORY or BX_FAILED. */
int pki_trust_create(struct pki_trust **out, const struct pki_der *cas, uint32_t n,
                     struct bx_err *err);
/* NULL is allowed. */
void pki_trust_destroy(struct pki_trust *t);
const uint8_t *pki_trust_cluster(const struct pki_trust *t);
/* Whether the CA with this fingerprint is one of them. */
bool pki_trusts(const struct pki_trust *t, const uint8_t ca[PKI_SHA256]);

/* Between nodes a wrong clock must not split the cluster: their dates lead to renewal only. */
enum pki_dates { PKI_DATES_IGNORED, PKI_DATES_OF_USERS, PKI_DATES_OF_ALL };

/* Read the certificate of a node or a user, and check that one of the CAs has signed it for its
 * cluster, and as chosen that its dates and those of the CA include now_ms. BX_OK; as for
 * pki_cert_read; BX_DENIED: another cluster's, not signed, expired, not valid yet. The message is a
 * short phrase, such as "certificate of another cluster". */
int pki_verify(const struct pki_trust *t, const uint8_t *p, size_t n, enum pki_dates dates,
               uint64_t now_ms, struct pki_cert *out, struct bx_err *err);

#endif
