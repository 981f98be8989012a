/* log_snapshot - files of the recorder, made and fetched.
 *
 * Answered by the node that is asked, without a barrier, or by the one that `node` names; works
 * without a quorum, and on a host that does not belong to a cluster. */
#include "api/priv.h"

#include "sys/crash.h"
#include "sys/snapshot.h"
#include "wire/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- snapshot ---- */

static void on_written(void *ctx, const struct snapshot_file *f, const struct bx_err *err)
{
    struct api_call *c = ctx;
    struct bx_log_snapshot_reply r = {bx_str(c->api->o.name), bx_str(f->name), f->bytes, f->events};

    if (err != NULL)
        api_fail(c, err);
    else
        api_reply(c, &bx_log_snapshot_reply_schema, &r);
}

static void log_snapshot(struct api_call *c)
{
    const struct bx_recorder_params *p = c->params;
    struct bx_err err;

    if (!api_relay_named(c, p->node) &&
        snapshot_begin(SNAPSHOT_ASKED, p->archive, on_written, c, &err) != BX_OK)
        api_fail(c, &err);
}

/* ---- read ---- */

static int read_part(int fd, uint64_t offset, struct bx_buf *out, struct bx_log_read_reply *r)
{
    uint8_t *p = bx_buf_extend(out, BX_RECORDER_DATA_MAX);
    struct stat st;
    ssize_t n;

    if (p == NULL)
        return BX_NO_MEMORY;
    n = offset > INT64_MAX ? 0 : pread(fd, p, BX_RECORDER_DATA_MAX, (off_t)offset);
    if (n < 0 || fstat(fd, &st) != 0)
        return BX_IO;
    *r = (struct bx_log_read_reply){{(const char *)p, (uint32_t)n}, (uint64_t)st.st_size};
    return BX_OK;
}

static int open_file(const struct bx_recorder_params *p, int *fd, struct bx_err *err)
{
    char name[BX_RECORDER_NAME_MAX + 1];

    snprintf(name, sizeof name, BX_STR_FMT, BX_STR_ARG(p->file));
    if (!snapshot_is_name(name))
        return bx_err_set(err, BX_INVALID, "\"%s\" is no name of a file of the recorder", name);
    *fd = openat(crash_directory(), name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd >= 0)
        return BX_OK;
    bx_err_set(err, errno == ENOENT ? BX_NOT_FOUND : BX_IO, "recorder/%s: %s", name,
               strerror(errno));
    bx_err_hint(err, "the newest files of a kind are kept: take another snapshot");
    return err->code;
}

static void read_here(struct api_call *c)
{
    const struct bx_recorder_params *p = c->params;
    struct bx_log_read_reply r;
    struct bx_buf part = {0};
    struct bx_err err;
    int fd = -1, rc = open_file(p, &fd, &err);

    if (rc == BX_OK) {
        rc = read_part(fd, p->offset, &part, &r);
        if (rc != BX_OK)
            bx_err_set(&err, rc, "recorder/" BX_STR_FMT " can not be read", BX_STR_ARG(p->file));
        close(fd);
    }
    if (rc == BX_OK)
        api_reply(c, &bx_log_read_reply_schema, &r);
    else
        api_fail(c, &err);
    bx_buf_release(&part);
}

static void log_read(struct api_call *c)
{
    const struct bx_recorder_params *p = c->params;

    if (!api_relay_named(c, p->node))
        read_here(c);
}

/* ---- the methods ---- */

const struct api_method api_log_snapshot = {.run = log_snapshot, .expired = api_relay_over};
const struct api_method api_log_read = {.run = log_read, .expired = api_relay_over};
