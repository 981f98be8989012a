/* What becomes of a run.
 *
 * The timer drives everything that is not an answer: it announces, it connects, it looks at the
 * deadline. The happy path: connect succeeds, the shim says its state line by line, "exited" is the
 * last. The failures: nobody listens, then the lock tells whether anybody is left; the shim says
 * nothing (it is stopped, or broken), then one of ours is killed, which kills its QEMU, and an
 * adopted one is left alone until somebody wants it stopped; the shim names another run, then it is
 * left alone for good and the log says so. */
#include "qemu/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem/alloc.h"

#define TRIES_FAST 200u /* every 10 ms, then every half second */

static void reconnect(struct qemu_vm *v);

static void tick(uv_timer_t *t)
{
    struct qemu_vm *v = t->data;
    struct bx_observation o = {
        .epoch = v->epoch, .observed = v->observed, .failed = v->failed, .message = v->message};
    uint64_t now = vm_now();

    memcpy(o.vm, v->id, 16);
    if (v->announce) {
        v->announce = false;
        if (v->d->base.observe != NULL)
            v->d->base.observe(v->d->base.ctx, &o);
    }
    if (v->gone || v->observed == BX_OBSERVED_EXITED)
        return;
    if (v->answer_by != 0 && now >= v->answer_by) {
        v->answer_by = now + 1000;
        qemu_say(v->d, 4, "VM %s: its shim does not answer: killing it, and QEMU with it", v->text);
        if (v->shim != NULL)
            uv_process_kill(&v->shim->process, SIGKILL);
        else if (v->pidfd >= 0)
            pidfd_send_signal(v->pidfd, SIGKILL, NULL, 0);
        else
            qemu_say(v->d, 3, "VM %s: nobody can tell which process its shim is", v->text);
    }
    if (v->pipe == NULL)
        reconnect(v);
    if (v->gone || v->observed == BX_OBSERVED_EXITED || v->announce)
        return;
    if (v->pipe == NULL)
        qemu_watch(v, v->tries++ < TRIES_FAST ? 10 : 500);
    else if (v->answer_by != 0)
        qemu_watch(v, v->answer_by > now ? (unsigned)(v->answer_by - now) : 1);
}

void qemu_watch(struct qemu_vm *v, unsigned delay_ms)
{
    if (!v->gone)
        uv_timer_start(&v->timer, tick, v->announce ? 0 : delay_ms, 0);
}

void qemu_set(struct qemu_vm *v, enum bx_observed to, bool failed, const char *message)
{
    if (to <= v->observed)
        return;
    v->observed = to;
    v->failed = failed;
    if (message[0] != '\0')
        snprintf(v->message, sizeof v->message, "%s", message);
    v->announce = true;
    if (to == BX_OBSERVED_EXITED)
        qemu_disconnect(v);
    qemu_watch(v, 0);
}

/* ---- the end, from the files ---- */

