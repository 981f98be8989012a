#include "sys/data.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"

static int refuse(const char *dir, struct bx_err *err)
{
    int e = errno;

    bx_err_set(err, e == ENOSPC ? BX_NO_SPACE : BX_IO, "--data %s: %s", dir, strerror(e));
    if (e == ENOENT)
        bx_err_hint(err,
                    "blixardd creates only the last directory of the path; create its parents");
    else
        bx_err_hint(err, "use a directory that blixardd can write to, on a disk with free space");
    return e == ENOSPC ? BX_NO_SPACE : BX_IO;
}

static int refuse_second(int fd, const char *dir, struct bx_err *err)
{
    char pid[24] = "";
    ssize_t n = pread(fd, pid, sizeof pid - 1, 0);

    pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
    bx_err_set(err, BX_CONFLICT, "--data %s: in use by another blixardd (pid %s)", dir,
               pid[0] == '\0' ? "unknown" : pid);
    bx_err_hint(err, "stop that daemon, or use another directory");
    return BX_CONFLICT;
}

static int take_lock(int fd, const char *dir, struct bx_err *err)
{
    char pid[24];
    int n;

    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? refuse_second(fd, dir, err) : refuse(dir, err);
    /* The pid is only information for the message above; the lock does not depend on it. */
    n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
        return refuse(dir, err);
    return BX_OK;
}

/* Other users may pass through the directory, to the socket and to VMs of theirs, and read nothing.
 * What was closed by hand stays closed. */
static int restrict_dir(int at, bool made)
{
    struct stat st;

    if (made)
        return fchmod(at, 0711);
    if (fstat(at, &st) != 0)
        return -1;
    return st.st_uid != geteuid() || (st.st_mode & 066) == 0 ? 0 : fchmod(at, st.st_mode & 0711);
}

/* Earlier versions left the state readable, behind a directory that was closed to others. */
static int restrict_files(int at)
{
    static const char *const names[] = {"state.db", "state.db-wal", "state.db-shm"};
    struct stat st;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (fstatat(at, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
            (st.st_mode & 077) != 0 && fchmodat(at, names[i], 0600, 0) != 0)
            return -1;
    return 0;
}

int data_open(char *dir, size_t size, int *lock, struct bx_err *err)
{
    bool made = mkdir(dir, 0700) == 0;
    char path[PATH_MAX];
    int at, rc;

    *lock = -1;
    if ((!made && errno != EEXIST) || realpath(dir, path) == NULL)
        return refuse(dir, err);
    if ((size_t)snprintf(dir, size, "%s", path) >= size)
        return bx_err_set(err, BX_INVALID, "--data: the path is too long");
    at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (at >= 0 && restrict_dir(at, made) == 0 && restrict_files(at) == 0)
        *lock = openat(at, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*lock < 0)
        rc = refuse(dir, err);
    else
        rc = take_lock(*lock, dir, err);
    if (at >= 0)
        close(at);
    if (rc != BX_OK && *lock >= 0) {
        close(*lock);
        *lock = -1;
    }
    return rc;
}
