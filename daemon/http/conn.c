/* conn - a client's connection: bytes go from the stream to the library and back, over a socket
 * pair whose one end the library has.
 *
 *   stream --input--> fd --> library           the stream is paused while fd takes no more
 *   stream <--send--- fd <-- library           fd is not read while much is queued to the client
 *
 * The library closes its end after an answer that ends the connection: what is queued is written,
 * then the stream is shut down and closed once the peer has closed. If the stream ends first, fd is
 * closed, which the library takes for the client's doing. The memory is freed when both are gone.
 *
 * A request has HTTP_HEAD_MS from its first byte until the library has all of its header, however
 * slowly bytes come in; what the library then does is not timed, but the client has to take the
 * answer (stream_expire). */
#include "http/priv.h"

#include "mem/alloc.h"
#include "rec/rec.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)

const struct stream_limits http_limits = {.queue_bytes = HTTP_OUT_BYTES + READ_BYTES,
                                          .queue_buffers = 64,
                                          .read_bytes = 4096,
                                          .keep_bytes = 0,
                                          .stall_ms = HTTP_STALL_MS};

static struct http_conn *conn_of(struct stream *s)
{
    return (struct http_conn *)(void *)((char *)s - offsetof(struct http_conn, stream));
}

static void on_poll(uv_poll_t *poll, int status, int events);

static void watch(struct http_conn *c)
{
    int events = 0;

    if (!c->polled || c->ending || c->stream.closing)
        return;
    if (c->stream.queued < HTTP_OUT_BYTES)
        events |= UV_READABLE;
    if (c->full)
        events |= UV_WRITABLE;
    if (events == 0)
        uv_poll_stop(&c->poll);
    else
        uv_poll_start(&c->poll, events, on_poll);
}

/* ---- the end ---- */

static void drop_handle(struct http_conn *c)
{
    if (--c->handles > 0)
        return;
    c->http->n_conns--;
    bx_free(c);
}

static void on_poll_gone(uv_handle_t *handle)
{
    struct http_conn *c = handle->data;

    close(c->fd);
    c->http->handles--;
    drop_handle(c);
}

static void close_fd(struct http_conn *c)
{
    if (!c->polled)
        return;
    c->polled = false;
    http_server_drop(c);
    shutdown(c->fd, SHUT_RDWR);
    uv_close((uv_handle_t *)&c->poll, on_poll_gone);
}

static void on_gone(struct stream *s)
{
    drop_handle(conn_of(s));
}

static void on_closed(struct stream *s, const char *why)
{
    struct http_conn *c = conn_of(s);

    (void)why; /* clients come and go */
    TAILQ_REMOVE(&c->http->conns, c, link);
    close_fd(c);
}

void http_conn_close(struct http_conn *c, const char *why)
{
    stream_close(&c->stream, why);
}

static void finish(struct http_conn *c)
{
    c->ending = true;
    c->since = http_now(c->http);
    close_fd(c);
    stream_finish(&c->stream, STREAM_AWAIT_PEER);
}

void http_conn_expire(struct http_conn *c, uint64_t now)
{
    uint64_t limit = c->began || c->ending ? HTTP_HEAD_MS : HTTP_IDLE_MS;

    if (!c->answering && now - c->since > limit)
        http_conn_close(c, "no request in time");
    else
        stream_expire(&c->stream, now);
}

/* ---- to the library ---- */

