/* sink_net - events as JSON, one in a line, over TCP to a collector.
 *
 * While the collector is away or does not read, lines wait in a buffer, and the newest are dropped
 * when it is full. A line that was sent in part when the connection broke is sent again from its
 * beginning, so the collector may get some lines twice, and finds a part of a line at the end of a
 * broken connection; lines that the kernel had taken for that connection are lost, and not counted.
 * Connecting is tried again after a second, then after twice as long, up to a minute. */
#include "sys/sink.h"

#include "mem/alloc.h"
#include "mem/buf.h"
#include "rec/text.h"
#include "sys/address.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#define BOX (1u << 20)
#define RETRY_NS 1000000000u
#define RETRY_MAX_NS 60000000000u
#define ALIVE_MS 30000 /* that the collector may take to acknowledge bytes */

enum phase { AWAY, CONNECTING, CONNECTED };

struct net {
    enum phase phase;
    int fd;
    uint64_t retry, pause; /* when to connect again, and how long was waited for that */
    size_t sent;           /* bytes of the box from `at` on */
};

static int parse(const char *where, union address *a, struct bx_err *err)
{
    int rc = address_parse(where, a, err);

    if (rc != BX_OK)
        return bx_err_wrap(err, "net");
    if (a->v4.sin_port == 0)
        return bx_err_set(err, BX_INVALID, "net: \"%s\" has no port", where);
    if (address_is_loopback(a))
        return BX_OK;
    bx_err_set(err, BX_INVALID, "net: \"%s\" is not a loopback address", where);
    bx_err_hint(err, "without certificates only loopback is accepted; run a collector on this "
                     "host that passes the events on");
    return BX_INVALID;
}

static int check(const char *where, struct bx_err *err)
{
    union address a;

    return parse(where, &a, err);
}

static int open_it(struct sink *s, struct bx_err *err)
{
    int rc = sink_take(s, sizeof(struct net), BOX, err);
    struct net *n = s->state;

    if (rc != BX_OK)
        return rc;
    n->fd = -1;
    sink_is(s, "not connected");
    return BX_OK;
}

/* The line of rec/text.h, with the name of this node before the rest. */
static void put(struct sink *s, const struct bx_recevent *e, const uint64_t *words, size_t size)
{
    struct bx_buf line = {0};
    char name[96];
    uint64_t from = uv_hrtime();

    (void)words, (void)size;
    bx_text_event(&line, BX_TEXT_JSON, e);
    if (!line.failed) {
        struct bx_buf whole = {0};
        int n_name = snprintf(name, sizeof name, "{\"host\":\"%s\",", s->node);

        bx_buf_append(&whole, name, (size_t)n_name);
        bx_buf_append(&whole, line.data + 1, line.len - 1);
        bx_buf_move(&line, &whole);
    }
    sink_box_event(s, &line, from);
}

/* ---- the connection ---- */

static void disconnect(struct sink *s, uint64_t now)
{
    struct net *n = s->state;

    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
    n->phase = AWAY;
    n->sent = 0;
    n->pause = n->pause == 0 ? RETRY_NS : 2 * n->pause > RETRY_MAX_NS ? RETRY_MAX_NS : 2 * n->pause;
    n->retry = now + n->pause;
    sink_fails(s, "not connected");
}

static void connected(struct sink *s, uint64_t now)
{
    struct net *n = s->state;
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(n->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        disconnect(s, now);
        return;
    }
    n->phase = CONNECTED;
    sink_works(s);
}

static void begin(struct sink *s, uint64_t now)
{
    struct net *n = s->state;
    int on = 1, alive = ALIVE_MS;
    union address a;
    socklen_t size;

    parse(s->spec.where, &a, NULL);
    size = a.any.sa_family == AF_INET6 ? sizeof a.v6 : sizeof a.v4;
    n->fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (n->fd < 0) {
        disconnect(s, now);
        return;
    }
    setsockopt(n->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(n->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &alive, sizeof alive);
    n->phase = CONNECTING;
    sink_is(s, "connecting");
    if (connect(n->fd, &a.any, size) == 0)
        connected(s, now);
    else if (errno != EINPROGRESS)
        disconnect(s, now);
}

/* A collector says nothing; the end of the connection is what it can say. If it talks all the same,
 * some of that is dropped each time: the other sinks do not wait until it is silent. */
static void look(struct sink *s, uint64_t now)
{
    struct net *n = s->state;
    struct pollfd p = {.fd = n->fd, .events = POLLIN | POLLOUT};
    char said[4096];
    ssize_t got;

    if (poll(&p, 1, 0) <= 0)
        return;
    if (n->phase == CONNECTING)
        connected(s, now);
    if (n->phase != CONNECTED || (p.revents & ~POLLOUT) == 0)
        return;
    got = recv(n->fd, said, sizeof said, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        disconnect(s, now);
}

/* The box holds a line until all of it was sent. */
static void forget_sent(struct sink *s, struct net *n)
{
    size_t whole = n->sent;

    while (whole > 0 && s->box.p[s->box.at + whole - 1] != '\n')
        whole--;
    s->box.at += whole;
    n->sent -= whole;
}

static bool send_some(struct sink *s, struct net *n, uint64_t now)
{
    size_t left = sink_box_used(&s->box) - n->sent;
    ssize_t done;

    if (left == 0)
        return false;
    done = send(n->fd, s->box.p + s->box.at + n->sent, left, MSG_NOSIGNAL);
    if (done < 0) {
        if (errno != EAGAIN && errno != EINTR)
            disconnect(s, now);
        return errno == EINTR;
    }
    n->pause = 0;
    n->sent += (size_t)done;
    sink_add(&s->counts.bytes, (uint64_t)done);
    forget_sent(s, n);
    return true;
}

static bool flush(struct sink *s, uint64_t now, bool hurry)
{
    struct net *n = s->state;
    uint64_t from = uv_hrtime();

    (void)hurry;
    if (n->phase == AWAY && sink_box_used(&s->box) > 0 && now >= n->retry)
        begin(s, now);
    if (n->phase != AWAY)
        look(s, now);
    while (n->phase == CONNECTED && send_some(s, n, now))
        ;
    sink_set(&s->counts.queued_bytes, sink_box_used(&s->box));
    sink_add(&s->counts.io_ns, uv_hrtime() - from);
    return sink_box_used(&s->box) == 0 || n->phase == AWAY;
}

static void wait_for(const struct sink *s, struct sink_wait *w)
{
    const struct net *n = s->state;
    bool full = sink_box_used(&s->box) > 0;

    if (n->phase == AWAY)
        w->at = full ? n->retry : UINT64_MAX;
    else
        *w = (struct sink_wait){
            n->fd, (short)(POLLIN | (full || n->phase == CONNECTING ? POLLOUT : 0)), UINT64_MAX};
}

static void close_it(struct sink *s)
{
    struct net *n = s->state;

    if (n != NULL && n->fd >= 0)
        close(n->fd);
    sink_free(s);
}

const struct sink_ops sink_net = {.kind = "net",
                                  .check = check,
                                  .open = open_it,
                                  .put = put,
                                  .flush = flush,
                                  .wait = wait_for,
                                  .close = close_it};
