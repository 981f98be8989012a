#include "diagnose/priv.h"

#include "rec/rec.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool open_one(const struct bx_bag *b, uint32_t i, int *fd, uint64_t *bytes)
{
    struct bx_str where = bx_bag_value(b, i);
    char path[BX_BAG_VALUE + 1];
    struct stat st;

    snprintf(path, sizeof path, "%.*s", (int)where.n, where.p);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd >= 0 && fstat(*fd, &st) == 0 && S_ISREG(st.st_mode)) {
        *bytes = (uint64_t)st.st_size;
        return true;
    }
    BX_WARNING("diag", "a file could not be attached", "path", path);
    if (*fd >= 0)
        close(*fd);
    return false;
}

void diag_attach(struct bx_envelope *e, const struct bx_bag *attachments, struct spool_files *out)
{
    out->n = 0;
    for (uint32_t i = 0; i < bx_bag_n(attachments) && out->n < SPOOL_ATTACHED; i++) {
        uint64_t bytes;
        int fd;

        if (!open_one(attachments, i, &fd, &bytes))
            continue;
        bx_envelope_attachment(e, bx_bag_key(attachments, i), bx_str("application/octet-stream"),
                               bytes);
        out->v[out->n].fd = fd;
        out->v[out->n].bytes = bytes;
        out->v[out->n++].at = e->out.len;
    }
}

void diag_attached(struct spool_files *f)
{
    while (f->n > 0)
        close(f->v[--f->n].fd);
}