static void on_input(struct stream *s)
{
    struct http_conn *c = conn_of(s);
    ssize_t n;

    if (!c->polled) {
        s->in.len = 0;
        return;
    }
    if (!c->answering && !c->began) {
        c->began = true;
        c->since = http_now(c->http);
    }
    n = send(c->fd, s->in.data, s->in.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        s->in.len = 0; /* it does not read any more, and has said what there is to say */
    else
        bx_buf_consume(&s->in, n < 0 ? 0 : (size_t)n);
    c->full = s->in.len > 0;
    if (c->full)
        stream_pause(s);
    watch(c);
}

/* ---- from the library ---- */

static void on_sent(struct stream *s)
{
    watch(conn_of(s));
}

static void receive(struct http_conn *c)
{
    struct bx_buf b = {0};
    ssize_t n;

    if (bx_buf_reserve(&b, READ_BYTES) != BX_OK) {
        http_conn_close(c, "out of memory");
        return;
    }
    n = recv(c->fd, b.data, READ_BYTES, MSG_DONTWAIT);
    b.len = n > 0 ? (size_t)n : 0;
    if (n > 0 && !stream_send(&c->stream, &b))
        http_conn_close(c, "the client does not read");
    else if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        finish(c);
    bx_buf_release(&b);
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_conn *c = poll->data;

    if (status < 0 || (events & UV_READABLE) != 0)
        receive(c);
    if (c->polled && (events & UV_WRITABLE) != 0 && c->full) {
        c->full = false;
        stream_resume(&c->stream);
    }
    watch(c);
}

/* ---- the beginning ---- */

/* A client that is told why has a descriptor until it has heard it, and log, state and peers need
 * some, too: beyond a bound it is told nothing. */
static void refuse(struct http_conn *c)
{
    static const char text[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                               "Retry-After: 1\r\nContent-Length: 21\r\n"
                               "Content-Type: text/plain\r\n\r\ntoo many connections\n";
    struct bx_buf b = {0};
    struct http *h = c->http;

    h->stats.turned_away++;
    if (rate_may(&h->full, http_now(h), 1, NULL))
        BX_WARNING("http", "a client was turned away: too many connections, or no descriptor",
                   "client", c->address, "connections", h->n_conns, "turned_away",
                   h->stats.turned_away);
    if (h->n_conns > HTTP_CONNECTIONS + HTTP_REFUSALS) {
        http_conn_close(c, "too many connections");
        return;
    }
    (void)bx_buf_append(&b, text, sizeof text - 1);
    if (b.failed || !stream_send(&c->stream, &b))
        http_conn_close(c, "too many connections");
    bx_buf_release(&b);
    if (!c->stream.closing)
        finish(c);
}

static bool has_room(const struct http_conn *c)
{
    const struct http_conn *other;
    uint32_t n = 0;

    if (c->http->n_conns > HTTP_CONNECTIONS)
        return false;
    TAILQ_FOREACH(other, &c->http->conns, link)
    n += strcmp(other->address, c->address) == 0;
    return n <= HTTP_PER_ADDRESS;
}

/* False: no descriptor is left. */
static bool join_server(struct http_conn *c)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return false;
    c->fd = pair[0];
    if (uv_poll_init(c->http->o.loop, &c->poll, c->fd) != 0) {
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    c->poll.data = c;
    c->polled = true;
    c->handles++;
    c->http->handles++;
    return http_server_add(c, pair[1]);
}

static void on_ready(struct stream *s)
{
    struct http_conn *c = conn_of(s);

    snprintf(c->address, sizeof c->address, "%s", s->peer.name);
    if (strrchr(c->address, ':') != NULL)
        *strrchr(c->address, ':') = '\0';
    if (!has_room(c) || !join_server(c))
        refuse(c);
    else
        watch(c);
}

void http_conn_incoming(struct stream_listener *l)
{
    struct http *h = l->ctx;
    struct http_conn *c = bx_must_calloc(1, sizeof *c);

    c->http = h;
    c->fd = -1;
    c->handles = 1;
    c->since = http_now(h);
    h->n_conns++;
    TAILQ_INSERT_TAIL(&h->conns, c, link);
    stream_open(&c->stream, &h->streams, l->ops);
    stream_accept(&c->stream, l);
}

const struct stream_callbacks http_callbacks = {.name = "http",
                                                .ready = on_ready,
                                                .input = on_input,
                                                .sent = on_sent,
                                                .closed = on_closed,
                                                .gone = on_gone};
