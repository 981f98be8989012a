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
    *s = (struct shim){.lock = -1,
                       .grace_ms = SHIM_GRACE_MS,
                       .dir = -1,
                       .listener = -1,
                       .qmp_listener = -1,
                       .console_pipe = -1,
                       .errors_pipe = -1,
                       .pidfd = -1,
                       .signals = -1,
                       .qmp = {.fd = -1}};
}

/* Keep nothing of the parent but the lock: a new session, no other descriptor, no terminal signals;
 * the VM's directory is the working directory. */
static int detach(struct shim *s, struct bx_err *err)
{
    unsigned lock = s->lock < 0 ? 2 : (unsigned)s->lock;
    sigset_t term;

    (void)setsid(); /* fails when it leads one already */
    if (lock > 3)
        close_range(3, lock - 1, 0);
    close_range(lock + 1, UINT_MAX, 0);
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
    if (s->lock < 0)
        return vm_lock_take(s->dir, &s->lock, err);
    if (fcntl(s->lock, F_SETFD, FD_CLOEXEC) != 0)
        return bx_err_set(err, BX_INVALID, "--lock-fd %d: %s", s->lock, strerror(errno));
    return vm_lock_confirm(s->dir, s->lock, err);
}

int shim_open(struct shim *s, struct bx_err *err)
{
    int rc = detach(s, err);

    if (rc == BX_OK)
        rc = take_lock(s, err);
    if (rc == BX_OK)
        rc = vm_boot_id(s->record.boot, err);
    if (rc == BX_OK)
        rc = shim_peers_open(s, err);
    return rc;
}
