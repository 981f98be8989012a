/* server - libmicrohttpd: reads requests from one end of a socket pair and writes answers there. It
 * runs on the loop's thread: its epoll descriptor is polled, and it has neither a listener, nor
 * threads, nor TLS. */
#include "http/priv.h"

#include "mem/alloc.h"
#include "rec/rec.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TURN_NS 1000000u
#define AGAIN_MS 1
#define FEED_BLOCK (32u << 10)
#define METHOD_MAX 16u

struct http_server {
    struct http *http;
    struct MHD_Daemon *mhd;
    uv_poll_t poll;
    uv_timer_t again;
    struct http_conn *adding;
};

/* Each page says what its own scripts may do, and that nobody else may show or read it. */
static const char *const headers[][2] = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
};

/* ---- running ---- */

static void run(struct http_server *s);

static void on_again(uv_timer_t *timer)
{
    run(timer->data);
}

static void on_epoll(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    run(poll->data);
}

/* The library says 0 when it has more to do at once. A client that sends one request after the
 * other without waiting always has more: the loop's other work comes between. */
static void run(struct http_server *s)
{
    uint64_t from = uv_hrtime();
    MHD_UNSIGNED_LONG_LONG ms;
    bool more;

    do {
        MHD_run(s->mhd);
        more = MHD_get_timeout(s->mhd, &ms) == MHD_YES && ms == 0;
    } while (more && uv_hrtime() - from < TURN_NS);
    if (more)
        uv_timer_start(&s->again, on_again, AGAIN_MS, 0);
}

/* ---- answers ---- */

static ssize_t read_feed(void *cls, uint64_t pos, char *buf, size_t max)
{
    struct http_feed *f = cls;
    size_t n = f->out.len - f->at;

    (void)pos;
    if (f->cut)
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (n == 0) {
        f->asleep = true;
        MHD_suspend_connection(f->connection);
        return 0;
    }
    n = n < max ? n : max;
    memcpy(buf, f->out.data + f->at, n);
    f->at += n;
    if (f->at == f->out.len) {
        f->at = 0;
        bx_buf_release(&f->out);
    }
    return (ssize_t)n;
}

static void free_feed(void *cls)
{
    http_feed_close(cls);
}

/* The library does not say by its descriptor that something was resumed. */
void http_server_wake(struct http_feed *f)
{
    struct http_server *s = f->http->server;

    if (!f->asleep)
        return;
    f->asleep = false;
    MHD_resume_connection(f->connection);
    uv_timer_start(&s->again, on_again, 0, 0);
}

static struct MHD_Response *feed_response(struct http_conn *c, struct MHD_Connection *m)
{
    struct http_feed *f = http_feed_open(c->http);
    struct MHD_Response *r;

    if (f == NULL)
        return NULL;
    f->connection = m;
    r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, FEED_BLOCK, read_feed, f, free_feed);
    if (r == NULL)
        http_feed_close(f);
    else
        c->feed = f;
    return r;
}

static struct MHD_Response *response_of(struct http_conn *c, struct MHD_Connection *m,
                                        struct http_answer *a, bool head)
{
    struct MHD_Response *r = a->feed && !head ? feed_response(c, m) : NULL;

    if (r != NULL)
        return r;
    if (a->feed && !head)
        http_refuse(a, 503, "too many listeners");
    if (a->file != NULL)
        return MHD_create_response_from_buffer(a->file_bytes, (void *)(uintptr_t)a->file,
                                               MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(a->body.len, a->body.data, MHD_RESPMEM_MUST_COPY);
}

static void add_header(struct MHD_Response *r, const char *name, const char *value)
{
    if (value != NULL)
        (void)MHD_add_response_header(r, name, value); /* no memory: it goes without */
}

static enum MHD_Result answer(struct http_conn *c, struct MHD_Connection *m, struct http_answer *a,
                              bool head)
{
    struct MHD_Response *r = response_of(c, m, a, head);
    enum MHD_Result rc;

    if (r == NULL)
        return MHD_NO;
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++)
        add_header(r, headers[i][0], headers[i][1]);
    add_header(r, "Content-Type", a->type);
    add_header(r, "Allow", a->allow);
    add_header(r, "ETag", a->etag);
    add_header(r, "Cache-Control", a->etag != NULL ? "no-cache" : "no-store");
    add_header(r, "Connection", a->close ? "close" : NULL);
    rc = MHD_queue_response(m, a->status, r);
    MHD_destroy_response(r);
    return rc;
}

/* ---- requests ---- */

static const char *header_of(struct MHD_Connection *m, const char *name)
{
    return MHD_lookup_connection_value(m, MHD_HEADER_KIND, name);
}

static bool announces_body(struct MHD_Connection *m)
{
    const char *length = header_of(m, "Content-Length");

    return header_of(m, "Transfer-Encoding") != NULL ||
           (length != NULL && strspn(length, "0") != strlen(length));
}

