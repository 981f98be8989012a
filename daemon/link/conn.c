#include "link/conn.h"
#include "rec/rec.h"

#include "mem/alloc.h"
#include "transport/tls.h"

#include <string.h>

#define READ_BYTES (64u << 10)
#define KEEP_BYTES (256u << 10) /* input memory kept while it is empty */

const struct stream_limits link_limits = {.queue_bytes = LINK_QUEUE_BYTES,
                                          .queue_buffers = LINK_QUEUE_FRAMES,
                                          .bulk_bytes = LINK_LARGE,
                                          .read_bytes = READ_BYTES,
                                          .keep_bytes = KEEP_BYTES};

static struct link_conn *conn_of(struct stream *s)
{
    return (struct link_conn *)(void *)((char *)s - offsetof(struct link_conn, stream));
}

struct link_conn *link_conn_create(struct link *l, struct tls_context *tls)
{
    struct link_conn *c = bx_must_calloc(1, sizeof *c);

    c->owner = l;
    c->handle = ++l->next_handle;
    c->since = c->heard = link_now(l);
    if (tls != NULL)
        tls_stream_open(&c->stream, &l->streams, tls);
    else
        stream_open(&c->stream, &l->streams, &stream_tcp);
    TAILQ_INSERT_TAIL(&l->conns, c, link);
    return c;
}

void link_conn_dial(struct link_conn *c, const char *address)
{
    union address to;

    if (address_parse(address, &to, NULL) != BX_OK ||
        (c->stream.tls_context == NULL && !address_is_loopback(&to)) ||
        stream_dial(&c->stream, &to) != 0)
        c->since = 0;
}

static void on_ready(struct stream *s)
{
    struct link_conn *c = conn_of(s);

    c->since = c->heard = link_now(c->owner);
    if (!c->accepted)
        link_say_hello(c, NULL);
    if (c->join_frame.len > 0)
        link_conn_send(c, &c->join_frame);
}

/* ---- closing ---- */

static void on_gone(struct stream *s)
{
    struct link_conn *c = conn_of(s);

    bx_buf_release(&c->aligned);
    bx_buf_release(&c->join_frame);
    bx_free(c);
}

static void tell_joiner(struct link_conn *c, const char *why)
{
    struct bx_err err = {0};

    if (c->join_done == NULL)
        return;
    bx_err_set(&err, BX_UNREACHABLE, "%s", why);
    c->join_done(c->join_ctx, NULL, &err);
    c->join_done = NULL;
}

static void on_closed(struct stream *s, const char *why)
{
    struct link_conn *c = conn_of(s);
    struct link *l = c->owner;

    if (c->stream.tls_context != NULL && !c->up && strncmp(why, "TLS", 3) == 0)
        link_refused(c, why);
    link_peers_forget(l, c);
    TAILQ_REMOVE(&l->conns, c, link);
    if (c->up) {
        if (why == stream_peer_closed)
            BX_INFO("link", "a connection has ended", "node", c->peer, "why", why);
        else
            BX_WARNING("link", "a connection has ended", "node", c->peer, "why", why);
        l->o.peer(l->o.ctx, c->peer, false);
    }
    tell_joiner(c, why);
}

void link_conn_close(struct link_conn *c, const char *why)
{
    stream_close(&c->stream, why);
}

void link_conn_malformed(struct link_conn *c, const char *why)
{
    c->owner->stats.malformed++;
    if (!c->up)
        link_tell(c, why);
    link_conn_close(c, why);
}

/* ---- writing ---- */

bool link_conn_send(struct link_conn *c, struct bx_buf *frame)
{
    return stream_send(&c->stream, frame);
}

/* ---- reading ---- */

/* The reason why the header at p is refused, or NULL. */
static const char *check_head(const struct link_conn *c, const uint8_t *p, struct bx_header *head)
{
    if (bx_header_read(p, head) != BX_OK)
        return "malformed frame header";
    if (head->kind <= BX_KIND_FRAME || head->kind >= BX_KIND_FRAME + BX__FRAMES)
        return "unknown frame type";
    if (head->length > (c->up || c->join_done != NULL ? BX_FRAME_MAX : BX_FRAME_HELLO_MAX))
        return "frame too large";
    return NULL;
}

/* Handle one frame of the input; returns its size, 0 if it is incomplete or the connection was
 * closed. */
static size_t next_frame(struct link_conn *c, uint8_t *p, size_t n)
{
    struct bx_header head;
    const char *why;
    size_t total;

    if (n < BX_HEADER_SIZE)
        return 0;
    why = check_head(c, p, &head);
    if (why != NULL) {
        link_conn_malformed(c, why);
        return 0;
    }
    total = BX_HEADER_SIZE + head.length;
    if (n < total)
        return 0;
    if (bx_header_check(p, total, head.kind, 1, &head) != BX_OK) {
        link_conn_malformed(c, "frame checksum mismatch");
        return 0;
    }
    p += BX_HEADER_SIZE;
    if (((uintptr_t)p & 7) != 0) {
        c->aligned.len = 0;
        if (bx_buf_append(&c->aligned, p, head.length) != BX_OK) {
            link_conn_close(c, "out of memory");
            return 0;
        }
        p = c->aligned.data;
    }
    link_on_frame(c, (uint16_t)(head.kind - BX_KIND_FRAME), p, head.length);
    return total;
}

static void on_input(struct stream *s)
{
    struct link_conn *c = conn_of(s);
    size_t at = 0, took;

    c->heard = link_now(c->owner);
    while (!s->closing && s->finish == STREAM_OPEN &&
           (took = next_frame(c, s->in.data + at, s->in.len - at)) > 0)
        at += took;
    if (s->closing)
        return;
    bx_buf_consume(&s->in, at);
    if (c->aligned.cap > KEEP_BYTES)
        bx_buf_release(&c->aligned);
}

const struct stream_callbacks link_callbacks = {
    .name = "link", .ready = on_ready, .input = on_input, .closed = on_closed, .gone = on_gone};
