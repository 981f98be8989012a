#include "transport/tls_priv.h"

#include "codec/digits.h"
#include "mem/alloc.h"
#include "pki/openssl_log.h"
#include "pki/openssl.h"

#include <assert.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

#define CHAIN_MAX (2 * PKI_CERT_MAX + 1024) /* bytes of certificates that a peer may send */
/* Encrypted bytes that wait: those of a write, and what OpenSSL answers by itself. */
#define OUT_MAX (STREAM_WRITE_BYTES + (64u << 10))

/* ---- the peer's certificate ---- */

static int to_der(X509 *x, struct bx_buf *out)
{
    int n = i2d_X509(x, NULL);
    uint8_t *p = n <= 0 || n > (int)PKI_CERT_MAX ? NULL : bx_buf_extend(out, (size_t)n);

    if (p == NULL)
        return n > (int)PKI_CERT_MAX ? BX_TOO_LARGE : BX_NO_MEMORY;
    return i2d_X509(x, &p) == n ? BX_OK : BX_FAILED;
}

/* The last of the chain is the CA that the fingerprint names. */
static int trust_by_fingerprint(const struct tls_context *c, X509_STORE_CTX *x,
                                struct pki_trust **out, struct bx_err *err)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_untrusted(x);
    int n = chain == NULL ? 0 : sk_X509_num(chain);
    struct bx_buf der = {0};
    uint8_t sum[PKI_SHA256];
    int rc;

    if (n < 2)
        return bx_err_set(err, BX_DENIED, "the server did not send the certificate of its CA");
    rc = to_der(sk_X509_value(chain, n - 1), &der);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "the CA's certificate is too large");
    bx_sha256(der.data, der.len, sum);
    if (!pki_equal(sum, c->ca_fingerprint, sizeof sum))
        rc = bx_err_set(err, BX_DENIED, "the CA of the server is not the one of the token");
    else
        rc = pki_trust_create(out, &(struct pki_der){der.data, der.len}, 1, err);
    bx_buf_release(&der);
    return rc;
}

static int verify_with(const struct tls_context *c, const struct pki_trust *trust, X509 *x,
                       struct tls_stream *t, int *fault, struct bx_err *err)
{
    struct bx_clock *clock = t->stream->group->clock;
    bool client = c->side == TLS_CLIENT || c->side == TLS_CLIENT_JOINS;
    int rc =
        pki_verify_x509(trust, x, PKI_DATES_OF_USERS, clock->ops->wall_ms(clock), &t->peer, err);

    if (rc == BX_DENIED)
        *fault = pki_verify_x509(trust, x, PKI_DATES_IGNORED, 0, &t->peer, NULL) == BX_OK
                     ? X509_V_ERR_CERT_HAS_EXPIRED
                     : X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
    else if (rc == BX_OK && client && t->peer.kind != PKI_NODE)
        rc = bx_err_set(err, BX_DENIED, "certificate of a user, not of a node");
    return rc;
}

/* OpenSSL's callback in place of its own rules. What it tells the peer is in the error. */
static int on_verify(X509_STORE_CTX *x, void *arg)
{
    const struct tls_context *c = arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_stream *t = SSL_get_app_data(ssl);
    int fault = X509_V_ERR_CERT_REJECTED, rc = BX_OK;
    struct pki_trust *trust = c->trust;
    struct bx_err err = {0};

    if (trust == NULL)
        rc = trust_by_fingerprint(c, x, &trust, &err);
    if (rc == BX_OK)
        rc = verify_with(c, trust, X509_STORE_CTX_get0_cert(x), t, &fault, &err);
    if (c->trust == NULL)
        pki_trust_destroy(trust);
    t->proven = rc == BX_OK;
    if (rc != BX_OK) {
        t->fault = TLS_FAULT_CERTIFICATE;
        snprintf(t->refusal, sizeof t->refusal, "%.*s", (int)sizeof t->refusal - 1, err.msg);
    }
    X509_STORE_CTX_set_error(x, rc == BX_OK ? X509_V_OK : fault);
    return rc == BX_OK;
}

/* ---- the protocol ---- */

