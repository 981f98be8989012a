/* QEMU's process, up to the exec.
 *
 * The child waits at a gate (a pipe) while the parent writes the record; only then does it execute
 * QEMU. When the parent dies or fails before that the pipe is closed without a byte, and the child
 * exits. */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct pipes {
    int gate[2], out[2], errors[2];
};

static int pipes_open(struct pipes *p)
{
    int *const all[] = {p->gate, p->out, p->errors};
    size_t i;

    memset(p, 0xff, sizeof *p);
    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        if (pipe2(all[i], O_CLOEXEC) != 0)
            return -1;
    return 0;
}

/* The child's only way out besides exec. */
_Noreturn static void give_up(const char *what)
{
    char line[VM_TEXT_MAX];
    int n = snprintf(line, sizeof line, "cannot execute %s: %s\n", what, strerror(errno));

    if (n > 0 && write(2, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1) < 0)
        _exit(126);
    _exit(127);
}

/* From here on nothing that is executed gets rights, by its mode or otherwise. */
static bool become_user(const struct shim *s)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (s->user == 0)
        return true;
    return setgroups(s->group == 0 ? 0 : 1, &s->group) == 0 &&
           setresgid(s->user, s->user, s->user) == 0 && setresuid(s->user, s->user, s->user) == 0;
}

_Noreturn static void child(const struct shim *s, const struct pipes *p, pid_t parent)
{
    sigset_t none;
    char go;
    int null;

    if (!become_user(s))
        give_up("QEMU as its user");
    /* After the user, whose change clears it. It is not sent for a parent that died before. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
        _exit(127);
    close(p->gate[1]);
    if (read(p->gate[0], &go, 1) != 1)
        _exit(127);
    null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, 0) < 0 || dup2(p->out[1], 1) < 0 || dup2(p->errors[1], 2) < 0)
        _exit(127);
    if (!shim_inherit_pass(s))
        give_up("QEMU with its descriptors");
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execvp(s->command[0], s->command);
    give_up(s->command[0]);
}

static int keep(struct shim *s, struct pipes *p)
{
    close(p->gate[0]);
    close(p->out[1]);
    close(p->errors[1]);
    p->gate[0] = p->out[1] = p->errors[1] = -1;
    shim_inherit_close(s);
    s->console_pipe = p->out[0];
    s->errors_pipe = p->errors[0];
    if (fcntl(s->console_pipe, F_SETFL, O_NONBLOCK) != 0 ||
        fcntl(s->errors_pipe, F_SETFL, O_NONBLOCK) != 0)
        return -1;
    s->pidfd = pidfd_open(s->pid, 0);
    return s->pidfd < 0 ? -1 : 0;
}

int shim_spawn(struct shim *s, struct bx_err *err)
{
    struct pipes p;
    pid_t self = getpid();
    int rc;

    rc = vm_log_open(&s->console, s->dir, VM_FILE_CONSOLE, SHIM_CONSOLE_BYTES, err);
    if (rc == BX_OK)
        rc = vm_log_open(&s->qemu_log, s->dir, VM_FILE_QEMU_LOG, SHIM_QEMU_LOG_BYTES, err);
    if (rc != BX_OK)
        return rc;
    if (pipes_open(&p) != 0)
        return bx_err_set(err, BX_IO, "cannot create pipes: %s", strerror(errno));
    s->pid = fork();
    if (s->pid == 0)
        child(s, &p, self);
    if (s->pid < 0)
        return bx_err_set(err, BX_IO, "cannot fork: %s", strerror(errno));
    if (keep(s, &p) != 0) {
        rc = bx_err_set(err, BX_IO, "cannot watch QEMU: %s", strerror(errno));
        goto fail;
    }
    s->record.pid = (uint32_t)s->pid;
    s->record.start = vm_start_time(s->pid);
    rc = vm_record_write(s->dir, VM_FILE_RECORD, &s->record, err);
    if (rc != BX_OK)
        goto fail;
    if (write(p.gate[1], "", 1) != 1) {
        rc = bx_err_set(err, BX_FAILED, "QEMU's process died before exec");
        goto fail;
    }
    close(p.gate[1]);
    return BX_OK;

fail:
    close(p.gate[1]); /* the child reads the end of the file, and exits */
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    unlinkat(s->dir, VM_FILE_RECORD, 0);
    return rc;
}
