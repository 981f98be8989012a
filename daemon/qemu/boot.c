/* Kernels and initial ramdisks.
 *
 * A user names them by path, and root opens them. So only files in the boot directories, which the
 * host's own configuration names, are opened: component by component below one of them, without
 * following links, so that no path leads out. Each is opened once; the descriptor is what is
 * checked, and what the guest gets. */
#include "qemu/priv.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The part of path behind "DIR/", for one of the directories; NULL: it is in none of them. */
static const char *find_dir(const char *dirs, const char *path, char dir[PATH_MAX])
{
    size_t n;

    for (;; dirs += n + 1) {
        n = strcspn(dirs, ":");
        if (n > 0 && n < PATH_MAX && strncmp(path, dirs, n) == 0 && path[n] == '/') {
            snprintf(dir, PATH_MAX, "%.*s", (int)n, dirs);
            return path + n + 1;
        }
        if (dirs[n] == '\0')
            return NULL;
    }
}

static int refuse(const char *path, const char *dirs, struct bx_err *err)
{
    bx_err_set(err, BX_DENIED,
               "%.100s is not in a boot directory of this node (%.100s): copy it there, or set "
               "--boot-dir",
               path, dirs);
    return BX_DENIED;
}

/* Why a component could not be opened. A link that is not followed is ENOTDIR where a directory
 * was wanted. */
static int explain(int at, const char *name, const char *path, struct bx_err *err)
{
    int error = errno;
    struct stat st;

    if ((error == ELOOP || error == ENOTDIR) && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(st.st_mode))
        return bx_err_set(err, BX_DENIED, "%s: symbolic links are not followed", path);
    if (error == ENOENT || error == ENOTDIR)
        return bx_err_set(err, BX_NOT_FOUND, "no such file: %s", path);
    return bx_err_set(err, BX_IO, "%s: %s", strerror(error), path);
}

/* Replace *at by its entry of that name. A file is opened without waiting: it may be a pipe. */
static int step(int *at, const char *name, bool last, const char *path, struct bx_err *err)
{
    int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY, fd;
    int rc = BX_OK;

    if (strcmp(name, ".") == 0 || name[0] == '\0')
        return BX_OK;
    if (strcmp(name, "..") == 0)
        return bx_err_set(err, BX_DENIED, "%s: \"..\" is not allowed", path);
    fd = openat(*at, name, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        rc = explain(*at, name, path, err);
    close(*at);
    *at = fd;
    return rc;
}

static int walk(int *at, const char *rest, const char *path, struct bx_err *err)
{
    char name[NAME_MAX + 1];
    int rc = BX_OK;
    size_t n;

    for (; rc == BX_OK; rest += n + 1) {
        n = strcspn(rest, "/");
        if (n > NAME_MAX)
            return bx_err_set(err, BX_NOT_FOUND, "no such file: %s", path);
        memcpy(name, rest, n);
        name[n] = '\0';
        rc = step(at, name, rest[n] == '\0', path, err);
        if (rest[n] == '\0')
            break;
    }
    return rc;
}

static int check(int fd, uint64_t max, const char *path, struct bx_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return bx_err_set(err, BX_IO, "%s: %s", strerror(errno), path);
    if (!S_ISREG(st.st_mode))
        return bx_err_set(err, BX_DENIED, "not a regular file: %s", path);
    if (st.st_size == 0)
        return bx_err_set(err, BX_INVALID, "%s is empty", path);
    if ((uint64_t)st.st_size > max)
        return bx_err_set(err, BX_TOO_LARGE, "%s is larger than the memory of the VM", path);
    return BX_OK;
}

int qemu_boot_open(const char *dirs, struct bx_str file, uint64_t max, int *fd, struct bx_err *err)
{
    char path[BX_PATH_LEN_MAX + 1], dir[PATH_MAX];
    const char *rest;
    int rc;

    *fd = -1;
    snprintf(path, sizeof path, BX_STR_FMT, BX_STR_ARG(file));
    rest = find_dir(dirs, path, dir);
    if (rest == NULL)
        return refuse(path, dirs, err);
    *fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return explain(AT_FDCWD, dir, path, err);
    rc = walk(fd, rest, path, err);
    if (rc == BX_OK)
        rc = check(*fd, max, path, err);
    if (rc != BX_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    return rc;
}
