#include "link_conn.h"

#include "mem/alloc.h"

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_MS 250u
#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 3000u
#define CONNECT_MS 3000u
#define BACKLOG 128

uint64_t link_now(const struct link *l)
{
    return l->o.clock->ops->boot_ms(l->o.clock);
}

void link_log(struct link *l, int level, const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    l->o.log(l->o.ctx, level, text);
}

struct link_peer *link_peer_of(struct link *l, uint64_t id)
{
    for (uint32_t i = 0; id != 0 && i < l->n_peers; i++) {
        if (l->peers[i].id == id)
            return &l->peers[i];
    }
    return NULL;
}

static struct link *of(struct bx_link *base)
{
    return (struct link *)(void *)base;
}

/* ---- addresses ---- */

static bool is_loopback(const struct sockaddr_storage *a)
{
    if (a->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24) == 127;
    return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr);
}

static bool numeric(const char *host, int port, struct sockaddr_storage *out)
{
    if (strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    return uv_ip4_addr(host, port, (struct sockaddr_in *)(void *)out) == 0 ||
           uv_ip6_addr(host, port, (struct sockaddr_in6 *)(void *)out) == 0;
}

int link_parse_address(const char *text, struct sockaddr_storage *out, const char *what,
                       struct bx_err *err)
{
    const char *colon = strrchr(text, ':');
    char host[64], *end;
    long port;

    memset(out, 0, sizeof *out);
    if (colon != NULL && (size_t)(colon - text) < sizeof host) {
        bool bracket = text[0] == '[' && colon > text + 1 && colon[-1] == ']';

        snprintf(host, sizeof host, "%.*s", (int)(colon - text) - 2 * bracket, text + bracket);
        port = strtol(colon + 1, &end, 10);
        if (*end == '\0' && end != colon + 1 && port > 0 && port < 65536 &&
            numeric(host, (int)port, out)) {
            if (is_loopback(out))
                return BX_OK;
            bx_err_set(err, BX_INVALID, "%s: %s is not a loopback address", what, text);
            bx_err_hint(err, "without certificates only 127.0.0.1 and [::1] are accepted");
            return BX_INVALID;
        }
    }
    bx_err_set(err, BX_INVALID, "%s: \"%s\" is not HOST:PORT", what, text);
    bx_err_hint(err, "for example 127.0.0.1:7411");
    return BX_INVALID;
}

/* ---- accepting ---- */

static uint32_t strangers(const struct link *l)
{
    const struct link_conn *c;
    uint32_t n = 0;

    TAILQ_FOREACH (c, &l->conns, link)
        n += !c->up;
    return n;
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct link *l = listener->data;
    struct link_conn *c;

    if (status != 0 || l->closing)
        return;
    c = link_conn_create(l);
    if (c == NULL)
        return;
    if (uv_accept(listener, (uv_stream_t *)&c->tcp) != 0 || l->identity.node == 0 ||
        strangers(l) > LINK_STRANGERS_MAX) {
        link_conn_close(c, "not now");
        return;
    }
    link_conn_start(c);
}

/* ---- dialling ---- */

static void on_connected(uv_connect_t *req, int status)
{
    struct link_conn *c = req->data;

    if (c->closing)
        return;
    if (status != 0)
        link_conn_close(c, uv_strerror(status));
    else
        link_conn_start(c);
}

static bool dial(struct link_conn *c, const char *address)
{
    struct sockaddr_storage to;

    c->connect.data = c;
    return link_parse_address(address, &to, "peer", NULL) == BX_OK &&
           uv_tcp_connect(&c->connect, &c->tcp, (const struct sockaddr *)&to, on_connected) == 0;
}

static void dial_peer(struct link *l, struct link_peer *p, uint64_t now)
{
    uint16_t jitter;
    struct link_conn *c = link_conn_create(l);

    l->o.clock->ops->random(l->o.clock, &jitter, sizeof jitter);
    p->backoff_ms = p->backoff_ms == 0 ? BACKOFF_MIN_MS : p->backoff_ms * 2;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
    p->dial_at = now + p->backoff_ms + jitter % (p->backoff_ms / 2);
    if (c == NULL)
        return;
    c->expected = p->id;
    p->dialling = c;
    if (!dial(c, p->address))
        link_conn_close(c, "can not be dialled");
}

void link_join(struct link *l, const char *address, const struct bx_join *join,
               void (*done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err),
               void *ctx)
{
    struct link_conn *c = link_conn_create(l);

    if (c == NULL)
        bx_oom(sizeof *c);
    c->join_done = done;
    c->join_ctx = ctx;
    if (bx_frame_write(&c->join_frame, BX_FRAME_JOIN, &bx_join_schema, join) != BX_OK ||
        !dial(c, address))
        link_conn_close(c, "can not be dialled");
}

void link_answer_join(struct link *l, uint64_t handle, const struct bx_joined *answer)
{
    struct bx_buf frame = {0};
    struct link_conn *c;

    TAILQ_FOREACH (c, &l->conns, link) {
        if (c->handle == handle)
            break;
    }
    if (c == NULL)
        return;
    c->close_when_sent = true;
    if (bx_frame_write(&frame, BX_FRAME_JOINED, &bx_joined_schema, answer) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
}

/* ---- time ---- */

static void look_at(struct link_conn *c, uint64_t now)
{
    struct bx_buf frame = {0};

    if (!c->connected && now - c->since > CONNECT_MS) {
        link_conn_close(c, "no connection within 3 s");
    } else if (c->connected && !c->up && !c->stranger && c->join_done == NULL &&
               now - c->since > LINK_HELLO_MS) {
        link_conn_close(c, "no hello within 5 s");
    } else if ((c->stranger || c->join_done != NULL) && now - c->since > 4 * LINK_HELLO_MS) {
        link_conn_close(c, "no answer within 20 s");
    } else if (c->up && now - c->heard > LINK_SILENCE_MS) {
        link_conn_close(c, "silent for 5 s");
    } else if (c->up && now - c->spoke > LINK_PING_MS &&
               bx_frame_write_raw(&frame, BX_FRAME_PING, NULL, 0, NULL, 0) == BX_OK) {
        link_conn_send(c, &frame);
    }
    bx_buf_release(&frame);
}

static void on_tick(uv_timer_t *timer)
{
    struct link *l = timer->data;
    struct link_conn *c, *next;
    uint64_t now = link_now(l);

    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        look_at(c, now);
    }
    for (uint32_t i = 0; i < l->n_peers; i++) {
        struct link_peer *p = &l->peers[i];

        if (l->identity.node > p->id && p->conn == NULL && p->dialling == NULL && now >= p->dial_at)
            dial_peer(l, p, now);
    }
}

/* ---- the port ---- */

static bool port_send(struct bx_link *base, uint64_t to, struct bx_buf *frame)
{
    struct link_peer *p = link_peer_of(of(base), to);

    return p != NULL && p->conn != NULL && link_conn_send(p->conn, frame);
}

static bool port_connected(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(of(base), id);

    return p != NULL && p->conn != NULL;
}

static size_t port_queued(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(of(base), id);

    return p != NULL && p->conn != NULL ? p->conn->queued : 0;
}

/* Peers that stay keep their connections; the list is small. */
static void port_set_peers(struct bx_link *base, const struct bx_peer *peers, uint32_t n)
{
    struct link *l = of(base);
    struct link_peer *old = l->peers, *fresh = bx_must_calloc(n + 1, sizeof *fresh);
    struct link_conn *c, *next;

    for (uint32_t i = 0; i < n; i++) {
        const struct link_peer *was = link_peer_of(l, peers[i].id);

        if (was != NULL)
            fresh[i] = *was;
        fresh[i].id = peers[i].id;
        snprintf(fresh[i].address, sizeof fresh[i].address, "%s", peers[i].address);
    }
    l->peers = fresh;
    l->n_peers = n;
    bx_free(old);
    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->up && link_peer_of(l, c->peer) == NULL)
            link_conn_close(c, "no longer a member");
    }
}

