#include "log/snapfile.h"
#include "log/snapitem.h"

#include "codec/count.h"
#include "codec/lz.h"
#include "mem/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define ITEM_MAX (BX_HEADER_SIZE + 1 + BX_SNAP_CHUNK_MAX)

struct bx_snap_reader {
    struct bx_fs *fs;
    char name[BX_SNAP_NAME];
    int fd;
    uint64_t size, offset; /* where the next item begins */
    uint64_t body;         /* where the first chunk begins */
    uint64_t chunks, bytes;
    bool packed;  /* a chunk was */
    uint32_t crc; /* of the items read so far */
    struct bx_snap_meta meta;
    struct bx_buf conf, item, chunk;
};

static int damaged(const struct bx_snap_reader *r, struct bx_err *err)
{
    bx_err_set(err, BX_CORRUPT, "%s/%s is damaged at offset %" PRIu64, r->fs->dir, r->name,
               r->offset);
    bx_fs_hint_forget(r->fs, err);
    return BX_CORRUPT;
}

static int read_bytes(struct bx_snap_reader *r, void *p, size_t n, uint64_t offset,
                      struct bx_err *err)
{
    int rc = r->fs->ops->read(r->fs, r->fd, p, n, offset);

    return rc == 0 ? BX_OK : bx_fs_fail(r->fs, rc, "read", r->name, err);
}

/* Read the next item into r->item and verify it: payload from byte BX_HEADER_SIZE on, at least one
 * byte. */
