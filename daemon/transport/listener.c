#include "transport/listener.h"

#include "rec/rec.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 256

/* Too many descriptors, or no memory, as a rule: then it happens for each who connects. */
static void fail(struct stream_listener *l, int rv)
{
    struct bx_clock *clock = l->group->clock;

    l->failures++;
    if (rate_may(&l->told, clock->ops->boot_ms(clock), 1, NULL))
        BX_WARNING("transport", "a connection was not accepted", "module", l->group->user->name,
                   "err", uv_strerror(rv), "failures", l->failures);
}

static void on_connection(uv_stream_t *handle, int status)
{
    struct stream_listener *l = handle->data;

    if (status == 0)
        l->incoming(l);
    else
        fail(l, status);
}

static void on_gone(uv_handle_t *handle)
{
    struct stream_listener *l = handle->data;

    l->group->handles--;
    l->group = NULL;
}

static void open_listener(struct stream_listener *l, struct stream_group *g,
                          const struct stream_ops *ops)
{
    l->group = g;
    l->ops = ops;
    g->handles++;
    ops->open(&l->h, g->loop);
    l->h.handle.data = l;
}

static int refuse(struct stream_listener *l, struct bx_err *err, const char *flag, const char *on,
                  int rv, const char *hint)
{
    bx_err_set(err, BX_IO, "%s %s: %s", flag, on, uv_strerror(rv));
    bx_err_hint(err, "%s", hint);
    stream_listener_close(l);
    return BX_IO;
}

int stream_listen_tcp(struct stream_listener *l, struct stream_group *g, const char *flag,
                      const char *address, struct bx_err *err)
{
    union address on;
    int rv, rc = address_parse(address, &on, err);

    if (rc != BX_OK)
        return bx_err_wrap(err, "%s", flag);
    open_listener(l, g, &stream_tcp);
    rv = uv_tcp_bind(&l->h.tcp, &on.any, 0);
    if (rv == 0)
        rv = uv_listen(&l->h.stream, BACKLOG, on_connection);
    if (rv != 0)
        return refuse(l, err, flag, address, rv,
                      "another process may be using the port; choose another one");
    return BX_OK;
}

/* True if a process listens there. */
static bool answers(const struct sockaddr_un *on)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool yes =
        fd >= 0 && (connect(fd, (const struct sockaddr *)on, sizeof *on) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return yes;
}

/* Remove the stale socket of a killed process. Anything else is left in place. */
static int clear_path(const char *flag, const char *path, struct bx_err *err)
{
    struct sockaddr_un on = {.sun_family = AF_UNIX};
    struct stat st;

    if (strlen(path) >= sizeof on.sun_path) {
        bx_err_set(err, BX_INVALID, "%s %s: longer than %zu bytes", flag, path,
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
    bx_err_set(err, BX_UNREACHABLE, "%s %s: %s", flag, path,
               S_ISSOCK(st.st_mode) ? "another daemon is listening there"
                                    : "exists and is not a socket");
    bx_err_hint(err, "choose another path");
    return BX_UNREACHABLE;
}

int stream_listen_unix(struct stream_listener *l, struct stream_group *g, const char *flag,
                       const char *path, struct bx_err *err)
{
    int rv, rc = clear_path(flag, path, err);

    if (rc != BX_OK)
        return rc;
    open_listener(l, g, &stream_unix);
    rv = uv_pipe_bind(&l->h.pipe, path);
    if (rv == 0 && chmod(path, 0666) != 0)
        rv = uv_translate_sys_error(errno);
    if (rv == 0)
        rv = uv_listen(&l->h.stream, BACKLOG, on_connection);
    if (rv != 0)
        return refuse(l, err, flag, path, rv, "its directory must exist and be writable");
    return BX_OK;
}

bool stream_accept(struct stream *s, struct stream_listener *l)
{
    int rv = uv_accept(&l->h.stream, &s->h.stream);

    s->accepted = true;
    if (rv == 0) {
        s->ops->handshake(s);
    } else {
        fail(l, rv);
        stream_close(s, uv_strerror(rv));
    }
    return !s->closing;
}

/* libuv removes the path that it has bound. */
void stream_listener_close(struct stream_listener *l)
{
    if (l->group != NULL && !uv_is_closing(&l->h.handle))
        uv_close(&l->h.handle, on_gone);
}
