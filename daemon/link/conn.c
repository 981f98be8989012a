#include "link/conn.h"

#include "mem/alloc.h"

#include <assert.h>
#include <string.h>

#define READ_BYTES (64u << 10)
#define KEEP_BYTES (4 * READ_BYTES) /* of input memory, while nothing is in it */
#define LASTING_MS 3000u

struct link_conn *link_conn_create(struct link *l)
{
    struct link_conn *c = bx_must_calloc(1, sizeof *c);

    c->owner = l;
    c->handle = ++l->next_handle;
    c->since = c->heard = c->spoke = link_now(l);
    STAILQ_INIT(&c->small);
    STAILQ_INIT(&c->large);
    STAILQ_INIT(&c->flying);
    uv_tcp_init(l->o.loop, &c->tcp);
    c->tcp.data = c;
    TAILQ_INSERT_TAIL(&l->conns, c, link);
    l->handles_open++;
    return c;
}

/* ---- the end ---- */

static void drop_frames(struct link *l, struct link_frames *list)
{
    struct link_frame *f;

    while ((f = STAILQ_FIRST(list)) != NULL) {
        STAILQ_REMOVE_HEAD(list, link);
        bx_buf_release(&f->buf);
        bx_slab_free(&l->frames, f, sizeof *f);
    }
}

static void on_closed(uv_handle_t *handle)
{
    struct link_conn *c = handle->data;

    c->owner->handles_open--;
    drop_frames(c->owner, &c->small);
    drop_frames(c->owner, &c->large);
    drop_frames(c->owner, &c->flying);
    bx_buf_release(&c->in);
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

void link_conn_close(struct link_conn *c, const char *why)
{
    struct link *l = c->owner;
    struct link_peer *p;

    if (c->closing)
        return;
    c->closing = true;
    p = link_peer_of(l, c->up ? c->peer : c->expected);
    if (p != NULL && p->dialling == c)
        p->dialling = NULL;
    if (p != NULL && p->conn == c) {
        p->conn = NULL;
        /* Only a connection that lasted shows that dialling at once is worth it: two daemons with
         * one identity would push each other out without end. */
        if (link_now(l) - c->since > LASTING_MS)
            p->backoff_ms = 0;
    }
    TAILQ_REMOVE(&l->conns, c, link);
    uv_close((uv_handle_t *)&c->tcp, on_closed);
    if (c->up) {
        link_log(l, 4, "node %llu: %s", (unsigned long long)c->peer, why);
        l->o.peer(l->o.ctx, c->peer, false);
    }
    tell_joiner(c, why);
}

void link_conn_malformed(struct link_conn *c, const char *why)
{
    c->owner->stats.malformed++;
    link_conn_close(c, why);
}

/* ---- writing ---- */

static void flush(struct link_conn *c);

static void on_written(uv_write_t *w, int status)
{
    struct link_conn *c = w->data;
    struct link_frame *f;

    c->writing = false;
    STAILQ_FOREACH(f, &c->flying, link)
    {
        c->queued -= f->buf.len;
        c->frames--;
    }
    drop_frames(c->owner, &c->flying);
    if (c->closing)
        return;
    if (status != 0)
        link_conn_close(c, uv_strerror(status));
    else if (c->close_when_sent && c->queued == 0)
        link_conn_close(c, "done");
    else
        flush(c);
}

/* All small frames that wait, then one large one: a snapshot never stands before a heartbeat. */
static void flush(struct link_conn *c)
{
    uv_buf_t bufs[LINK_WRITE_FRAMES];
    unsigned n = 0;

    if (c->writing || !c->connected)
        return;
    while (n < LINK_WRITE_FRAMES) {
        struct link_frames *from = !STAILQ_EMPTY(&c->small) ? &c->small : &c->large;
        struct link_frame *f = STAILQ_FIRST(from);

        if (f == NULL || (from == &c->large && n > 0))
            break;
        STAILQ_REMOVE_HEAD(from, link);
        STAILQ_INSERT_TAIL(&c->flying, f, link);
        bufs[n++] = uv_buf_init((char *)f->buf.data, (unsigned)f->buf.len);
    }
    if (n == 0)
        return;
    c->writing = true;
    c->spoke = link_now(c->owner);
    c->write.data = c;
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, n, on_written) != 0)
        link_conn_close(c, "can not write");
}

bool link_conn_send(struct link_conn *c, struct bx_buf *frame)
{
    struct link_frame *f;

    if (c->closing || c->queued + frame->len > LINK_QUEUE_BYTES || c->frames >= LINK_QUEUE_FRAMES)
        return false;
    f = bx_slab_calloc(&c->owner->frames, sizeof *f);
    if (f == NULL)
        return false;
    bx_buf_move(&f->buf, frame);
    c->queued += f->buf.len;
    c->frames++;
    if (f->buf.len > LINK_LARGE)
        STAILQ_INSERT_TAIL(&c->large, f, link);
    else
        STAILQ_INSERT_TAIL(&c->small, f, link);
    flush(c);
    return true;
}

/* ---- reading ---- */

/* What is wrong with the head at p, or NULL. */
static const char *check_head(const struct link_conn *c, const uint8_t *p, struct bx_header *head)
{
    if (bx_header_read(p, head) != BX_OK)
        return "what came is no frame";
    if (head->kind <= BX_KIND_FRAME || head->kind >= BX_KIND_FRAME + BX__FRAMES)
        return "a frame of unknown kind";
    if (head->length > (c->up || c->join_done != NULL ? BX_FRAME_MAX : BX_FRAME_HELLO_MAX))
        return "a frame beyond its bound";
    return NULL;
}

/* One frame out of the input; the number of bytes it took, 0: not whole yet or closed. */
static size_t take_frame(struct link_conn *c, uint8_t *p, size_t n)
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
        link_conn_malformed(c, "a frame's checksum is wrong");
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
    return link_on_frame(c, (uint16_t)(head.kind - BX_KIND_FRAME), p, head.length) ? total : 0;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct link_conn *c = handle->data;

    (void)suggested;
    if (bx_buf_reserve(&c->in, READ_BYTES) != BX_OK)
        *buf = uv_buf_init(NULL, 0);
    else
        *buf = uv_buf_init((char *)c->in.data + c->in.len, READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct link_conn *c = stream->data;
    size_t at = 0, took;

    (void)buf;
    if (got < 0) {
        link_conn_close(c, uv_strerror((int)got));
        return;
    }
    c->in.len += (size_t)got;
    c->heard = link_now(c->owner);
    while (!c->closing && (took = take_frame(c, c->in.data + at, c->in.len - at)) > 0)
        at += took;
    if (c->closing)
        return;
    bx_buf_consume(&c->in, at);
    if (c->in.len == 0 && c->in.cap > KEEP_BYTES)
        bx_buf_release(&c->in);
    if (c->aligned.cap > KEEP_BYTES)
        bx_buf_release(&c->aligned);
}

void link_conn_start(struct link_conn *c)
{
    c->connected = true;
    c->since = c->heard = link_now(c->owner);
    uv_tcp_nodelay(&c->tcp, 1);
    if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, on_read) != 0) {
        link_conn_close(c, "can not read");
        return;
    }
    if (!c->accepted)
        link_say_hello(c, NULL);
    if (!c->closing && c->join_frame.len > 0)
        link_conn_send(c, &c->join_frame);
}
