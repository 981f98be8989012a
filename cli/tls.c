#include "tls.h"

#include "connect.h"
#include "mem/alloc.h"
#include "pki/openssl.h"
#include "pki/openssl_log.h"
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PROTOCOL                                                                                   \
    "\x09"                                                                                         \
    "blixard/1" /* ALPN: its length, and the name that daemons know */
#define USER_HINT "blixardctl user cert NAME --out PREFIX makes PREFIX.crt and PREFIX.key"
#define CA_HINT "get it on a node: blixardctl cluster ca show --out ca.pem"

struct client_tls {
    SSL_CTX *ssl;
    BIO_METHOD *bio;
    struct pki_trust *trust;
};

struct client_tls_stream {
    SSL *ssl;
    const struct client_tls *tls;
    int fd;
    int fault;         /* errno of the socket; 0: none */
    bool ended;        /* the socket has no more */
    char refusal[128]; /* why the server is not believed; empty: it is */
};

/* ---- files ---- */

/* The bytes of a file that is no secret. */
static int read_text(const char *path, struct bx_buf *out, struct bx_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = 0;
    int e = errno;

    bx_must_ok(bx_buf_reserve(out, PKI_PEM_MAX + 1));
    while (fd >= 0 && out->len <= PKI_PEM_MAX &&
           (got = read(fd, out->data + out->len, PKI_PEM_MAX + 1 - out->len)) > 0)
        out->len += (size_t)got;
    if (got < 0)
        e = errno;
    if (fd >= 0)
        close(fd);
    return fd >= 0 && got >= 0 ? BX_OK : bx_err_set(err, BX_INVALID, "%s", strerror(e));
}

static int failed_file(struct bx_err *err, const char *path, const char *hint)
{
    bx_err_wrap(err, "%s", path);
    bx_err_hint(err, "%s", hint);
    err->code = BX_INVALID;
    return BX_INVALID;
}

/* All certificates of the text: DER, one after the other, and the size of each. */
static int read_certificates(const struct bx_buf *text, struct bx_buf *der,
                             size_t sizes[PKI_CAS_MAX], uint32_t *n, struct bx_err *err)
{
    size_t at = 0, taken;
    int rc = BX_OK;

    for (*n = 0; rc == BX_OK && *n <= PKI_CAS_MAX; at += taken) {
        size_t before = der->len;

        rc = pki_pem_read(PKI_PEM_CERTIFICATE, (const char *)text->data + at, text->len - at,
                          &taken, der, err);
        if (rc == BX_OK && *n == PKI_CAS_MAX)
            return bx_err_set(err, BX_INVALID, "more than %u certificates", PKI_CAS_MAX);
        if (rc == BX_OK)
            sizes[(*n)++] = der->len - before;
    }
    return rc == BX_NOT_FOUND && *n > 0 ? BX_OK : rc;
}

static int trust(struct client_tls *t, const char *path, struct bx_err *err)
{
    struct bx_buf text = {0}, der = {0};
    struct pki_der cas[PKI_CAS_MAX];
    size_t sizes[PKI_CAS_MAX], at = 0;
    uint32_t n = 0;
    int rc = read_text(path, &text, err);

    if (rc == BX_OK)
        rc = read_certificates(&text, &der, sizes, &n, err);
    for (uint32_t i = 0; i < n; at += sizes[i++])
        cas[i] = (struct pki_der){der.data + at, sizes[i]};
    if (rc == BX_OK)
        rc = pki_trust_create(&t->trust, cas, n, err);
    bx_buf_release(&text);
    bx_buf_release(&der);
    return rc == BX_OK ? rc : failed_file(err, path, CA_HINT);
}

