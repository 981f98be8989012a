#include "diagnose/spool.h"

#include "codec/digits.h"
#include "codec/header.h"
#include "diag/envread.h"
#include "mem/alloc.h"
#include "sys/recdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define COPY 65536u
#define TIME_TEXT 22u /* "20261129T130000.123456" */
#define TMP "tmp-"
#define NS 1000000000u

/* ---- names ---- */

static void make_name(char out[SPOOL_NAME], uint64_t time_ns, const uint8_t id[16],
                      enum bx_item_type type)
{
    char time[BX_DIGITS_TIME], hex[32];
    size_t n = bx_digits_time(time, time_ns, 6), at = 0;

    for (size_t i = 0; i + 1 < n; i++)
        if (time[i] != '-' && time[i] != ':')
            out[at++] = time[i];
    bx_digits_hex(hex, id, 16);
    snprintf(out + at, SPOOL_NAME - at, "-%.32s.%.*s", hex, (int)bx_item_types[type].n,
             bx_item_types[type].p);
}

/* False: no file of ours. */
static bool read_name(const char *name, struct spool_entry *e)
{
    char time[] = "yyyy-mm-ddThh:mm:ss.uuuuuuZ";
    uint8_t id[16];
    size_t n = strlen(name);

    if (n < TIME_TEXT + 1 + 32 + 2 || n >= SPOOL_NAME || name[TIME_TEXT] != '-' ||
        name[TIME_TEXT + 33] != '.' || !bx_id_parse((struct bx_str){name + TIME_TEXT + 1, 32}, id))
        return false;
    memcpy(time, name, 4);
    memcpy(time + 5, name + 4, 2);
    memcpy(time + 8, name + 6, 2);
    memcpy(time + 11, name + 9, 2);
    memcpy(time + 14, name + 11, 2);
    memcpy(time + 17, name + 13, 2);
    memcpy(time + 20, name + 16, 6);
    *e = (struct spool_entry){.time_ns = bx_digits_time_read(time, sizeof time - 1)};
    memcpy(e->name, name, n + 1);
    memcpy(e->id, name + TIME_TEXT + 1, 32);
    for (int i = 1; i < BX__ITEM_TYPES; i++)
        if (bx_str_eq(bx_item_types[i], bx_str(name + TIME_TEXT + 34)))
            e->type = (enum bx_item_type)i;
    return e->time_ns != 0;
}

/* ---- opening ---- */

static DIR *open_list(const struct spool *s)
{
    int fd = openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d == NULL && fd >= 0)
        close(fd);
    return d;
}

static void remove_unfinished(struct spool *s)
{
    DIR *d = open_list(s);
    const struct dirent *e;

    while (d != NULL && (e = readdir(d)) != NULL)
        if (strncmp(e->d_name, TMP, strlen(TMP)) == 0)
            unlinkat(s->dir, e->d_name, 0);
    if (d != NULL)
        closedir(d);
}

int spool_open(struct spool *s, const char *data, uint32_t max_files, uint64_t max_bytes,
               struct bx_err *err)
{
    char path[4096];

