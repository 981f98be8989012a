/* conn - a client's connection: splits the input into messages and sends the answers.
 *
 * Which connection's messages are processed next, and how many, is decided in input.c.
 *
 * A connection ends in one of three ways. Malformed input, a closed peer and a broken socket close
 * it at once. A message that is too large is answered with an error, and further input is discarded
 * until the client has closed. A connection beyond the maximum gets an error and is closed without
 * waiting for the client. The last two have a deadline. */
#include "api/priv.h"

const struct stream_limits api_limits = {.queue_bytes = API_OUT_MAX,
                                         .queue_buffers = API_OUT_BUFFERS,
                                         .read_bytes = API_READ_BYTES,
                                         .keep_bytes = 0, /* an idle connection holds no buffer */
                                         .stall_ms = API_STALL_MS};

static struct api_conn *conn_of(struct stream *s)
{
    return (struct api_conn *)(void *)((char *)s - offsetof(struct api_conn, stream));
}

static uint64_t now(const struct api_conn *c)
{
    const struct stream_group *g = c->stream.group;

    return g->clock->ops->boot_ms(g->clock);
}

static void on_ready(struct stream *s)
{
    api_conn_welcome(conn_of(s));
}

bool api_conn_is_known(const struct api_conn *c)
{
    return c->client.role > BX_RPC_ANY;
}

/* Of TCP, everybody may be known (--insecure-loopback): then the first request tells a client from
 * a stranger. */
static size_t message_max(const struct api_conn *c)
{
    return api_conn_is_known(c) && (c->client.is_local || c->asked) ? BX_RPC_FRAME_MAX
                                                                    : API_UNPROVEN_MAX;
}

/* ---- closing ---- */

static void on_gone(struct stream *s)
{
    struct api_conn *c = conn_of(s);

    bx_pool_release(&c->api->connections, c);
}

static void on_closed(struct stream *s, const char *why)
{
    struct api_conn *c = conn_of(s);

    api_stranger_closed(c, why);
    TAILQ_REMOVE(&c->api->conns, c, link);
    api_client_gone(&c->client);
    api_place_free(c);
    api_party_remove(c->client.party, API_HELD_UNSENT, c->unsent);
    api_party_drop(c->api, c->client.party);
    c->client.party = &c->api->everybody;
    bx_buf_release(&c->notices);
}

void api_conn_close(struct api_conn *c)
{
    stream_close(&c->stream, "closed");
}

void api_conn_end(struct api_conn *c)
{
    if (c->ending) /* its deadline stays */
        return;
    c->ending = true;
    stream_resume(&c->stream);
    c->began = now(c);
}

void api_conn_expire(struct api_conn *c, uint64_t at)
{
    bool waits_for_us = c->unread || c->blocked;

    if (c->stranger)
        api_stranger_expire(c, at);
    else if (c->began != 0 && !waits_for_us && at - c->began > API_HALF_MS)
        api_conn_close(c);
    else if (!api_conn_is_known(c) && at - c->used > API_MUTE_MS)
        api_conn_close(c); /* whatever it has sent, and whatever waits for it */
    else if (!c->asked && !waits_for_us && at - c->used > API_MUTE_MS)
        api_conn_close(c);
    else if (c->stream.queued > 0 && at - c->stream.write_ms > API_SHED_MS &&
             api_party_is_behind(c->client.party))
        api_conn_close(c); /* others need the room that its answers take */
    else
        stream_expire(&c->stream, at);
}

/* ---- writing ---- */

static void on_sent(struct stream *s)
{
    struct api_conn *c = conn_of(s);

    api_input_count(c);
    api_input_unblock(c);
    if (c->ending && s->queued == 0 && c->client.calls == 0)
        stream_finish(s, c->peer_closes ? STREAM_AWAIT_PEER : STREAM_CLOSE);
}

void api_conn_send(struct api_conn *c, struct bx_buf *b)
{
    /* A failed buffer is incomplete; a full queue means that the client does not read. */
    if (b->failed || !stream_send(&c->stream, b)) {
        bx_buf_release(b);
        api_conn_close(c);
    } else {
        api_input_count(c);
    }
}

/* ---- reading ---- */

/* Answer a message beyond the bounds with an error, then end the connection. The request's id is in
 * the first bytes if it is small; otherwise 0 is used. */
static void too_large(struct api_conn *c)
{
    const uint8_t *p = c->stream.in.data;
    uint64_t id = c->stream.in.len > 2 && p[0] == 0x94 && p[2] < 0x80 ? p[2] : 0;
    struct bx_buf b = {0};
    struct bx_err err;

    bx_err_set(&err, BX_TOO_LARGE, "the request is larger than %u KiB or nested deeper than %u",
               (unsigned)message_max(c) >> 10, BX_PACK_DEPTH);
    bx_err_hint(&err, "blixardctl help vm create describes the limits of labels and other text");
    api_rpc_put_error(&b, c->api, id, &err);
    bx_buf_release(&c->stream.in);
    api_conn_end(c);
    c->peer_closes = true;
    api_conn_send(c, &b);
}

/* Nothing says whom an answer would be for, so a notification tells why the connection ends. */
static void no_request(struct api_conn *c)
{
    struct bx_err err;

    bx_err_set(&err, BX_MALFORMED, "not a MessagePack-RPC request");
    bx_err_hint(&err, "a request is [0, ID, METHOD, [PARAMETERS]]; see docs/PROTOCOL.md");
    bx_buf_release(&c->stream.in);
    c->client.ops->end(&c->client, &err);
}

uint32_t api_conn_take(struct api_conn *c, uint32_t max, bool *more)
{
    bool known = api_conn_is_known(c); /* or was, before its token turned out to be over */
    uint32_t n = 0;
    size_t at = 0;

    *more = false;
    while (!c->stream.closing && !c->ending && at < c->stream.in.len && !*more) {
        int rc;

        *more = n == max;
        if (*more)
            break;
        rc = bx_pack_scan(&c->scan, c->stream.in.data + at, c->stream.in.len - at, message_max(c));
        if (rc == BX_BUSY)
            break;
        if (rc == BX_TOO_LARGE) {
            bx_buf_consume(&c->stream.in, at);
            too_large(c);
            return n;
        }
        if (rc != BX_OK || !api_rpc_message(c, c->stream.in.data + at, c->scan.at)) {
            no_request(c);
            return n;
        }
        at += c->scan.at;
        n++;
        bx_pack_scan_init(&c->scan);
    }
    if (c->stream.closing || c->ending)
        return n;
    bx_buf_consume(&c->stream.in, at);
    if (n > 0 && (known || api_conn_is_known(c)))
        c->used = now(c);
    if (c->stream.in.len == 0)
        c->began = 0;
    else if (at > 0 || c->began == 0)
        c->began = now(c);
    return n;
}

static void on_input(struct stream *s)
{
    struct api_conn *c = conn_of(s);

    if (c->ending)
        s->in.len = 0; /* discarded */
    else
        api_input_arrived(c);
}

static bool holds(const struct stream *s)
{
    return conn_of((struct stream *)(uintptr_t)s)->unread;
}

const struct stream_callbacks api_callbacks = {.name = "api",
                                               .ready = on_ready,
                                               .input = on_input,
                                               .holds = holds,
                                               .sent = on_sent,
                                               .closed = on_closed,
                                               .gone = on_gone};
