#include "link/conn.h"

#include "mem/alloc.h"
#include "transport/tls.h"

#include <stdio.h>

#define TICK_MS 100u
#define CONNECT_MS 3000u
#define JOIN_MS 20000u /* a JOIN is answered only after its commit */

uint64_t link_now(const struct link *l)
{
    return l->o.clock->ops->boot_ms(l->o.clock);
}

static struct link *link_of(struct bx_link *base)
{
    return (struct link *)(void *)base;
}

/* ---- accepting ---- */

static void on_incoming(struct stream_listener *listener)
{
    struct link *l = listener->ctx;
    struct link_conn *c = link_conn_create(l, l->server);

    c->accepted = true;
    if (!stream_accept(&c->stream, listener) || l->identity.node == 0 || !link_stranger_fits(c)) {
        l->stats.turned_away++;
        link_conn_close(c, "not accepted: this host is not a member, or too many connections");
        return;
    }
    link_stranger_begin(c);
}

/* ---- joining ---- */

void link_join(struct link *l, struct tls_context *tls, const char *address,
               const struct bx_join *join,
               void (*done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err),
               void *ctx)
{
    struct link_conn *c = link_conn_create(l, tls);

    c->join_done = done;
    c->join_ctx = ctx;
    if (bx_frame_write(&c->join_frame, BX_FRAME_JOIN, &bx_join_schema, join) != BX_OK)
        bx_oom(sizeof *join);
    link_conn_dial(c, address);
}

