#include "vmdir/log.h"

#include "mem/map.h"
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

/* ---- reading ---- */

/* A log is written by another process meanwhile, and its files change their names. A file that is
 * open is told from others by its inode and birth: the number alone is soon used again. */
struct piece {
    int fd;
    uint64_t id, size;
};

static uint64_t id_of(int fd)
{
    struct statx s = {.stx_ino = 0};
    uint64_t what[3] = {0};

    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &s) == 0) {
        what[0] = s.stx_ino;
        what[1] = (uint64_t)s.stx_btime.tv_sec;
        what[2] = s.stx_btime.tv_nsec;
    }
    return bx_hash(what, sizeof what) >> 11 | 1; /* exact in JSON, and not 0 */
}

static int open_piece(int dir, const char *name, struct piece *p)
{
    struct stat st;

    p->fd = vm_file_open(dir, name, O_RDONLY);
    if (p->fd < 0)
        return errno == ENOENT ? BX_NOT_FOUND : BX_IO;
    if (fstat(p->fd, &st) != 0) {
        close(p->fd);
        return BX_IO;
    }
    p->id = id_of(p->fd);
    p->size = (uint64_t)st.st_size;
    return BX_OK;
}

/* Append at most max bytes from the offset on, and move `at` behind them. */
static int read_piece(const struct piece *p, uint64_t offset, size_t max,
                      struct bx_console_place *at, struct bx_buf *out)
{
    size_t want = p->size - offset < max ? (size_t)(p->size - offset) : max;
    uint8_t *to = want == 0 ? NULL : bx_buf_extend(out, want);
    ssize_t n;

    if (to == NULL && want > 0)
        return BX_NO_MEMORY;
    n = want == 0 ? 0 : pread(p->fd, to, want, (off_t)offset);
    out->len -= want - (n < 0 ? 0 : (size_t)n);
    if (n < 0)
        return BX_IO;
    *at = (struct bx_console_place){p->id, offset + (uint64_t)n};
    return BX_OK;
}

/* Append the last max bytes of one file. */
static int tail_of(int dir, const char *name, size_t max, struct bx_console_place *at,
                   struct bx_buf *out)
{
    struct piece p;
    int rc = open_piece(dir, name, &p);

    if (rc != BX_OK)
        return rc;
    rc = read_piece(&p, p.size < max ? 0 : p.size - max, max, at, out);
    close(p.fd);
    return rc;
}

int vm_log_tail(int dir, const char *name, size_t max, struct bx_console_place *at,
                struct bx_buf *out, struct bx_err *err)
{
    struct bx_console_place end;
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
        rc = tail_of(dir, old, max - size, &end, out);
        if (rc != BX_OK && rc != BX_NOT_FOUND)
            return bx_err_set(err, rc, "cannot read %s", old);
    }
    rc = tail_of(dir, name, size < max ? size : max, &end, out);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "cannot read %s", name);
    if (at != NULL)
        *at = end;
    return BX_OK;
}

#define PIECES_MAX (2 * BX_CONSOLES)

static bool is_among(const struct piece *v, size_t count, uint64_t id)
{
    while (count > 0 && v[count - 1].id != id)
        count--;
    return count > 0;
}

/* The files of the logs, the newest first. One that gets its next name meanwhile is met twice. */
static int open_pieces(int dir, const char *const *names, size_t n, struct piece v[PIECES_MAX],
                       size_t *count)
{
    char old[64];

    *count = 0;
    for (size_t i = 0; i < 2 * n; i++) {
        struct piece *p = &v[*count];
        int rc;

        older(names[i / 2], old);
        rc = open_piece(dir, i % 2 == 0 ? names[i / 2] : old, p);
        if (rc == BX_OK && is_among(v, *count, p->id))
            close(p->fd);
        else if (rc == BX_OK)
            ++*count;
        else if (rc != BX_NOT_FOUND)
            return rc;
    }
    return BX_OK;
}

/* All newer files were there before the place's file was read, so that one is complete. */
static int read_pieces(const struct piece *v, size_t count, size_t max, struct bx_console_place *at,
                       struct bx_buf *out)
{
    uint64_t offset = at->offset;
    size_t i = 0, start = out->len;
    int rc;

    while (i < count && v[i].id != at->file)
        i++;
    if (i == count || offset > v[i].size)
        return BX_NOT_FOUND;
    do {
        rc = read_piece(&v[i], offset, max - (out->len - start), at, out);
        offset = 0;
    } while (rc == BX_OK && i-- > 0 && out->len - start < max);
    return rc;
}

int vm_log_next(int dir, const char *const *names, size_t n, size_t max,
                struct bx_console_place *at, struct bx_buf *out, struct bx_err *err)
{
    struct piece v[PIECES_MAX];
    size_t count;
    int rc = open_pieces(dir, names, n, v, &count);

    if (rc == BX_OK)
        rc = read_pieces(v, count, max, at, out);
    while (count > 0)
        close(v[--count].fd);
    if (rc == BX_NOT_FOUND)
        return bx_err_set(err, rc, "this part of the console is no longer kept");
    return rc == BX_OK ? BX_OK : bx_err_set(err, rc, "cannot read the console");
}

/* ---- names ---- */

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
