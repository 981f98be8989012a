#include "log/snapfile.h"
#include "log/snapitem.h"

#include "codec/count.h"
#include "codec/lz.h"
#include "mem/alloc.h"
#include "mem/vec.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TMP "snapshot.tmp"

BX_VEC(indexes, uint64_t, 8);

/* ---- names ---- */

void bx_snap_name(char out[BX_SNAP_NAME], uint64_t index)
{
    snprintf(out, BX_SNAP_NAME, "snapshot-%016" PRIx64, index);
}

bool bx_snap_parse(const char *name, uint64_t *index)
{
    static const char prefix[] = "snapshot-";
    size_t n = sizeof prefix - 1;
    char *end;

    if (strncmp(name, prefix, n) != 0 || strlen(name) != n + 16)
        return false;
    *index = strtoull(name + n, &end, 16);
    return *end == '\0';
}

uint64_t bx_snap_bytes(struct bx_fs *fs, uint64_t index)
{
    char name[BX_SNAP_NAME];
    uint64_t size = 0;
    int fd;

    bx_snap_name(name, index);
    if (fs->ops->open(fs, name, 0, &fd) != 0)
        return 0;
    if (fs->ops->size(fs, fd, &size) != 0)
        size = 0;
    fs->ops->close(fs, fd);
    return size;
}

/* ---- writing ---- */

struct bx_snap_writer {
    struct bx_fs *fs;
    int fd;
    uint64_t index, offset, chunks, bytes;
    uint32_t crc; /* of the file so far */
    struct bx_buf item;
};

static int publish(struct bx_fs *fs, const char *from, uint64_t index, struct bx_err *err)
{
    char name[BX_SNAP_NAME];
    int rc;

    bx_snap_name(name, index);
    rc = fs->ops->rename(fs, from, name);
    if (rc == 0)
        rc = fs->ops->sync_dir(fs);
    return rc == 0 ? BX_OK : bx_fs_fail(fs, rc, "create", name, err);
}

/* Room for an item with n bytes after its first payload byte; NULL when memory is out. */
static uint8_t *start_item(struct bx_snap_writer *w, uint8_t what, size_t n)
{
    uint8_t *p;

    w->item.len = 0;
    p = bx_buf_extend(&w->item, BX_HEADER_SIZE + 1 + n);
    if (p == NULL)
        return NULL;
    p[BX_HEADER_SIZE] = what;
    return p + BX_HEADER_SIZE + 1;
}

static int put_item(struct bx_snap_writer *w, struct bx_err *err)
{
    bool packed = w->item.data[BX_HEADER_SIZE] == BX_SNAP_PACKED;
    int rc;

    bx_header_seal(w->item.data, BX_KIND_SNAPSHOT, packed ? BX_SNAP_VERSION : 1,
                   packed ? BX_CODEC_LZ : BX_CODEC_FLAT, (uint32_t)(w->item.len - BX_HEADER_SIZE));
    rc = w->fs->ops->write(w->fs, w->fd, w->item.data, w->item.len, w->offset);
    if (rc != 0)
        return bx_fs_fail(w->fs, rc, "write", TMP, err);
    w->crc = bx_crc32c(w->crc, w->item.data, w->item.len);
    w->offset += w->item.len;
    return BX_OK;
}

