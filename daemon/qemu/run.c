/* A run, from the spawned shim to the end.
 *
 * The timer drives everything that is not an answer: it announces, connects, and checks the
 * deadline. The happy path: the connection succeeds, the shim reports its state line by line, and
 * "exited" is the last line.
 *
 * Failures: nobody listens: the lock tells whether a process is left. The shim does not answer (it
 * is stopped, or broken): one that this daemon spawned is killed, which kills its QEMU; an adopted
 * one gets no deadline until a stop or kill is requested. The shim reports another run: it gets no
 * orders and is never killed, and the log says so. */
#include "qemu/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "mem/alloc.h"
#include "vmdir/file.h"

#define TRIES_FAST 200u /* every 10 ms, then every half second */

static void reconnect(struct qemu_vm *v);

static void look_at(struct qemu_vm *v)
{
    struct bx_observation o = {.epoch = v->epoch,
                               .observed = v->observed,
                               .failed = v->failed,
                               .message = v->message,
                               .reboots = v->reboots};
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
        BX_WARNING("driver", "its supervisor (blixard-vm) does not respond, killing it and QEMU",
                   "uuid", bx_uuid(v->id), "epoch", v->epoch);
        if (v->shim != NULL)
            uv_process_kill(&v->shim->process, SIGKILL);
        else if (v->pidfd >= 0)
            pidfd_send_signal(v->pidfd, SIGKILL, NULL, 0);
        else
            BX_ERROR("driver", "the process of its supervisor (blixard-vm) was not found", "uuid",
                     bx_uuid(v->id), "epoch", v->epoch);
    }
    if (v->pipe == NULL)
        reconnect(v);
    if (v->gone || v->observed == BX_OBSERVED_EXITED || v->announce)
        return;
    if (v->pipe == NULL)
        qemu_vm_watch(v, v->tries++ < TRIES_FAST ? 10 : 500);
    else if (v->answer_by != 0)
        qemu_vm_watch(v, v->answer_by > now ? (unsigned)(v->answer_by - now) : 1);
}

static void tick(uv_timer_t *t)
{
    struct qemu_vm *v = t->data;
    uint64_t before = bx_rec_trace(v->trace);

    look_at(v);
    bx_rec_trace(before);
}

void qemu_vm_watch(struct qemu_vm *v, unsigned delay_ms)
{
    if (!v->gone)
        uv_timer_start(&v->timer, tick, v->announce ? 0 : delay_ms, 0);
}

void qemu_vm_observe(struct qemu_vm *v, enum bx_observed to, bool failed, const char *message)
{
    if (to <= v->observed)
        return;
    BX_DEBUG("driver", "observed", "uuid", bx_uuid(v->id), "epoch", v->epoch, "state",
             bx_observed_names[to], "failed", failed, "why", message);
    v->observed = to;
    v->failed = failed;
    if (message[0] != '\0')
        snprintf(v->message, sizeof v->message, "%s", message);
    v->announce = true;
    if (to == BX_OBSERVED_EXITED)
        qemu_vm_disconnect(v);
    qemu_vm_watch(v, 0);
}

/* ---- the end, from the files ---- */

/* The line of the error; the others are what it recorded. */
static bool error_line(int dir, char *out, size_t n)
{
    char text[4096], *line, *save;
    int fd = vm_file_open(dir, VM_FILE_SHIM_LOG, O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    text[got > 0 ? got : 0] = '\0';
    for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "time=", 5) == 0)
            continue;
        snprintf(out, n, "%.*s", (int)n - 1, line);
        return true;
    }
    return false;
}

/* Where a supervisor that crashed tells more, as the end of a message. One that was killed leaves
 * an empty file. */
static void crash_file(const struct qemu_vm *v, char *out, size_t n)
{
    const char *name = vm_crash_name(v->epoch);
    int fd = vm_file_open(v->dir, name, O_RDONLY);
    struct stat st = {.st_size = 0};

    out[0] = '\0';
    if (fd < 0)
        return;
    if (fstat(fd, &st) == 0 && st.st_size > 0)
        snprintf(out, n, "; see vms/%s/%s", v->text, name);
    else
        unlinkat(v->dir, name, 0);
    close(fd);
}

