/* priv - what the files of the HTTP server share. Nobody else includes it. */
#ifndef HTTP_PRIV_H
#define HTTP_PRIV_H

#include "http/http.h"
#include "mem/buf.h"
#include "transport/listener.h"
#include "transport/stream.h"

#include <sys/queue.h>

#define HTTP_TICK_MS 1000u
#define HTTP_EVENTS 64u            /* kept for the dashboard */
#define HTTP_FEED_BYTES (1u << 20) /* that wait for a listener; beyond that it misses a second */
#define HTTP_OUT_BYTES                                                                             \
    (256u << 10) /* queued to a client before no more is taken from the library */

/* ---- route.c: what is answered; knows nothing of connections ---- */

struct http_request {
    const char *method, *path; /* the path is decoded and has no query */
    const char *host;          /* NULL: none */
    const char *if_none_match; /* NULL: none */
    const char *site;          /* Sec-Fetch-Site; NULL: none */
    bool body;                 /* one is announced */
};

struct http_answer {
    unsigned status;
    const char *type;         /* of the content; static */
    const char *allow, *etag; /* NULL: no such header; static */
    bool feed;                /* server-sent events follow; there is no body */
    bool close;               /* the connection can not be used any more */
    bool refused;             /* there is no such answer, or not for this client */
    const char *route;        /* what was asked for, of those that there are; "": none; static */
    struct bx_buf body;       /* released by the caller */
    const void *file;         /* or this, which is static */
    size_t file_bytes;
};

/* *a is zeroed. */
void http_route(struct http *h, const struct http_request *rq, struct http_answer *a);
/* {"code": status, "message": ...} */
void http_refuse(struct http_answer *a, unsigned status, const char *message);

/* A page makes its answer; a->status is 200 and a->type that of the row. */
typedef void (*http_page)(struct http *h, struct http_answer *a);
void http_metrics(struct http *h, struct http_answer *a);
void http_livez(struct http *h, struct http_answer *a);
void http_readyz(struct http *h, struct http_answer *a);
void http_sd(struct http *h, struct http_answer *a);
void http_live(struct http *h, struct http_answer *a);

/* ---- the files of the page: assets_data.c is made from ui/ ---- */

struct http_asset {
    const char *path, *type, *etag;
    const unsigned char *bytes;
    size_t n;
};
extern const struct http_asset http_assets[]; /* ends with a path of NULL */

/* ---- json.c: what the answers of this folder need, and no more ---- */

void http_put(struct bx_buf *b, const char *text);
void http_putf(struct bx_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* In quotes and escaped. */
void http_put_string(struct bx_buf *b, const char *text);

/* ---- live.c ---- */

struct http_event {
    uint64_t revision, wall_ms;
    const char *type; /* "vm.created" */
};

/* One listener. It reads `out` from `at` on, and sleeps when all is read. */
struct http_feed {
    TAILQ_ENTRY(http_feed) link;
    struct http *http;
    struct bx_buf out;
    size_t at;
    bool asleep, cut; /* cut: its connection is gone, or the server ends */
    void *connection; /* the library's */
};
TAILQ_HEAD(http_feeds, http_feed);

/* NULL: there are too many. What it has in `out` is the present state. */
struct http_feed *http_feed_open(struct http *h);
void http_feed_close(struct http_feed *f);
/* A second has passed: tell the listeners. */
void http_live_tick(struct http *h);

/* ---- server.c: libmicrohttpd ---- */

struct http_conn;
struct http_server;
int http_server_open(struct http *h, struct bx_err *err);
void http_server_close(struct http *h);
/* Take over one end of a socket pair, whatever happens. False: c->fd will be closed by the peer. */
bool http_server_add(struct http_conn *c, int fd);
/* The client is gone: end what the library still does for it. */
void http_server_drop(struct http_conn *c);
void http_server_wake(struct http_feed *f);

/* ---- conn.c: between a stream and the library ---- */

struct http_conn {
    TAILQ_ENTRY(http_conn) link;
    struct http *http;
    struct stream stream;
    int fd; /* our end of the socket pair; -1: none */
    uv_poll_t poll;
    bool polled;      /* poll is open */
    bool full;        /* the library does not take more for now */
    bool answering;   /* a request was read, and its answer is not written */
    bool began;       /* the first byte of a request was read */
    bool ending;      /* closes by itself, or after HTTP_HEAD_MS */
    uint32_t handles; /* stream and poll */
    uint64_t since;   /* boot time of the last of these: opened, began, answered */
    char address[64]; /* without the port */
    /* ---- server.c ---- */
    void *connection; /* the library's; NULL: it has let go */
    void **context;   /* where the library keeps the pointer to this */
    struct http_feed *feed;
};
TAILQ_HEAD(http_conns, http_conn);

extern const struct stream_limits http_limits;
extern const struct stream_callbacks http_callbacks;
void http_conn_incoming(struct stream_listener *l);
void http_conn_close(struct http_conn *c, const char *why);
void http_conn_expire(struct http_conn *c, uint64_t now);

struct http {
    struct http_options o;
    struct bx_node *node;
    struct stream_group streams;
    struct stream_listener listener;
    struct http_conns conns;
    uint32_t n_conns;
    uv_timer_t timer;
    uint32_t handles;
    struct http_server *server;
    struct http_feeds feeds;
    uint32_t n_feeds;
    struct http_event events[HTTP_EVENTS]; /* at n_events % HTTP_EVENTS is the next */
    uint64_t n_events, told_events;        /* how many there were, and how many listeners know */
    struct http_stats stats;               /* without connections and feeds */
    struct rate_bound told;                /* of refused requests */
    struct rate_bound full;                /* of connections turned away */
};

uint64_t http_now(const struct http *h);

#endif