    *s = (struct spool){.dir = -1,
                        .max_files = max_files == 0 ? SPOOL_FILES : max_files,
                        .max_bytes = max_bytes == 0 ? SPOOL_BYTES : max_bytes};
    if (s->max_files > SPOOL_FILES)
        s->max_files = SPOOL_FILES;
    if (snprintf(path, sizeof path, "%s/diag", data) >= (int)sizeof path)
        return bx_err_set(err, BX_IO, "%s/diag: the path is too long", data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", path, strerror(errno));
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    uv_mutex_init(&s->lock);
    remove_unfinished(s);
    return BX_OK;
}

void spool_close(struct spool *s)
{
    if (s->dir < 0)
        return;
    close(s->dir);
    s->dir = -1;
    uv_mutex_destroy(&s->lock);
}

/* ---- listing ---- */

static int by_name(const void *a, const void *b)
{
    const struct spool_entry *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Of more files than fit, whoever put them there, some are left out. */
static uint32_t list(struct spool *s, struct spool_entry *out, uint32_t max)
{
    DIR *d = open_list(s);
    const struct dirent *e;
    uint32_t n = 0;
    struct stat st;

    while (d != NULL && n < max && (e = readdir(d)) != NULL)
        if (read_name(e->d_name, &out[n]) && fstatat(s->dir, e->d_name, &st, 0) == 0) {
            out[n].bytes = (uint64_t)st.st_size;
            n++;
        }
    if (d != NULL)
        closedir(d);
    qsort(out, n, sizeof *out, by_name);
    return n;
}

uint32_t spool_list(struct spool *s, struct spool_entry *out, uint32_t max)
{
    uint32_t n;

    uv_mutex_lock(&s->lock);
    n = list(s, out, max);
    uv_mutex_unlock(&s->lock);
    return n;
}

int spool_find(struct spool *s, struct bx_str id, struct spool_entry *out, struct bx_err *err)
{
    struct spool_entry *all = bx_must_alloc(SPOOL_FILES * sizeof *all);
    uint32_t n = spool_list(s, all, SPOOL_FILES), found = 0;

    for (uint32_t i = 0; i < n && id.n > 0 && id.n <= 32; i++)
        if (memcmp(all[i].id, id.p, id.n) == 0) {
            *out = all[i];
            found++;
        }
    bx_free(all);
    if (found == 1)
        return BX_OK;
    if (found > 1) {
        bx_err_set(err, BX_CONFLICT, "\"%.*s\" is the prefix of %u ids", (int)id.n, id.p, found);
        bx_err_hint(err, "pass more of the id");
        return BX_CONFLICT;
    }
    bx_err_set(err, BX_NOT_FOUND, "there is no envelope \"%.*s\"", (int)(id.n > 36 ? 36 : id.n),
               id.p);
    bx_err_hint(err, "blixardctl diag list");
    return BX_NOT_FOUND;
}

/* ---- making room ---- */

static bool drop(struct spool *s, const struct spool_entry *e)
{
    if (unlinkat(s->dir, e->name, 0) != 0)
        return false;
    s->dropped[e->type]++;
    return true;
}

/* Make room for one more file of so many bytes. */
static void make_room(struct spool *s, uint64_t bytes)
{
    struct spool_entry *all = bx_must_alloc(SPOOL_FILES * sizeof *all);
    uint32_t n = list(s, all, SPOOL_FILES), i = 0;
    uint64_t sum = bytes;

    for (uint32_t k = 0; k < n; k++)
        sum += all[k].bytes;
    for (; i < n && (n - i >= s->max_files || sum > s->max_bytes); i++) {
        drop(s, &all[i]);
        sum -= all[i].bytes;
    }
    bx_free(all);
}

bool spool_expire(struct spool *s, uint64_t now_ns)
{
    struct spool_entry *all = bx_must_alloc(SPOOL_FILES * sizeof *all);
    bool ok = true;
    uint32_t n;

    uv_mutex_lock(&s->lock);
    n = list(s, all, SPOOL_FILES);
    for (uint32_t i = 0; i < n; i++)
        if (now_ns > all[i].time_ns && (now_ns - all[i].time_ns) / NS > SPOOL_DAYS * 86400u)
            ok &= drop(s, &all[i]);
    uv_mutex_unlock(&s->lock);
    bx_free(all);
    return ok;
}

void spool_take_dropped(struct spool *s, uint64_t out[BX__ITEM_TYPES])
{
    uv_mutex_lock(&s->lock);
    memcpy(out, s->dropped, sizeof s->dropped);
    memset(s->dropped, 0, sizeof s->dropped);
    uv_mutex_unlock(&s->lock);
}

/* ---- writing ---- */

/* A file that has become shorter meanwhile is filled up: the envelope says how long it is. */
static bool copy_file(int to, int from, uint64_t bytes, uint32_t *crc)
{
    static const uint8_t zeros[COPY];
    uint8_t *piece = bx_must_alloc(COPY);
    uint64_t left = bytes;
    bool ok = true;

    while (ok && left > 0) {
        size_t want = left < COPY ? (size_t)left : COPY;
        ssize_t got = pread(from, piece, want, (off_t)(bytes - left));
        size_t n = got > 0 ? (size_t)got : want;
        const uint8_t *p = got > 0 ? piece : zeros;

        *crc = bx_crc32c(*crc, p, n);
        ok = recdir_write(to, p, n) == BX_OK;
        left -= n;
    }
    bx_free(piece);
    return ok;
}

static bool write_part(int fd, const void *p, size_t n, uint32_t *crc)
{
    *crc = bx_crc32c(*crc, p, n);
    return recdir_write(fd, p, n) == BX_OK;
}

static const struct spool_files no_files;

static uint64_t length_of(size_t n, const struct spool_files *files)
{
    uint64_t length = n;

    for (uint32_t i = 0; i < files->n; i++)
        length += files->v[i].bytes + 1;
    return length;
}

static bool write_envelope(int fd, const uint8_t *p, size_t n, const struct spool_files *files)
{
    uint8_t head[BX_HEADER_SIZE];
    size_t at = 0;
    uint32_t crc;
    bool ok;

    /* The checksum comes last; it begins with the header's first twelve bytes. */
    bx_header_seal(head, BX_KIND_ENVELOPE, 1, BX_CODEC_JSON, 0);
    bx_put32(head + 8, (uint32_t)length_of(n, files));
    crc = bx_crc32c(0, head, 12);
    ok = recdir_write(fd, head, sizeof head) == BX_OK;
    for (uint32_t i = 0; ok && i < files->n; i++) {
        ok = write_part(fd, p + at, files->v[i].at - at, &crc) &&
             copy_file(fd, files->v[i].fd, files->v[i].bytes, &crc) &&
             write_part(fd, "\n", 1, &crc);
        at = files->v[i].at;
    }
    ok = ok && write_part(fd, p + at, n - at, &crc);
    bx_put32(head + 12, crc);
    return ok && pwrite(fd, head, sizeof head, 0) == (ssize_t)sizeof head && fsync(fd) == 0;
}

static int put(struct spool *s, const char *name, const void *p, size_t n,
               const struct spool_files *files, struct bx_err *err)
{
    char tmp[SPOOL_NAME + 8];
    bool ok;
    int fd, why;

    snprintf(tmp, sizeof tmp, TMP "%s", name);
    fd = openat(s->dir, tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return bx_err_set(err, errno == ENOSPC ? BX_NO_SPACE : BX_IO, "cannot create diag/%s: %s",
                          tmp, strerror(errno));
    ok = write_envelope(fd, p, n, files);
    why = errno;
    close(fd);
    if (ok && renameat(s->dir, tmp, s->dir, name) == 0) {
        fsync(s->dir);
        return BX_OK;
    }
    why = ok ? errno : why;
    unlinkat(s->dir, tmp, 0);
    return bx_err_set(err, why == ENOSPC ? BX_NO_SPACE : BX_IO, "cannot write diag/%s: %s", name,
                      strerror(why));
}

int spool_put(struct spool *s, uint64_t time_ns, const uint8_t id[16], enum bx_item_type type,
              const void *p, size_t n, const struct spool_files *files, struct bx_err *err)
{
    const struct spool_files *in = files == NULL ? &no_files : files;
    uint64_t bytes = BX_HEADER_SIZE + length_of(n, in);
    char name[SPOOL_NAME];
    int rc;

    if (bytes > SPOOL_ENVELOPE || bytes > s->max_bytes)
        return bx_err_set(err, BX_TOO_LARGE, "an envelope of %llu bytes",
                          (unsigned long long)bytes);
    make_name(name, time_ns, id, type);
    uv_mutex_lock(&s->lock);
    make_room(s, bytes);
    rc = put(s, name, p, n, in, err);
    uv_mutex_unlock(&s->lock);
    return rc;
}

/* ---- reading and deleting ---- */

static int read_file(int fd, size_t size, struct bx_buf *out)
{
    while (out->len < size) {
        ssize_t got;

        if (bx_buf_reserve(out, size - out->len) != BX_OK)
            return BX_NO_MEMORY;
        got = read(fd, out->data + out->len, size - out->len);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return BX_IO;
        if (got > 0)
            out->len += (size_t)got;
    }
    return BX_OK;
}

static int damaged(const char *name, bool checksum, struct bx_err *err)
{
    return bx_err_set(err, BX_CORRUPT, "diag/%s is damaged: %s", name,
                      checksum ? "its checksum does not match"
                               : "its header is malformed, or it was cut");
}

static int check(const struct bx_buf *b, const char *name, struct bx_err *err)
{
    struct bx_header h;
    int rc = bx_header_check(b->data, b->len, BX_KIND_ENVELOPE, 1, &h);

    if (rc == BX_OK && BX_HEADER_SIZE + (size_t)h.length == b->len)
        return BX_OK;
    return damaged(name, rc == BX_CORRUPT, err);
}

static int open_file(struct spool *s, const struct spool_entry *e, int *fd, uint64_t *bytes,
                     struct bx_err *err)
{
    struct stat st;
    int rc;

    *fd = openat(s->dir, e->name, O_RDONLY | O_CLOEXEC);
    if (*fd < 0)
        return bx_err_set(err, errno == ENOENT ? BX_NOT_FOUND : BX_IO, "diag/%s: %s", e->name,
                          strerror(errno));
    rc = fstat(*fd, &st) != 0                           ? BX_IO
         : (uint64_t)st.st_size > 2ull * SPOOL_ENVELOPE ? BX_TOO_LARGE
                                                        : BX_OK;
    *bytes = (uint64_t)st.st_size;
    return rc == BX_OK ? BX_OK : bx_err_set(err, rc, "diag/%s: cannot be read", e->name);
}

/* The checksum of all that follows the header, going on from that of the header. */
static int sum_file(int fd, uint8_t *piece, uint64_t bytes, uint32_t *crc)
{
    uint64_t at = BX_HEADER_SIZE;

    while (at < bytes) {
        ssize_t got = pread(fd, piece, COPY, (off_t)at);

        if (got == 0 || (got < 0 && errno != EINTR))
            return BX_IO;
        if (got > 0) {
            *crc = bx_crc32c(*crc, piece, (size_t)got);
            at += (uint64_t)got;
        }
    }
    return BX_OK;
}

static int check_file(int fd, uint8_t *piece, uint64_t bytes, const char *name, struct bx_err *err)
{
    uint8_t head[BX_HEADER_SIZE];
    struct bx_header h = {0};
    uint32_t crc;
    int rc;

    if (pread(fd, head, sizeof head, 0) != sizeof head || bx_header_read(head, &h) != BX_OK ||
        h.kind != BX_KIND_ENVELOPE || h.version > 1 || BX_HEADER_SIZE + (uint64_t)h.length != bytes)
        return damaged(name, false, err);
    crc = bx_crc32c(0, head, 12);
    rc = sum_file(fd, piece, bytes, &crc);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "diag/%s: cannot be read", name);
    return crc == h.crc ? BX_OK : damaged(name, true, err);
}

int spool_stream(struct spool *s, const struct spool_entry *e, int *fd, uint64_t *end,
                 struct bx_err *err)
{
    uint8_t *piece = bx_alloc(COPY);
    int rc = piece == NULL ? bx_err_set(err, BX_NO_MEMORY, "out of memory") : BX_OK;

    *fd = -1;
    if (rc == BX_OK)
        rc = open_file(s, e, fd, end, err);
    if (rc == BX_OK)
        rc = check_file(*fd, piece, *end, e->name, err);
    if (rc != BX_OK && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    bx_free(piece);
    return rc;
}

int spool_read(struct spool *s, const struct spool_entry *e, struct bx_buf *out, struct bx_err *err)
{
    struct bx_buf b = {0};
    uint64_t bytes;
    int fd, rc = open_file(s, e, &fd, &bytes, err);

    if (rc == BX_OK && (rc = read_file(fd, (size_t)bytes, &b)) != BX_OK)
        bx_err_set(err, rc, "diag/%s: cannot be read", e->name);
    if (fd >= 0)
        close(fd);
    if (rc == BX_OK)
        rc = check(&b, e->name, err);
    if ((rc == BX_OK || rc == BX_CORRUPT) && b.len > BX_HEADER_SIZE &&
        bx_buf_append(out, b.data + BX_HEADER_SIZE, b.len - BX_HEADER_SIZE) != BX_OK)
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory");
    bx_buf_release(&b);
    return rc;
}

int spool_delete(struct spool *s, const struct spool_entry *e, struct bx_err *err)
{
    int rc;

    uv_mutex_lock(&s->lock);
    rc = unlinkat(s->dir, e->name, 0) == 0 ? BX_OK : errno == ENOENT ? BX_NOT_FOUND : BX_IO;
    uv_mutex_unlock(&s->lock);
    if (rc != BX_OK)
        bx_err_set(err, rc, "diag/%s: %s", e->name, strerror(errno));
    return rc;
}
