#include "sys/disk_fs.h"

#include "mem/alloc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

struct disk_fs {
    struct bx_fs fs;
    int fd; /* descriptor of the directory */
    char dir[];
};

static int dir_of(struct bx_fs *fs)
{
    return ((struct disk_fs *)fs)->fd;
}

static int disk_open(struct bx_fs *fs, const char *name, int flags, int *fd)
{
    int how = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

    if (flags & BX_FS_CREATE)
        how |= O_CREAT;
    if (flags & BX_FS_EXCL)
        how |= O_EXCL;
    if (flags & BX_FS_TRUNC)
        how |= O_TRUNC;
    do
        *fd = openat(dir_of(fs), name, how, 0600);
    while (*fd < 0 && errno == EINTR);
    return *fd < 0 ? -errno : 0;
}

static void disk_close(struct bx_fs *fs, int fd)
{
    (void)fs;
    close(fd); /* data was synced before */
}

static int disk_size(struct bx_fs *fs, int fd, uint64_t *size)
{
    struct stat st;

    (void)fs;
    if (fstat(fd, &st) != 0)
        return -errno;
    *size = (uint64_t)st.st_size;
    return 0;
}

static int disk_read(struct bx_fs *fs, int fd, void *p, size_t n, uint64_t offset)
{
    uint8_t *at = p;

    (void)fs;
    while (n > 0) {
        ssize_t got = pread(fd, at, n, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -EIO; /* the file is shorter than expected */
        at += got;
        n -= (size_t)got;
        offset += (uint64_t)got;
    }
    return 0;
}

static int disk_write(struct bx_fs *fs, int fd, const void *p, size_t n, uint64_t offset)
{
    const uint8_t *at = p;

    (void)fs;
    while (n > 0) {
        ssize_t done = pwrite(fd, at, n, (off_t)offset);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        at += done;
        n -= (size_t)done;
        offset += (uint64_t)done;
    }
    return 0;
}

/* fdatasync also writes a changed size. Never retried. */
static int disk_sync(struct bx_fs *fs, int fd)
{
    (void)fs;
    return fdatasync(fd) == 0 ? 0 : -errno;
}

static int disk_rename(struct bx_fs *fs, const char *from, const char *to)
{
    return renameat(dir_of(fs), from, dir_of(fs), to) == 0 ? 0 : -errno;
}

static int disk_unlink(struct bx_fs *fs, const char *name)
{
    return unlinkat(dir_of(fs), name, 0) == 0 ? 0 : -errno;
}

static int disk_sync_dir(struct bx_fs *fs)
{
    return fsync(dir_of(fs)) == 0 ? 0 : -errno;
}

static int disk_list(struct bx_fs *fs, void (*each)(void *ctx, const char *name), void *ctx)
{
    int fd = openat(dir_of(fs), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    if (dir == NULL) {
        rc = -errno;
        if (fd >= 0)
            close(fd);
        return rc;
    }
    while (errno = 0, (e = readdir(dir)) != NULL) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            each(ctx, e->d_name);
    }
    rc = -errno;
    closedir(dir);
    return rc;
}

/* What the file system reserves for root does not count. */
static int disk_space(struct bx_fs *fs, uint64_t *free)
{
    struct statvfs st;

    if (fstatvfs(dir_of(fs), &st) != 0)
        return -errno;
    *free = (uint64_t)st.f_bavail * st.f_frsize;
    return 0;
}

static int disk_reserve(struct bx_fs *fs, int fd, uint64_t size)
{
    int e;

    (void)fs;
    do
        e = posix_fallocate(fd, 0, (off_t)size);
    while (e == EINTR);
    return -e;
}

static const struct bx_fs_ops ops = {
    .open = disk_open,
    .close = disk_close,
    .size = disk_size,
    .read = disk_read,
    .write = disk_write,
    .sync = disk_sync,
    .rename = disk_rename,
    .unlink = disk_unlink,
    .sync_dir = disk_sync_dir,
    .list = disk_list,
    .space = disk_space,
    .reserve = disk_reserve,
};

int disk_fs_open(struct bx_fs **fs, const char *dir, struct bx_err *err)
{
    size_t n = strlen(dir) + 1;
    struct disk_fs *d = bx_alloc(sizeof *d + n);

    *fs = NULL;
    if (d == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory while opening %s", dir);
    memcpy(d->dir, dir, n);
    d->fs = (struct bx_fs){.ops = &ops, .dir = d->dir};
    d->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0) {
        bx_err_set(err, BX_IO, "open %s: %m", dir);
        bx_free(d);
        return BX_IO;
    }
    *fs = &d->fs;
    return BX_OK;
}

void disk_fs_close(struct bx_fs *fs)
{
    if (fs == NULL)
        return;
    close(dir_of(fs));
    bx_free(fs);
}
