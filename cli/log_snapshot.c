/* log_snapshot - have a daemon write what its recorder holds, and fetch the file. */
#include "log.h"

#include "result.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
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
    return bx_err_set(&r->err, errno == ENOSPC ? BX_NO_SPACE : BX_IO, "%s: %s", path,
                      strerror(errno));
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

/* Under another name until it is whole and synced. */
static int save(struct run *r, const char *name, const char *path)
{
    char temporary[4096];
    int fd, rc;

    if (snprintf(temporary, sizeof temporary, "%s.tmp", path) >= (int)sizeof temporary)
        return bx_err_set(&r->err, BX_INVALID, "%s: the path is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return io_error(r, temporary);
    rc = fetch(r, name, fd, temporary);
    if (rc == BX_OK && fsync(fd) != 0)
        rc = io_error(r, temporary);
    close(fd);
    if (rc == BX_OK && (rename(temporary, path) != 0 || sync_directory(path) != 0))
        rc = io_error(r, path);
    if (rc != BX_OK)
        unlink(temporary);
    return rc;
}

int log_snapshot(struct run *r)
{
    struct params p = {0};
    struct bx_str file = {"", 0};
    char name[NAME_MAX_BYTES];
    bx_val result;
    int rc;

    if (args_has(&r->args, "archive"))
        params_bool(&p, "archive", true);
    rc = call(r, "log.snapshot", &p, &result);
    if (rc != BX_OK)
        return run_fail(r);
    bx_val_str(bx_val_get(result, "file"), &file);
    snprintf(name, sizeof name, BX_STR_FMT, BX_STR_ARG(file));
    rc = result_print(r, result);
    if (rc == 0 && r->n_arguments > 0 && save(r, name, r->arguments[0]) != BX_OK)
        rc = run_fail(r);
    return rc;
}
