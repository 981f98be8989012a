#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PASS_BYTES (8u << 20) /* given back at a time */

/* What the handler needs. Only the thread that reads the file changes it, and the signal is raised
 * by a load of the same thread. */
static struct {
    uint8_t *p;
    size_t n;
    volatile size_t lost; /* from this byte on; n: nothing */
    size_t page;
} current;

/* Put zeros where the file can not be read, up to its end: a reader goes on, meets items without
 * a sound checksum, and is told of the rest afterwards. mmap is a plain system call. */
static void on_bus_error(int signal_number, siginfo_t *info, void *context)
{
    size_t at = (size_t)((uint8_t *)info->si_addr - current.p) & ~(current.page - 1);

    (void)context;
    if (current.p == NULL || info->si_code <= 0 || (uint8_t *)info->si_addr < current.p ||
        at >= current.n ||
        mmap(current.p + at, current.n - at, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
             0) == MAP_FAILED) {
        signal(signal_number, SIG_DFL);
        raise(signal_number); /* once this returns, it ends the program */
        return;
    }
    if (at < current.lost)
        current.lost = at;
}

static int fail(struct bx_err *err, const char *path)
{
    bool denied = errno == EACCES || errno == EPERM;
    int code = errno == ENOENT ? BX_NOT_FOUND : denied ? BX_DENIED : BX_IO;

    bx_err_set(err, code, "%s: %s", path, strerror(errno));
    bx_err_hint(err, denied ? "use root or the account that runs blixardd, or copy the file"
                            : "pass a file of recorded events, such as DATA/recorder/crash-*.bxr");
    return code;
}

static int map(struct mapped *m, int fd, const char *path, struct bx_err *err)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) != 0)
        return fail(err, path);
    if (!S_ISREG(st.st_mode)) {
        bx_err_set(err, BX_INVALID, "%s: not a regular file", path);
        bx_err_hint(err, "copy it to a file first");
        return BX_INVALID;
    }
    if (st.st_size == 0) /* which can not be mapped */
        return BX_OK;
    p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED)
        return fail(err, path);
    madvise(p, (size_t)st.st_size, MADV_SEQUENTIAL);
    *m = (struct mapped){.p = p, .n = (size_t)st.st_size};
    return BX_OK;
}

int mapped_open(struct mapped *m, const char *path, struct bx_err *err)
{
    struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc; /* a FIFO may have no writer */

    *m = (struct mapped){0};
    if (fd < 0)
        return fail(err, path);
    rc = map(m, fd, path, err);
    close(fd);
    if (rc != BX_OK)
        return rc;
    current.p = (uint8_t *)m->p;
    current.n = current.lost = m->n;
    current.page = (size_t)sysconf(_SC_PAGESIZE);
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
    return BX_OK;
}

void mapped_pass(struct mapped *m, size_t at)
{
    if (at < m->passed) /* it is read again */
        m->passed = 0;
    while (at - m->passed > PASS_BYTES) {
        madvise((uint8_t *)m->p + m->passed, PASS_BYTES, MADV_DONTNEED);
        m->passed += PASS_BYTES;
    }
}

bool mapped_lost(const struct mapped *m, size_t *from)
{
    *from = current.lost;
    return m->p != NULL && current.lost < m->n;
}

void mapped_close(struct mapped *m)
{
    if (m->p != NULL) {
        signal(SIGBUS, SIG_DFL);
        current.p = NULL;
        munmap((uint8_t *)m->p, m->n);
    }
    *m = (struct mapped){0};
}
