/* priv - declarations shared by the files of the API server. */
#ifndef API_PRIV_H
#define API_PRIV_H

#include "api/api.h"
#include "api/conn.h"
#include "api/dispatch.h"
#include "api/party.h"
#include "api/rpc.h"
#include "api/show.h"
#include "codec/hybrid.h"
#include "config.h"
#include "node/node.h"

#include <stdatomic.h>
#include <sys/queue.h>
#include <uv.h>

#define API_WAITS_MAX 4096u /* calls of vm.wait */
#define API_WAITS_PER_CLIENT 128u
#define API_CALLS_MAX 8192u         /* pending calls, of all clients */
#define API_CALLS_BYTES (64u << 20) /* bytes of their requests */
#define API_CALLS_LEAST (64u << 10) /* of them, what anybody may have */
#define API_ARENAS 64u              /* kept for reuse; each keeps at most 64 KiB */
#define API_TICK_MS 250u
#define API_WATCH_PAGE 500u           /* events read at a time for a watcher that is behind */
#define API_WATCH_MAX (256u << 10)    /* bytes of queued events beyond which it is behind */
#define API_PAGE_WORK 4096u           /* objects and conditions evaluated for a page of a list */
#define API_PAGES_QUEUED (256u << 10) /* a client with more bytes queued gets no page */
#define API_UNSENT_LEAST (64u << 10)  /* bytes of answers that anybody may have */
#define API_UNSENT_MAX (8u << 20)     /* bytes of all answers; who has his part gets no page */
#define API_SHED_MS 2000u             /* and is closed when he reads nothing for so long */
#define API_SQL_MAX 3u                /* queries at a time; libuv's pool has four threads */
#define API_SQL_MS 5000u
#define API_SQL_HURRY_MS 1000u /* while SQLite's log is full */
#define API_SQL_BYTES (8u << 20)
#define API_RECEIVING_MAX 8u /* parts of other nodes' logs that are written at a time */

/* Of one reason: how often, and how often it is told. */
struct api_refused {
    uint64_t n;
    struct rate_bound bound;
};

/* The metadata of a VM configuration; pooled, because most have none. */
struct api_metadata {
    struct bx_pair pairs[BX_METADATA_MAX];
};

/* Why a client over TCP was closed before it had a TLS connection. */
enum api_refusal {
    API_REFUSED_OTHER,
    API_REFUSED_NO_CERTIFICATE, /* of this host: it is no member yet */
    API_REFUSED_CROWDED,
    API_REFUSED_TIMEOUT,
    API_REFUSED_NOT_TLS,
    API_REFUSED_VERSION,
    API_REFUSED_CERTIFICATE, /* of the client */
    API_REFUSED_PROTOCOL,
    API_REFUSED_BY_CLIENT,
    API_REFUSED_CLOSED, /* by the client, amid the handshake */
    API__REFUSALS
};

struct api_secure {
    struct tls_context *context;    /* NULL: none yet, or never */
    struct api_conns_new strangers; /* the oldest first */
    uv_timer_t timer;               /* active while some of them wait */
    uint64_t next_us;               /* boot time from which one may begin */
    struct api_refused refused[API__REFUSALS];
};

struct api_auth;
struct bx_user_token;

