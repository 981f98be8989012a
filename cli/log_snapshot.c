/* log_snapshot - have a daemon write what its recorder holds, and fetch the file. */
#include "log.h"

#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (256u << 20) /* what a daemon says beyond is not believed */
#define NAME_MAX_BYTES 256u

const struct flag log_snapshot_flags[] = {
    {.name = "node",
     .value = "NODE",
     .help = "of this node (default: the one that is asked)",
     .completes = "node"},
    {.name = "archive", .help = "compress it better, which takes longer"},
    {0},
};
const struct column log_snapshot_columns[] = {
    {.title = "NODE", .key = "node"},
    {.title = "FILE", .key = "file"},
    {.title = "BYTES", .key = "bytes", .format = VALUE_NUMBER},
    {.title = "EVENTS", .key = "events", .format = VALUE_NUMBER},
    {0},
};

static int call(struct run *r, const char *method, struct params *p, bx_val *result)
{
    const char *node = args_get(&r->args, "node", NULL);
    int rc;

    if (node != NULL)
        params_str(p, "node", node);
    rc = run_call(r, method, p, result);
    params_close(p);
    return rc;
}

static int write_all(int fd, struct bx_str s)
{
    for (size_t at = 0; at < s.n;) {
        ssize_t n = write(fd, s.p + at, s.n - at);

        if (n < 0 && errno != EINTR)
            return -1;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

static int io_error(struct run *r, const char *path)
{
    int code = errno == ENOSPC ? BX_NO_SPACE : BX_IO;

    bx_err_set(&r->err, code, "%s: %s", path, strerror(errno));
    bx_err_hint(&r->err, "name a file in a directory that you can write, with room for it");
    return code;
}

/* Copy a file of the daemon, part by part. */
static int fetch(struct run *r, const char *name, int fd, const char *path)
{
    struct bx_str data = {"", 1};
    uint64_t at = 0;

    for (; data.n > 0; at += data.n) {
        struct params p = {0};
        bx_val result;
        int rc;

        params_str(&p, "file", name);
        params_u64(&p, "offset", at);
        rc = call(r, "log.read", &p, &result);
        if (rc != BX_OK)
            return rc;
        data = (struct bx_str){"", 0};
        bx_val_str(bx_val_get(result, "data"), &data);
        if (at + data.n > FILE_MAX)
            return bx_err_set(&r->err, BX_TOO_LARGE, "%s is too large", name);
        if (write_all(fd, data) != 0)
            return io_error(r, path);
    }
    return BX_OK;
}

static int sync_directory(const char *path)
{
    char copy[4096];
    int fd, rc;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rc = fd < 0 ? -1 : fsync(fd);
    if (fd >= 0)
        close(fd);
    return rc;
}

struct copy {
    const char *path;
    char temporary[4096];
    int fd;
};

/* Under another name until it is whole and synced. What is there and is no file would be replaced
 * by one, be it /dev/null. */
static int begin_copy(struct run *r, const char *path, struct copy *x)
{
    struct stat st;

    *x = (struct copy){.path = path, .fd = -1};
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        bx_err_set(&r->err, BX_INVALID, "%s: not a regular file", path);
        bx_err_hint(&r->err, "name a file that is to be written");
        return BX_INVALID;
    }
    if (snprintf(x->temporary, sizeof x->temporary, "%s.XXXXXX", path) >= (int)sizeof x->temporary)
        return bx_err_set(&r->err, BX_INVALID, "%.80s...: the path is too long", path);
    x->fd = mkostemp(x->temporary, O_CLOEXEC);
    return x->fd < 0 ? io_error(r, path) : BX_OK;
}

static int end_copy(struct run *r, struct copy *x, const char *name)
{
    int rc = fetch(r, name, x->fd, x->temporary);

    if (rc == BX_OK && fsync(x->fd) != 0)
        rc = io_error(r, x->temporary);
    if (rc == BX_OK && (rename(x->temporary, x->path) != 0 || sync_directory(x->path) != 0))
        rc = io_error(r, x->path);
    return rc;
}

static void close_copy(struct copy *x, bool keep)
{
    if (x->fd < 0)
        return;
    close(x->fd);
    if (!keep)
        unlink(x->temporary);
}

static int make(struct run *r, struct copy *x)
{
    struct params p = {0};
    struct bx_str file = {"", 0};
    char name[NAME_MAX_BYTES];
    bx_val result;
    int code;

    if (args_has(&r->args, "archive"))
        params_bool(&p, "archive", true);
    if (call(r, "log.snapshot", &p, &result) != BX_OK)
        return run_fail(r);
    bx_val_str(bx_val_get(result, "file"), &file);
    snprintf(name, sizeof name, BX_STR_FMT, BX_STR_ARG(file));
    code = result_print(r, result);
    if (code != 0)
        return code;
    return x->fd >= 0 && end_copy(r, x, name) != BX_OK ? run_fail(r) : 0;
}

int log_snapshot(struct run *r)
{
    struct copy x = {.fd = -1};
    int code;

    if (r->n_arguments > 0 && begin_copy(r, r->arguments[0], &x) != BX_OK)
        return run_fail(r);
    code = make(r, &x);
    close_copy(&x, code == 0);
    return code;
}
