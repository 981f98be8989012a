#include "transport/stream.h"

#include "rec/rec.h"

#include <assert.h>
#include <stdio.h>
#include <sys/socket.h>

struct stream_buffer {
    STAILQ_ENTRY(stream_buffer) link;
    struct bx_buf buf;
};

static uint64_t now(const struct stream *s)
{
    return s->group->clock->ops->boot_ms(s->group->clock);
}

/* ---- groups ---- */

int stream_group_init(struct stream_group *g, const char *name, struct bx_pool_size kept,
                      uv_loop_t *loop, struct bx_clock *clock, const struct stream_limits *limits,
                      const struct stream_callbacks *user)
{
    *g = (struct stream_group){.loop = loop, .clock = clock, .limits = limits, .user = user};
    return bx_pool_init(&g->buffers, name, sizeof(struct stream_buffer), kept, NULL);
}

void stream_group_close(struct stream_group *g)
{
    while (g->handles > 0)
        uv_run(g->loop, UV_RUN_ONCE);
    bx_pool_close(&g->buffers);
}

/* ---- opening ---- */

void stream_open(struct stream *s, struct stream_group *g, const struct stream_ops *ops)
{
    s->group = g;
    s->ops = ops;
    STAILQ_INIT(&s->small);
    STAILQ_INIT(&s->bulk);
    STAILQ_INIT(&s->writing);
    ops->open(&s->h, g->loop);
    s->h.handle.data = s;
    s->opened_ms = now(s);
    g->handles++;
}

static void on_connected(uv_connect_t *req, int status)
{
    struct stream *s = req->data;

    if (s->closing)
        return;
    if (status != 0)
        stream_close(s, uv_strerror(status));
    else
        s->ops->handshake(s);
}

int stream_dial(struct stream *s, const union address *to)
{
    assert(s->h.handle.type == UV_TCP);
    s->req.connect.data = s;
    return uv_tcp_connect(&s->req.connect, &s->h.tcp, &to->any, on_connected);
}

/* ---- closing ---- */

