/* The control socket: status out, orders in. The protocol is in vmdir/proto.h. */
#include "shim/shim.h"

#include "rec/rec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int shim_listen(const char *name, int *fd, struct bx_err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    snprintf(a.sun_path, sizeof a.sun_path, "%s", name);
    unlink(name); /* left by a run that was killed; the lock shows that it is gone */
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (*fd < 0 || bind(*fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(*fd, 8) != 0)
        return bx_err_set(err, BX_IO, "cannot listen on %s: %s", name, strerror(errno));
    return BX_OK;
}

bool shim_peer_ours(int fd, pid_t *pid)
{
    struct ucred c;
    socklen_t n = sizeof c;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0)
        return false;
    *pid = c.pid;
    return c.uid == geteuid();
}

int shim_peers_open(struct shim *s, struct bx_err *err)
{
    size_t i;

    for (i = 0; i < SHIM_PEERS; i++)
        s->peers[i].fd = -1;
    memcpy(s->status.vm, s->record.vm, 16);
    s->status.epoch = s->record.epoch;
    s->status.state = BX_OBSERVED_STARTING;
    return shim_listen(VM_FILE_SHIM_SOCKET, &s->listener, err);
}

static void drop(struct shim_peer *p)
{
    close(p->fd);
    p->fd = -1;
}

/* A client that does not take a whole line at once is dropped; when it connects again it gets the
 * present state. */
static bool report(const struct vm_status *s, struct shim_peer *p)
{
    char line[VM_LINE_MAX];
    size_t n = vm_status_write(s, line);

    if (n > 0 && send(p->fd, line, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n)
        return true;
    drop(p);
    return false;
}

/* Whether anybody was there. */
static bool report_to_all(struct shim *s, const struct vm_status *status)
{
    bool told = false;
    size_t i;

    for (i = 0; i < SHIM_PEERS; i++)
        if (s->peers[i].fd >= 0)
            told |= report(status, &s->peers[i]);
    return told;
}

/* What QEMU has said is told once, to whoever is there. */
void shim_peers_report(struct shim *s)
{
    if (report_to_all(s, &s->status))
        s->status.said[0] = '\0';
}

/* So is each event, in a line of its own with the state before it. */
void shim_peers_tell(struct shim *s)
{
    struct vm_status with = s->status;
    const struct vm_event *e;

    with.said[0] = '\0';
    while ((e = vm_events_first(&s->untold, vm_now())) != NULL) {
        with.event = *e;
        if (!report_to_all(s, &with))
            break;
        vm_events_drop(&s->untold);
    }
}

void shim_peers_accept(struct shim *s)
{
    static const char busy[] = "{\"error\":\"busy: too many connections\"}\n";
    struct shim_peer *p = NULL;
    size_t i;
    pid_t pid;
    int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd < 0)
        return;
    for (i = 0; i < SHIM_PEERS && p == NULL; i++)
        if (s->peers[i].fd < 0)
            p = &s->peers[i];
    if (p == NULL || !shim_peer_ours(fd, &pid)) {
        if (p == NULL && send(fd, busy, sizeof busy - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            errno = 0; /* the close tells as much */
        close(fd);
        return;
    }
    p->fd = fd;
    p->lines = (struct qmp_lines){.buf = p->buf, .cap = sizeof p->buf};
    shim_peers_tell(s);
    if (p->fd >= 0 && report(&s->status, p))
        s->status.said[0] = '\0';
}

struct orders {
    struct shim *s;
    bool bad;
};

static void follow(struct shim *s, const struct vm_order *order)
{
    if (order->trace != 0)
        bx_rec_trace(order->trace);
    if (order->kill) {
        s->record.asked = true;
        shim_kill(s, false, "killed on request");
    } else {
        shim_stop(s, order->timeout_ms);
    }
}

static void on_order(void *ctx, struct json_t *o)
{
    struct orders *r = ctx;
    struct vm_order order;

    if (vm_order_read(o, &order) != BX_OK)
        r->bad = true;
    else
        follow(r->s, &order);
}

void shim_peers_read(struct shim *s, struct shim_peer *p)
{
    struct orders r = {.s = s};
    char chunk[512];
    ssize_t n = recv(p->fd, chunk, sizeof chunk, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || qmp_lines_feed(&p->lines, chunk, (size_t)n, on_order, &r, NULL) != BX_OK || r.bad)
        if (p->fd >= 0) /* reporting a new state may have dropped it */
            drop(p);
}
