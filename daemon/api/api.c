#include "api/priv.h"

#include "diag/memory.h"
#include "mem/alloc.h"
#include "mem/track.h"
#include "transport/tls.h"

#include <assert.h>
#include <malloc.h>

/* ---- time ---- */

#define GIVE_BACK_BYTES (2u << 20)
#define GIVE_BACK_TICKS (5000u / API_TICK_MS)

/* What a burst has taken goes back to the kernel when it is over: the allocator keeps pages between
 * those in use. It is over when for some seconds much less was in use than at the most. What
 * queries take from SQLite is not counted, and is taken for much. */
static void give_back(struct api *a)
{
    struct bx_alloc_stats s;
    uint64_t used;

    bx_alloc_stats(&s);
    used = s.live_bytes + (a->everybody.n[API_HELD_QUERIES] > 0 ? GIVE_BACK_BYTES : 0);
    if (used + GIVE_BACK_BYTES > a->most_bytes) {
        if (used > a->most_bytes)
            a->most_bytes = used;
        a->quiet_ticks = 0;
    } else if (++a->quiet_ticks >= GIVE_BACK_TICKS) {
        malloc_trim(0);
        a->most_bytes = used;
        a->quiet_ticks = 0;
    }
}

static void on_tick(uv_timer_t *timer)
{
    struct api *a = timer->data;
    uint64_t now = a->o.clock->ops->boot_ms(a->o.clock);
    struct api_conn *c, *next;

    for (c = TAILQ_FIRST(&a->conns); c != NULL; c = next) {
        next = TAILQ_NEXT(c, link);
        api_conn_expire(c, now);
    }
    TAILQ_FOREACH(c, &a->conns, link) /* those that waited for room among all unsent bytes */
    api_input_unblock(c);
    api_waits_expire(a, now);
    api_auth_sweep(a);
    api_sql_tick(a);
    api_logsend_tick(a);
    give_back(a);
}

/* ---- create and destroy ---- */

/* Each pool: its member of struct api, the size of its objects, its member of the options. */
static const struct {
    const char *name;
    size_t pool, object, size;
} pools[] = {
    {"call", offsetof(struct api, pool), sizeof(struct api_call),
     offsetof(struct api_options, calls)},
    {"vm_config", offsetof(struct api, configs), sizeof(struct bx_vm_create_params),
     offsetof(struct api_options, vm_configs)},
    {"metadata", offsetof(struct api, metadata), sizeof(struct api_metadata),
     offsetof(struct api_options, metadata)},
    {"connection", offsetof(struct api, connections), sizeof(struct api_conn),
     offsetof(struct api_options, connections)},
};
#define POOLS (sizeof pools / sizeof pools[0])

static struct bx_pool *pool_of(struct api *a, size_t i)
{
    return (struct bx_pool *)(void *)((char *)a + pools[i].pool);
}

static int init_pools(struct api *a)
{
    int rc = BX_OK;

    for (size_t i = 0; rc == BX_OK && i < POOLS; i++) {
        struct bx_pool_size size;

        memcpy(&size, (const char *)&a->o + pools[i].size, sizeof size);
        rc = bx_pool_init(pool_of(a, i), pools[i].name, pools[i].object, size, NULL);
    }
#ifdef BX_TRACK_ALLOCATIONS
    if (rc == BX_OK)
        rc = bx_track_scopes(a->o.scopes);
#endif
    return rc;
}

#ifdef BX_TRACK_ALLOCATIONS
static void read_scopes(const void *ctx, void *out)
{
    (void)ctx;
    bx_track_scope_stats(out);
}
#endif

static int add_metrics(struct api *a)
{
    struct bx_metric_source pool = {.set = &bx_pool_metrics};
    int rc = api_secure_add_metrics(a);

    for (size_t i = 0; rc == BX_OK && i < POOLS; i++) {
        pool.value = pools[i].name;
        pool.ctx = &pool_of(a, i)->stats;
        rc = bx_metrics_add(a->o.metrics, &pool);
    }
    if (rc == BX_OK) {
        pool.value = "answer";
        pool.ctx = &a->streams.buffers.stats;
        rc = bx_metrics_add(a->o.metrics, &pool);
    }
#ifdef BX_TRACK_ALLOCATIONS
    if (rc == BX_OK)
        rc = bx_metrics_add(a->o.metrics, &(struct bx_metric_source){.set = &bx_pool_metrics,
                                                                     .value = "scope",
                                                                     .read = read_scopes,
                                                                     .ctx = a});
#endif
    return rc;
}