static int read_item(struct bx_snap_reader *r, struct bx_err *err)
{
    uint8_t bytes[BX_HEADER_SIZE], *p;
    struct bx_header header;
    size_t n;
    int rc;

    if (r->size - r->offset < BX_HEADER_SIZE)
        return damaged(r, err);
    rc = read_bytes(r, bytes, sizeof bytes, r->offset, err);
    if (rc != BX_OK)
        return rc;
    n = BX_HEADER_SIZE + (size_t)bx_get32(bytes + 8);
    if (n <= BX_HEADER_SIZE || n > ITEM_MAX || n > r->size - r->offset)
        return damaged(r, err);
    r->item.len = 0;
    p = bx_buf_extend(&r->item, n);
    if (p == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    rc = read_bytes(r, p, n, r->offset, err);
    if (rc != BX_OK)
        return rc;
    rc = bx_header_check(p, n, BX_KIND_SNAPSHOT, BX_SNAP_VERSION, &header);
    if (rc == BX_UNSUPPORTED)
        return bx_err_set(err, rc, "%s/%s was written by a newer version", r->fs->dir, r->name);
    return rc == BX_OK ? BX_OK : damaged(r, err);
}

static void consume(struct bx_snap_reader *r)
{
    r->crc = bx_crc32c(r->crc, r->item.data, r->item.len);
    r->offset += r->item.len;
}

static int read_meta(struct bx_snap_reader *r, struct bx_err *err)
{
    struct bx_snap_meta *m = &r->meta;
    const uint8_t *p;
    int rc = read_item(r, err);

    if (rc != BX_OK)
        return rc;
    p = r->item.data + BX_HEADER_SIZE;
    if (*p++ != BX_SNAP_META || r->item.len < BX_HEADER_SIZE + 1 + BX_SNAP_META_SIZE)
        return damaged(r, err);
    m->index = bx_get64(p);
    m->term = bx_get64(p + 8);
    m->conf_index = bx_get64(p + 16);
    m->revision = bx_get64(p + 24);
    m->digest = bx_get64(p + 32);
    memcpy(m->history, p + 40, sizeof m->history);
    m->conf.n = bx_get32(p + 56);
    if (m->conf.n > BX_SNAP_CONF_MAX ||
        r->item.len != BX_HEADER_SIZE + 1 + BX_SNAP_META_SIZE + (size_t)m->conf.n)
        return damaged(r, err);
    if (bx_buf_append(&r->conf, p + BX_SNAP_META_SIZE, m->conf.n) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    m->conf.p = (const char *)r->conf.data;
    consume(r);
    r->body = r->offset;
    return BX_OK;
}

/* The chunk in r->item, as it was written, into r->chunk. Version 1 had no packed ones. */
static int take_chunk(struct bx_snap_reader *r, bool packed, struct bx_err *err)
{
    const uint8_t *p = r->item.data + BX_HEADER_SIZE + 1;
    size_t n = r->item.len - BX_HEADER_SIZE - 1;
    struct bx_codec_call call =
        bx_codec_decoding(packed ? BX_CODEC_LZ : BX_CODEC_FLAT, BX_USE_SNAPSHOT);
    int rc;

    r->chunk.len = 0;
    if (!packed)
        rc = bx_buf_append(&r->chunk, p, n);
    else if (r->item.data[2] < 2 || r->item.data[3] != BX_CODEC_LZ)
        rc = BX_MALFORMED;
    else
        rc = bx_lz_unpack(&r->chunk, p, n, BX_SNAP_CHUNK_MAX);
    if (rc == BX_MALFORMED) {
        bx_codec_failed(call);
        return damaged(r, err);
    }
    if (rc != BX_OK)
        return bx_err_set(err, rc, "out of memory for a snapshot");
    bx_codec_decoded(call, n, r->chunk.len);
    r->chunks++;
    r->bytes += r->chunk.len;
    r->packed = r->packed || packed;
    consume(r);
    return BX_OK;
}

/* The next item after the meta: a chunk, or the end, whose counts and checksum must match. */
static int next(struct bx_snap_reader *r, bool *end, struct bx_err *err)
{
    const uint8_t *p;
    int rc = read_item(r, err);

    if (rc != BX_OK)
        return rc;
    p = r->item.data + BX_HEADER_SIZE;
    *end = *p == BX_SNAP_END;
    if (*p == BX_SNAP_CHUNK || *p == BX_SNAP_PACKED)
        return take_chunk(r, *p == BX_SNAP_PACKED, err);
    p++;
    if (!*end || r->item.len != BX_HEADER_SIZE + 1 + BX_SNAP_END_SIZE || bx_get64(p) != r->chunks ||
        bx_get64(p + 8) != r->bytes || bx_get32(p + 16) != r->crc ||
        r->offset + r->item.len != r->size)
        return damaged(r, err);
    return BX_OK;
}

/* Read all of it once, then return to the first chunk. */
static int verify(struct bx_snap_reader *r, struct bx_err *err)
{
    bool end = false;
    uint32_t crc;
    int rc = read_meta(r, err);

    crc = r->crc;
    while (rc == BX_OK && !end)
        rc = next(r, &end, err);
    r->offset = r->body;
    r->chunks = r->bytes = 0;
    r->crc = crc;
    return rc;
}

void bx_snap_set_name(struct bx_snap_reader *r, const char *name)
{
    snprintf(r->name, sizeof r->name, "%s", name);
}

int bx_snap_open_file(struct bx_snap_reader **out, struct bx_fs *fs, const char *name,
                      struct bx_err *err)
{
    struct bx_snap_reader *r = bx_calloc(1, sizeof *r);
    int rc;

    *out = NULL;
    if (r == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    r->fs = fs;
    bx_snap_set_name(r, name);
    rc = fs->ops->open(fs, name, 0, &r->fd);
    if (rc != 0) {
        bx_free(r);
        return bx_fs_fail(fs, rc, "open", name, err);
    }
    rc = fs->ops->size(fs, r->fd, &r->size);
    rc = rc == 0 ? verify(r, err) : bx_fs_fail(fs, rc, "read", name, err);
    if (rc != BX_OK) {
        bx_snap_close(r);
        return rc;
    }
    *out = r;
    return BX_OK;
}

struct latest {
    bool found;
    uint64_t index;
};

static void look(void *ctx, const char *name)
{
    struct latest *l = ctx;
    uint64_t index;

    if (bx_snap_parse(name, &index) && (!l->found || index > l->index))
        *l = (struct latest){true, index};
}

int bx_snap_open_latest(struct bx_snap_reader **r, struct bx_fs *fs, struct bx_err *err)
{
    struct latest l = {.found = false};
    char name[BX_SNAP_NAME];
    int rc = fs->ops->list(fs, look, &l);

    *r = NULL;
    if (rc != 0)
        return bx_fs_fail(fs, rc, "list", ".", err);
    if (!l.found)
        return bx_err_set(err, BX_NOT_FOUND, "there is no snapshot in %s", fs->dir);
    bx_snap_name(name, l.index);
    rc = bx_snap_open_file(r, fs, name, err);
    if (rc != BX_OK || (*r)->meta.index == l.index)
        return rc;
    (*r)->offset = 0;
    rc = damaged(*r, err); /* its index is not that of its name */
    bx_snap_close(*r);
    *r = NULL;
    return rc;
}

const struct bx_snap_meta *bx_snap_meta(const struct bx_snap_reader *r)
{
    return &r->meta;
}

int bx_snap_read(struct bx_snap_reader *r, struct bx_buf *buf, bool *end, struct bx_err *err)
{
    struct bx_buf before = *buf;
    int rc = next(r, end, err);

    buf->len = before.len = 0;
    if (rc != BX_OK || *end)
        return rc;
    *buf = r->chunk;
    r->chunk = before;
    return BX_OK;
}

int bx_snap_read_raw(struct bx_snap_reader *r, uint64_t offset, void *p, size_t n, size_t *got,
                     struct bx_err *err)
{
    uint64_t left = offset < r->size ? r->size - offset : 0;

    *got = left < n ? (size_t)left : n;
    return *got == 0 ? BX_OK : read_bytes(r, p, *got, offset, err);
}

bool bx_snap_packed(const struct bx_snap_reader *r)
{
    return r->packed;
}

void bx_snap_close(struct bx_snap_reader *r)
{
    if (r == NULL)
        return;
    r->fs->ops->close(r->fs, r->fd);
    bx_buf_release(&r->conf);
    bx_buf_release(&r->item);
    bx_buf_release(&r->chunk);
    bx_free(r);
}