static bool first_line(int dir, char *out, size_t n)
{
    int fd = openat(dir, VM_FILE_SHIM_LOG, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, out, n - 1);

    if (fd >= 0)
        close(fd);
    out[got > 0 ? got : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return out[0] != '\0';
}

bool qemu_settle(struct qemu_vm *v)
{
    char why[200] = "", text[VM_TEXT_MAX];
    struct vm_record r;
    struct bx_err err;
    int rc;

    unlinkat(v->dir, VM_FILE_SHIM_SOCKET, 0);
    unlinkat(v->dir, VM_FILE_QMP_SOCKET, 0);
    unlinkat(v->dir, VM_FILE_READY, 0);
    rc = vm_record_read(v->dir, VM_FILE_EXIT, &r, &err);
    if (rc == BX_OK && (v->epoch == 0 || r.epoch == v->epoch)) {
        v->epoch = r.epoch;
        qemu_set(v, BX_OBSERVED_EXITED, r.failed, r.text);
        return true;
    }
    rc = vm_record_read(v->dir, VM_FILE_RECORD, &r, &err);
    if (rc == BX_NOT_FOUND && v->observed == BX_OBSERVED_ABSENT)
        return false;
    if (rc == BX_NOT_FOUND) {
        snprintf(text, sizeof text, "the shim ended before QEMU began%s%s",
                 first_line(v->dir, why, sizeof why) ? ": " : "", why);
        qemu_set(v, BX_OBSERVED_EXITED, true, text);
        return true;
    }
    if (rc != BX_OK) {
        qemu_say(v->d, 3, "VM %s: %s; its lock is free, so nothing runs", v->text, err.msg);
        qemu_set(v, BX_OBSERVED_EXITED, true, "its record is damaged");
        return true;
    }
    v->epoch = r.epoch;
    qemu_set(v, BX_OBSERVED_EXITED, true,
             memcmp(r.boot, v->d->boot, 16) == 0 ? "lost with its shim, which died"
                                                 : "lost: the host rebooted");
    return true;
}

/* ---- the connection ---- */

static void on_closed(uv_handle_t *h)
{
    struct driver_qemu *d = h->data;

    bx_free(h);
    qemu_unref(d);
}

void qemu_disconnect(struct qemu_vm *v)
{
    if (v->pipe == NULL)
        return;
    v->pipe->data = v->d;
    uv_close((uv_handle_t *)v->pipe, on_closed);
    v->pipe = NULL;
}

static void on_status(void *ctx, struct json_t *o)
{
    struct qemu_vm *v = ctx;
    struct vm_status s;

    if (v->pipe == NULL)
        return; /* an earlier line of the same reading ended it */
    if (vm_status_read(o, &s) != BX_OK) {
        qemu_say(v->d, 3, "VM %s: its shim says what nobody understands", v->text);
        return;
    }
    if (v->unknown || memcmp(s.vm, v->id, 16) != 0 || s.epoch != v->epoch) {
        qemu_say(v->d, 3,
                 "VM %s: the run under its lock (epoch %llu, pid %u) is not the recorded "
                 "one: left alone",
                 v->text, (unsigned long long)s.epoch, s.pid);
        v->unknown = true;
        return;
    }
    if (!v->heard) { /* what was wanted before counts from now */
        v->heard = true;
        v->answer_by = !v->want_stop && !v->want_kill
                           ? 0
                           : vm_now() + QEMU_SHIM_MS + (v->want_kill ? 0 : v->stop_ms);
    }
    qemu_set(v, s.state, s.failed, s.message);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static char chunk[4096]; /* one loop, and a reading is over before the next begins */

    (void)h;
    (void)suggested;
    *out = uv_buf_init(chunk, sizeof chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct qemu_vm *v = stream->data;
    struct bx_err err;

    if (n == 0)
        return;
    if (n > 0 && qmp_lines_feed(&v->lines, b->base, (size_t)n, on_status, v, &err) == BX_OK)
        return;
    if (n > 0)
        qemu_say(v->d, 3, "VM %s: its shim: %s", v->text, err.msg);
    qemu_disconnect(v);
    v->tries = 0;
    qemu_watch(v, 1);
}

void qemu_order(struct qemu_vm *v)
{
    struct vm_order order = {.kill = v->want_kill, .timeout_ms = v->stop_ms};
    char line[VM_LINE_MAX];
    uv_buf_t b;

    if (v->pipe == NULL || (!v->want_stop && !v->want_kill))
        return;
    b = uv_buf_init(line, (unsigned)vm_order_write(&order, line));
    /* A socket that is full belongs to a shim that reads nothing: answer_by is for that. */
    if (uv_try_write((uv_stream_t *)v->pipe, &b, 1) != (int)b.len)
        qemu_say(v->d, 4, "VM %s: its shim takes no order", v->text);
}

/* A connected socket, or -1. Through the descriptor: the path may be too long for a socket. */
static int connect_to_shim(const struct qemu_vm *v)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/" VM_FILE_SHIM_SOCKET, v->dir);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static void take_over(struct qemu_vm *v, int fd)
{
    struct ucred c;
    socklen_t n = sizeof c;
    uv_pipe_t *p = bx_calloc(1, sizeof *p);

    if (p == NULL || uv_pipe_init(v->d->loop, p, 0) != 0) {
        bx_free(p);
        close(fd);
        return;
    }
    v->d->refs++;
    p->data = v;
    v->pipe = p;
    if (v->pidfd < 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) == 0)
        v->pidfd = pidfd_open(c.pid, 0);
    v->lines = (struct qmp_lines){.buf = v->buf, .cap = sizeof v->buf};
    if (uv_pipe_open(p, fd) != 0) {
        close(fd);
        qemu_disconnect(v);
    } else if (uv_read_start((uv_stream_t *)p, on_alloc, on_read) != 0) {
        qemu_disconnect(v);
    } else {
        qemu_order(v);
    }
}

/* Connect, or find out that nobody is left. */
static void reconnect(struct qemu_vm *v)
{
    struct vm_record r;
    struct bx_err err;
    int fd = connect_to_shim(v), lock;

    if (fd >= 0) {
        take_over(v, fd);
        return;
    }
    if (vm_lock_take(v->dir, &lock, &err) == BX_OK) {
        v->unknown = false;
        if (!qemu_settle(v))
            qemu_set(v, BX_OBSERVED_EXITED, true, "nothing is left of its run");
        close(lock);
    } else if (v->unknown && vm_record_read(v->dir, VM_FILE_RECORD, &r, &err) == BX_OK &&
               memcmp(r.vm, v->id, 16) == 0 && memcmp(r.boot, v->d->boot, 16) == 0) {
        v->unknown = false;
        v->epoch = r.epoch;
    }
}
