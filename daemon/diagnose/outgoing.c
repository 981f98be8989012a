#include "diagnose/outgoing.h"

#include "codec/header.h"
#include "diag/envread.h"
#include "mem/alloc.h"
#include "sys/clock.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* ---- what of the file is sent ---- */

/* The file, line by line; payloads are passed over. */
struct walk {
    int fd;
    uint64_t at, end;
    char *line; /* room for a header, and one byte more */
};
#define LINE_ROOM (BX_ENVREAD_HEADER + 1u)

/* As much as there is; -1: an error. */
static ssize_t read_at(int fd, void *p, size_t n, uint64_t at)
{
    ssize_t got;

    do
        got = pread(fd, p, n, (off_t)at);
    while (got < 0 && errno == EINTR);
    return got;
}

/* The next line without its end. BX_NOT_FOUND: there is none. */
static int take_line(struct walk *w, struct bx_str *line)
{
    uint64_t left = w->end - w->at;
    size_t n = left < LINE_ROOM ? (size_t)left : LINE_ROOM;
    ssize_t got = n == 0 ? 0 : read_at(w->fd, w->line, n, w->at);
    const char *end;

    if (n == 0)
        return BX_NOT_FOUND;
    if (got != (ssize_t)n)
        return BX_IO;
    end = memchr(w->line, '\n', n);
    if (end == NULL && left > n)
        return BX_CORRUPT; /* longer than a header can be */
    *line = (struct bx_str){w->line, (uint32_t)(end == NULL ? n : (size_t)(end - w->line))};
    w->at += line->n + (end != NULL);
    return BX_OK;
}

/* To where the payload ends that begins here, its newline included. */
static int pass_payload(struct walk *w, uint64_t length)
{
    char newline = '\n';

    if (length > w->end - w->at)
        return BX_CORRUPT;
    w->at += length;
    if (w->at < w->end && read_at(w->fd, &newline, 1, w->at) != 1)
        return BX_IO;
    if (newline != '\n')
        return BX_CORRUPT;
    w->at += w->at < w->end;
    return BX_OK;
}

/* One whose header has no length is the next line. */
static int pass_line(struct walk *w)
{
    struct bx_str line;
    int rc = take_line(w, &line);

    return rc == BX_NOT_FOUND ? BX_OK : rc;
}

static int add_range(struct outgoing *o, uint64_t from, uint64_t to)
{
    o->bytes += to - from;
    if (o->n > 0 && o->v[o->n - 1].to == from) {
        o->v[o->n - 1].to = to;
        return BX_OK;
    }
    if (o->n == OUTGOING_RANGES)
        return BX_CORRUPT; /* none that was made here has so many attachments */
    o->v[o->n].from = from;
    o->v[o->n++].to = to;
    return BX_OK;
}

static int read_item(struct walk *w, struct bx_envread *r, struct bx_str line,
                     struct bx_envread_item *item)
{
    uint64_t length;
    int rc = bx_envread_header(r, line, item, &length, NULL);

    if (rc != BX_OK)
        return rc == BX_NO_MEMORY ? rc : BX_CORRUPT;
    return length == BX_ENVREAD_LINE ? pass_line(w) : pass_payload(w, length);
}

/* BX_NOT_FOUND: there are no more items. */
static int next_item(struct outgoing *o, struct walk *w, struct bx_envread *r, bool attachments)
{
    struct bx_envread_item item;
    uint64_t from = w->at;
    struct bx_str line;
    int rc = take_line(w, &line);

    if (rc != BX_OK || line.n == 0)
        return rc; /* an empty line may end an envelope */
    rc = read_item(w, r, line, &item);
    if (rc != BX_OK)
        return rc;
    if (attachments || item.type != BX_ITEM_ATTACHMENT)
        return add_range(o, from, w->at);
    o->cut++;
    return BX_OK;
}

static int find_ranges(struct outgoing *o, struct walk *w, uint64_t sent_ns, bool attachments)
{
    struct bx_str line;
    struct bx_envread r = {.p = NULL};
    int rc = take_line(w, &line);

    if (rc == BX_OK)
        rc = bx_envread_open(&r, line.p, line.n, NULL);
    if (rc == BX_OK)
        rc = bx_envread_head_again(&r, sent_ns, &o->head);
    o->bytes += o->head.len;
    while (rc == BX_OK)
        rc = next_item(o, w, &r, attachments);
    bx_envread_close(&r);
    if (rc == BX_NO_MEMORY || rc == BX_IO)
        return rc;
    return rc == BX_NOT_FOUND && o->n > 0 ? BX_OK : BX_CORRUPT;
}

int outgoing_take(struct outgoing *o, int fd, uint64_t from, uint64_t end, uint64_t sent_ns,
                  bool attachments)
{
    struct walk w = {.fd = fd, .at = from, .end = end, .line = bx_alloc(LINE_ROOM)};
    int rc;

    *o = (struct outgoing){.fd = fd};
    rc = w.line == NULL ? BX_NO_MEMORY : find_ranges(o, &w, sent_ns, attachments);
    bx_free(w.line);
    return rc;
}

int outgoing_open(struct outgoing *o, struct spool *s, const struct spool_entry *e,
                  bool attachments, struct bx_err *err)
{
    uint64_t end;
    int fd, rc;

    *o = (struct outgoing){.fd = -1};
    rc = spool_stream(s, e, &fd, &end, err);
    if (rc != BX_OK)
        return rc;
    rc = outgoing_take(o, fd, BX_HEADER_SIZE, end, clock_wall_ns(), attachments);
    return rc == BX_OK ? BX_OK : bx_err_set(err, rc, "diag/%s: %s", e->name, bx_code_name(rc));
}

void outgoing_close(struct outgoing *o)
{
    if (o->fd >= 0)
        close(o->fd);
    o->fd = -1;
    bx_buf_release(&o->head);
}

/* ---- sending it ---- */

ssize_t outgoing_read(const struct outgoing *o, uint64_t at, void *p, size_t n)
{
    uint64_t size = o->head.len;

    if (at < size) {
        n = n < size - at ? n : (size_t)(size - at);
        memcpy(p, o->head.data + at, n);
        return (ssize_t)n;
    }
    at -= size;
    for (uint32_t i = 0; i < o->n; at -= size, i++) {
        ssize_t got;

        size = o->v[i].to - o->v[i].from;
        if (at >= size)
            continue;
        n = n < size - at ? n : (size_t)(size - at);
        got = n == 0 ? 0 : read_at(o->fd, p, n, o->v[i].from + at);
        return n > 0 && got <= 0 ? -1 : got; /* it is not to become shorter */
    }
    return 0;
}
