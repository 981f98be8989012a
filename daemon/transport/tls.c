/* The encrypted transport. OpenSSL reads what was read from the socket, in `raw`, and appends what
 * is to be written to `out`: it never sees the socket.
 *
 * All of raw is decrypted in the callback that has read it, so that nothing is left in OpenSSL when
 * a stream is paused, except an incomplete record. Writing encrypts up to STREAM_WRITE_BYTES of the
 * stream's current write, writes them to the socket, and goes on when that has ended. What OpenSSL
 * says on its own, in the handshake or as an answer, goes the same way and may come between. */
#include "transport/tls_priv.h"

#include "pki/openssl_log.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define RECORD_HANDSHAKE 22
#define RECORD_ALERT 21
#define RECORD_VERSION 3, 3
#define ALERT_FATAL 2
#define RECORD_MAX 16384u
#define RECORD_EXTRA 32u /* at most so many bytes more are written for one */

void tls_stream_open(struct stream *s, struct stream_group *g, struct tls_context *c)
{
    stream_open(s, g, &stream_tls);
    s->tls_context = tls_context_ref(c);
}

static void open_tcp(union stream_handle *h, uv_loop_t *loop)
{
    stream_tcp.open(h, loop);
}

static void close_for(struct stream *s, const char *why)
{
    snprintf(s->tls->why, sizeof s->tls->why, "%s%s",
             s->ready ? "TLS: " : "TLS handshake failed: ", why);
    stream_close(s, s->tls->why);
}

/* OpenSSL has failed; what it tells the peer is in `out`. */
static void fail(struct stream *s)
{
    char why[160];

    s->tls->failed = true;
    tls_explain(s->tls, why, sizeof why);
    close_for(s, why);
}

/* ---- writing ---- */

static void on_written(uv_write_t *w, int status);

/* At most max bytes of the current write, for one record: where they lie, or small buffers joined
 * in `record`. Returns how many. */
static size_t next_record(struct stream *s, size_t max, uint8_t record[RECORD_MAX], const void **p)
{
    size_t at = s->tls->offset, n = 0, left, part;
    uv_buf_t piece;

    if (max > RECORD_MAX)
        max = RECORD_MAX;
    *p = record;
    while (n < max && (left = stream_writing(s, at + n, &piece)) > 0) {
        part = piece.len < max - n ? piece.len : max - n;
        if (n == 0 && (part == max || part == left)) {
            *p = piece.base;
            return part;
        }
        memcpy(record + n, piece.base, part);
        n += part;
    }
    return n;
}

/* Encrypt the next part of the current write. */
static int encrypt(struct stream *s)
{
    uint8_t record[RECORD_MAX];
    const void *p;
    struct tls_stream *t = s->tls;
    uv_buf_t piece;
    size_t left = stream_writing(s, t->offset, &piece), part, done = 0;

    part = left < STREAM_WRITE_BYTES ? left : STREAM_WRITE_BYTES;
    if (bx_buf_reserve(&t->out, part + (part / RECORD_MAX + 2) * RECORD_EXTRA) != BX_OK)
        return UV_ENOMEM;
    openssl_forget();
    while (done < part) {
        size_t n = next_record(s, part - done, record, &p);

        if (SSL_write_ex(t->ssl, p, n, &n) != 1) {
            t->failed = true;
            openssl_log(BX_LEVEL_ERROR);
            return UV_ENOMEM;
        }
        t->offset += n;
        done += n;
    }
    t->whole = stream_writing(s, t->offset, &piece) == 0;
    return 0;
}

/* Write what there is to write, unless a write is under way. */
static int pump(struct stream *s)
{
    struct tls_stream *t = s->tls;
    uv_buf_t buf;
    int rv = 0;

    if (t->busy)
        return 0;
    if (t->writing)
        rv = encrypt(s);
    if (rv != 0 || (t->out.len == 0 && !t->writing))
        return rv;
    bx_buf_move(&t->flying, &t->out);
    buf = uv_buf_init((char *)t->flying.data, (unsigned)t->flying.len);
    s->write.data = s;
    rv = uv_write(&s->write, &s->h.stream, &buf, 1, on_written);
    t->busy = rv == 0;
    return rv;
}

/* After close_notify. */
static int shut_when_written(struct stream *s)
{
    if (!s->tls->shutting || s->tls->out.len > 0)
        return 0;
    s->tls->shutting = false;
    return stream_shut(s);
}

static void on_written(uv_write_t *w, int status)
{
    struct stream *s = w->data;
    struct tls_stream *t = s->tls;

    t->busy = false;
    bx_buf_release(&t->flying);
    if (s->closing)
        return;
    if (status == 0 && t->writing && t->whole) {
        t->writing = false;
        stream_written(w, 0);
        if (s->closing)
            return;
    }
    if (status == 0)
        status = pump(s);
    if (status == 0)
        status = shut_when_written(s);
    if (status != 0)
        stream_close(s, uv_strerror(status));
}

static int write_encrypted(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    struct tls_stream *t = s->tls;

    (void)bufs;
    (void)n;
    t->writing = true;
    t->whole = false;
    t->offset = 0;
    return pump(s);
}

static int shut(struct stream *s)
{
    struct tls_stream *t = s->tls;
    int rv;

    if (!s->ready || t->failed)
        return UV_ENOTCONN;
    openssl_forget();
    if (SSL_shutdown(t->ssl) < 0) {
        openssl_log(BX_LEVEL_DEBUG);
        return UV_ENOTCONN;
    }
    t->shutting = true;
    rv = pump(s);
    return rv != 0 ? rv : shut_when_written(s);
}

