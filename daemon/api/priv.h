/* priv - what the files of the API server share. */
#ifndef API_PRIV_H
#define API_PRIV_H

#include "api/api.h"
#include "api/conn.h"
#include "api/dispatch.h"
#include "api/rpc.h"
#include "api/show.h"
#include "codec/hybrid.h"
#include "config.h"
#include "node/node.h"

#include <sys/queue.h>
#include <uv.h>

#define API_CALLS_MAX 16384u        /* of all clients */
#define API_CALLS_BYTES (64u << 20) /* of their requests */
#define API_ARENAS 64u              /* kept for calls to come; each keeps 64 KiB at most */
#define API_TICK_MS 250u
#define API_WATCH_PAGE 500u        /* events read at once for one that is behind */
#define API_WATCH_MAX (256u << 10) /* queued events beyond which it is behind */
#define API_SQL_MAX 4u
#define API_SQL_MS 5000u
#define API_SQL_BYTES (8u << 20)

/* The metadata of a request: pooled, because it is a list, which the request does not hold as such.
 */
struct api_metadata {
    struct bx_pair pairs[BX_METADATA_MAX];
};

struct api {
    struct api_options o;
    uv_loop_t *loop;
    struct bx_node *node; /* NULL: this host belongs to no cluster */
    struct bx_driver *driver;
    const char *accel;
    struct stream_group streams;
    struct stream_listener unix_socket, tcp_socket;
    uv_timer_t timer;
    bool timer_open;
    uint32_t n_conns, conns_max, n_calls, sql_running;
    size_t calls_bytes;
    struct api_conns conns;
    struct api_clients watchers;
    struct api_client relay; /* the other nodes */
    struct api_calls calls;  /* all */
    struct api_calls waits;  /* those that wait for something else than the log */
    struct bx_pool pool;     /* of calls */
    struct bx_pool configs;  /* of struct bx_vm_create_params */
    struct bx_pool metadata, connections;
    struct bx_arena arenas[API_ARENAS]; /* of calls that have ended */
    uint32_t n_arenas;
    struct bx_pack *pack; /* of the request that is being read */
    uint64_t next_query;
};

static inline const struct bx_view *api_view(const struct api_call *c)
{
    return bx_node_view(c->api->node);
}

static inline struct bx_common *api_common(const struct api_call *c)
{
    return c->params;
}

/* ---- dispatch.c ---- */
/* A VM changed, and time passes: for the calls that wait. */
void api_waits_look(struct api *a, const struct bx_vm *vm, bool gone);
void api_waits_expire(struct api *a, uint64_t now);

/* ---- relay.c ---- */
void api_relay_init(struct api *a);
/* A question of another node; its answer to ours. */
void api_relay_query(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t n);
void api_relay_answer(struct api *a, uint64_t id, const uint8_t *p, size_t n);
/* Let another node answer the call, whose parameters it gets. */
void api_relay(struct api_call *c, uint64_t node);
void api_relay_over(struct api_call *c);

/* ---- events.c ---- */
/* What a watcher that is behind still has to get, as far as it takes it. */
void api_watch_more(struct api_client *client);
/* An event happened: to one who watches. */
void api_watch_event(struct api_client *client, const struct bx_event *e);
void api_watch_stop(struct api_client *client);

#endif