bool qemu_vm_settle(struct qemu_vm *v)
{
    char why[120] = "", crash[80], text[VM_TEXT_MAX];
    struct vm_record r;
    struct bx_err err;
    int rc;

    unlinkat(v->dir, VM_FILE_SHIM_SOCKET, 0);
    unlinkat(v->dir, VM_FILE_READY, 0);
    rc = vm_record_read(v->dir, VM_FILE_EXIT, &r, &err);
    if (rc == BX_OK && (v->epoch == 0 || r.epoch == v->epoch)) {
        v->epoch = r.epoch;
        qemu_vm_observe(v, BX_OBSERVED_EXITED, r.failed, r.text);
        return true;
    }
    rc = vm_record_read(v->dir, VM_FILE_RECORD, &r, &err);
    if (rc == BX_NOT_FOUND && v->observed == BX_OBSERVED_ABSENT)
        return false;
    if (rc == BX_NOT_FOUND) {
        crash_file(v, crash, sizeof crash);
        snprintf(text, sizeof text,
                 "the supervisor (blixard-vm) exited before it started QEMU%s%s%s",
                 error_line(v->dir, why, sizeof why) ? ": " : "", why, crash);
        qemu_vm_observe(v, BX_OBSERVED_EXITED, true, text);
        return true;
    }
    if (rc != BX_OK) {
        BX_ERROR("driver", "the record of its run is damaged; its lock is free, so nothing runs",
                 "uuid", bx_uuid(v->id), "err", err.msg);
        qemu_vm_observe(v, BX_OBSERVED_EXITED, true, "the record of the run is damaged");
        return true;
    }
    v->epoch = r.epoch;
    crash_file(v, crash, sizeof crash);
    if (memcmp(r.boot, v->d->boot, 16) == 0)
        snprintf(text, sizeof text, "supervisor (blixard-vm) died%s", crash);
    else
        snprintf(text, sizeof text, "the host was rebooted");
    qemu_vm_observe(v, BX_OBSERVED_EXITED, true, text);
    return true;
}

/* ---- the connection ---- */

static void on_closed(uv_handle_t *h)
{
    struct qemu_driver *d = h->data;

    bx_free(h);
    qemu_driver_unref(d);
}

void qemu_vm_disconnect(struct qemu_vm *v)
{
    if (v->pipe == NULL)
        return;
    v->pipe->data = v->d;
    uv_close((uv_handle_t *)v->pipe, on_closed);
    v->pipe = NULL;
}

/* The shim runs the recorded run: it may get orders. The time of those that were requested before
 * begins now. */
static void confirm(struct qemu_vm *v)
{
    BX_DEBUG("driver", "its supervisor (blixard-vm) answers", "uuid", bx_uuid(v->id), "epoch",
             v->epoch);
    v->confirmed = true;
    v->answer_by = 0;
    if (v->stop_requested || v->kill_requested)
        v->answer_by = vm_now() + QEMU_SHIM_MS + (v->kill_requested ? 0 : v->stop_ms);
    qemu_vm_send_order(v);
}

/* A shim tells less by far, unless it is broken: that must not displace other events. */
static bool may_record(struct qemu_vm *v)
{
    uint64_t now = vm_now();

    if (now - v->told_since >= 1000) {
        v->told_since = now;
        v->told = 0;
    }
    if (v->told == QEMU_TOLD_MAX)
        return false;
    if (++v->told < QEMU_TOLD_MAX)
        return true;
    BX_WARNING("driver", "its supervisor (blixard-vm) tells too much, leaving out the rest", "uuid",
               bx_uuid(v->id), "epoch", v->epoch);
    return false;
}

/* QEMU tells on standard error mostly what is wrong. */
static void record_said(const struct qemu_vm *v, const char *line)
{
    if (strstr(line, ": info: ") != NULL || strstr(line, "terminating on signal") != NULL)
        BX_INFO("qemu", "QEMU said", "uuid", bx_uuid(v->id), "epoch", v->epoch, "line", line);
    else
        BX_WARNING("qemu", "QEMU said", "uuid", bx_uuid(v->id), "epoch", v->epoch, "line", line);
}

static void record_told(struct qemu_vm *v, const struct vm_status *s)
{
    if (s->event.kind != VM_EVENT_NONE && may_record(v))
        vm_event_record(&s->event, v->id, v->epoch);
    if (s->said[0] != '\0' && may_record(v))
        record_said(v, s->said);
}

static void on_status(void *ctx, struct json_t *o)
{
    struct qemu_vm *v = ctx;
    struct vm_status s;

    if (v->pipe == NULL)
        return; /* an earlier line of the same read ended the run */
    if (vm_status_read(o, &s) != BX_OK) {
        if (may_record(v))
            BX_ERROR("driver", "malformed status from its supervisor (blixard-vm)", "uuid",
                     bx_uuid(v->id));
        return;
    }
    if (v->unknown || memcmp(s.vm, v->id, 16) != 0 || s.epoch != v->epoch) {
        if (may_record(v))
            BX_ERROR("driver", "its lock is held by another run, leaving it alone", "uuid",
                     bx_uuid(v->id), "epoch", s.epoch, "pid", s.pid);
        v->unknown = true;
        v->answer_by = 0; /* a run that is not known is not killed */
        return;
    }
    if (!v->confirmed)
        confirm(v);
    if (s.reboots > v->reboots) {
        v->reboots = s.reboots;
        v->announce = true;
        qemu_vm_watch(v, 0);
    }
    record_told(v, &s);
    qemu_vm_observe(v, s.state, s.failed, s.message);
}

