#include "sys/received.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/recdir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FROM "from"
#define KIND "log"

static int failed(const char *what, struct bx_err *err)
{
    int code = errno == ENOSPC || errno == EDQUOT ? BX_NO_SPACE : BX_IO;

    return bx_err_set(err, code, "recorder/" FROM ": %s: %s", what, strerror(errno));
}

/* ---- directories ---- */

static int open_dir(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int received_open(int recorder, uint64_t node)
{
    char name[24];
    int from = open_dir(recorder, FROM), dir;

    if (from < 0)
        return -1;
    snprintf(name, sizeof name, "%llu", (unsigned long long)node);
    dir = open_dir(from, name);
    close(from);
    return dir;
}

/* How many directories there are; consumes the descriptor. */
static unsigned count_dirs(int fd)
{
    DIR *d = fdopendir(fd);
    const struct dirent *e;
    unsigned n = 0;

    if (d == NULL) {
        close(fd);
        return 0;
    }
    while ((e = readdir(d)) != NULL)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static int make_dir(int recorder, uint64_t node, struct bx_err *err)
{
    char path[48];
    int from;

    if (mkdirat(recorder, FROM, 0700) != 0 && errno != EEXIST)
        return failed("mkdir", err);
    from = open_dir(recorder, FROM);
    if (from < 0)
        return failed("open", err);
    if (count_dirs(from) >= RECEIVED_NODES) {
        bx_err_set(err, BX_TOO_LARGE, "the logs of %u nodes are kept here already", RECEIVED_NODES);
        bx_err_hint(err, "remove the directories in DATA/recorder/" FROM " of nodes that are gone");
        return BX_TOO_LARGE;
    }
    snprintf(path, sizeof path, FROM "/%llu", (unsigned long long)node);
    return mkdirat(recorder, path, 0700) == 0 || errno == EEXIST ? BX_OK : failed("mkdir", err);
}

/* ---- files ---- */

/* Remove the node's oldest logs until another one is within its bounds. */
static int make_room(int dir, struct bx_err *err)
{
    struct recdir_list *l = bx_alloc(sizeof *l);
    uint64_t total = RECEIVED_LOG_MAX;

    if (l == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    recdir_list(dir, KIND, l);
    for (uint32_t i = 0; i < l->n; i++)
        total += l->v[i].bytes;
    for (uint32_t i = 0; i < l->n && (total > RECEIVED_BYTES || l->n - i >= RECEIVED_LOGS); i++) {
        unlinkat(dir, l->v[i].name, 0);
        total -= l->v[i].bytes;
    }
    bx_free(l);
    return BX_OK;
}

static int open_log(int dir, uint64_t begun, bool begins, int *fd, struct bx_err *err)
{
    char name[RECDIR_NAME];

    recdir_name(name, KIND, begun, 0);
    *fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
    if (*fd < 0 && errno == ENOENT && begins) {
        if (make_room(dir, err) != BX_OK)
            return err->code;
        *fd = openat(dir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    }
    return *fd >= 0 || errno == ENOENT ? BX_OK : failed(name, err);
}

/* The part belongs at the end of the log, where a part of it may be already; what a crash has left
 * of it is written again. */
static int write_part(int fd, uint64_t offset, const void *p, size_t n, uint64_t *kept,
                      struct bx_err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return failed("stat", err);
    if ((uint64_t)st.st_size < offset || offset + n > RECEIVED_LOG_MAX)
        return BX_OK;
    if ((uint64_t)st.st_size < offset + n) {
        if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
            return failed("seek", err);
        if (recdir_write(fd, p, n) != BX_OK) {
            failed("write", err);
            return ftruncate(fd, (off_t)offset) == 0 ? err->code : failed("truncate", err);
        }
    }
    *kept = offset + n;
    return BX_OK;
}

/* ---- a part ---- */

static int check(uint64_t offset, const void *p, size_t n, struct bx_err *err)
{
    int rc = bx_recfile_part(p, n, offset == 0);

    if (rc == BX_OK)
        return BX_OK;
    if (rc == BX_UNSUPPORTED)
        return bx_err_set(err, rc, "the part was written by a newer version");
    return bx_err_set(err, BX_MALFORMED, "the part is not made of whole items");
}

int received_append(int recorder, uint64_t node, uint64_t begun, uint64_t offset, const void *p,
                    size_t n, uint64_t *kept, struct bx_err *err)
{
    int dir, fd = -1, rc = check(offset, p, n, err);

    *kept = 0;
    if (rc != BX_OK)
        return rc;
    dir = received_open(recorder, node);
    if (dir < 0 && offset == 0) {
        rc = make_dir(recorder, node, err);
        if (rc != BX_OK)
            return rc;
        dir = received_open(recorder, node);
    }
    if (dir < 0)
        return offset == 0 ? failed("open", err) : BX_OK;
    rc = open_log(dir, begun, offset == 0, &fd, err);
    if (fd >= 0) {
        rc = write_part(fd, offset, p, n, kept, err);
        close(fd);
    }
    close(dir);
    return rc;
}