static struct http_conn *conn_of(struct MHD_Connection *m)
{
    return MHD_get_connection_info(m, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* What a client sends may have secrets of its own: of a path only that which is known here is
 * recorded, and nothing of a header. */
static void record(const struct http_conn *c, const struct http_request *rq,
                   const struct http_answer *a, uint64_t from)
{
    struct http *h = c->http;
    struct bx_str method = {rq->method, (uint32_t)strnlen(rq->method, METHOD_MAX)};
    uint64_t duration = uv_hrtime() - from, untold;

    if (a->refused && rate_may(&h->told, http_now(h), HTTP_TOLD_MAX, &untold))
        BX_INFO("http", "refused", "method", method, "route", a->route, "status", a->status,
                "client", c->address, "duration_ns", duration, "untold", untold);
    else
        BX_DEBUG("http", "answered", "method", method, "route", a->route, "status", a->status,
                 "client", c->address, "duration_ns", duration);
}

/* Called when the whole header was read, and again when the request is complete: an answer that is
 * given before ends the connection. A body is not waited for. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *m, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_n, void **request)
{
    struct http_conn *c = conn_of(m);
    struct http_request rq = {.method = method,
                              .path = url,
                              .host = header_of(m, "Host"),
                              .if_none_match = header_of(m, "If-None-Match"),
                              .site = header_of(m, "Sec-Fetch-Site"),
                              .body = announces_body(m)};
    struct http_answer a = {0};
    uint64_t from = uv_hrtime();
    enum MHD_Result rc;

    (void)cls;
    (void)version;
    (void)upload;
    *upload_n = 0;
    if (c == NULL) /* the client is gone */
        return MHD_NO;
    c->answering = true;
    if (*request == NULL && !rq.body) {
        *request = c;
        return MHD_YES;
    }
    http_route(c->http, &rq, &a);
    rc = answer(c, m, &a, strcmp(method, "HEAD") == 0);
    record(c, &rq, &a, from);
    bx_buf_release(&a.body);
    return rc;
}

static void on_completed(void *cls, struct MHD_Connection *m, void **request,
                         enum MHD_RequestTerminationCode why)
{
    struct http_conn *c = conn_of(m);

    (void)cls;
    (void)request;
    (void)why;
    if (c == NULL)
        return;
    c->feed = NULL;
    c->answering = c->began = false;
    c->since = http_now(c->http);
}

/* ---- connections ---- */

static void on_connection(void *cls, struct MHD_Connection *m, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http_server *s = cls;
    struct http_conn *c;

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        c = s->adding;
        c->connection = m;
        c->context = context;
        *context = c;
        return;
    }
    c = *context;
    if (c != NULL)
        c->connection = c->context = NULL;
    *context = NULL;
}

bool http_server_add(struct http_conn *c, int fd)
{
    struct http_server *s = c->http->server;
    struct sockaddr_un peer = {.sun_family = AF_UNIX};
    enum MHD_Result rc;

    s->adding = c;
    rc = MHD_add_connection(s->mhd, fd, (const struct sockaddr *)&peer, sizeof peer);
    s->adding = NULL;
    return rc == MHD_YES;
}

void http_server_drop(struct http_conn *c)
{
    if (c->feed != NULL) {
        c->feed->cut = true;
        http_server_wake(c->feed);
        c->feed = NULL;
    }
    if (c->context != NULL)
        *c->context = NULL;
    c->connection = c->context = NULL;
}

/* ---- open and close ---- */

/* It logs what clients do wrong, and what does no harm: that TCP's options are none of a socket
 * pair. The arguments may be parts of requests. */
static void on_log(void *cls, const char *fmt, va_list args)
{
    struct bx_str text = {fmt, (uint32_t)strcspn(fmt, "\n")};

    (void)cls;
    (void)args;
    BX_TRACE("http", "libmicrohttpd", "format", text);
}

int http_server_open(struct http *h, struct bx_err *err)
{
    struct http_server *s = bx_must_calloc(1, sizeof *s);
    const union MHD_DaemonInfo *info;

    s->http = h;
    s->mhd = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEAD_BYTES, MHD_OPTION_CONNECTION_LIMIT,
        HTTP_CONNECTIONS + 8u, MHD_OPTION_CONNECTION_TIMEOUT, 0u, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        s, MHD_OPTION_END);
    info = s->mhd == NULL ? NULL : MHD_get_daemon_info(s->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || uv_poll_init(h->o.loop, &s->poll, info->epoll_fd) != 0) {
        if (s->mhd != NULL)
            MHD_stop_daemon(s->mhd);
        bx_free(s);
        return bx_err_set(err, BX_FAILED, "--http: cannot start libmicrohttpd");
    }
    uv_timer_init(h->o.loop, &s->again);
    s->poll.data = s->again.data = s;
    uv_poll_start(&s->poll, UV_READABLE, on_epoll);
    h->handles += 2;
    h->server = s;
    return BX_OK;
}

static void on_handle_gone(uv_handle_t *handle)
{
    ((struct http_server *)handle->data)->http->handles--;
}

/* All clients are gone. What was resumed for that has to be run before the library is stopped. */
void http_server_close(struct http *h)
{
    struct http_server *s = h->server;

    if (s == NULL)
        return;
    run(s);
    uv_close((uv_handle_t *)&s->poll, on_handle_gone);
    uv_close((uv_handle_t *)&s->again, on_handle_gone);
    while (h->handles > 0)
        uv_run(h->o.loop, UV_RUN_ONCE);
    MHD_stop_daemon(s->mhd);
    h->server = NULL;
    bx_free(s);
}
