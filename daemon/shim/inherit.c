/* What QEMU inherits. Nobody can change a kernel once it was read: it is copied into memory and
 * sealed, so that QEMU, which may run as another user, opens it by /proc/self/fd. */
#include "shim/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* Copy as much as the file has now. */
static bool copy(int from, int to)
{
    struct stat st;
    off_t at = 0;

    if (fstat(from, &st) != 0)
        return false;
    while (at < st.st_size) {
        ssize_t n = sendfile(to, from, &at, (size_t)(st.st_size - at));

        errno = n == 0 ? EIO : errno; /* it became shorter meanwhile */
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
    }
    return true;
}

/* Replace the descriptor of a file by one of a sealed copy. */
static int seal(int fd, const char *name, struct bx_err *err)
{
    int memory;
    bool done;

    if (fd < 0)
        return BX_OK;
    memory = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    done = memory >= 0 && copy(fd, memory) && fcntl(memory, F_ADD_SEALS, SEALS) == 0 &&
           dup3(memory, fd, O_CLOEXEC) == fd;
    if (!done)
        bx_err_set(err, BX_INVALID, "cannot read the %s: %s", name, strerror(errno));
    if (memory >= 0)
        close(memory);
    return done ? BX_OK : BX_INVALID;
}

static int open_monitor(struct shim *s, struct bx_err *err)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return bx_err_set(err, BX_IO, "cannot create a socket: %s", strerror(errno));
    /* Our end may have the number that QEMU's has to get. */
    if (ends[0] == VM_FD_QMP) {
        ends[0] = ends[1];
        ends[1] = VM_FD_QMP;
    } else if (ends[1] != VM_FD_QMP && dup3(ends[1], VM_FD_QMP, O_CLOEXEC) == VM_FD_QMP) {
        close(ends[1]);
        ends[1] = VM_FD_QMP;
    }
    qmp_open(&s->qmp, ends[0]);
    s->qemu_qmp = ends[1];
    if (ends[1] != VM_FD_QMP || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        return bx_err_set(err, BX_IO, "cannot set up a socket: %s", strerror(errno));
    return BX_OK;
}

int shim_inherit_open(struct shim *s, struct bx_err *err)
{
    int rc = open_monitor(s, err);

    if (rc == BX_OK)
        rc = seal(s->kernel, "kernel", err);
    if (rc == BX_OK)
        rc = seal(s->initrd, "initrd", err);
    return rc;
}

bool shim_inherit_pass(const struct shim *s)
{
    const int all[] = {s->lock, s->qemu_qmp, s->kernel, s->initrd};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i] >= 0 && fcntl(all[i], F_SETFD, 0) != 0)
            return false;
    return true;
}

void shim_inherit_close(struct shim *s)
{
    int *const all[] = {&s->qemu_qmp, &s->kernel, &s->initrd};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (*all[i] >= 0)
            close(*all[i]);
        *all[i] = -1;
    }
}
