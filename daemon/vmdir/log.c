#include "vmdir/log.h"

#include "vmdir/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void older(const char *name, char out[64])
{
    snprintf(out, 64, "%s.1", name);
}

static int begin(struct vm_log *l)
{
    struct stat st;

    l->fd = vm_file_open(l->dir, l->name, O_WRONLY | O_CREAT | O_APPEND);
    if (l->fd < 0 || fstat(l->fd, &st) != 0)
        return -1;
    l->size = (uint64_t)st.st_size;
    return 0;
}

int vm_log_open(struct vm_log *l, int dir, const char *name, uint64_t bound, struct bx_err *err)
{
    *l = (struct vm_log){.dir = dir, .fd = -1, .name = name, .half = bound / 2};
    if (begin(l) != 0)
        return bx_err_set(err, BX_IO, "cannot open %s: %s", name, strerror(errno));
    return BX_OK;
}

static void rotate(struct vm_log *l)
{
    char old[64];

    close(l->fd);
    l->fd = -1;
    older(l->name, old);
    /* If the rename fails, remove the file, so that the bound holds. */
    if (renameat(l->dir, l->name, l->dir, old) != 0)
        unlinkat(l->dir, l->name, 0);
    (void)begin(l);
}

static void put(struct vm_log *l, const char *p, size_t n)
{
    ssize_t done;

    if (l->size + n > l->half)
        rotate(l);
    done = l->fd < 0 ? -1 : write(l->fd, p, n);
    if (done < 0)
        done = 0;
    l->size += (uint64_t)done;
    l->lost += n - (uint64_t)done;
}

void vm_log_write(struct vm_log *l, const char *p, size_t n)
{
    char line[80];
    uint64_t lost = l->lost;
    int len;

    if (lost > 0) {
        len = snprintf(line, sizeof line, "\n[%llu bytes were dropped here]\n",
                       (unsigned long long)lost);
        put(l, line, (size_t)len);
        if (l->lost != lost) {
            l->lost = lost + n;
            return;
        }
        l->lost = 0;
    }
    if (n > l->half) {
        p += n - l->half;
        n = (size_t)l->half;
    }
    put(l, p, n);
}

void vm_log_close(struct vm_log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
}

/* Append the last max bytes of one file. */
static int tail_of(int dir, const char *name, size_t max, struct bx_buf *out)
{
    struct stat st;
    uint8_t *p;
    ssize_t n;
    size_t want;
    int fd;

    fd = vm_file_open(dir, name, O_RDONLY);
    if (fd < 0)
        return errno == ENOENT ? BX_NOT_FOUND : BX_IO;
    if (fstat(fd, &st) != 0) {
        close(fd);
        return BX_IO;
    }
    want = (uint64_t)st.st_size < max ? (size_t)st.st_size : max;
    p = bx_buf_extend(out, want);
    if (p == NULL) {
        close(fd);
        return BX_NO_MEMORY;
    }
    n = pread(fd, p, want, st.st_size - (off_t)want);
    close(fd);
    out->len -= want - (n < 0 ? 0 : (size_t)n);
    return n < 0 ? BX_IO : BX_OK;
}

int vm_log_tail(int dir, const char *name, size_t max, struct bx_buf *out, struct bx_err *err)
{
    struct stat st;
    char old[64];
    size_t size;
    int rc;

    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
        return bx_err_set(err, errno == ENOENT ? BX_NOT_FOUND : BX_IO, "no %s: %s", name,
                          strerror(errno));
    size = (size_t)st.st_size;
    if (size < max) {
        older(name, old);
        rc = tail_of(dir, old, max - size, out);
        if (rc != BX_OK && rc != BX_NOT_FOUND)
            return bx_err_set(err, rc, "cannot read %s", old);
    }
    rc = tail_of(dir, name, size < max ? size : max, out);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "cannot read %s", name);
    return BX_OK;
}

void vm_log_remove(int dir, const char *name)
{
    char old[64];

    older(name, old);
    unlinkat(dir, name, 0);
    unlinkat(dir, old, 0);
}

static bool has_text(int dir, const char *name)
{
    struct stat st;

    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_size > 0;
}

/* Replaces what has the name; the older half goes along, and its name is free when there is none.
 */
static void give_name(int dir, const char *from, const char *to)
{
    char old_from[64], old_to[64];

    older(from, old_from);
    older(to, old_to);
    vm_log_remove(dir, to);
    (void)renameat(dir, old_from, dir, old_to);
    (void)renameat(dir, from, dir, to);
    vm_log_remove(dir, from); /* the bound holds, whatever was in the way */
}

void vm_log_shift(int dir, const char *const *names, size_t n)
{
    char old[64];

    older(names[0], old);
    if (!has_text(dir, names[0]) && !has_text(dir, old))
        return;
    for (size_t i = n - 1; i > 0; i--)
        give_name(dir, names[i - 1], names[i]);
}
