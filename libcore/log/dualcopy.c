/* A save writes the new value over copy 0 and syncs, then over copy 1 and syncs. At any time at
 * most one copy is uncertain: before the first sync copy 1 holds the old value, after it copy 0
 * holds the new one. The file is created with two empty copies under sequence 0 and renamed when it
 * is complete, so a crash never leaves both copies damaged. */
#include "log/dualcopy.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define VERSION 1
#define SLOT_SIZE 4096
#define FIELDS (BX_HEADER_SIZE + 8) /* bytes before the value */
#define NAME_LIMIT 64

struct copy {
    bool good;
    uint64_t seq;
    size_t len;
    uint8_t bytes[FIELDS + BX_DUALCOPY_MAX];
};

static size_t encode(const struct bx_dualcopy *s, uint64_t seq, const void *value, size_t len,
                     uint8_t *out)
{
    bx_put64(out + BX_HEADER_SIZE, seq);
    if (len > 0)
        memcpy(out + FIELDS, value, len);
    bx_header_seal(out, s->kind, VERSION, BX_CODEC_FLAT, (uint32_t)(8 + len));
    return FIELDS + len;
}

static int write_copy(struct bx_dualcopy *s, int which, const void *p, size_t n, struct bx_err *err)
{
    int rc = s->fs->ops->write(s->fs, s->fd, p, n, (uint64_t)which * SLOT_SIZE);

    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "write", s->name, err);
    rc = s->fs->ops->sync(s->fs, s->fd);
    return rc == 0 ? BX_OK : bx_fs_sync_fail(s->fs, rc, s->name, err);
}

/* Create the file with two empty copies; it is renamed when it is complete. */
static int create(struct bx_dualcopy *s, struct bx_err *err)
{
    static const uint8_t zero[SLOT_SIZE];
    uint8_t bytes[2 * SLOT_SIZE];
    char tmp[NAME_LIMIT];
    int rc;

    for (int i = 0; i < 2; i++) {
        memcpy(bytes + i * SLOT_SIZE, zero, SLOT_SIZE);
        encode(s, 0, NULL, 0, bytes + i * SLOT_SIZE);
    }
    snprintf(tmp, sizeof tmp, "%s.tmp", s->name);
    rc = s->fs->ops->open(s->fs, tmp, BX_FS_CREATE | BX_FS_TRUNC, &s->fd);
    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "create", tmp, err);
    rc = write_copy(s, 0, bytes, sizeof bytes, err);
    if (rc != BX_OK)
        return rc;
    rc = s->fs->ops->rename(s->fs, tmp, s->name);
    if (rc == 0)
        rc = s->fs->ops->sync_dir(s->fs);
    return rc == 0 ? BX_OK : bx_fs_fail(s->fs, rc, "create", s->name, err);
}

/* BX_OK also for a damaged copy, which `good` tells. */
static int read_copy(struct bx_dualcopy *s, int which, uint64_t size, struct copy *c,
                     struct bx_err *err)
{
    uint64_t offset = (uint64_t)which * SLOT_SIZE;
    struct bx_header header;
    size_t n;
    int rc;

    if (size <= offset)
        return BX_OK;
    n = size - offset < sizeof c->bytes ? (size_t)(size - offset) : sizeof c->bytes;
    rc = s->fs->ops->read(s->fs, s->fd, c->bytes, n, offset);
    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "read", s->name, err);
    rc = bx_header_check(c->bytes, n, s->kind, VERSION, &header);
    if (rc == BX_UNSUPPORTED)
        return bx_err_set(err, rc, "%s/%s was written by a newer version", s->fs->dir, s->name);
    if (rc == BX_OK && header.length >= 8) {
        c->good = true;
        c->seq = bx_get64(c->bytes + BX_HEADER_SIZE);
        c->len = header.length - 8;
    }
    return BX_OK;
}

