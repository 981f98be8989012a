#include "sys/secret_file.h"

#include "sys/disk_fs.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* Open the directory of path; *name is the rest of it. */
static int open_dir(const char *path, struct bx_fs **fs, const char **name, struct bx_err *err)
{
    const char *slash = strrchr(path, '/');
    char dir[PATH_MAX];

    *name = slash == NULL ? path : slash + 1;
    if (strlen(path) >= sizeof dir || strlen(*name) > NAME_MAX - 4) /* room for ".tmp" */
        return bx_err_set(err, BX_INVALID, "the path is too long: %s", path);
    if (slash == NULL)
        snprintf(dir, sizeof dir, ".");
    else
        snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    return disk_fs_open(fs, dir, err);
}

/* ---- saving ---- */

/* An earlier one that was left behind may have any mode. */
static int write_file(struct bx_fs *fs, const char *name, const void *p, size_t n,
                      struct bx_err *err)
{
    int fd, rc = fs->ops->open(fs, name, BX_FS_CREATE | BX_FS_TRUNC, &fd);

    if (rc != 0)
        return bx_fs_fail(fs, rc, "create", name, err);
    rc = fchmod(fd, 0600) == 0 ? 0 : -errno;
    if (rc == 0)
        rc = fs->ops->write(fs, fd, p, n, 0);
    if (rc != 0)
        rc = bx_fs_fail(fs, rc, "write", name, err);
    else if ((rc = fs->ops->sync(fs, fd)) != 0)
        rc = bx_fs_sync_fail(fs, rc, name, err);
    fs->ops->close(fs, fd);
    return rc;
}

int secret_file_save(const char *path, const void *p, size_t n, struct bx_err *err)
{
    const char *name;
    char tmp[NAME_MAX + 1];
    struct bx_fs *fs;
    int rc = open_dir(path, &fs, &name, err);

    assert(n <= SECRET_FILE_MAX);
    if (rc != BX_OK)
        return rc;
    snprintf(tmp, sizeof tmp, "%.*s.tmp", (int)(NAME_MAX - 4), name);
    rc = write_file(fs, tmp, p, n, err);
    if (rc == BX_OK) {
        rc = fs->ops->rename(fs, tmp, name);
        if (rc == 0)
            rc = fs->ops->sync_dir(fs);
        if (rc != 0)
            rc = bx_fs_fail(fs, rc, "create", name, err);
    }
    if (rc != BX_OK)
        fs->ops->unlink(fs, tmp);
    disk_fs_close(fs);
    return rc;
}

/* ---- loading ---- */

static int check(int fd, const char *path, size_t max, size_t *n, struct bx_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return bx_err_set(err, BX_INVALID, "%s: not a regular file", path);
    if ((st.st_mode & 077) != 0) {
        bx_err_set(err, BX_DENIED, "%s: other users may read it (mode %04o)", path,
                   (unsigned)st.st_mode & 07777);
        bx_err_hint(err, "chmod 600 %s; if others may have read it, replace the key", path);
        return BX_DENIED;
    }
    if ((uint64_t)st.st_size > max)
        return bx_err_set(err, BX_INVALID, "%s: larger than %zu bytes", path, max);
    *n = (size_t)st.st_size;
    return BX_OK;
}

int secret_file_load(const char *path, void *p, size_t max, size_t *n, struct bx_err *err)
{
    const char *name;
    struct bx_fs *fs;
    size_t size = 0;
    int fd, rc = open_dir(path, &fs, &name, err);

    if (rc != BX_OK)
        return rc;
    rc = fs->ops->open(fs, name, 0, &fd);
    if (rc != 0) {
        bx_fs_fail(fs, rc, "open", name, err);
        disk_fs_close(fs);
        return rc == -ENOENT ? bx_err_set(err, BX_NOT_FOUND, "%s: no such file", path) : BX_IO;
    }
    rc = check(fd, path, max, &size, err);
    if (rc == BX_OK) {
        rc = fs->ops->read(fs, fd, p, size, 0);
        if (rc != 0)
            rc = bx_fs_fail(fs, rc, "read", name, err);
        else
            *n = size;
    }
    fs->ops->close(fs, fd);
    disk_fs_close(fs);
    return rc;
}

int secret_file_load_key(const char *path, struct pki_key **out, struct bx_err *err)
{
    uint8_t der[PKI_KEY_MAX];
    size_t n;
    int rc = secret_file_load(path, der, sizeof der, &n, err);

    if (rc == BX_OK) {
        rc = pki_key_read(der, n, out, err);
        if (rc != BX_OK)
            bx_err_wrap(err, "%s", path);
    }
    pki_wipe(der, sizeof der);
    return rc;
}

int secret_file_save_key(const char *path, const struct pki_key *k, struct bx_err *err)
{
    uint8_t der[PKI_KEY_MAX];
    size_t n;
    int rc = pki_key_write(k, der, &n, err);

    if (rc == BX_OK)
        rc = secret_file_save(path, der, n, err);
    pki_wipe(der, sizeof der);
    return rc;
}