struct api {
    struct api_options o;
    uv_loop_t *loop;
    struct bx_node *node; /* NULL: this host does not belong to a cluster */
    struct bx_driver *driver;
    const char *accel;
    struct stream_group streams;
    struct stream_listener unix_socket, tcp_socket;
    uv_timer_t timer;
    uv_check_t check; /* works for clients after the loop has polled */
    uv_idle_t spin;   /* active while there is work */
    uv_timer_t rest;
    bool resting;               /* until `rest`: only those with credit are served */
    int64_t worked_us;          /* in this turn of the loop */
    uint32_t accepted;          /* connections, in this turn */
    bool unix_later, tcp_later; /* one more is to be accepted in the next turn */
    uint64_t most_bytes;        /* that were in use since memory was given back to the kernel */
    uint32_t quiet_ticks;       /* for so long much less was */
    uint32_t n_handles;
    uint32_t conns_max, n_calls;
    atomic_bool sql_hurry; /* SQLite's log is full, see bx_node_state_log_full */
    uint64_t refused;      /* clients without permission */
    struct rate_bound told;
    struct api_secure secure;
    struct api_auth *auth;
    struct bx_map token_uses; /* at most BX_USER_TOKENS_MAX_ALL */
    struct api_party everybody;
    struct bx_map parties; /* the others, by name */
    struct api_conns conns;
    struct api_clients watchers;
    struct api_client relay;                     /* all other nodes */
    struct api_client sender;                    /* this one, for its log */
    uint64_t receiving[API_RECEIVING_MAX];       /* nodes whose log is being written; 0: none */
    struct api_refused parts_refused[BX__CODES]; /* of other nodes' logs, by the code */
    struct api_calls waits;                      /* those that api_wait was called for */
    struct bx_map waiters;                       /* by VM, of those that wait for one */
    struct bx_pool pool;                         /* of calls */
    struct bx_pool configs;                      /* of struct bx_vm_create_params */
    struct bx_pool metadata, connections;
    struct bx_arena arenas[API_ARENAS]; /* free ones */
    uint32_t n_arenas;
    struct bx_pack *pack; /* parses one request at a time */
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

/* The trace id of the call, written to text. */
struct bx_str api_trace_text(const struct api_call *c, char text[BX_ID_TEXT + 1]);

/* ---- sql.c ---- */
/* To be called ten times a second or so. */
void api_sql_tick(struct api *a);

/* ---- waits.c ---- */
/* Tell the waiting calls that a VM has changed, or that time has passed. */
void api_waits_vm_changed(struct api *a, const struct bx_vm *vm, bool gone);
void api_waits_expire(struct api *a, uint64_t now);
/* It waits no more, also not for its turn. */
void api_wait_stop(struct api_call *c);
void api_waits_close(struct api *a);

/* ---- dispatch.c ---- */

/* The request's session, zero if its client does not number it, and its number. */
void api_request_number(const struct api_call *c, uint8_t session[16], uint64_t *sequence);

/* ---- scope.c ---- */
/* Set the call's scope. BX_OK, or BX_DENIED: it asks for another tenant than the caller's. */
int api_take_scope(struct api_call *c, struct bx_err *err);

/* ---- auth.c ---- */
void api_auth_create(struct api *a);
void api_auth_destroy(struct api *a);
/* Make the client of sys.hello the user of the token that it sent, or of its certificate, then call
 * then(c); or fail. */
void api_auth_hello(struct api_call *c, void (*then)(struct api_call *c));
/* Whether a call that has waited may be answered: its caller's token still gives the right to it.
 * False: err says why not. */
bool api_auth_holds(const struct api_call *c, struct bx_err *err);
/* May the caller make this call? Takes down who it is. BX_OK, BX_DENIED, or BX_NO_LEADER: whether
 * its token is valid is not known here. */
int api_auth_check(struct api_call *c, struct bx_err *err);
/* The client has this certificate, which the CA has signed: it is the user of it as long as that is
 * in the state. */
struct pki_cert;
void api_auth_certified(struct api_client *client, const struct pki_cert *cert);
/* Error for a client that may do nothing; counted. */
int api_auth_unknown(struct api_client *client, struct bx_err *err);
/* End the watches and waits of watchers whose tokens are valid no more, and their connections. */
void api_auth_sweep(struct api *a);
/* The time that is left of a token, in ms; UINT64_MAX: it does not expire. */
uint64_t api_auth_left_ms(const struct api *a, const struct bx_user_token *t);

/* ---- token_use.c ---- */
void api_token_note_use(struct api *a, const uint8_t hash[32]);
/* Wall time of the last use of the token with this hash; 0: none. */
uint64_t api_token_used(const struct api *a, const uint8_t hash[32]);
void api_token_uses_close(struct api *a);

/* ---- audit.c ---- */
/* The call was refused: for the record, if it is one. */
void api_audit_refused(const struct api_call *c, const struct bx_err *err);
/* A client over TCP showed a certificate that is not taken. */
void api_audit_stranger(const struct api_conn *c, const char *why);
/* What a request is about, by its parameters. */
struct bx_str api_audit_object(bx_val params);

/* ---- about.c ---- */
/* The outcome is a conflict with an earlier attempt of the same request: the command of that
 * attempt was proposed instead. */
bool api_write_again(struct api_call *c, const struct bx_outcome *o);

/* ---- work.c ---- */
void api_work_init(struct api *a);
void api_turn_init(struct api_turn *t);
/* Do not block before the next turn. */
void api_work_soon(struct api *a);
/* Call when it may have changed whether the client has work. */
void api_work(struct api_client *client);
/* The same, and begin at once unless the turn has worked enough, or the client has. */
void api_work_at_once(struct api_client *client);
/* The client has disconnected: end its lists, and run what it has asked for. */
void api_work_gone(struct api_client *client);
/* Go on with the call when it is its client's turn. */
void api_call_ready(struct api_call *c);
/* Whether the call counts as one that runs. */
void api_call_rests(struct api_call *c, bool rests);

/* ---- secure.c ---- */
void api_secure_init(struct api *a);
int api_secure_add_metrics(struct api *a);
void api_secure_remove_metrics(struct api *a);

/* ---- listen.c ---- */
/* A new turn of the loop: accept more. */
void api_listen_more(struct api *a);

/* ---- relay.c ---- */
void api_relay_init(struct api *a);
/* Handle a query of another node, or its answer to one of ours; what it was not asked is dropped.
 */
void api_relay_query(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t n);
void api_relay_answer(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t n);
/* Have another node answer the call. */
void api_relay(struct api_call *c, uint64_t node);
void api_relay_over(struct api_call *c);
/* Have the node of this name or id answer it. False, and nothing was done: that is this one, or the
 * name is empty. */
bool api_relay_named(struct api_call *c, struct bx_str node);

/* ---- logsend.c ---- */
void api_logsend_init(struct api *a);
/* Send what the sinks have for other nodes. */
void api_logsend_tick(struct api *a);
bool api_is_receiving(const struct api *a);
/* A part that this node has sent was refused: count it, and tell once in a while. */
void api_logsend_refused(struct api *a, uint64_t from, const struct bx_err *err);

/* ---- events.c ---- */
/* Whether the watcher is behind and its queue has room; send it a page of stored events. */
bool api_watch_is_due(const struct api_client *client);
void api_watch_more(struct api_client *client);
/* Send a new event to a watcher. */
void api_watch_event(struct api_client *client, const struct bx_event *e);
void api_watch_stop(struct api_client *client);

#endif