static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
    static char chunk[4096]; /* one loop: a read is handled before the next begins */

    (void)h;
    (void)suggested;
    *out = uv_buf_init(chunk, sizeof chunk);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *b)
{
    struct qemu_vm *v = stream->data;
    struct bx_err err;

    uint64_t before;
    int rc = BX_OK;

    if (n == 0)
        return;
    before = bx_rec_trace(v->trace);
    if (n > 0)
        rc = qmp_lines_feed(&v->lines, b->base, (size_t)n, on_status, v, &err);
    bx_rec_trace(before);
    if (n > 0 && rc == BX_OK)
        return;
    if (n > 0 && may_record(v))
        BX_ERROR("driver", "malformed line from its supervisor (blixard-vm)", "uuid",
                 bx_uuid(v->id), "err", err.msg);
    qemu_vm_disconnect(v);
    v->tries = 0;
    qemu_vm_watch(v, 1);
}

void qemu_vm_send_order(struct qemu_vm *v)
{
    struct vm_order order = {
        .kill = v->kill_requested, .timeout_ms = v->stop_ms, .trace = v->trace};
    char line[VM_LINE_MAX];
    uv_buf_t b;

    if (v->pipe == NULL || !v->confirmed || v->unknown ||
        (!v->stop_requested && !v->kill_requested))
        return;
    b = uv_buf_init(line, (unsigned)vm_order_write(&order, line));
    /* A full socket belongs to a shim that does not read: answer_by covers that. */
    if (uv_try_write((uv_stream_t *)v->pipe, &b, 1) != (int)b.len)
        BX_WARNING("driver", "can not send an order to its supervisor (blixard-vm)", "uuid",
                   bx_uuid(v->id));
}

/* What QEMU has put there, which may own the directory, is not the shim's. */
static void warn_not_the_shim(const struct qemu_vm *v)
{
    if (v->tries == 0)
        BX_ERROR("driver", "its socket is not that of its supervisor (blixard-vm)", "uuid",
                 bx_uuid(v->id), "file", VM_FILE_SHIM_SOCKET);
}

/* A connected socket, or -1. Through the descriptor of the socket's file: what has its name may be
 * replaced meanwhile, and the path may be too long for a socket. */
static int connect_to_shim(const struct qemu_vm *v)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int file = vm_socket_open(v->dir, VM_FILE_SHIM_SOCKET), fd;

    if (file < 0) {
        if (errno == EPERM)
            warn_not_the_shim(v);
        return -1;
    }
    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d", file);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        fd = -1;
    }
    close(file);
    return fd;
}

static void take_over(struct qemu_vm *v, int fd)
{
    struct ucred c;
    socklen_t n = sizeof c;
    uv_pipe_t *p = bx_calloc(1, sizeof *p);

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) != 0 || c.uid != geteuid()) {
        warn_not_the_shim(v);
        bx_free(p);
        close(fd);
        return;
    }
    if (p == NULL || uv_pipe_init(v->d->loop, p, 0) != 0) {
        bx_free(p);
        close(fd);
        return;
    }
    v->d->refs++;
    p->data = v;
    v->pipe = p;
    if (v->pidfd < 0)
        v->pidfd = pidfd_open(c.pid, 0);
    v->lines = (struct qmp_lines){.buf = v->buf, .cap = sizeof v->buf};
    if (uv_pipe_open(p, fd) != 0) {
        close(fd);
        qemu_vm_disconnect(v);
    } else if (uv_read_start((uv_stream_t *)p, on_alloc, on_read) != 0) {
        qemu_vm_disconnect(v);
    } else {
        qemu_vm_send_order(v);
    }
}

/* Connect, or find out that no process is left. */
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
        if (!qemu_vm_settle(v))
            qemu_vm_observe(v, BX_OBSERVED_EXITED, true, "no trace of the run was found");
        close(lock);
    } else if (v->unknown && vm_record_read(v->dir, VM_FILE_RECORD, &r, &err) == BX_OK &&
               memcmp(r.vm, v->id, 16) == 0 && memcmp(r.boot, v->d->boot, 16) == 0) {
        v->unknown = v->confirmed = false;
        v->epoch = r.epoch;
    }
}
