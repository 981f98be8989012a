#include "sys/recdir.h"

#include "mem/alloc.h"
#include "rec/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SUFFIX ".bxr"

int recdir_open(const char *data, int *out, struct bx_err *err)
{
    char path[4096];

    if (snprintf(path, sizeof path, "%s/recorder", data) >= (int)sizeof path)
        return bx_err_set(err, BX_IO, "%s/recorder: the path is too long", data);
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return bx_err_set(err, BX_IO, "cannot create %s: %s", path, strerror(errno));
    *out = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out < 0)
        return bx_err_set(err, BX_IO, "%s: %s", path, strerror(errno));
    return BX_OK;
}

/* Without printf, which may lock. */
void recdir_name(char out[RECDIR_NAME], const char *kind, uint64_t time_ns, uint32_t pid)
{
    char time[BX_TEXT_TIME], digits[16];
    size_t at = strnlen(kind, RECDIR_KIND), n = 0, time_n = bx_text_time(time, time_ns, 9);

    memcpy(out, kind, at);
    out[at++] = '-';
    for (size_t i = 0; i < time_n; i++)
        if ((time[i] >= '0' && time[i] <= '9') || time[i] == 'T')
            out[at++] = time[i];
    out[at++] = '-';
    do {
        digits[n++] = (char)('0' + pid % 10);
        pid /= 10;
    } while (pid > 0);
    while (n > 0)
        out[at++] = digits[--n];
    memcpy(out + at, SUFFIX, sizeof SUFFIX);
}

static bool is_of(const char *name, const char *kind)
{
    size_t n = strlen(name), n_kind = strlen(kind), n_suffix = strlen(SUFFIX);

    return n < RECDIR_NAME && n > n_kind + n_suffix && strncmp(name, kind, n_kind) == 0 &&
           name[n_kind] == '-' && strcmp(name + n - n_suffix, SUFFIX) == 0;
}

/* The oldest file of a kind; the number of them. */
static unsigned find_oldest(DIR *d, const char *kind, char oldest[RECDIR_NAME])
{
    const struct dirent *e;
    unsigned n = 0;

    rewinddir(d);
    while ((e = readdir(d)) != NULL)
        if (is_of(e->d_name, kind) && (n++ == 0 || strcmp(e->d_name, oldest) < 0))
            memcpy(oldest, e->d_name, strlen(e->d_name) + 1);
    return n;
}

static DIR *open_files(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);

    if (d == NULL && fd >= 0)
        close(fd);
    return d;
}

int recdir_write(int fd, const void *p, size_t n)
{
    const uint8_t *at = p;

    while (n > 0) {
        ssize_t done = write(fd, at, n);

        if (done < 0 && errno != EINTR)
            return errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? BX_NO_SPACE : BX_IO;
        if (done > 0) {
            at += done;
            n -= (size_t)done;
        }
    }
    return BX_OK;
}

void recdir_prune(int dir, const char *kind, unsigned keep)
{
    char oldest[RECDIR_NAME] = "";
    DIR *d = open_files(dir);

    if (d == NULL)
        return;
    while (find_oldest(d, kind, oldest) > keep && unlinkat(dir, oldest, 0) == 0)
        ;
    closedir(d);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b); /* it comes first */
}

void recdir_list(int dir, const char *kind, struct recdir_list *out)
{
    DIR *d = open_files(dir);
    const struct dirent *e;
    struct stat st;

    out->n = 0;
    if (d == NULL)
        return;
    while ((e = readdir(d)) != NULL && out->n < RECDIR_FILES)
        if (is_of(e->d_name, kind) && fstatat(dir, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            memcpy(out->v[out->n].name, e->d_name, strlen(e->d_name) + 1);
            out->v[out->n++].bytes = (uint64_t)st.st_size;
        }
    closedir(d);
    qsort(out->v, out->n, sizeof out->v[0], by_name);
}

/* As much as there is, up to n bytes; -1: an error. */
static ssize_t read_all(int fd, uint8_t *p, size_t n)
{
    size_t at = 0;

    while (at < n) {
        ssize_t got = read(fd, p + at, n - at);

        if (got == 0)
            break;
        if (got < 0 && errno != EINTR)
            return -1;
        at += got > 0 ? (size_t)got : 0;
    }
    return (ssize_t)at;
}

int recdir_read_open(int fd, uint8_t **out, size_t *n)
{
    int rc = BX_OK;
    struct stat st;
    ssize_t got = 0;

    *out = NULL;
    if (fstat(fd, &st) != 0)
        rc = BX_IO;
    else if (st.st_size > (off_t)RECDIR_READ_MAX)
        rc = BX_TOO_LARGE;
    else if ((*out = bx_alloc((size_t)st.st_size + 1)) == NULL)
        rc = BX_NO_MEMORY;
    else if ((got = read_all(fd, *out, (size_t)st.st_size)) < 0)
        rc = BX_IO;
    *n = (size_t)(got < 0 ? 0 : got);
    if (rc != BX_OK) {
        bx_free(*out);
        *out = NULL;
    }
    return rc;
}

int recdir_read(int dir, const char *name, uint8_t **out, size_t *n)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc;

    *out = NULL;
    if (fd < 0)
        return errno == ENOENT ? BX_NOT_FOUND : BX_IO;
    rc = recdir_read_open(fd, out, n);
    close(fd);
    return rc;
}
