#include "api/priv.h"

#include "sys/address.h"
#include "mem/alloc.h"
#include "mem/track.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 256

/* ---- accepting ---- */

static void identify(struct api_conn *c, bool tcp)
{
    struct ucred who;
    socklen_t len = sizeof who;
    int fd;

    c->role = BX_RPC_ADMIN;
    snprintf(c->principal, sizeof c->principal, "admin");
    if (tcp)
        return;
    c->proven = true;
    if (uv_fileno(&c->h.handle, &fd) == 0 &&
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
        (who.uid == 0 || who.uid == geteuid()))
        return;
    c->role = BX_RPC_VIEWER;
    snprintf(c->principal, sizeof c->principal, "uid:%u", (unsigned)who.uid);
}

/* Beyond the bound a connection is told, and closed. */
static void turn_away(struct api_conn *c)
{
    struct bx_buf b = {0};
    struct bx_err err;

    bx_err_set(&err, BX_BUSY, "%u connections are open already", c->api->conns_max);
    bx_err_hint(&err, "close some, or ask another node");
    bx_pw_array(&b, 3);
    bx_pw_u64(&b, 2);
    bx_pw_str(&b, "error");
    bx_pw_array(&b, 1);
    api_error_map(&b, c->api, &err);
    api_conn_end(c);
    api_conn_send(c, &b);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct api *a = listener->data;
    bool tcp = listener == (uv_stream_t *)&a->tcp;
    struct api_conn *c;

    if (status != 0 || a->closing)
        return;
    c = bx_pool_acquire(&a->connections);
    if (c == NULL)
        bx_oom(sizeof *c);
    c->api = a;
    c->codecs = 1u << BX_CODEC_MSGPACK;
    if (tcp)
        uv_tcp_init(a->loop, &c->h.tcp);
    else
        uv_pipe_init(a->loop, &c->h.pipe, 0);
    c->h.handle.data = c;
    TAILQ_INSERT_TAIL(&a->conns, c, link);
    a->n_conns++;
    a->handles++;
    if (uv_accept(listener, &c->h.stream) != 0) {
        api_conn_close(c);
        return;
    }
    if (tcp)
        uv_tcp_nodelay(&c->h.tcp, 1);
    identify(c, tcp);
    if (a->n_conns > a->conns_max)
        turn_away(c);
    else
        api_conn_start(c);
}

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

/* Does anybody listen there? */
static bool answers(const struct sockaddr_un *on)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes =
        fd >= 0 && (connect(fd, (const struct sockaddr *)on, sizeof *on) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

/* A socket file without a listener is what a killed daemon leaves. Anything else stays. */
static int clear_path(const char *path, struct bx_err *err)
{
    struct sockaddr_un on = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) >= sizeof on.sun_path) {
        bx_err_set(err, BX_INVALID, "--socket %s: longer than %zu bytes", path,
                   sizeof on.sun_path - 1);
        bx_err_hint(err, "choose a shorter path");
        return BX_INVALID;
    }
    if (lstat(path, &st) != 0)
        return BX_OK;
    memcpy(on.sun_path, path, strlen(path));
    if (S_ISSOCK(st.st_mode) && !answers(&on)) {
        unlink(path);
        return BX_OK;
    }
    bx_err_set(err, BX_UNREACHABLE, "--socket %s: %s", path,
               S_ISSOCK(st.st_mode) ? "another daemon listens there" : "is there, and no socket");
    bx_err_hint(err, "choose another path");
    return BX_UNREACHABLE;
}

static int listen_unix(struct api *a, const char *path, struct bx_err *err)
{
    int rv, rc = clear_path(path, err);

    if (rc != BX_OK)
        return rc;
    uv_pipe_init(a->loop, &a->pipe, 0);
    a->pipe.data = a;
    a->handles++;
    rv = uv_pipe_bind(&a->pipe, path);
    a->bound = rv == 0;
    if (rv == 0 && chmod(path, 0600) != 0)
        rv = UV_EACCES;
    if (rv == 0)
        rv = uv_listen((uv_stream_t *)&a->pipe, BACKLOG, on_connection);
    if (rv == 0)
        return BX_OK;
    bx_err_set(err, BX_IO, "--socket %s: %s", path, uv_strerror(rv));
    bx_err_hint(err, "its folder must exist, and be ours to write");
    return BX_IO;
}

static int listen_tcp(struct api *a, const char *address, struct bx_err *err)
{
    union address on;
    int rv, rc = address_parse(address, &on, err);

    if (rc != BX_OK)
        return rc;
    uv_tcp_init(a->loop, &a->tcp);
    a->tcp.data = a;
    a->has_tcp = true;
    a->handles++;
    rv = uv_tcp_bind(&a->tcp, &on.any, 0);
    if (rv == 0)
        rv = uv_listen((uv_stream_t *)&a->tcp, BACKLOG, on_connection);
    if (rv == 0)
        return BX_OK;
    bx_err_set(err, BX_IO, "--api %s: %s", address, uv_strerror(rv));
    bx_err_hint(err, "is another daemon running there? choose another port");
    return BX_IO;
}

/* Half of the descriptors are for clients at most: log, state and peers need theirs. */
static uint32_t conns_max(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur / 2 > API_CONNS_MAX)
        return API_CONNS_MAX;
    return (uint32_t)files.rlim_cur / 2;
}

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
        rc = bx_pool_init(&a->writes, "answer", sizeof(struct api_write_req), calls, NULL);
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
    struct api *a = bx_must_calloc(1, sizeof *a);
    int rc;

    a->o = *o;
    a->loop = o->loop;
    a->conns_max = conns_max();
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
    a->handles++;
    uv_timer_start(&a->timer, on_tick, API_TICK_MS, API_TICK_MS);
    if (rc == BX_OK)
        rc = listen_unix(a, o->socket, err);
    if (rc == BX_OK && o->address[0] != '\0')
        rc = listen_tcp(a, o->address, err);
    if (rc != BX_OK) {
        api_destroy(a);
        a = NULL;
    }
    *out = a;
    return rc;
}

static void on_handle_closed(uv_handle_t *h)
{
    ((struct api *)h->data)->handles--;
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
    a->closing = true;
    fail_waiting(a);
    while (!TAILQ_EMPTY(&a->conns))
        api_conn_close(TAILQ_FIRST(&a->conns));
    uv_close((uv_handle_t *)&a->timer, on_handle_closed);
    if (a->pipe.data != NULL)
        uv_close((uv_handle_t *)&a->pipe, on_handle_closed);
    if (a->has_tcp)
        uv_close((uv_handle_t *)&a->tcp, on_handle_closed);
    while (a->handles > 0 || a->sql_running > 0)
        uv_run(a->loop, UV_RUN_ONCE);
    if (a->bound)
        unlink(a->o.socket);
    assert(TAILQ_EMPTY(&a->calls));
    bx_pool_close(&a->pool);
    bx_pool_close(&a->configs);
    bx_pool_close(&a->metadata);
    bx_pool_close(&a->writes);
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
