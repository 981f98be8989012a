/* The beginning of a supervisor: detached from its parent, with the lock and the control socket. */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

void shim_init(struct shim *s)
{
    *s = (struct shim){.lock = VM_FD_LOCK,
                       .grace_ms = SHIM_GRACE_MS,
                       .kernel = -1,
                       .initrd = -1,
                       .dir = -1,
                       .listener = -1,
                       .qemu_qmp = -1,
                       .console_pipe = -1,
                       .errors_pipe = -1,
                       .pidfd = -1,
                       .signals = -1,
                       .qmp = {.fd = -1}};
}

/* Keep no descriptor of the parent but those that are meant for this process. */
static void close_others(const struct shim *s)
{
    const int keep[] = {s->lock, s->kernel, s->initrd};
    int from = 3;

    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++) { /* in ascending order */
        if (keep[i] > from)
            close_range((unsigned)from, (unsigned)keep[i] - 1, 0);
        from = keep[i] < 0 ? from : keep[i] + 1;
    }
    close_range((unsigned)from, UINT_MAX, 0);
}

/* A new session, no terminal signals; the VM's directory is the working directory. */
static int detach(struct shim *s, struct bx_err *err)
{
    sigset_t term;

    (void)setsid(); /* fails when it leads one already */
    umask(077);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_SETMASK, &term, NULL);
    s->signals = signalfd(-1, &term, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals < 0 || chdir(s->dir_path) != 0)
        return bx_err_set(err, BX_IO, "%s: %s", s->dir_path, strerror(errno));
    s->dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return bx_err_set(err, BX_IO, "%s: %s", s->dir_path, strerror(errno));
    return BX_OK;
}

static int take_lock(struct shim *s, struct bx_err *err)
{
    if (fcntl(s->lock, F_SETFD, FD_CLOEXEC) != 0)
        return bx_err_set(err, BX_INVALID, "descriptor %d, the lock: %s", s->lock, strerror(errno));
    return vm_lock_confirm(s->dir, s->lock, err);
}

int shim_open(struct shim *s, struct bx_err *err)
{
    int rc;

    shim_record_open(s->trace);
    close_others(s);
    rc = shim_inherit_open(s, err); /* before other descriptors get its numbers */
    if (rc == BX_OK)
        rc = detach(s, err);
    if (rc == BX_OK)
        rc = take_lock(s, err);
    if (rc == BX_OK)
        shim_crash_open(s);
    if (rc == BX_OK)
        rc = vm_boot_id(s->record.boot, err);
    if (rc == BX_OK)
        rc = shim_peers_open(s, err);
    return rc;
}