static int put_meta(struct bx_snap_writer *w, const struct bx_snap_meta *m, struct bx_err *err)
{
    uint8_t *p = start_item(w, BX_SNAP_META, BX_SNAP_META_SIZE + (size_t)m->conf.n);

    if (p == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    bx_put64(p, m->index);
    bx_put64(p + 8, m->term);
    bx_put64(p + 16, m->conf_index);
    bx_put64(p + 24, m->revision);
    bx_put64(p + 32, m->digest);
    memcpy(p + 40, m->history, sizeof m->history);
    bx_put32(p + 56, m->conf.n);
    if (m->conf.n > 0)
        memcpy(p + BX_SNAP_META_SIZE, m->conf.p, m->conf.n);
    return put_item(w, err);
}

int bx_snap_create(struct bx_snap_writer **out, struct bx_fs *fs, const struct bx_snap_meta *meta,
                   struct bx_err *err)
{
    struct bx_snap_writer *w = bx_calloc(1, sizeof *w);
    int rc;

    assert(meta->conf.n <= BX_SNAP_CONF_MAX);
    *out = NULL;
    if (w == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    w->fs = fs;
    w->index = meta->index;
    rc = fs->ops->open(fs, TMP, BX_FS_CREATE | BX_FS_TRUNC, &w->fd);
    if (rc != 0) {
        bx_free(w);
        return bx_fs_fail(fs, rc, "create", TMP, err);
    }
    rc = put_meta(w, meta, err);
    if (rc != BX_OK) {
        bx_snap_abort(w);
        return rc;
    }
    *out = w;
    return BX_OK;
}

/* The chunk as an item, compressed when that makes it shorter. */
static int start_chunk(struct bx_snap_writer *w, const void *chunk, size_t n)
{
    struct bx_codec_call call = bx_codec_encoding(BX_CODEC_LZ, BX_USE_SNAPSHOT);
    uint8_t *p = start_item(w, BX_SNAP_PACKED, 0);
    size_t before = w->item.len;
    int rc = p == NULL ? BX_NO_MEMORY : bx_lz_pack(&w->item, chunk, n);

    if (rc == BX_OK)
        bx_codec_encoded(call, w->item.len - before, n);
    if (rc != BX_TOO_LARGE)
        return rc;
    bx_codec_fell_back(BX_CODEC_LZ, BX_USE_SNAPSHOT);
    call = bx_codec_encoding(BX_CODEC_FLAT, BX_USE_SNAPSHOT);
    p = start_item(w, BX_SNAP_CHUNK, n);
    if (p == NULL)
        return BX_NO_MEMORY;
    if (n > 0)
        memcpy(p, chunk, n);
    bx_codec_encoded(call, n, n);
    return BX_OK;
}

int bx_snap_write(struct bx_snap_writer *w, const void *chunk, size_t n, struct bx_err *err)
{
    assert(n <= BX_SNAP_CHUNK_MAX);
    if (start_chunk(w, chunk, n) != BX_OK)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
    w->chunks++;
    w->bytes += n;
    return put_item(w, err);
}

static void writer_free(struct bx_snap_writer *w)
{
    w->fs->ops->close(w->fs, w->fd);
    bx_buf_release(&w->item);
    bx_free(w);
}

int bx_snap_finish(struct bx_snap_writer *w, struct bx_err *err)
{
    uint8_t *p = start_item(w, BX_SNAP_END, BX_SNAP_END_SIZE);
    int rc;

    if (p == NULL) {
        rc = bx_err_set(err, BX_NO_MEMORY, "out of memory for a snapshot");
        goto fail;
    }
    bx_put64(p, w->chunks);
    bx_put64(p + 8, w->bytes);
    bx_put32(p + 16, w->crc);
    rc = put_item(w, err);
    if (rc != BX_OK)
        goto fail;
    rc = w->fs->ops->sync(w->fs, w->fd);
    if (rc != 0) {
        rc = bx_fs_fail(w->fs, rc, "sync", TMP, err);
        goto fail;
    }
    rc = publish(w->fs, TMP, w->index, err);
    writer_free(w);
    return rc;
fail:
    bx_snap_abort(w);
    return rc;
}

void bx_snap_abort(struct bx_snap_writer *w)
{
    if (w == NULL)
        return;
    w->fs->ops->unlink(w->fs, TMP); /* if this fails, the next snapshot overwrites it */
    writer_free(w);
}

/* ---- receiving ---- */

int bx_snap_receive(struct bx_fs *fs, uint64_t offset, const void *p, size_t n, struct bx_err *err)
{
    int flags = offset == 0 ? BX_FS_CREATE | BX_FS_TRUNC : 0;
    uint64_t size = 0;
    int fd, rc;

    rc = fs->ops->open(fs, BX_SNAP_INCOMING, flags, &fd);
    if (rc != 0 && (rc != -ENOENT || offset == 0))
        return bx_fs_fail(fs, rc, "open", BX_SNAP_INCOMING, err);
    if (rc == 0) {
        rc = fs->ops->size(fs, fd, &size);
        if (rc == 0 && size == offset && n > 0)
            rc = fs->ops->write(fs, fd, p, n, offset);
        fs->ops->close(fs, fd);
        if (rc != 0)
            rc = bx_fs_fail(fs, rc, "write", BX_SNAP_INCOMING, err);
        if (rc == BX_NO_SPACE)
            bx_snap_receive_drop(fs);
        if (rc != BX_OK)
            return rc;
    }
    if (size != offset)
        return bx_err_set(err, BX_MALFORMED,
                          "snapshot bytes at offset %" PRIu64 ", expected at %" PRIu64, offset,
                          size);
    return BX_OK;
}

void bx_snap_receive_drop(struct bx_fs *fs)
{
    fs->ops->unlink(fs, BX_SNAP_INCOMING); /* it may not be there */
}

static int open_received(struct bx_snap_reader **r, struct bx_fs *fs, struct bx_err *err)
{
    int rc = bx_snap_open_file(r, fs, BX_SNAP_INCOMING, err);

    return rc == BX_CORRUPT ? bx_err_set(err, BX_MALFORMED, "the received snapshot is damaged")
                            : rc;
}

static int check_announced(const struct bx_snap_reader *r, uint64_t index, uint64_t term,
                           struct bx_err *err)
{
    const struct bx_snap_meta *m = bx_snap_meta(r);

    if (m->index == index && m->term == term)
        return BX_OK;
    return bx_err_set(err, BX_MALFORMED,
                      "the received snapshot is of entry %" PRIu64 " of term %" PRIu64
                      ", announced as %" PRIu64 " of %" PRIu64,
                      m->index, m->term, index, term);
}

static int sync_received(struct bx_fs *fs, struct bx_err *err)
{
    int fd, rc = fs->ops->open(fs, BX_SNAP_INCOMING, 0, &fd);

    if (rc != 0)
        return bx_fs_fail(fs, rc, "open", BX_SNAP_INCOMING, err);
    rc = fs->ops->sync(fs, fd);
    fs->ops->close(fs, fd);
    return rc == 0 ? BX_OK : bx_fs_fail(fs, rc, "sync", BX_SNAP_INCOMING, err);
}

int bx_snap_receive_finish(struct bx_snap_reader **r, struct bx_fs *fs, uint64_t index,
                           uint64_t term, struct bx_err *err)
{
    char name[BX_SNAP_NAME];
    int rc = open_received(r, fs, err);

    if (rc == BX_OK)
        rc = check_announced(*r, index, term, err);
    if (rc == BX_OK)
        rc = sync_received(fs, err);
    if (rc == BX_OK)
        rc = publish(fs, BX_SNAP_INCOMING, index, err);
    if (rc != BX_OK) {
        bx_snap_close(*r);
        *r = NULL;
        return rc;
    }
    bx_snap_name(name, index);
    bx_snap_set_name(*r, name);
    return BX_OK;
}

/* ---- removing ---- */

struct listing {
    struct indexes found;
    bool tmp, incoming, no_memory;
};

static void collect(void *ctx, const char *name)
{
    struct listing *l = ctx;
    uint64_t index;

    if (bx_snap_parse(name, &index) && indexes_push(&l->found, index) != BX_OK)
        l->no_memory = true;
    l->tmp = l->tmp || strcmp(name, TMP) == 0;
    l->incoming = l->incoming || strcmp(name, BX_SNAP_INCOMING) == 0;
}

static int list(struct bx_fs *fs, struct listing *l, struct bx_err *err)
{
    int rc;

    indexes_init(&l->found);
    rc = fs->ops->list(fs, collect, l);
    if (rc != 0)
        return bx_fs_fail(fs, rc, "list", ".", err);
    return l->no_memory ? bx_err_set(err, BX_NO_MEMORY, "out of memory for a list of files")
                        : BX_OK;
}

static int remove_file(struct bx_fs *fs, const char *name, struct bx_err *err)
{
    int rc = fs->ops->unlink(fs, name);

    return rc == 0 ? BX_OK : bx_fs_fail(fs, rc, "remove", name, err);
}

int bx_snap_clean(struct bx_fs *fs, struct bx_err *err)
{
    struct listing l = {.tmp = false};
    int rc = list(fs, &l, err);

    if (rc == BX_OK && l.tmp)
        rc = remove_file(fs, TMP, err);
    if (rc == BX_OK && l.incoming)
        rc = remove_file(fs, BX_SNAP_INCOMING, err);
    indexes_close(&l.found);
    return rc;
}

int bx_snap_prune(struct bx_fs *fs, uint64_t index, struct bx_err *err)
{
    struct listing l = {.tmp = false};
    char name[BX_SNAP_NAME];
    int rc = list(fs, &l, err);

    for (size_t i = 0; i < l.found.len && rc == BX_OK; i++) {
        if (l.found.items[i] >= index)
            continue;
        bx_snap_name(name, l.found.items[i]);
        rc = remove_file(fs, name, err);
    }
    indexes_close(&l.found);
    return rc;
}
