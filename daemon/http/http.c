#include "http/http.h"

#include "http/priv.h"
#include "mem/alloc.h"

#include <assert.h>

uint64_t http_now(const struct http *h)
{
    return h->o.clock->ops->boot_ms(h->o.clock);
}

static void on_tick(uv_timer_t *timer)
{
    struct http *h = timer->data;
    struct http_conn *c = TAILQ_FIRST(&h->conns), *next;
    uint64_t now = http_now(h);

    for (; c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        http_conn_expire(c, now);
    }
    http_live_tick(h);
}

static void on_timer_gone(uv_handle_t *handle)
{
    ((struct http *)handle->data)->handles--;
}

int http_create(struct http **out, const struct http_options *o, struct bx_err *err)
{
    struct http *h = bx_must_calloc(1, sizeof *h);
    int rc;

    h->o = *o;
    TAILQ_INIT(&h->conns);
    TAILQ_INIT(&h->feeds);
    uv_timer_init(o->loop, &h->timer);
    h->timer.data = h;
    h->handles = 1;
    uv_timer_start(&h->timer, on_tick, HTTP_TICK_MS, HTTP_TICK_MS);
    h->listener.incoming = http_conn_incoming;
    h->listener.ctx = h;
    rc = stream_group_init(&h->streams, "http", (struct bx_pool_size){16, 0}, o->loop, o->clock,
                           &http_limits, &http_callbacks);
    if (rc == BX_OK)
        rc = http_server_open(h, err);
    if (rc == BX_OK)
        rc = stream_listen_tcp(&h->listener, &h->streams, "--http", o->address, err);
    if (rc != BX_OK) {
        http_destroy(h);
        h = NULL;
    }
    *out = h;
    return rc;
}

void http_destroy(struct http *h)
{
    if (h == NULL)
        return;
    while (!TAILQ_EMPTY(&h->conns))
        http_conn_close(TAILQ_FIRST(&h->conns), "the daemon is stopping");
    stream_listener_close(&h->listener);
    uv_close((uv_handle_t *)&h->timer, on_timer_gone);
    http_server_close(h);
    while (h->handles > 0)
        uv_run(h->o.loop, UV_RUN_ONCE);
    stream_group_close(&h->streams);
    assert(h->n_conns == 0 && h->n_feeds == 0);
    bx_free(h);
}

/* ---- metrics ---- */

#define STATS(X, at)                                                                               \
    X(at, LEVEL, connections, "connections of HTTP clients")                                       \
    X(at, LEVEL, feeds, "dashboards that are being told what happens")                             \
    X(at, COUNT, requests, "requests answered")                                                    \
    X(at, COUNT, refused, "of these, with a status of 400 or above")                               \
    X(at, COUNT, turned_away, "connections refused at a maximum")
BX_METRIC_SET(http_stats_metrics, "http", http_stats, STATS, NULL);

void http_stats(const struct http *h, struct http_stats *out)
{
    *out = h->stats;
    out->connections = h->n_conns;
    out->feeds = h->n_feeds;
}

void http_set_node(struct http *h, struct bx_node *node)
{
    if (h != NULL)
        h->node = node;
}
