#include "api/priv.h"

#include "mem/alloc.h"
#include "mem/track.h"

#include <assert.h>

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct api *a = timer->data;
    uint64_t now = a->o.clock->ops->boot_ms(a->o.clock);
    struct api_conn *c, *next;

    for (c = TAILQ_FIRST(&a->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        api_conn_expire(c, now);
    }
    api_waits_expire(a, now);
}

/* ---- life ---- */

static int init_pools(struct api *a)
{
    static const struct bx_pool_size calls = {1000, 0}, connections = {API_CONNS_MAX, 0};
    int rc = bx_pool_init(&a->pool, "call", sizeof(struct api_call), calls, NULL);

    if (rc == BX_OK)
        rc = bx_pool_init(&a->configs, "vm_config", sizeof(struct bx_vm_config), a->o.vm_configs,
                          NULL);
    if (rc == BX_OK)
        rc = bx_pool_init(&a->metadata, "metadata", sizeof(struct api_metadata), a->o.metadata,
                          NULL);
    if (rc == BX_OK)
        rc =
            bx_pool_init(&a->connections, "connection", sizeof(struct api_conn), connections, NULL);
#ifdef BX_TRACK_ALLOCATIONS
    if (rc == BX_OK)
        rc = bx_track_scopes(a->o.scopes);
#endif
    return rc;
}

int api_create(struct api **out, const struct api_options *o, struct bx_err *err)
{
    static const struct bx_pool_size answers = {1000, 0};
    struct api *a = bx_must_calloc(1, sizeof *a);
    int rc;

    a->o = *o;
    a->loop = o->loop;
    a->hybrid.now_ns = uv_hrtime;
    a->pack = bx_pack_create();
    if (a->pack == NULL)
        bx_oom(0);
    TAILQ_INIT(&a->conns);
    TAILQ_INIT(&a->calls);
    TAILQ_INIT(&a->waits);
    rc = init_pools(a);
    uv_timer_init(a->loop, &a->timer);
    a->timer.data = a;
    a->timer_open = true;
    uv_timer_start(&a->timer, on_tick, API_TICK_MS, API_TICK_MS);
    if (rc == BX_OK)
        rc = stream_group_init(&a->streams, "answer", answers, a->loop, o->clock, &api_limits,
                               &api_callbacks);
    if (rc == BX_OK)
        rc = api_listen(a, o->socket, o->address, err);
    if (rc != BX_OK) {
        api_destroy(a);
        a = NULL;
    }
    *out = a;
    return rc;
}

static void on_timer_closed(uv_handle_t *h)
{
    ((struct api *)h->data)->timer_open = false;
}

static void fail_waiting(struct api *a)
{
    struct bx_err err;

    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    while (!TAILQ_EMPTY(&a->waits))
        api_fail(TAILQ_FIRST(&a->waits), &err);
}

void api_destroy(struct api *a)
{
    if (a == NULL)
        return;
    fail_waiting(a);
    while (!TAILQ_EMPTY(&a->conns))
        api_conn_close(TAILQ_FIRST(&a->conns));
    api_listen_close(a);
    uv_close((uv_handle_t *)&a->timer, on_timer_closed);
    while (a->timer_open || a->sql_running > 0)
        uv_run(a->loop, UV_RUN_ONCE);
    stream_group_close(&a->streams);
    assert(TAILQ_EMPTY(&a->calls));
    bx_pool_close(&a->pool);
    bx_pool_close(&a->configs);
    bx_pool_close(&a->metadata);
    bx_pool_close(&a->connections);
#ifdef BX_TRACK_ALLOCATIONS
    bx_track_scopes_close();
#endif
    bx_arena_close(&a->arena);
    bx_pack_destroy(a->pack);
    bx_free(a);
}

void api_set_node(struct api *a, struct bx_node *node)
{
    a->node = node;
}

void api_set_driver(struct api *a, struct bx_driver *driver, const char *accel)
{
    a->driver = driver;
    a->accel = accel;
}

void api_on_vm(struct api *a, const struct bx_vm *vm, bool gone)
{
    api_waits_look(a, vm, gone);
}

void api_on_event(struct api *a, const struct bx_event *e)
{
    struct api_conn *c, *next;

    for (c = TAILQ_FIRST(&a->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        if (c->watching)
            api_watch_event(c, e);
    }
}

void api_on_frame(struct api *a, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    if (n < 8)
        return;
    if (kind == BX_FRAME_QUERY)
        api_call_query(a, from, bx_get64(p), p + 8, n - 8);
    else
        api_logs_answer(a, bx_get64(p), p + 8, n - 8);
}