static int use_certificate(struct client_tls *t, const char *path, struct bx_err *err)
{
    struct bx_buf text = {0}, der = {0};
    struct pki_cert c;
    int rc = read_text(path, &text, err);

    if (rc == BX_OK)
        rc = pki_pem_read(PKI_PEM_CERTIFICATE, (const char *)text.data, text.len, NULL, &der, err);
    if (rc == BX_OK)
        rc = pki_cert_read(der.data, der.len, &c, err);
    if (rc == BX_OK && c.kind != PKI_USER)
        rc = bx_err_set(err, BX_INVALID, "not the certificate of a user");
    if (rc == BX_OK && SSL_CTX_use_certificate_ASN1(t->ssl, (int)der.len, der.data) != 1)
        rc = pki_failed(err, "certificate");
    bx_buf_release(&text);
    bx_buf_release(&der);
    return rc == BX_OK ? rc : failed_file(err, path, USER_HINT);
}

static int use_key(struct client_tls *t, const char *path, struct bx_err *err)
{
    struct bx_buf text = {0}, der = {0};
    int rc = secret_read(path, &text, err);

    if (rc != BX_OK) {
        if (err->hint[0] == '\0')
            bx_err_hint(err, USER_HINT);
        bx_buf_release(&text);
        return rc;
    }
    bx_must_ok(bx_buf_reserve(&der, SECRET_FILE));
    rc = pki_pem_read(PKI_PEM_KEY, (const char *)text.data, text.len, NULL, &der, err);
    if (rc == BX_OK &&
        SSL_CTX_use_PrivateKey_ASN1(EVP_PKEY_EC, t->ssl, der.data, (long)der.len) != 1) {
        openssl_log(BX_LEVEL_DEBUG);
        rc = bx_err_set(err, BX_INVALID, "not the key of the certificate");
    }
    pki_wipe_buf(&text);
    pki_wipe_buf(&der);
    return rc == BX_OK ? rc
                       : failed_file(err, path,
                                     "it must be the PREFIX.key that was made with the "
                                     "certificate, PKCS#8 without a password");
}

/* ---- whom to believe ---- */