static int on_protocols(SSL *ssl, const unsigned char **out, unsigned char *n,
                        const unsigned char *offered, unsigned int n_offered, void *arg)
{
    const struct tls_context *c = arg;

    (void)ssl;
    for (unsigned i = 0; i < n_offered; i += 1u + offered[i]) {
        if (offered[i] != c->protocol[0] || memcmp(offered + i, c->protocol, 1u + offered[i]) != 0)
            continue;
        *out = offered + i + 1;
        *n = offered[i];
        return SSL_TLSEXT_ERR_OK;
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool tls_agreed(const struct tls_context *c, const SSL *ssl)
{
    const unsigned char *name;
    unsigned n;

    if (c->protocol[0] == 0)
        return true;
    SSL_get0_alpn_selected(ssl, &name, &n);
    return n == c->protocol[0] && memcmp(name, c->protocol + 1, n) == 0;
}

static bool set_protocol(struct tls_context *c, SSL_CTX *x, const char *name)
{
    size_t n = strlen(name);

    assert(n > 0 && n < sizeof c->protocol);
    c->protocol[0] = (uint8_t)n;
    memcpy(c->protocol + 1, name, n);
    SSL_CTX_set_alpn_select_cb(x, on_protocols, c);
    return SSL_CTX_set_alpn_protos(x, c->protocol, (unsigned)n + 1) == 0;
}

/* ---- two CAs ---- */

static void write_name(const uint8_t fingerprint[PKI_SHA256], char out[TLS_NAME])
{
    memcpy(out, "ca-", 3);
    out[3 + bx_digits_hex(out + 3, fingerprint, PKI_SHA256 / 2)] = '\0';
}

/* Names that mean nothing here are no reason to refuse anybody. */
static int on_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_context *c = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name != NULL && strcmp(name, c->name) == 0 && SSL_set_SSL_CTX(ssl, c->other) == NULL)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    return SSL_TLSEXT_ERR_NOACK;
}

/* ---- buffers in place of a socket ---- */

static int on_bio_read(BIO *b, char *to, int max)
{
    struct tls_stream *t = BIO_get_data(b);
    size_t n = t->raw.len - t->taken;

    BIO_clear_retry_flags(b);
    if (n == 0 || max <= 0) {
        BIO_set_retry_read(b);
        return -1;
    }
    if (n > (size_t)max)
        n = (size_t)max;
    memcpy(to, t->raw.data + t->taken, n);
    t->taken += n;
    return (int)n;
}

static int on_bio_write(BIO *b, const char *p, int n)
{
    struct tls_stream *t = BIO_get_data(b);

    BIO_clear_retry_flags(b);
    if (n < 0 || t->out.len + (size_t)n > OUT_MAX || bx_buf_append(&t->out, p, (size_t)n) != BX_OK)
        return -1;
    return n;
}

static long on_bio_ctrl(BIO *b, int what, long number, void *p)
{
    (void)b;
    (void)number;
    (void)p;
    return what == BIO_CTRL_FLUSH;
}

static BIO_METHOD *make_bio(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

    if (m == NULL || BIO_meth_set_read(m, on_bio_read) != 1 ||
        BIO_meth_set_write(m, on_bio_write) != 1 || BIO_meth_set_ctrl(m, on_bio_ctrl) != 1) {
        BIO_meth_free(m);
        return NULL;
    }
    return m;
}

/* ---- contexts ---- */

static int failed(struct bx_err *err, const char *what)
{
    openssl_log(BX_LEVEL_ERROR);
    return bx_err_set(err, BX_FAILED, "TLS: %s", what);
}

