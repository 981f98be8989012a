/* api_conn - one client's connection: bytes in, messages out of them, answers back.
 *
 * Whole messages are taken from the input as they come, until too many calls are under way: then
 * nothing is read, and what lies in the input waits, until enough of them have ended.
 *
 * Three ways to the end. Garbage, a closed peer and a broken socket close at once. A message beyond
 * the bounds is answered first, and what the client still sends is thrown away until it has read
 * the answer and closed: closing a socket with unread bytes would take the answer from it. A
 * connection too many is answered and closed, whether it reads that or not. The two last ones have
 * a deadline. */
#include "api/priv.h"

#include <string.h>

#define READ_BYTES (64u << 10)

static uint64_t now(const struct api_conn *c)
{
    return c->api->o.clock->ops->boot_ms(c->api->o.clock);
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *h)
{
    struct api_conn *c = h->data;

    c->api->handles--;
    bx_buf_release(&c->in);
    bx_pool_release(&c->api->connections, c);
}

void api_conn_close(struct api_conn *c)
{
    if (c->closing)
        return;
    c->closing = true;
    TAILQ_REMOVE(&c->api->conns, c, link);
    c->api->n_conns--;
    api_calls_orphan(c);
    uv_close(&c->h.handle, on_closed);
}

static void on_shut(uv_shutdown_t *req, int status)
{
    (void)req;
    (void)status; /* closed meanwhile, or by the peer: both end the reading too */
}

/* The last answer is taken. */
static void last_sent(struct api_conn *c)
{
    if (!c->peer_closed || uv_shutdown(&c->shut, &c->h.stream, on_shut) != 0)
        api_conn_close(c);
}

void api_conn_end(struct api_conn *c)
{
    c->ending = true;
    c->paused = false;
    c->began = now(c);
}

void api_conn_expire(struct api_conn *c, uint64_t at)
{
    bool half = c->began != 0 && !c->paused && at - c->began > API_HALF_MS;

    if (half || (c->queued > 0 && at - c->progress > API_STALL_MS))
        api_conn_close(c);
}

/* ---- writing ---- */

static void on_written(uv_write_t *req, int status)
{
    struct api_write_req *w = req->data;
    struct api_conn *c = w->conn;

    c->queued -= w->buf.len;
    bx_buf_release(&w->buf);
    bx_pool_release(&c->api->writes, w);
    if (c->closing)
        return;
    c->progress = now(c);
    if (status != 0)
        api_conn_close(c);
    else if (c->ending && c->queued == 0 && c->calls == 0)
        last_sent(c);
    else if (!c->ending)
        api_watch_more(c);
}

/* One answer may be larger than all the bound: it is there already, and the list of a large cluster
 * must get through. */
void api_conn_send(struct api_conn *c, struct bx_buf *b)
{
    struct api_write_req *w = c->closing ? NULL : bx_pool_acquire(&c->api->writes);
    uv_buf_t buf;

    /* It does not take its answers, or this one lacks something. */
    if (w == NULL || b->failed || (c->queued > 0 && c->queued + b->len > API_OUT_MAX)) {
        bx_buf_release(b);
        bx_pool_release(&c->api->writes, w);
        api_conn_close(c);
        return;
    }
    if (c->queued == 0)
        c->progress = now(c);
    bx_buf_move(&w->buf, b);
    w->conn = c;
    w->req.data = w;
    c->queued += w->buf.len;
    buf = uv_buf_init((char *)w->buf.data, (unsigned)w->buf.len);
    if (uv_write(&w->req, &c->h.stream, &buf, 1, on_written) != 0) {
        c->queued -= w->buf.len;
        bx_buf_release(&w->buf);
        bx_pool_release(&c->api->writes, w);
        api_conn_close(c);
    }
}

/* ---- reading ---- */

/* What is beyond the bounds is named in an answer before the connection ends. The id stands in the
 * first bytes when it is small, as clients number their requests. */
static void too_large(struct api_conn *c)
{
    const uint8_t *p = c->in.data;
    uint64_t id = c->in.len > 2 && p[0] == 0x94 && p[2] < 0x80 ? p[2] : 0;
    struct bx_buf b = {0};
    struct bx_err err;

    bx_err_set(&err, BX_TOO_LARGE, "the request is larger than %u KiB or nested deeper than %u",
               (c->proven ? BX_RPC_FRAME_MAX : API_UNPROVEN_MAX) >> 10, BX_PACK_DEPTH);
    bx_err_hint(&err, "labels and other text have bounds: blixardctl help vm create");
    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 1);
    bx_pw_u64(&b, id);
    api_error_map(&b, c->api, &err);
    bx_pw_nil(&b);
    bx_buf_release(&c->in);
    api_conn_end(c);
    c->peer_closed = true;
    api_conn_send(c, &b);
}

/* All whole messages of the input. */
static void take_messages(struct api_conn *c)
{
    size_t at = 0;

    while (!c->closing && !c->ending && at < c->in.len && c->calls < API_CALLS_PER_CONN) {
        size_t max = c->proven ? BX_RPC_FRAME_MAX : API_UNPROVEN_MAX;
        int rc = bx_pack_scan(&c->scan, c->in.data + at, c->in.len - at, max);

        if (rc == BX_BUSY)
            break;
        if (rc == BX_TOO_LARGE) {
            bx_buf_consume(&c->in, at);
            too_large(c);
            return;
        }
        if (rc != BX_OK || !api_call_begin(c, c->in.data + at, c->scan.at)) {
            api_conn_close(c);
            return;
        }
        at += c->scan.at;
        bx_pack_scan_init(&c->scan);
    }
    if (c->closing || c->ending)
        return;
    bx_buf_consume(&c->in, at);
    if (c->in.len == 0) {
        c->began = 0;
        bx_buf_release(&c->in); /* an idle connection holds no buffer */
    } else if (at > 0 || c->began == 0) {
        c->began = now(c);
    }
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *buf)
{
    struct api_conn *c = h->data;

    (void)suggested;
    if (bx_buf_reserve(&c->in, READ_BYTES) != BX_OK)
        *buf = uv_buf_init(NULL, 0);
    else
        *buf = uv_buf_init((char *)c->in.data + c->in.len, READ_BYTES);
}

/* Too many calls are under way: what lies in the input waits with the rest. */
static void pause_if_full(struct api_conn *c)
{
    if (c->closing || c->ending || c->calls < API_CALLS_PER_CONN)
        return;
    c->paused = true;
    uv_read_stop(&c->h.stream);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf)
{
    struct api_conn *c = stream->data;

    (void)buf;
    if (got < 0) {
        bx_buf_release(&c->in); /* not only when it is closed: many may end at once */
        api_conn_close(c);
        return;
    }
    if (c->ending)
        return; /* thrown away */
    c->in.len += (size_t)got;
    take_messages(c);
    pause_if_full(c);
}

void api_conn_start(struct api_conn *c)
{
    bx_pack_scan_init(&c->scan);
    if (uv_read_start(&c->h.stream, on_alloc, on_read) != 0)
        api_conn_close(c);
}

void api_conn_resume(struct api_conn *c)
{
    if (!c->paused || c->closing || c->calls >= API_CALLS_PER_CONN / 2)
        return;
    c->paused = false;
    c->began = 0;
    if (uv_read_start(&c->h.stream, on_alloc, on_read) != 0) {
        api_conn_close(c);
        return;
    }
    take_messages(c);
    pause_if_full(c);
}
