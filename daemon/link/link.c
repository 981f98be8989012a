#include "link/conn.h"

#include "sys/address.h"
#include "mem/alloc.h"

#include <stdarg.h>
#include <stdio.h>

#define TICK_MS 100u
#define BACKOFF_MIN_MS 100u
#define BACKOFF_MAX_MS 3000u
#define CONNECT_MS 3000u
#define JOIN_MS 20000u /* a JOIN waits for its commit */

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

struct link_peer *link_provisional(struct link *l, uint64_t id)
{
    uint32_t provisional = 0;
    struct link_peer *more;

    if (id < l->newer)
        return NULL;
    for (uint32_t i = 0; i < l->n_peers; i++) {
        struct link_peer *p = &l->peers[i];

        if (p->provisional && p->conn == NULL) { /* one that has gone */
            *p = (struct link_peer){.id = id, .provisional = true};
            return p;
        }
        provisional += p->provisional;
    }
    if (provisional == LINK_PROVISIONAL_MAX)
        return NULL;
    more = bx_realloc(l->peers, (l->n_peers + 1) * sizeof *more);
    if (more == NULL)
        return NULL;
    l->peers = more;
    more[l->n_peers] = (struct link_peer){.id = id, .provisional = true};
    return &more[l->n_peers++];
}

static struct link *of(struct bx_link *base)
{
    return (struct link *)(void *)base;
}

/* ---- accepting ---- */

static bool has_room(const struct link *l)
{
    const struct link_conn *c;
    uint32_t strangers = 0, accepted = 0;

    TAILQ_FOREACH(c, &l->conns, link)
    {
        accepted += c->accepted;
        strangers += c->accepted && !c->up;
    }
    return strangers < LINK_STRANGERS_MAX && accepted < LINK_ACCEPTED_MAX;
}

static void on_incoming(struct stream_listener *listener)
{
    struct link *l = listener->ctx;
    bool room = l->identity.node != 0 && has_room(l);
    struct link_conn *c = link_conn_create(l);

    c->accepted = true;
    if (!stream_accept(&c->stream, listener) || !room) {
        l->stats.turned_away++;
        link_conn_close(c, "not now");
    }
}

/* ---- dialling ---- */

/* What can not even be tried fails on the next tick, like a dial that nobody answers: nobody is
 * told from inside the call. */
static void dial_address(struct link_conn *c, const char *address)
{
    union address to;

    if (address_parse(address, &to, NULL) != BX_OK || !address_is_loopback(&to) ||
        stream_dial(&c->stream, &to) != 0)
        c->since = 0;
}

static void dial_peer(struct link *l, struct link_peer *p, uint64_t now)
{
    struct link_conn *c = link_conn_create(l);
    uint16_t jitter;

    l->o.clock->ops->random(l->o.clock, &jitter, sizeof jitter);
    p->backoff_ms = p->backoff_ms == 0 ? BACKOFF_MIN_MS : p->backoff_ms * 2;
    if (p->backoff_ms > BACKOFF_MAX_MS)
        p->backoff_ms = BACKOFF_MAX_MS;
    p->dial_at = now + p->backoff_ms + jitter % (p->backoff_ms / 2);
    c->expected = p->id;
    p->dialling = c;
    dial_address(c, p->address);
}

void link_join(struct link *l, const char *address, const struct bx_join *join,
               void (*done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err),
               void *ctx)
{
    struct link_conn *c = link_conn_create(l);

    c->join_done = done;
    c->join_ctx = ctx;
    if (bx_frame_write(&c->join_frame, BX_FRAME_JOIN, &bx_join_schema, join) != BX_OK)
        bx_oom(sizeof *join);
    dial_address(c, address);
}

void link_answer_join(struct link *l, uint64_t handle, const struct bx_joined *answer)
{
    struct bx_buf frame = {0};
    struct link_conn *c;

    TAILQ_FOREACH(c, &l->conns, link)
    {
        if (c->handle == handle)
            break;
    }
    if (c == NULL)
        return;
    if (bx_frame_write(&frame, BX_FRAME_JOINED, &bx_joined_schema, answer) == BX_OK)
        link_conn_send(c, &frame);
    bx_buf_release(&frame);
    stream_finish(&c->stream, STREAM_CLOSE);
}

/* ---- time ---- */

static const char *overdue(const struct link_conn *c, uint64_t now)
{
    if (!c->stream.ready)
        return now - c->since > CONNECT_MS ? "no connection" : NULL;
    if (c->up)
        return now - c->heard > LINK_SILENCE_MS ? "silent for 5 s" : NULL;
    if (c->asked || c->join_done != NULL)
        return now - c->since > JOIN_MS ? "no answer to the join" : NULL;
    return now - c->since > LINK_HELLO_MS ? "no hello within 5 s" : NULL;
}

static void check_deadlines(struct link_conn *c, uint64_t now)
{
    struct bx_buf frame = {0};
    const char *why = overdue(c, now);

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
        /* If it was this process that did not run, what the others said lies unread in the kernel:
         * their silence counts from now. */
        if (stood_still)
            c->heard = now;
        check_deadlines(c, now);
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

static uint32_t port_codecs(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(of(base), id);

    return p != NULL && p->conn != NULL ? p->conn->codecs : 0;
}

static size_t port_queued(struct bx_link *base, uint64_t id)
{
    struct link_peer *p = link_peer_of(of(base), id);

    return p != NULL && p->conn != NULL ? p->conn->stream.queued : 0;
}

/* Guests that are still not known here stay. One can be known and not have a row: by the log. */
static void keep_provisional(struct link *l, const struct link_peer *old, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (old[i].provisional && old[i].conn != NULL && old[i].id >= l->newer &&
            link_peer_of(l, old[i].id) == NULL)
            l->peers[l->n_peers++] = old[i];
    }
}

/* Peers that stay keep their connections; the list is small. */
static void port_set_peers(struct bx_link *base, const struct bx_peer *peers, uint32_t n,
                           uint64_t newer)
{
    struct link *l = of(base);
    struct link_peer *old = l->peers;
    struct link_peer *fresh = bx_must_calloc(n + LINK_PROVISIONAL_MAX, sizeof *fresh);
    uint32_t n_old = l->n_peers;
    struct link_conn *c, *next;

    for (uint32_t i = 0; i < n; i++) {
        const struct link_peer *was = link_peer_of(l, peers[i].id);

        if (was != NULL)
            fresh[i] = *was;
        fresh[i].provisional = false;
        fresh[i].id = peers[i].id;
        snprintf(fresh[i].address, sizeof fresh[i].address, "%s", peers[i].address);
    }
    l->peers = fresh;
    l->n_peers = n;
    l->newer = newer;
    keep_provisional(l, old, n_old);
    bx_free(old);
    for (c = TAILQ_FIRST(&l->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->up && link_peer_of(l, c->peer) == NULL)
            link_conn_close(c, "no longer a member");
    }
}

static const struct bx_link_ops ops = {port_send, port_connected, port_codecs, port_queued,
                                       port_set_peers};

/* ---- life ---- */

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
        c->up = false; /* nobody is told any more */
        c->join_done = NULL;
        link_conn_close(c, "stopping");
    }
    stream_listener_close(&l->listener);
    uv_close((uv_handle_t *)&l->timer, on_timer_closed);
    while (l->timer_open)
        uv_run(l->o.loop, UV_RUN_ONCE);
    stream_group_close(&l->streams);
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
