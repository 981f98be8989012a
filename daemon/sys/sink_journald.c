/* sink_journald - entries for systemd's journal, over its native socket (rec/journal.h).
 *
 * Each entry is a datagram: a record is short enough for one. Those that the socket has no room for
 * wait in a buffer, each after its length. The socket is connected again when the journal was
 * restarted. */
#include "sys/sink.h"

#include "mem/alloc.h"
#include "mem/buf.h"
#include "rec/journal.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define SOCKET "/run/systemd/journal/socket"
#define IDENTIFIER "blixardd"
#define BOX (256u << 10)
#define RETRY_NS 1000000000u

struct journald {
    int fd; /* -1: not connected */
    uint64_t retry;
};

static const char *path_of(const char *where)
{
    return *where == '\0' ? SOCKET : where;
}

static int check(const char *where, struct bx_err *err)
{
    if (path_of(where)[0] == '/' && strlen(where) < sizeof((struct sockaddr_un *)0)->sun_path)
        return BX_OK;
    return bx_err_set(err, BX_INVALID, "journald: \"%s\" is not the path of a socket", where);
}

static int open_it(struct sink *s, struct bx_err *err)
{
    int rc = sink_take(s, sizeof(struct journald), BOX, err);
    struct journald *j = s->state;

    if (rc != BX_OK)
        return rc;
    j->fd = -1;
    sink_is(s, "not connected");
    return BX_OK;
}

static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t n)
{
    struct bx_buf entry = {0};
    uint64_t from = uv_hrtime();
    uint32_t size = 0;

    (void)words, (void)n;
    bx_buf_append(&entry, &size, sizeof size);
    bx_journal_event(&entry, IDENTIFIER, e);
    if (!entry.failed) {
        size = (uint32_t)(entry.len - sizeof size);
        memcpy(entry.data, &size, sizeof size);
    }
    sink_box_event(s, &entry, from);
}

static void disconnect(struct sink *s, uint64_t now)
{
    struct journald *j = s->state;

    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
    j->retry = now + RETRY_NS;
    sink_fails(s, "not connected");
}

static bool reach(struct sink *s, uint64_t now)
{
    struct journald *j = s->state;
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    if (j->fd >= 0)
        return true;
    if (now < j->retry)
        return false;
    memcpy(a.sun_path, path_of(s->spec.where), strlen(path_of(s->spec.where)));
    j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (j->fd < 0 || connect(j->fd, (const struct sockaddr *)&a, sizeof a) != 0) {
        disconnect(s, now);
        return false;
    }
    sink_works(s);
    return true;
}

/* The first entry of the box. False: it has to wait. */
static bool send_first(struct sink *s, struct journald *j, uint64_t now)
{
    const uint8_t *p = s->box.p + s->box.at;
    uint32_t size;

    memcpy(&size, p, sizeof size);
    if (send(j->fd, p + sizeof size, size, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR)
            return true;
        if (errno == EAGAIN)
            return false;
        if (errno == ECONNREFUSED || errno == ENOTCONN || errno == EPIPE || errno == ECONNRESET) {
            disconnect(s, now);
            return false;
        }
        sink_add(&s->counts.errors, 1); /* this entry, and no other, can not be sent */
        sink_add(&s->counts.dropped, 1);
    } else {
        sink_add(&s->counts.bytes, size);
    }
    s->box.at += sizeof size + size;
    return true;
}

static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    struct journald *j = s->state;
    uint64_t from;

    (void)hurry;
    if (sink_box_used(&s->box) == 0)
        return true;
    from = uv_hrtime();
    if (reach(s, now))
        while (sink_box_used(&s->box) > 0 && j->fd >= 0 && send_first(s, j, now))
            ;
    sink_set(&s->counts.queued_bytes, sink_box_used(&s->box));
    sink_add(&s->counts.io_ns, uv_hrtime() - from);
    return sink_box_used(&s->box) == 0 || j->fd < 0;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    const struct journald *j = s->state;

    if (sink_box_used(&s->box) == 0)
        return;
    if (j->fd < 0)
        w->at = j->retry;
    else
        *w = (struct sink_wait){j->fd, POLLOUT, UINT64_MAX};
}

static void close_it(struct sink *s)
{
    struct journald *j = s->state;

    if (j != NULL && j->fd >= 0)
        close(j->fd);
    sink_free(s);
}

const struct sink_ops sink_journald = {.kind = "journald",
                                       .check = check,
                                       .open = open_it,
                                       .put = put,
                                       .flush = flush,
                                       .wait = wait_for,
                                       .close = close_it};