static bool set_rules(SSL_CTX *x)
{
    SSL_CTX_set_options(x, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(x, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(x, CHAIN_MAX);
    return SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(x, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_ciphersuites(x, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
                                       "TLS_CHACHA20_POLY1305_SHA256") == 1 &&
           SSL_CTX_set1_groups_list(x, "X25519:P-256") == 1 &&
           SSL_CTX_set1_sigalgs_list(x, "ECDSA+SHA256") == 1 &&
           SSL_CTX_set_num_tickets(x, 0) == 1 && SSL_CTX_set_max_early_data(x, 0) == 1 &&
           SSL_CTX_set_recv_max_early_data(x, 0) == 1;
}

static int use(SSL_CTX *x, const struct pki_key *k, struct pki_der certificate, struct bx_err *err)
{
    uint8_t key[PKI_KEY_MAX];
    struct pki_cert own;
    bool ok;
    size_t n;
    int rc = pki_cert_read(certificate.p, certificate.n, &own, err);

    if (rc == BX_OK)
        rc = pki_key_write(k, key, &n, err);
    if (rc != BX_OK)
        return rc;
    ok = SSL_CTX_use_certificate_ASN1(x, (int)certificate.n, certificate.p) == 1 &&
         SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, x, key, (long)n) == 1;
    pki_wipe(key, sizeof key);
    if (ok && SSL_CTX_check_private_key(x) == 1)
        return BX_OK;
    openssl_log(BX_LEVEL_ERROR);
    return bx_err_set(err, BX_INVALID, "TLS: the key is not the one of the certificate");
}

static int add_chain(SSL_CTX *x, struct pki_der der, struct bx_err *err)
{
    const uint8_t *at = der.p;
    X509 *ca = der.n == 0 ? NULL : d2i_X509(NULL, &at, (long)der.n);

    if (der.n == 0 || (ca != NULL && SSL_CTX_add0_chain_cert(x, ca) == 1))
        return BX_OK;
    X509_free(ca);
    openssl_log(BX_LEVEL_ERROR);
    return bx_err_set(err, BX_INVALID, "TLS: the CA's certificate can not be used");
}

/* With this certificate, and that of its CA for a server's clients. */
static int make_ssl(struct tls_context *c, const struct tls_config *o, struct pki_der certificate,
                    struct pki_der ca, SSL_CTX **out, struct bx_err *err)
{
    bool server = o->side == TLS_SERVER;
    SSL_CTX *x = *out = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    int rc;

    if (x == NULL || !set_rules(x))
        return failed(err, "out of memory, or OpenSSL's configuration forbids TLS 1.3");
    if (o->protocol != NULL && !set_protocol(c, x, o->protocol))
        return failed(err, "out of memory");
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(x, on_verify, c);
    assert(o->key != NULL || !server);
    rc = o->key == NULL ? BX_OK : use(x, o->key, certificate, err);
    return rc == BX_OK && server ? add_chain(x, ca, err) : rc;
}

static int make_other(struct tls_context *c, const struct tls_config *o, struct bx_err *err)
{
    uint8_t fingerprint[PKI_SHA256];

    bx_sha256(o->other_ca.p, o->other_ca.n, fingerprint);
    write_name(fingerprint, c->name);
    SSL_CTX_set_tlsext_servername_callback(c->ssl, on_name);
    SSL_CTX_set_tlsext_servername_arg(c->ssl, c);
    return make_ssl(c, o, o->other_certificate, o->other_ca, &c->other, err);
}

static int fill(struct tls_context *c, const struct tls_config *o, struct bx_err *err)
{
    bool joins = o->side == TLS_CLIENT_JOINS;
    int rc = joins ? BX_OK : pki_trust_create(&c->trust, o->cas, o->n_cas, err);

    if (rc != BX_OK)
        return rc;
    if (joins) {
        memcpy(c->ca_fingerprint, o->ca_fingerprint, sizeof c->ca_fingerprint);
        write_name(c->ca_fingerprint, c->name);
    }
    c->bio = make_bio();
    if (c->bio == NULL)
        return failed(err, "out of memory");
    rc = make_ssl(c, o, o->certificate, o->ca, &c->ssl, err);
    return rc == BX_OK && o->side == TLS_SERVER && o->other_certificate.n > 0
               ? make_other(c, o, err)
               : rc;
}

int tls_context_create(struct tls_context **out, const struct tls_config *o, struct bx_err *err)
{
    struct tls_context *c = bx_calloc(1, sizeof *c);
    int rc;

    if (c == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    c->refs = 1;
    c->side = o->side;
    rc = fill(c, o, err);
    if (rc == BX_OK)
        *out = c;
    else
        tls_context_release(c);
    return rc;
}

struct tls_context *tls_context_ref(struct tls_context *c)
{
    c->refs++;
    return c;
}

void tls_context_release(struct tls_context *c)
{
    if (c == NULL || --c->refs > 0)
        return;
    SSL_CTX_free(c->ssl);
    SSL_CTX_free(c->other);
    BIO_meth_free(c->bio);
    pki_trust_destroy(c->trust);
    bx_free(c);
}

bool tls_context_trusts(const struct tls_context *c, const uint8_t ca[PKI_SHA256])
{
    return pki_trusts(c->trust, ca);
}

/* ---- a stream's part ---- */

int tls_stream_create(struct tls_stream **out, struct stream *s)
{
    struct tls_stream *t = bx_calloc(1, sizeof *t);

    if (t == NULL)
        return BX_NO_MEMORY;
    t->stream = s;
    *out = t;
    return BX_OK;
}

int tls_stream_begin(struct tls_stream *t)
{
    struct tls_context *c = t->stream->tls_context;
    BIO *bio;

    t->ssl = SSL_new(c->ssl);
    bio = t->ssl == NULL ? NULL : BIO_new(c->bio);
    if (bio == NULL ||
        (c->side == TLS_CLIENT_JOINS && SSL_set_tlsext_host_name(t->ssl, c->name) != 1)) {
        BIO_free(bio);
        SSL_free(t->ssl);
        t->ssl = NULL;
        return failed(NULL, "out of memory");
    }
    BIO_set_data(bio, t);
    BIO_set_init(bio, 1);
    SSL_set_bio(t->ssl, bio, bio);
    SSL_set_app_data(t->ssl, t);
    if (c->side == TLS_SERVER)
        SSL_set_accept_state(t->ssl);
    else
        SSL_set_connect_state(t->ssl);
    return BX_OK;
}

void tls_stream_destroy(struct tls_stream *t)
{
    SSL_free(t->ssl);
    bx_buf_release(&t->raw);
    bx_buf_release(&t->out);
    bx_buf_release(&t->flying);
    bx_free(t);
}