static void drop_buffers(struct stream *s, struct stream_buffers *list)
{
    struct stream_buffer *b;

    while ((b = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        s->queued -= b->buf.len;
        s->group->queued -= b->buf.len;
        s->n_queued--;
        bx_buf_release(&b->buf);
        bx_pool_release(&s->group->buffers, b);
    }
}

static void on_gone(uv_handle_t *handle)
{
    struct stream *s = handle->data;

    drop_buffers(s, &s->small);
    drop_buffers(s, &s->bulk);
    drop_buffers(s, &s->writing);
    bx_buf_release(&s->in);
    if (s->ops->gone != NULL)
        s->ops->gone(s);
    s->group->handles--;
    s->group->user->gone(s);
}

const char stream_peer_closed[] = "connection closed by the peer";

void stream_close(struct stream *s, const char *why)
{
    if (s->closing)
        return;
    s->closing = true;
    BX_DEBUG("transport", "closed", "module", s->group->user->name, "peer", s->peer.name,
             "accepted", s->accepted, "why", why, "ms", now(s) - s->opened_ms, "read",
             s->bytes_read, "written", s->bytes_written, "unsent", s->queued);
    if (s->ops->closing != NULL)
        s->ops->closing(s);
    uv_close(&s->h.handle, on_gone);
    s->group->user->closed(s, why);
}

/* The queue has been written. */
static void end(struct stream *s)
{
    if (s->finish != STREAM_AWAIT_PEER || s->ops->shut(s) != 0)
        stream_close(s, "finished");
}

void stream_finish(struct stream *s, enum stream_finish how)
{
    if (s->closing || s->finish != STREAM_OPEN)
        return;
    s->finish = how;
    stream_resume(s); /* the peer's close is detected by reading */
    if (s->queued == 0)
        end(s);
}

void stream_expire(struct stream *s, uint64_t now_ms)
{
    uint32_t limit = s->group->limits->stall_ms;

    if (limit == 0 || now_ms - s->write_ms <= limit)
        return;
    if (!STAILQ_EMPTY(&s->writing))
        stream_close(s, "write timed out: the peer is not reading");
    else if (!s->ready && s->write_ms > 0)
        stream_close(s, "handshake timed out");
}

/* ---- writing ---- */

/* Move the buffers of the next write to `writing`: all small ones that fit, otherwise one bulk
 * buffer. */
static unsigned choose(struct stream *s, uv_buf_t *bufs)
{
    struct stream_buffers *from = STAILQ_EMPTY(&s->small) ? &s->bulk : &s->small;
    struct stream_buffer *b;
    size_t bytes = 0;
    unsigned n = 0, max = from == &s->bulk ? 1 : STREAM_WRITE_BUFFERS;

    while (n < max && (b = STAILQ_FIRST(from)) != NULL) {
        if (n > 0 && bytes + b->buf.len > STREAM_WRITE_BYTES)
            break;
        STAILQ_REMOVE_HEAD(from, link);
        STAILQ_INSERT_TAIL(&s->writing, b, link);
        bytes += b->buf.len;
        bufs[n++] = uv_buf_init((char *)b->buf.data, (unsigned)b->buf.len);
    }
    return n;
}

static void flush(struct stream *s)
{
    uv_buf_t bufs[STREAM_WRITE_BUFFERS];
    unsigned n;
    int rv;

    if (!s->ready || !STAILQ_EMPTY(&s->writing))
        return;
    n = choose(s, bufs);
    if (n == 0)
        return;
    s->write_ms = now(s);
    s->write.data = s;
    rv = s->ops->write(s, bufs, n);
    if (rv != 0)
        stream_close(s, uv_strerror(rv));
}

size_t stream_writing(const struct stream *s, size_t skip, uv_buf_t *piece)
{
    const struct stream_buffer *b;
    size_t left = 0;

    STAILQ_FOREACH(b, &s->writing, link)
    {
        if (skip >= b->buf.len) {
            skip -= b->buf.len;
            continue;
        }
        if (left == 0)
            *piece = uv_buf_init((char *)b->buf.data + skip, (unsigned)(b->buf.len - skip));
        left += b->buf.len - skip;
        skip = 0;
    }
    return left;
}

void stream_written(uv_write_t *w, int status)
{
    struct stream *s = w->data;
    size_t before = s->queued;

    drop_buffers(s, &s->writing);
    s->bytes_written += status == 0 ? before - s->queued : 0;
    if (s->closing)
        return;
    if (status != 0) {
        stream_close(s, uv_strerror(status));
        return;
    }
    flush(s);
    if (s->closing)
        return;
    if (s->finish != STREAM_OPEN && s->queued == 0)
        end(s);
    else if (s->finish == STREAM_OPEN && s->group->user->sent != NULL)
        s->group->user->sent(s);
}

/* Whether the queue takes n bytes more. */
static bool has_room(struct stream *s, size_t n)
{
    const struct stream_limits *l = s->group->limits;
    uint64_t untold;

    if (s->n_queued < l->queue_buffers && (s->queued == 0 || s->queued + n <= l->queue_bytes))
        return true;
    if (rate_may(&s->group->full, now(s), 1, &untold))
        BX_WARNING("transport", "the queue to a peer is full", "module", s->group->user->name,
                   "peer", s->peer.name, "bytes", s->queued, "buffers", s->n_queued, "untold",
                   untold);
    return false;
}

bool stream_send(struct stream *s, struct bx_buf *b)
{
    const struct stream_limits *l = s->group->limits;
    struct stream_buffer *e;

    if (s->closing || s->finish != STREAM_OPEN || !has_room(s, b->len))
        return false;
    e = bx_pool_acquire(&s->group->buffers);
    if (e == NULL)
        return false;
    bx_buf_move(&e->buf, b);
    s->queued += e->buf.len;
    s->group->queued += e->buf.len;
    s->n_queued++;
    if (l->bulk_bytes > 0 && e->buf.len > l->bulk_bytes)
        STAILQ_INSERT_TAIL(&s->bulk, e, link);
    else
        STAILQ_INSERT_TAIL(&s->small, e, link);
    flush(s);
    return true;
}

/* ---- reading ---- */

static void deliver(struct stream *s)
{
    if (s->finish == STREAM_OPEN)
        s->group->user->input(s);
    if (s->closing)
        return;
    if (s->finish != STREAM_OPEN)
        s->in.len = 0;
    if (s->in.len == 0 && s->in.cap > s->group->limits->keep_bytes)
        bx_buf_release(&s->in);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct stream *s = handle->data;
    struct bx_buf *to = s->ops->landing(s);
    size_t bytes = s->group->limits->read_bytes;

    (void)suggested;
    if (bx_buf_reserve(to, bytes) != BX_OK)
        *buf = uv_buf_init(NULL, 0);
    else
        *buf = uv_buf_init((char *)to->data + to->len, (unsigned)bytes);
}

static bool holds(const struct stream *s)
{
    return s->group->user->holds != NULL && s->group->user->holds(s);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct stream *s = stream->data;
    size_t before = s->in.len;

    (void)buf;
    if (got >= 0) {
        s->ops->landing(s)->len += (size_t)got;
        s->bytes_read += (size_t)got;
        got = s->ops->received(s);
    } else if (got == UV_EOF) {
        got = s->ops->ended(s);
    }
    if (!s->closing && !s->paused && s->in.len > before)
        deliver(s);
    if (s->closing)
        return;
    if (got == UV_EOF && (s->paused || holds(s))) {
        stream_pause(s); /* reading again finds the end again */
    } else if (got < 0) {
        bx_buf_release(&s->in); /* free it now and not in `gone`: many streams may close at once */
        stream_close(s, got == UV_EOF ? stream_peer_closed : uv_strerror((int)got));
    }
}

void stream_read(struct stream *s)
{
    int rv = uv_read_start(&s->h.stream, on_alloc, on_read);

    if (rv != 0 && rv != UV_EALREADY)
        stream_close(s, uv_strerror(rv));
}

void stream_ready(struct stream *s)
{
    s->ready = true;
    BX_DEBUG("transport", "connected", "module", s->group->user->name, "peer", s->peer.name, "pid",
             s->peer.pid, "accepted", s->accepted, "handles", s->group->handles);
    s->group->user->ready(s);
    if (!s->closing && s->paused)
        uv_read_stop(&s->h.stream); /* the handshake may have begun to read */
    else if (!s->closing)
        stream_read(s);
    if (!s->closing)
        flush(s);
}

void stream_pause(struct stream *s)
{
    s->paused = true;
    if (s->ready)
        uv_read_stop(&s->h.stream);
}

void stream_resume(struct stream *s)
{
    if (!s->paused || s->closing)
        return;
    s->paused = false;
    if (!s->ready)
        return;
    stream_read(s);
    if (!s->closing && s->in.len > 0)
        deliver(s);
}

/* ---- TCP and unix sockets ---- */

static void open_tcp(union stream_handle *h, uv_loop_t *loop)
{
    uv_tcp_init(loop, &h->tcp);
}

static void open_unix(union stream_handle *h, uv_loop_t *loop)
{
    uv_pipe_init(loop, &h->pipe, 0);
}

void stream_peer_address(struct stream *s)
{
    union address from;
    int n = sizeof from;

    uv_tcp_nodelay(&s->h.tcp, 1);
    if (uv_tcp_getpeername(&s->h.tcp, &from.any, &n) == 0) {
        s->peer.kind = STREAM_PEER_ADDRESS;
        address_format(&from, s->peer.name, sizeof s->peer.name);
    }
}

static void identify_address(struct stream *s)
{
    stream_peer_address(s);
    stream_ready(s);
}

static void identify_process(struct stream *s)
{
    stream_peer_process(s);
    stream_ready(s);
}

static struct bx_buf *land_in_input(struct stream *s)
{
    return &s->in;
}

static int receive_as_is(struct stream *s)
{
    (void)s;
    return 0;
}

static int end_as_is(struct stream *s)
{
    (void)s;
    return UV_EOF;
}

static int write_as_is(struct stream *s, const uv_buf_t *bufs, unsigned n)
{
    return uv_write(&s->write, &s->h.stream, bufs, n, stream_written);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status; /* closed meanwhile, or by the peer, which reading detects */
}

int stream_shut(struct stream *s)
{
    return uv_shutdown(&s->req.shutdown, &s->h.stream, on_shut);
}

const struct stream_ops stream_tcp = {.name = "tcp",
                                      .open = open_tcp,
                                      .handshake = identify_address,
                                      .landing = land_in_input,
                                      .received = receive_as_is,
                                      .ended = end_as_is,
                                      .write = write_as_is,
                                      .shut = stream_shut};

const struct stream_ops stream_unix = {.name = "unix",
                                       .open = open_unix,
                                       .handshake = identify_process,
                                       .landing = land_in_input,
                                       .received = receive_as_is,
                                       .ended = end_as_is,
                                       .write = write_as_is,
                                       .shut = stream_shut};
