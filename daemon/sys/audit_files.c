#include "sys/audit_files.h"

#include "mem/alloc.h"
#include "sys/recdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME "refusals-%" PRIu64 ".bxa"
#define NAME_SIZE 48u
#define FILE_MAX (2u * AUDIT_FILE_BYTES) /* a larger one is not ours */

static int failed(const char *what, struct bx_err *err)
{
    int code = errno == ENOSPC || errno == EDQUOT ? BX_NO_SPACE : BX_IO;

    return bx_err_set(err, code, "audit: %s: %s", what, strerror(errno));
}

static void name_of(char out[NAME_SIZE], uint64_t file)
{
    snprintf(out, NAME_SIZE, NAME, file);
}

/* 0: not the name of one. */
static uint64_t number_of(const char *name)
{
    char again[NAME_SIZE];
    uint64_t file;

    if (sscanf(name, "refusals-%" SCNu64, &file) != 1)
        return 0;
    name_of(again, file);
    return strcmp(name, again) == 0 ? file : 0;
}

static int open_dir(const char *data, bool make, int *dir, struct bx_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/audit", data) >= (int)sizeof path)
        return bx_err_set(err, BX_IO, "%s/audit: the path is too long", data);
    if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
        return failed(path, err);
    *dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *dir < 0 ? failed(path, err) : BX_OK;
}

/* The newest file below this number; 0: there is none. */
static uint64_t newest_below(int dir, uint64_t below)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;
    uint64_t found = 0;

    if (d == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    while ((e = readdir(d)) != NULL) {
        uint64_t file = number_of(e->d_name);

        if (file < below && file > found)
            found = file;
    }
    closedir(d);
    return found;
}

static int read_file(int dir, uint64_t file, struct bx_buf *out, struct bx_err *err)
{
    char name[NAME_SIZE];
    struct stat st = {0};
    ssize_t n = 0;
    uint8_t *p;
    int fd;

    name_of(name, file);
    fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > (off_t)FILE_MAX) {
        failed(name, err);
        if (fd >= 0)
            close(fd);
        return BX_IO;
    }
    p = st.st_size == 0 ? NULL : bx_buf_extend(out, (size_t)st.st_size);
    if (p != NULL)
        n = pread(fd, p, (size_t)st.st_size, 0);
    close(fd);
    if (n < 0)
        return failed(name, err);
    out->len = (size_t)n;
    return p == NULL && st.st_size > 0 ? bx_err_set(err, BX_NO_MEMORY, "out of memory") : BX_OK;
}

/* ---- reading ---- */

int audit_read(const char *data, struct audit_files *out, struct bx_err *err)
{
    uint64_t newest, before;
    int dir, rc = open_dir(data, false, &dir, err);

    *out = (struct audit_files){0};
    if (rc != BX_OK)
        return rc;
    newest = newest_below(dir, UINT64_MAX);
    before = newest == 0 ? 0 : newest_below(dir, newest);
    out->number[0] = before;
    out->number[1] = newest;
    if (before != 0)
        rc = read_file(dir, before, &out->file[0], err);
    if (rc == BX_OK && newest != 0)
        rc = read_file(dir, newest, &out->file[1], err);
    close(dir);
    if (rc != BX_OK)
        audit_files_close(out);
    return rc;
}

void audit_files_close(struct audit_files *f)
{
    bx_buf_release(&f->file[0]);
    bx_buf_release(&f->file[1]);
}

/* ---- opening ---- */

struct scan {
    bool any;           /* an item was found */
    bool ended;         /* the last record says so */
    uint64_t good, bad; /* bytes up to the end of the last item, and damaged ones before that */
    struct audit_head head;
};

static void scan(const struct bx_buf *file, struct scan *s)
{
    struct bx_refusals r = {.p = file->data, .n = file->len};
    enum bx_refusals_found found;
    uint64_t bad = 0;

    *s = (struct scan){0};
    while ((found = bx_refusals_next(&r)) != BX_REFUSALS_END) {
        if (found == BX_REFUSALS_DAMAGE) {
            bad += r.size;
            continue;
        }
        s->any = true;
        s->good = r.at + r.size;
        s->bad = bad;
        s->ended = found == BX_REFUSALS_RECORD && r.record.type == BX_REFUSAL_ENDED;
        if (found == BX_REFUSALS_RECORD) {
            s->head.number = r.record.number;
            bx_refusal_hash(&r.record, s->head.hash);
        } else if (s->head.number == 0) {
            s->head.number = r.head.first - 1;
            memcpy(s->head.hash, r.head.previous.p, BX_SHA256);
        }
    }
    bx_refusals_close(&r);
}

