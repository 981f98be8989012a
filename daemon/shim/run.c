/* The poll loop: QEMU's monitor, its output, its end, the control socket, deadlines. */
#include "shim/shim.h"
#include "vmdir/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum slot {
    SLOT_LISTENER,
    SLOT_QMP,
    SLOT_CONSOLE,
    SLOT_ERRORS,
    SLOT_SIGNALS,
    SLOT_PID,
    SLOT_PEERS,
    SLOTS = SLOT_PEERS + SHIM_PEERS
};

static void enter(struct shim *s, enum bx_observed state)
{
    struct vm_event e = {.kind = VM_EVENT_STATE, .state = state};

    if (state <= s->status.state)
        return;
    snprintf(e.why, sizeof e.why, "%s", s->killed);
    shim_record(s, e);
    s->status.state = state;
    shim_peers_report(s);
}

void shim_kill(struct shim *s, bool failed, const char *why)
{
    if (s->killed[0] == '\0') {
        snprintf(s->killed, sizeof s->killed, "%s", why);
        s->kill_failed = failed;
    }
    s->ready_by = s->kill_by = 0;
    pidfd_send_signal(s->pidfd, SIGKILL, NULL, 0);
    enter(s, BX_OBSERVED_STOPPING);
}

void shim_stop(struct shim *s, uint32_t timeout_ms)
{
    uint64_t by = vm_now() + timeout_ms;
    bool first = !s->record.asked;
    struct bx_err err;

    s->record.asked = true;
    if (s->killed[0] != '\0')
        return;
    if (s->kill_by == 0 || by < s->kill_by) {
        s->kill_by = by;
        s->stop_ms = timeout_ms;
    }
    if (s->qmp.phase != QMP_READY) {
        shim_kill(s, false, "stopped before the guest was started");
        return;
    }
    enter(s, BX_OBSERVED_STOPPING);
    if (first && qmp_execute(&s->qmp, "quit", &err) != BX_OK)
        shim_kill(s, false, "killed: QEMU accepted no command");
}

static void count_reboots(struct shim *s)
{
    uint64_t now = vm_now();

    if (s->status.reboots == s->qmp.resets)
        return;
    s->status.reboots = s->qmp.resets;
    if (s->tell_by == 0)
        s->tell_by = s->told + SHIM_TELL_MS > now ? s->told + SHIM_TELL_MS : now;
}

static void on_qmp(struct shim *s)
{
    char why[VM_TEXT_MAX];
    struct bx_err err;
    int fd;

    if (qmp_read(&s->qmp, &err) != BX_OK) {
        snprintf(why, sizeof why, "QMP: %.200s", err.msg);
        qmp_close(&s->qmp);
        shim_kill(s, true, why);
        return;
    }
    count_reboots(s);
    if (s->qmp.phase == QMP_READY && s->ready_by != 0) {
        s->ready_by = 0;
        fd = vm_file_create(s->dir, VM_FILE_READY);
        if (fd >= 0) /* without it a daemon that is restarted says STARTING for a moment */
            close(fd);
        enter(s, BX_OBSERVED_RUNNING);
    }
    /* A QEMU without its monitor can not be asked to stop. It is about to exit, or broken. */
    if (s->qmp.phase == QMP_CLOSED && s->kill_by == 0) {
        s->kill_by = vm_now() + QMP_ANSWER_MS;
        s->stop_ms = 0;
    }
}

/* Tell the daemon what QEMU said last, unless it says very much. */
static void tell_line(struct shim *s)
{
    uint64_t now = vm_now();

    if (now - s->said_since >= 1000) {
        s->said_since = now;
        s->said = 0;
    }
    if (s->said++ >= SHIM_SAID_MAX)
        return;
    snprintf(s->status.said, sizeof s->status.said, "%s", s->last_error);
    shim_peers_report(s);
}

/* Keep the last line that is not empty; control characters become spaces, as it goes into messages.
 */
static void keep_last_line(struct shim *s, const char *p, size_t n)
{
    size_t i, end = n, from;

    while (end > 0 && (p[end - 1] == '\n' || p[end - 1] == '\r'))
        end--;
    for (from = end; from > 0 && p[from - 1] != '\n'; from--)
        ;
    if (end == from)
        return;
    if (end - from > VM_SAID_MAX - 1)
        end = from + VM_SAID_MAX - 1;
    for (i = 0; i < end - from; i++)
        s->last_error[i] = p[from + i] >= ' ' && p[from + i] <= '~' ? p[from + i] : ' ';
    s->last_error[i] = '\0';
    tell_line(s);
}

/* Copy what a pipe holds into its log; at most 1 MiB at a time, so that a guest with much output
 * does not delay the rest. */
