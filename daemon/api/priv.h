/* api_priv - what the files of the API server share. */
#ifndef API_PRIV_H
#define API_PRIV_H

#include "api/api.h"
#include "api/conn.h"
#include "codec/hybrid.h"
#include "config.h"
#include "node/node.h"
#include "sys/token.h"
#include "wire/proto.h"

#include <sys/queue.h>
#include <uv.h>

#define API_CALLS_MAX 16384u        /* on all connections */
#define API_CALLS_BYTES (64u << 20) /* of their messages */
#define API_TICK_MS 250u
#define API_WATCH_PAGE 500u        /* events read at once for one that is behind */
#define API_WATCH_MAX (256u << 10) /* queued events beyond which it is behind */
#define API_SQL_MAX 4u
#define API_SQL_MS 5000u
#define API_SQL_BYTES (8u << 20)
#define API_LOGS_BYTES (64u << 10)
#define API_TIMEOUT_MS 10000u
#define API_TIMEOUT_MAX_MS 600000u

/* All parameters of all methods but vm.create's own; a method allows some of them by name. */
struct api_params {
    struct bx_str name, node;
    bool if_not_exists, dry_run, force, confirm_dead;
    struct bx_str vm, until, token, query, consistency, request_id, trace_id, scope, action;
    struct bx_strs codecs;
    uint64_t epoch, since, sequence, floor, bytes, ttl_s, version;
    uint32_t limit, timeout_ms, timeout_s;
};

/* The labels of a request: pooled, because they are lists, which the message does not hold as
 * such. */
struct api_metadata {
    struct bx_pair pairs[BX_LABELS_MAX];
};

struct api_call {
    TAILQ_ENTRY(api_call) link; /* in api->waits, while waiting */
    struct api *api;
    struct api_conn *conn; /* NULL: it went away; nobody wants the answer */
    TAILQ_ENTRY(api_call) all;
    uint64_t id;   /* of the request */
    uint64_t from; /* asked by another node: the answer goes there */
    enum bx_method method;
    struct bx_buf message; /* what the parameters point into */
    struct api_params p;
    struct bx_vm_config *config;   /* of vm.create, with labels in metadata; else NULL */
    struct api_metadata *metadata; /* NULL: no labels */
    void (*then)(struct api_call *c);
    uint64_t deadline, query;
    uint8_t vm[16]; /* of vm.wait */
    bool waiting;   /* in api->waits */
    struct token *token;
    struct api_sql *sql;
};
TAILQ_HEAD(api_calls, api_call);

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
    struct api_calls calls; /* all */
    struct api_calls waits; /* vm.wait, and logs asked of another node */
    struct bx_pool pool;    /* of calls */
    struct bx_pool configs, metadata, connections;
    struct bx_arena arena;   /* of the request that is read: one reset when it was run */
    struct bx_pack *pack;    /* of the message that is being read */
    struct bx_hybrid hybrid; /* of lists; counts the codecs */
    uint64_t next_query;
};

/* ---- api_call.c ---- */
/* One message of len bytes. False: it is no request; the connection is to be closed. */
bool api_call_begin(struct api_conn *c, const uint8_t *p, size_t len);
/* A request that another node sent; its answer goes back as a frame. */
void api_call_query(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t len);
/* Append [1, id, nil to b: the result follows. */
void api_begin_result(struct api_call *c, struct bx_buf *b);
/* Send what begin_result began, and end the call. */
void api_reply(struct api_call *c, struct bx_buf *b);
void api_fail(struct api_call *c, const struct bx_err *err);
/* After a barrier, or at once when stale is asked for: then(c). */
void api_read(struct api_call *c, void (*then)(struct api_call *c));
/* Propose; outcome(c, o) when it is decided well, else the call fails with its words. */
void api_write(struct api_call *c, uint16_t kind, const void *body);
/* The connection went: nobody wants the answers. */
void api_calls_orphan(struct api_conn *c);
void api_error_map(struct bx_buf *b, struct api *a, const struct bx_err *err);

/* ---- api_params.c ---- */
/* Read the one map of parameters into c->p and c->config; allowed are the names that the method
 * takes, each between blanks. BX_OK, BX_INVALID, BX_NO_MEMORY. */
int api_params_read(struct api_call *c, bx_val map, const char *allowed, struct bx_err *err);
/* 32 hex digits. */
bool api_hex16(struct bx_str s, uint8_t out[16]);

/* ---- the methods ---- */
void api_vm_create(struct api_call *c);
void api_vm_list(struct api_call *c);
void api_vm_show(struct api_call *c);
void api_vm_desire(struct api_call *c); /* start, stop, restart */
void api_vm_delete(struct api_call *c);
void api_vm_wait(struct api_call *c);
void api_vm_logs(struct api_call *c);
void api_vm_explain(struct api_call *c);
void api_node_list(struct api_call *c);
void api_node_show(struct api_call *c);
void api_node_remove(struct api_call *c);
void api_node_removed(struct api_call *c, const struct bx_outcome *o);
void api_cluster_init(struct api_call *c);
void api_cluster_join(struct api_call *c);
void api_cluster_token(struct api_call *c);
void api_cluster_status(struct api_call *c);
void api_cluster_members(struct api_call *c);
void api_events_list(struct api_call *c);
void api_events_watch(struct api_call *c);
/* What a watcher that is behind still has to get, as far as it takes it. */
void api_watch_more(struct api_conn *c);
/* An event happened: to one who watches. */
void api_watch_event(struct api_conn *c, const struct bx_event *e);
void api_sql(struct api_call *c);
void api_mem_stats(struct api_call *c);
void api_mem_sites(struct api_call *c);
void api_hello(struct api_call *c);
/* The outcome of a write was good: compose the answer. */
void api_vm_written(struct api_call *c, const struct bx_outcome *o);
void api_token_written(struct api_call *c);
/* A VM changed: end the waits that this settles. */
void api_waits_look(struct api *a, const struct bx_vm *vm, bool gone);
void api_waits_expire(struct api *a, uint64_t now);
void api_logs_answer(struct api *a, uint64_t id, const uint8_t *p, size_t n);

/* ---- api_encode.c ---- */
void api_put_vm(struct bx_buf *b, const struct bx_view *v, const struct bx_vm *vm);
/* A list, in the form that the caller's connection takes. BX_OK or BX_NO_MEMORY. */
int api_put_vms(struct api_call *c, struct bx_buf *b, const struct bx_vm *const *vms, uint32_t n);
void api_put_node(struct bx_buf *b, const struct bx_node_row *n);
void api_put_event(struct bx_buf *b, const struct bx_event *e);
void api_put_decision(struct bx_buf *b, const struct bx_view *v, const struct bx_decision *d,
                      const struct bx_candidates *cs, bool recorded);
const char *api_node_name(const struct bx_view *v, uint64_t id);

#endif
