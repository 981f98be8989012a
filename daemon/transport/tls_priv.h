/* tls_priv - what the files of tls share. */
#ifndef TLS_PRIV_H
#define TLS_PRIV_H

#include "transport/tls.h"

#include <openssl/ssl.h>

#define TLS_NAME (3 + PKI_SHA256 + 1) /* "ca-" and half of a fingerprint in hex */

struct tls_context {
    uint32_t refs;
    enum tls_side side;
    SSL_CTX *ssl;
    SSL_CTX *other; /* of a server: with the certificate of the other CA; NULL: there is none */
    char name[TLS_NAME]; /* for which that one is shown, or which a client that joins asks for */
    BIO_METHOD *bio;     /* reads `raw` and appends to `out` of struct tls_stream */
    struct pki_trust *trust; /* NULL for TLS_CLIENT_JOINS */
    uint8_t ca_fingerprint[PKI_SHA256];
    uint8_t protocol[32]; /* ALPN: its length, then its name; 0: none */
};

struct tls_stream {
    SSL *ssl; /* NULL: nothing was read yet */
    struct stream *stream;
    struct bx_buf raw;    /* read from the socket */
    size_t taken;         /* of raw, by OpenSSL */
    size_t early;         /* bytes read before `ready` */
    struct bx_buf out;    /* encrypted */
    struct bx_buf flying; /* encrypted, being written */
    size_t offset;        /* in the stream's current write: what was encrypted */
    bool writing;         /* the stream has a current write */
    bool whole;           /* all of it was encrypted */
    bool busy;            /* flying is being written */
    bool shutting;        /* close_notify is in `out`, then the socket is shut down */
    bool ended;           /* close_notify was received */
    bool failed;          /* OpenSSL can not go on */
    bool proven;          /* the peer's certificate was verified: */
    struct pki_cert peer;
    enum tls_fault fault;
    char refusal[128]; /* why it was not */
    char why[192];     /* why the stream is closed */
};

/* ---- tls_context.c ---- */

/* Whether the two sides have agreed on the protocol. */
bool tls_agreed(const struct tls_context *c, const SSL *ssl);
/* BX_OK or BX_NO_MEMORY. */
int tls_stream_create(struct tls_stream **out, struct stream *s);
/* Make what OpenSSL needs. BX_OK, or BX_FAILED when it has no memory. */
int tls_stream_begin(struct tls_stream *t);
void tls_stream_destroy(struct tls_stream *t);

/* ---- tls_fault.c ---- */

/* OpenSSL has failed: write the cause to out, in plain words, note its kind, and empty OpenSSL's
 * queue of errors. */
void tls_explain(struct tls_stream *t, char *out, size_t size);

#endif