static void drain(struct shim *s, int *fd, struct vm_log *log)
{
    char chunk[16384];
    ssize_t n;
    int turns;

    for (turns = 0; turns < 64 && *fd >= 0; turns++) {
        n = read(*fd, chunk, sizeof chunk);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            close(*fd);
            *fd = -1;
            return;
        }
        vm_log_write(log, chunk, (size_t)n);
        if (log == &s->qemu_log)
            keep_last_line(s, chunk, (size_t)n);
    }
}

static void on_signal(struct shim *s)
{
    struct signalfd_siginfo info;

    if (read(s->signals, &info, sizeof info) == (ssize_t)sizeof info)
        shim_stop(s, s->grace_ms);
}

static void on_exit_of_qemu(struct shim *s)
{
    struct bx_err err;
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)s->pidfd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return;
    (void)qmp_read(&s->qmp, &err); /* the reason may still be unread */
    count_reboots(s);
    drain(s, &s->console_pipe, &s->console);
    drain(s, &s->errors_pipe, &s->qemu_log);
    shim_end(s, info.si_code, info.si_status);
}

static void check_deadlines(struct shim *s, uint64_t now)
{
    char why[VM_TEXT_MAX];

    if (s->killed[0] != '\0')
        return;
    if (s->tell_by != 0 && now >= s->tell_by) {
        s->tell_by = 0;
        s->told = now;
        shim_peers_report(s);
    }
    if (s->ready_by != 0 && now >= s->ready_by) {
        snprintf(why, sizeof why, "QEMU was not ready within %u s", SHIM_READY_MS / 1000);
        shim_kill(s, true, why);
    } else if (s->qmp.answer_by != 0 && now >= s->qmp.answer_by) {
        snprintf(why, sizeof why, "killed: QMP did not answer %s within %u s", s->qmp.command,
                 QMP_ANSWER_MS / 1000);
        shim_kill(s, !s->record.asked, why);
    } else if (s->kill_by != 0 && now >= s->kill_by) {
        if (s->record.asked)
            snprintf(why, sizeof why, "killed: it did not stop within %u ms", s->stop_ms);
        else
            snprintf(why, sizeof why, "killed: QEMU closed its monitor and did not exit");
        shim_kill(s, !s->record.asked, why);
    }
}

static int timeout(const struct shim *s, uint64_t now)
{
    const uint64_t all[] = {s->ready_by, s->kill_by, s->qmp.answer_by, s->tell_by};
    uint64_t next = UINT64_MAX;
    size_t i;

    if (s->killed[0] != '\0')
        return -1;
    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] != 0 && all[i] < next)
            next = all[i];
    if (next == UINT64_MAX)
        return -1;
    if (next <= now)
        return 0;
    return next - now > 3600000 ? 3600000 : (int)(next - now);
}

static void dispatch(struct shim *s, const struct pollfd *fds)
{
    size_t i;

    /* QEMU's exit comes last: what it wrote before counts. */
    if (fds[SLOT_CONSOLE].revents != 0)
        drain(s, &s->console_pipe, &s->console);
    if (fds[SLOT_ERRORS].revents != 0)
        drain(s, &s->errors_pipe, &s->qemu_log);
    if (fds[SLOT_QMP].revents != 0)
        on_qmp(s);
    for (i = 0; i < SHIM_PEERS; i++)
        if (fds[SLOT_PEERS + i].revents != 0 && s->peers[i].fd >= 0)
            shim_peers_read(s, &s->peers[i]);
    if (fds[SLOT_LISTENER].revents != 0)
        shim_peers_accept(s);
    if (fds[SLOT_SIGNALS].revents != 0)
        on_signal(s);
    if (fds[SLOT_PID].revents != 0)
        on_exit_of_qemu(s);
}

void shim_run(struct shim *s)
{
    struct pollfd fds[SLOTS];
    size_t i;

    s->status.pid = (uint32_t)s->pid;
    shim_record(s, (struct vm_event){.kind = VM_EVENT_STARTED, .pid = s->status.pid});
    s->ready_by = vm_now() + SHIM_READY_MS;
    while (!s->done) {
        memset(fds, 0, sizeof fds);
        fds[SLOT_LISTENER].fd = s->listener;
        fds[SLOT_QMP].fd = s->qmp.fd;
        fds[SLOT_CONSOLE].fd = s->console_pipe;
        fds[SLOT_ERRORS].fd = s->errors_pipe;
        fds[SLOT_SIGNALS].fd = s->signals;
        fds[SLOT_PID].fd = s->pidfd;
        for (i = 0; i < SHIM_PEERS; i++)
            fds[SLOT_PEERS + i].fd = s->peers[i].fd;
        for (i = 0; i < SLOTS; i++)
            fds[i].events = POLLIN;
        if (poll(fds, SLOTS, timeout(s, vm_now())) > 0)
            dispatch(s, fds);
        if (!s->done)
            check_deadlines(s, vm_now());
    }
}