/* The last words, if the socket takes them at once: that all was sent, or why it failed. */
static void closing(struct stream *s)
{
    struct tls_stream *t = s->tls;
    uv_buf_t buf;

    if (t == NULL || t->busy)
        return;
    if (s->ready && !t->failed && s->queued == 0) {
        openssl_forget();
        if (SSL_shutdown(t->ssl) < 0)
            openssl_log(BX_LEVEL_DEBUG);
    }
    if (t->out.len == 0)
        return;
    buf = uv_buf_init((char *)t->out.data, (unsigned)t->out.len);
    uv_try_write(&s->h.stream, &buf, 1);
}

/* ---- handshake ---- */

static void identify(struct stream *s)
{
    if (!s->tls->proven)
        return;
    s->peer.kind = STREAM_PEER_CERTIFICATE;
    s->peer.certificate = &s->tls->peer;
}

static bool is_tls(uint8_t first)
{
    return first == RECORD_HANDSHAKE || first == RECORD_ALERT;
}

/* Who speaks something else may know what TLS says to that, and tell it. */
static void refuse_other(struct stream *s)
{
    static const uint8_t alert[] = {RECORD_ALERT, RECORD_VERSION,           0, 2,
                                    ALERT_FATAL,  SSL_AD_UNEXPECTED_MESSAGE};

    s->tls->fault = TLS_FAULT_NOT_TLS;
    bx_buf_append(&s->tls->out, alert, sizeof alert);
    close_for(s, "not TLS");
}

/* Go on with what has been read. */
static void advance(struct stream *s)
{
    struct tls_stream *t = s->tls;
    int rv;

    if (t->early == 0 && t->raw.len > 0 && !is_tls(t->raw.data[0])) {
        refuse_other(s);
        return;
    }
    if (t->ssl == NULL && tls_stream_begin(t) != BX_OK) {
        stream_close(s, "out of memory");
        return;
    }
    openssl_forget();
    rv = SSL_do_handshake(t->ssl);
    t->early += t->taken;
    if (rv != 1 && SSL_get_error(t->ssl, rv) != SSL_ERROR_WANT_READ) {
        fail(s);
    } else if (t->early > TLS_EARLY_MAX) {
        close_for(s, "too much data before its end");
    } else if (rv == 1 && !tls_agreed(s->tls_context, t->ssl)) {
        t->fault = TLS_FAULT_PROTOCOL;
        close_for(s, "the two sides have no protocol in common");
    } else if ((rv = pump(s)) != 0) {
        stream_close(s, uv_strerror(rv));
    } else if (SSL_is_init_finished(t->ssl)) {
        identify(s);
        stream_ready(s);
    }
}

/* A server spends nothing on OpenSSL before there is input: its user may close the stream first. */
static void handshake(struct stream *s)
{
    s->write_ms = s->group->clock->ops->boot_ms(s->group->clock);
    stream_peer_address(s);
    if (tls_stream_create(&s->tls, s) != BX_OK) {
        stream_close(s, "out of memory");
        return;
    }
    stream_read(s);
    if (!s->closing && s->tls_context->side != TLS_SERVER)
        advance(s);
}

/* ---- reading ---- */

static struct bx_buf *land_encrypted(struct stream *s)
{
    return &s->tls->raw;
}

/* The peer will send no more. A user that is not ready to hear of it does later, from the socket:
 * its input ends, too. */
static int end_input(struct stream *s)
{
    int fd;

    s->tls->ended = true;
    if (uv_fileno(&s->h.handle, &fd) == 0)
        shutdown(fd, SHUT_RD);
    return UV_EOF;
}

/* Append to s->in what raw says. A code of libuv's. */
static int decrypt(struct stream *s)
{
    struct tls_stream *t = s->tls;

    openssl_forget();
    for (;;) {
        size_t room = t->raw.len - t->taken + (size_t)SSL_pending(t->ssl), n = 0;
        int rv;

        if (room == 0)
            return 0;
        if (bx_buf_reserve(&s->in, room) != BX_OK)
            return UV_ENOMEM;
        rv = SSL_read_ex(t->ssl, s->in.data + s->in.len, room, &n);
        if (rv == 1) {
            s->in.len += n;
            continue;
        }
        switch (SSL_get_error(t->ssl, rv)) {
        case SSL_ERROR_WANT_READ:
            return 0;
        case SSL_ERROR_ZERO_RETURN:
            return end_input(s);
        default:
            fail(s);
            return 0;
        }
    }
}

static int received(struct stream *s)
{
    struct tls_stream *t = s->tls;
    int rv = 0;

    if (!s->ready)
        advance(s);
    if (s->ready && !s->closing && !t->ended)
        rv = decrypt(s);
    bx_buf_release(&t->raw);
    t->taken = 0;
    if (rv == 0 && !s->closing)
        rv = pump(s); /* an answer, if OpenSSL has one */
    return rv;
}

static int ended(struct stream *s)
{
    if (s->tls->ended)
        return UV_EOF;
    if (!s->ready)
        s->tls->fault = TLS_FAULT_CLOSED;
    close_for(s, s->ready ? "the connection ended without close_notify: data may be missing"
                          : stream_peer_closed);
    return 0;
}

static void gone(struct stream *s)
{
    if (s->tls != NULL)
        tls_stream_destroy(s->tls);
    tls_context_release(s->tls_context);
    s->tls = NULL;
    s->tls_context = NULL;
    s->peer.certificate = NULL;
}

enum tls_fault tls_fault(const struct stream *s)
{
    return s->tls == NULL ? TLS_FAULT_OTHER : s->tls->fault;
}

const struct stream_ops stream_tls = {.name = "tls",
                                      .open = open_tcp,
                                      .handshake = handshake,
                                      .landing = land_encrypted,
                                      .received = received,
                                      .ended = ended,
                                      .write = write_encrypted,
                                      .shut = shut,
                                      .closing = closing,
                                      .gone = gone};