static int cut(struct audit_disk *d, uint64_t size, uint64_t to, struct bx_err *err)
{
    d->size = to;
    if (size == to)
        return BX_OK;
    snprintf(d->found, sizeof d->found,
             "%llu bytes of an incomplete record were removed; records may be missing",
             (unsigned long long)(size - to));
    return ftruncate(d->fd, (off_t)to) == 0 && fdatasync(d->fd) == 0 ? BX_OK
                                                                     : failed("truncate", err);
}

/* Nothing can be read in the newest file: it is what a crash has left of its beginning, or it is
 * damaged. Then it stays, the next one begins, and the chain goes on from the one before. */
static int take_none(struct audit_disk *d, size_t size, struct bx_err *err)
{
    uint64_t before = newest_below(d->dir, d->file);
    struct bx_buf bytes = {0};
    char name[NAME_SIZE];
    struct scan s = {0};

    name_of(name, d->file);
    if (size < BX_REFUSAL_ITEM_MAX && unlinkat(d->dir, name, 0) != 0)
        return failed(name, err);
    if (before != 0 && read_file(d->dir, before, &bytes, NULL) == BX_OK)
        scan(&bytes, &s);
    bx_buf_release(&bytes);
    if (size < BX_REFUSAL_ITEM_MAX)
        d->file = before;
    d->head = s.head;
    d->size = AUDIT_FILE_BYTES; /* the next one begins */
    snprintf(d->found, sizeof d->found, "nothing could be read in %s; records may be missing",
             name);
    return BX_OK;
}

static int take(struct audit_disk *d, const struct scan *s, size_t size, struct bx_err *err)
{
    char name[NAME_SIZE];

    name_of(name, d->file);
    d->head = s->head;
    d->fd = openat(d->dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (d->fd < 0)
        return failed(name, err);
    if (!s->ended)
        snprintf(d->found, sizeof d->found, "the daemon was not ended; records may be missing");
    if (s->bad > 0)
        snprintf(d->found, sizeof d->found, "%llu bytes of %s can not be read",
                 (unsigned long long)s->bad, name);
    return cut(d, size, s->good, err);
}

static int take_newest(struct audit_disk *d, struct bx_err *err)
{
    struct bx_buf bytes = {0};
    struct scan s;
    int rc = read_file(d->dir, d->file, &bytes, err);

    if (rc == BX_OK) {
        scan(&bytes, &s);
        rc = s.any ? take(d, &s, bytes.len, err) : take_none(d, bytes.len, err);
    }
    bx_buf_release(&bytes);
    return rc;
}

int audit_disk_open(struct audit_disk *d, const char *data, struct bx_err *err)
{
    int rc;

    *d = (struct audit_disk){.dir = -1, .fd = -1};
    rc = open_dir(data, true, &d->dir, err);
    if (rc != BX_OK)
        return rc;
    d->file = newest_below(d->dir, UINT64_MAX);
    if (d->file != 0)
        rc = take_newest(d, err);
    if (rc != BX_OK)
        audit_disk_close(d);
    return rc;
}

void audit_disk_close(struct audit_disk *d)
{
    if (d->fd >= 0)
        close(d->fd);
    if (d->dir >= 0)
        close(d->dir);
    d->fd = d->dir = -1;
}

/* ---- writing ---- */

static int begin_file(struct audit_disk *d, const void *p, size_t n)
{
    char name[NAME_SIZE], old[NAME_SIZE];
    int fd, rc;

    name_of(name, d->file + 1);
    fd = openat(d->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == ENOSPC || errno == EDQUOT ? BX_NO_SPACE : BX_IO;
    rc = recdir_write(fd, p, n);
    if (rc == BX_OK && (fdatasync(fd) != 0 || fsync(d->dir) != 0))
        rc = BX_IO;
    if (rc != BX_OK) {
        unlinkat(d->dir, name, 0);
        close(fd);
        return rc;
    }
    if (d->fd >= 0)
        close(d->fd);
    d->fd = fd;
    d->file++;
    d->size = n;
    for (uint64_t file; d->file > 2 && (file = newest_below(d->dir, d->file - 1)) != 0;) {
        name_of(old, file);
        if (unlinkat(d->dir, old, 0) != 0)
            break;
    }
    return BX_OK;
}

int audit_disk_write(struct audit_disk *d, bool begins, const void *p, size_t n)
{
    int rc;

    if (begins)
        return begin_file(d, p, n);
    rc = lseek(d->fd, (off_t)d->size, SEEK_SET) < 0 ? BX_IO : recdir_write(d->fd, p, n);
    if (rc == BX_OK && fdatasync(d->fd) != 0)
        rc = BX_IO;
    if (rc == BX_OK)
        d->size += n;
    else if (ftruncate(d->fd, (off_t)d->size) != 0)
        rc = BX_IO;
    return rc;
}