void link_answer_join(struct link *l, uint64_t handle, const struct bx_joined *answer)
{
    struct bx_buf frame = {0};
    struct link_conn *c;
    char why[BX_ERR_MSG + 32];

    TAILQ_FOREACH(c, &l->conns, link)
    {
        if (c->handle == handle)
            break;
    }
    if (c == NULL)
        return;
    if (answer->code != BX_OK) {
        snprintf(why, sizeof why, "request to join: " BX_STR_FMT, BX_STR_ARG(answer->message));
        link_refused(c, why);
    }
    if (bx_frame_write(&frame, BX_FRAME_JOINED, &bx_joined_schema, answer) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
    stream_finish(&c->stream, STREAM_CLOSE);
}

/* ---- time ---- */

static const char *overdue(const struct link_conn *c, uint64_t now)
{
    if (!c->stream.ready)
        return now - c->since > CONNECT_MS ? "connection timed out" : NULL;
    if (c->up)
        return now - c->heard > LINK_SILENCE_MS ? "no data received for 5 s" : NULL;
    if (c->asked || c->join_done != NULL)
        return now - c->since > JOIN_MS ? "timed out waiting for the answer to the join" : NULL;
    return now - c->since > LINK_HELLO_MS ? "no hello received within 5 s" : NULL;
}

static void check_deadlines(struct link_conn *c, uint64_t now)
{
    struct bx_buf frame = {0};
    const char *why = overdue(c, now);

    if (why != NULL && c->accepted && !c->up)
        link_refused(c, why);
    if (why != NULL)
        link_conn_close(c, why);
    else if (c->up && now - c->stream.write_ms > LINK_PING_MS &&
             bx_frame_write_raw(&frame, BX_FRAME_PING, NULL, 0, NULL, 0) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
}

static void on_tick(uv_timer_t *timer)
{
    struct link *l = timer->data;
    struct link_conn *c, *next;
    uint64_t now = link_now(l);
    bool stood_still = now - l->ticked > LINK_PING_MS + 4 * TICK_MS;

    l->ticked = now;
    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        /* If this process was stopped, the input of the peers is still unread in the kernel:
         * measure their silence from now. */
        if (stood_still)
            c->heard = now;
        check_deadlines(c, now);
    }
    link_strangers_go_on(l);
    link_peers_dial(l, now);
}

/* ---- the port ---- */

static bool port_send(struct bx_link *base, uint64_t to, struct bx_buf *frame)
{
    struct link_peer *p = link_peer_of(link_of(base), to);

    return p != NULL && p->conn != NULL && link_conn_send(p->conn, frame);
}

static bool port_connected(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(link_of(base), id);

    return p != NULL && p->conn != NULL;
}

static uint32_t port_codecs(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(link_of(base), id);

    return p != NULL && p->conn != NULL ? p->conn->codecs : 0;
}

static bool port_build(struct bx_link *base, uint64_t id, struct bx_build *out)
{
    struct link_peer *p = link_peer_of(link_of(base), id);

    if (p == NULL || p->conn == NULL)
        return false;
    *out = p->conn->build;
    return true;
}

static size_t port_queued(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(link_of(base), id);

    return p != NULL && p->conn != NULL ? p->conn->stream.queued : 0;
}

static void port_set_peers(struct bx_link *base, const struct bx_peer *peers, uint32_t n)
{
    link_peers_set(link_of(base), peers, n);
}

static const struct bx_link_ops ops = {port_send,  port_connected, port_codecs,
                                       port_build, port_queued,    port_set_peers};

/* ---- create and destroy ---- */

static void on_timer_closed(uv_handle_t *handle)
{
    ((struct link *)handle->data)->timer_open = false;
}

int link_create(struct link **out, const struct link_options *o, const char *address,
                struct bx_err *err)
{
    struct link *l = bx_must_calloc(1, sizeof *l);
    int rc;

    l->base.ops = &ops;
    l->o = *o;
    l->ticked = link_now(l);
    TAILQ_INIT(&l->conns);
    uv_timer_init(o->loop, &l->timer);
    l->timer.data = l;
    l->timer_open = true;
    l->listener.incoming = on_incoming;
    l->listener.ctx = l;
    rc = stream_group_init(&l->streams, "frame", o->frames, o->loop, o->clock, &link_limits,
                           &link_callbacks);
    if (rc == BX_OK)
        rc = stream_listen_tcp(&l->listener, &l->streams, "--listen", address, err);
    if (rc == BX_OK)
        uv_timer_start(&l->timer, on_tick, TICK_MS, TICK_MS);
    if (rc != BX_OK) {
        link_destroy(l);
        l = NULL;
    }
    *out = l;
    return rc;
}

void link_destroy(struct link *l)
{
    struct link_conn *c;

    if (l == NULL)
        return;
    while ((c = TAILQ_FIRST(&l->conns)) != NULL) {
        c->up = false; /* no more callbacks */
        c->join_done = NULL;
        link_conn_close(c, "stopping");
    }
    stream_listener_close(&l->listener);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    while (l->timer_open)
        uv_run(l->o.loop, UV_RUN_ONCE);
    stream_group_close(&l->streams);
    tls_context_release(l->server);
    tls_context_release(l->client);
    bx_free(l->peers);
    bx_free(l);
}

struct bx_link *link_port(struct link *l)
{
    return &l->base;
}

void link_identify(struct link *l, const struct bx_identity *id)
{
    l->identity = *id;
}

void link_secure(struct link *l, struct tls_context *server, struct tls_context *client)
{
    struct link_conn *c, *next;

    tls_context_release(l->server);
    tls_context_release(l->client);
    l->server = tls_context_ref(server);
    l->client = tls_context_ref(client);
    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->stream.peer.certificate != NULL && c->join_done == NULL &&
            !tls_context_trusts(client, c->stream.peer.certificate->ca))
            link_conn_close(c, "its certificate is of a CA that was replaced");
    }
}

void link_stats(const struct link *l, struct link_stats *out)
{
    const struct link_conn *c;

    *out = l->stats;
    TAILQ_FOREACH(c, &l->conns, link)
    out->connections++;
}

void link_frame_stats(const struct link *l, struct bx_pool_stats *out)
{
    *out = l->streams.buffers.stats;
}