static bool same(const struct copy *a, const struct copy *b)
{
    return a->seq == b->seq && a->len == b->len && memcmp(a->bytes, b->bytes, FIELDS + a->len) == 0;
}

/* Use the newer of the good copies and repair the other one. */
static int settle(struct bx_dualcopy *s, const struct copy *copies, void *value, size_t *len,
                  struct bx_err *err)
{
    const struct copy *a = &copies[0], *b = &copies[1];
    int best = !a->good || (b->good && b->seq > a->seq);
    const struct copy *c = &copies[best];

    if (!c->good || (a->good && b->good && a->seq == b->seq && !same(a, b))) {
        bx_err_set(err, BX_CORRUPT, "%s/%s: both copies are damaged", s->fs->dir, s->name);
        bx_fs_hint_forget(s->fs, err);
        return BX_CORRUPT;
    }
    s->seq = c->seq;
    s->repaired = !a->good || !b->good;
    *len = c->len;
    if (c->len > 0)
        memcpy(value, c->bytes + FIELDS, c->len);
    if (a->good && b->good && same(a, b))
        return BX_OK;
    return write_copy(s, !best, c->bytes, FIELDS + c->len, err);
}

struct lookup {
    const char *name;
    bool found;
};

static void look(void *ctx, const char *name)
{
    struct lookup *l = ctx;

    l->found = l->found || strcmp(l->name, name) == 0;
}

static int open_file(struct bx_dualcopy *s, struct bx_err *err)
{
    struct lookup l = {.name = s->name};
    int rc = s->fs->ops->list(s->fs, look, &l);

    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "list", ".", err);
    if (!l.found)
        return create(s, err);
    rc = s->fs->ops->open(s->fs, s->name, 0, &s->fd);
    if (rc != 0)
        return bx_fs_fail(s->fs, rc, "open", s->name, err);
    /* A process that was killed while it created the file may not have synced the directory. */
    rc = s->fs->ops->sync_dir(s->fs);
    return rc == 0 ? BX_OK : bx_fs_fail(s->fs, rc, "sync", ".", err);
}

int bx_dualcopy_open(struct bx_dualcopy *s, struct bx_fs *fs, const char *name, uint16_t kind,
                     void *value, size_t *len, struct bx_err *err)
{
    struct copy copies[2] = {{.good = false}, {.good = false}};
    uint64_t size;
    int rc;

    assert(strlen(name) + sizeof ".tmp" <= NAME_LIMIT);
    *s = (struct bx_dualcopy){.fs = fs, .name = name, .kind = kind, .fd = -1};
    *len = 0;
    rc = open_file(s, err);
    if (rc != BX_OK)
        goto fail;
    rc = fs->ops->size(fs, s->fd, &size);
    if (rc != 0) {
        rc = bx_fs_fail(fs, rc, "read", name, err);
        goto fail;
    }
    for (int i = 0; i < 2 && rc == BX_OK; i++)
        rc = read_copy(s, i, size, &copies[i], err);
    if (rc == BX_OK)
        rc = settle(s, copies, value, len, err);
    if (rc == BX_OK)
        return BX_OK;
fail:
    bx_dualcopy_close(s);
    return rc;
}

int bx_dualcopy_save(struct bx_dualcopy *s, const void *value, size_t len, struct bx_err *err)
{
    uint8_t bytes[FIELDS + BX_DUALCOPY_MAX];
    size_t n;

    assert(s->fs != NULL && len <= BX_DUALCOPY_MAX);
    n = encode(s, s->seq + 1, value, len, bytes);
    for (int i = 0; i < 2; i++) {
        int rc = write_copy(s, i, bytes, n, err);
        if (rc != BX_OK)
            return rc;
    }
    s->seq++;
    return BX_OK;
}

void bx_dualcopy_close(struct bx_dualcopy *s)
{
    if (s->fs != NULL && s->fd >= 0)
        s->fs->ops->close(s->fs, s->fd);
    *s = (struct bx_dualcopy){.fd = -1};
}