static const struct bx_link_ops ops = {port_send, port_connected, port_queued, port_set_peers};

/* ---- life ---- */

static void on_handle_closed(uv_handle_t *handle)
{
    ((struct link *)handle->data)->handles_open--;
}

int link_create(struct link **out, const struct link_options *o, const char *address,
                struct bx_err *err)
{
    struct sockaddr_storage on;
    struct link *l;
    int rv, rc = link_parse_address(address, &on, "--listen", err);

    if (rc != BX_OK)
        return rc;
    l = bx_must_calloc(1, sizeof *l);
    l->base.ops = &ops;
    l->o = *o;
    TAILQ_INIT(&l->conns);
    uv_tcp_init(o->loop, &l->listener);
    uv_timer_init(o->loop, &l->timer);
    l->listener.data = l->timer.data = l;
    l->handles_open = 2;
    rv = uv_tcp_bind(&l->listener, (const struct sockaddr *)&on, 0);
    if (rv == 0)
        rv = uv_listen((uv_stream_t *)&l->listener, BACKLOG, on_connection);
    if (rv != 0) {
        bx_err_set(err, BX_IO, "--listen %s: %s", address, uv_strerror(rv));
        bx_err_hint(err, "is another daemon running there? choose another port");
        link_destroy(l);
        return BX_IO;
    }
    uv_timer_start(&l->timer, on_tick, TICK_MS, TICK_MS);
    *out = l;
    return BX_OK;
}

void link_destroy(struct link *l)
{
    struct link_conn *c;

    if (l == NULL)
        return;
    l->closing = true;
    while ((c = TAILQ_FIRST(&l->conns)) != NULL) {
        c->up = false; /* nobody is told any more */
        c->join_done = NULL;
        link_conn_close(c, "stopping");
    }
    uv_close((uv_handle_t *)&l->listener, on_handle_closed);
    uv_close((uv_handle_t *)&l->timer, on_handle_closed);
    while (l->handles_open > 0)
        uv_run(l->o.loop, UV_RUN_ONCE);
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