static void remove_metrics(struct api *a)
{
    for (size_t i = 0; i < POOLS; i++)
        bx_metrics_remove(a->o.metrics, &pool_of(a, i)->stats);
    bx_metrics_remove(a->o.metrics, &a->streams.buffers.stats);
    api_secure_remove_metrics(a);
    bx_metrics_remove(a->o.metrics, a);
}

int api_create(struct api **out, const struct api_options *o, struct bx_err *err)
{
    struct api *a = bx_must_calloc(1, sizeof *a);
    int rc;

    a->o = *o;
    a->loop = o->loop;
    a->pack = bx_pack_create();
    if (a->pack == NULL)
        bx_oom(0);
    TAILQ_INIT(&a->conns);
    TAILQ_INIT(&a->waits);
    TAILQ_INIT(&a->watchers);
    api_auth_create(a);
    api_places_init(a);
    api_relay_init(a);
    api_logsend_init(a);
    api_work_init(a);
    api_secure_init(a);
    rc = init_pools(a);
    if (rc == BX_OK)
        rc = add_metrics(a);
    uv_timer_init(a->loop, &a->timer);
    a->timer.data = a;
    a->n_handles = 5;
    uv_timer_start(&a->timer, on_tick, API_TICK_MS, API_TICK_MS);
    if (rc == BX_OK)
        rc = stream_group_init(&a->streams, "answer", a->o.answers, a->loop, o->clock, &api_limits,
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

static void on_handle_closed(uv_handle_t *h)
{
    ((struct api *)h->data)->n_handles--;
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
    api_waits_close(a);
    while (!TAILQ_EMPTY(&a->conns))
        api_conn_close(TAILQ_FIRST(&a->conns));
    api_listen_close(a);
    uv_close((uv_handle_t *)&a->timer, on_handle_closed);
    uv_close((uv_handle_t *)&a->check, on_handle_closed);
    uv_close((uv_handle_t *)&a->spin, on_handle_closed);
    uv_close((uv_handle_t *)&a->rest, on_handle_closed);
    uv_close((uv_handle_t *)&a->secure.timer, on_handle_closed);
    while (a->n_handles > 0 || a->everybody.n[API_HELD_QUERIES] > 0 || api_is_receiving(a))
        uv_run(a->loop, UV_RUN_ONCE);
    stream_group_close(&a->streams);
    assert(a->n_calls == 0);
    api_party_drop(a, a->relay.party);
    api_parties_close(a);
    remove_metrics(a);
    for (size_t i = 0; i < POOLS; i++)
        bx_pool_close(pool_of(a, i));
#ifdef BX_TRACK_ALLOCATIONS
    bx_track_scopes_close();
#endif
    while (a->n_arenas > 0)
        bx_arena_close(&a->arenas[--a->n_arenas]);
    api_auth_destroy(a);
    tls_context_release(a->secure.context);
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
    api_waits_vm_changed(a, vm, gone);
}

static bool is_about_users(const struct bx_event *e)
{
    return e->type == BX_EVENT_USER_UPDATED || e->type == BX_EVENT_USER_DELETED ||
           e->type == BX_EVENT_USER_TOKEN_DELETED;
}

void api_on_event(struct api *a, const struct bx_event *e)
{
    struct api_client *client, *next;

    if (is_about_users(e)) /* else it is enough at each tick */
        api_auth_sweep(a);
    for (client = TAILQ_FIRST(&a->watchers); client != NULL; client = next) {
        next = TAILQ_NEXT(client, watcher);
        api_watch_event(client, e);
    }
}

void api_on_frame(struct api *a, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n)
{
    struct bx_numbered m;

    if (!bx_frame_numbered(p, n, &m))
        return;
    if (kind == BX_FRAME_QUERY)
        api_relay_query(a, from, m.number, m.p, m.n);
    else
        api_relay_answer(a, from, m.number, m.p, m.n);
}