static uint64_t wall_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* In place of OpenSSL's own rules. */
static int on_verify(X509_STORE_CTX *x, void *arg)
{
    const struct client_tls *t = arg;
    SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct client_tls_stream *s = SSL_get_app_data(ssl);
    struct pki_cert c;
    struct bx_err err = {0};
    int rc = pki_verify_x509(t->trust, X509_STORE_CTX_get0_cert(x), PKI_DATES_OF_ALL, wall_ms(), &c,
                             &err);

    if (rc == BX_OK && c.kind != PKI_NODE)
        rc = bx_err_set(&err, BX_DENIED, "certificate of a user, not of a node");
    if (rc != BX_OK)
        snprintf(s->refusal, sizeof s->refusal, "%.*s", (int)sizeof s->refusal - 1, err.msg);
    X509_STORE_CTX_set_error(x, rc == BX_OK ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return rc == BX_OK;
}

/* ---- the socket: OpenSSL's own would raise SIGPIPE ---- */

static int on_read(BIO *b, char *to, int max)
{
    struct client_tls_stream *s = BIO_get_data(b);
    ssize_t n = recv(s->fd, to, (size_t)max, 0);

    BIO_clear_retry_flags(b);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(b);
    else if (n < 0)
        s->fault = errno;
    s->ended = s->ended || n == 0;
    return (int)n;
}

static int on_write(BIO *b, const char *p, int size)
{
    struct client_tls_stream *s = BIO_get_data(b);
    ssize_t n = send(s->fd, p, (size_t)size, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(b);
    else if (n < 0)
        s->fault = errno;
    return (int)n;
}

static long on_ctrl(BIO *b, int what, long number, void *p)
{
    const struct client_tls_stream *s = BIO_get_data(b);

    (void)number;
    (void)p;
    return what == BIO_CTRL_FLUSH || (what == BIO_CTRL_EOF && s->ended);
}

/* ---- what all connections share ---- */

static bool set_rules(struct client_tls *t)
{
    SSL_CTX *x = t->ssl;

    SSL_CTX_set_mode(x, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(x, 1); /* else it reads each record in two parts */
    SSL_CTX_set_session_cache_mode(x, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(x, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(x, on_verify, t);
    return SSL_CTX_set_min_proto_version(x, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(x, TLS1_3_VERSION) == 1 &&
           SSL_CTX_set1_groups_list(x, "X25519:P-256") == 1 &&
           SSL_CTX_set1_sigalgs_list(x, "ECDSA+SHA256") == 1 &&
           SSL_CTX_set_alpn_protos(x, (const uint8_t *)PROTOCOL, sizeof PROTOCOL - 1) == 0 &&
           BIO_meth_set_read(t->bio, on_read) == 1 && BIO_meth_set_write(t->bio, on_write) == 1 &&
           BIO_meth_set_ctrl(t->bio, on_ctrl) == 1;
}

int client_tls_create(struct client_tls **out, const struct client_tls_files *files,
                      struct bx_err *err)
{
    struct client_tls *t = bx_must_calloc(1, sizeof *t);
    int rc = BX_OK;

    t->ssl = SSL_CTX_new(TLS_client_method());
    t->bio = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
    if (t->ssl == NULL || t->bio == NULL || !set_rules(t)) {
        openssl_log(BX_LEVEL_ERROR);
        rc = bx_err_set(err, BX_FAILED, "TLS: OpenSSL's configuration forbids TLS 1.3");
    }
    if (rc == BX_OK)
        rc = trust(t, files->ca, err);
    if (rc == BX_OK && files->cert != NULL)
        rc = use_certificate(t, files->cert, err);
    if (rc == BX_OK && files->cert != NULL)
        rc = use_key(t, files->key, err);
    if (rc == BX_OK)
        *out = t;
    else
        client_tls_destroy(t);
    return rc;
}

void client_tls_destroy(struct client_tls *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->ssl);
    BIO_meth_free(t->bio);
    pki_trust_destroy(t->trust);
    bx_free(t);
}

/* ---- one connection ---- */

/* What the server has said before it closed; BX_OK: nothing about the certificate. */
static int explain_alert(int alert, struct bx_err *err)
{
    switch (alert) {
    case SSL_AD_CERTIFICATE_EXPIRED:
        bx_err_set(err, BX_DENIED,
                   "the server refused the certificate of this user: it has "
                   "expired, or is not valid yet");
        break;
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_UNKNOWN:
        bx_err_set(err, BX_DENIED,
                   "the server refused the certificate of this user: it is not one "
                   "of this cluster");
        break;
    default:
        return bx_err_set(err, BX_UNREACHABLE, "the server refused TLS: %s",
                          SSL_alert_desc_string_long(alert));
    }
    bx_err_hint(err, "have an administrator make another: blixardctl user cert NAME --out PREFIX");
    return BX_DENIED;
}

/* A step of OpenSSL's that can not go on, in words. */
static int explain(const struct client_tls_stream *s, struct bx_err *err)
{
    unsigned long code = ERR_peek_error();
    int reason = ERR_GET_REASON(code), rc;
    bool ssl = ERR_GET_LIB(code) == ERR_LIB_SSL;
    const char *text = ERR_reason_error_string(code);

    if (s->refusal[0] != '\0') {
        rc = bx_err_set(err, BX_UNREACHABLE, "the server is not of the cluster that --ca is of: %s",
                        s->refusal);
        bx_err_hint(err, "for the CA of another cluster, run there: blixardctl cluster ca show "
                         "--out ca.pem");
    } else if (ssl && reason > SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256) {
        rc = explain_alert(reason - SSL_AD_REASON_OFFSET, err);
    } else if (s->fault != 0) {
        rc = bx_err_set(err, BX_UNREACHABLE, "%s", strerror(s->fault));
    } else if (s->ended) {
        rc = bx_err_set(err, BX_UNREACHABLE, "connection closed by the server");
    } else if (ssl &&
               (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG)) {
        rc = bx_err_set(err, BX_UNREACHABLE, "the server does not speak TLS");
        bx_err_hint(err, "without --ca and BLIXARD_CACERT a daemon with --insecure-loopback is "
                         "reached");
    } else {
        rc = bx_err_set(err, BX_UNREACHABLE, "TLS: %s", text == NULL ? "out of memory" : text);
    }
    openssl_log(BX_LEVEL_DEBUG);
    return rc;
}

/* After a step that returned rv: BX_OK, try again; else it is over. */
static int wait_for(const struct client_tls_stream *s, int rv, uint64_t deadline,
                    struct bx_err *err)
{
    int e = SSL_get_error(s->ssl, rv), rc;

    if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE)
        return explain(s, err);
    rc = connect_wait(s->fd, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, deadline);
    return rc == BX_OK ? rc : bx_err_set(err, rc, "timed out");
}

static struct client_tls_stream *create_stream(struct client_tls *t, int fd)
{
    struct client_tls_stream *s = bx_must_calloc(1, sizeof *s);
    BIO *b = BIO_new(t->bio);

    s->tls = t;
    s->fd = fd;
    s->ssl = SSL_new(t->ssl);
    if (b == NULL || s->ssl == NULL)
        bx_oom(0);
    BIO_set_data(b, s);
    BIO_set_init(b, 1);
    SSL_set_bio(s->ssl, b, b);
    SSL_set_app_data(s->ssl, s);
    return s;
}

static void destroy_stream(struct client_tls_stream *s)
{
    SSL_free(s->ssl);
    bx_free(s);
}

int client_tls_open(struct client_tls *t, int fd, uint64_t deadline, struct client_tls_stream **out,
                    struct bx_err *err)
{
    struct client_tls_stream *s = create_stream(t, fd);
    const uint8_t *protocol;
    int rv, rc = BX_OK;
    unsigned n = 0;

    do {
        openssl_forget();
        rv = SSL_connect(s->ssl);
        if (rv != 1)
            rc = wait_for(s, rv, deadline, err);
    } while (rv != 1 && rc == BX_OK);
    if (rc == BX_OK)
        SSL_get0_alpn_selected(s->ssl, &protocol, &n);
    if (rc == BX_OK && (n != sizeof PROTOCOL - 2 || memcmp(protocol, PROTOCOL + 1, n) != 0))
        rc = bx_err_set(err, BX_UNREACHABLE, "the server is not a blixardd");
    if (rc == BX_TIMEOUT)
        rc = bx_err_set(err, BX_UNREACHABLE, "timed out in the TLS handshake");
    if (rc == BX_OK)
        *out = s;
    else
        destroy_stream(s);
    return rc;
}

bool client_tls_proves(const struct client_tls_stream *s)
{
    return SSL_get_certificate(s->ssl) != NULL;
}

void client_tls_close(struct client_tls_stream *s)
{
    if (s == NULL)
        return;
    if (s->fault == 0)
        SSL_shutdown(s->ssl);
    openssl_log(BX_LEVEL_DEBUG);
    destroy_stream(s);
}

int client_tls_send(struct client_tls_stream *s, const void *p, size_t n, uint64_t deadline,
                    struct bx_err *err)
{
    const uint8_t *at = p;
    int rc = BX_OK;

    while (rc == BX_OK && n > 0) {
        size_t sent = 0;
        int rv;

        openssl_forget();
        rv = SSL_write_ex(s->ssl, at, n, &sent);
        if (rv == 1) {
            at += sent;
            n -= sent;
        } else {
            rc = wait_for(s, rv, deadline, err);
        }
    }
    return rc;
}

int client_tls_receive(struct client_tls_stream *s, void *to, size_t n, uint64_t deadline,
                       size_t *got, struct bx_err *err)
{
    int rc = BX_OK;

    *got = 0;
    if (SSL_has_pending(s->ssl) == 0) { /* to try first would be in vain mostly */
        rc = connect_wait(s->fd, POLLIN, deadline);
        if (rc != BX_OK)
            return bx_err_set(err, rc, "timed out");
    }
    while (rc == BX_OK) {
        int rv;

        openssl_forget();
        rv = SSL_read_ex(s->ssl, to, n, got);
        if (rv == 1)
            return BX_OK;
        if (SSL_get_error(s->ssl, rv) == SSL_ERROR_ZERO_RETURN)
            return BX_OK;
        rc = wait_for(s, rv, deadline, err);
    }
    return rc;
}
