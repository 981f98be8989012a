#include "lib/memfs_disk.h"

#include "mem/alloc.h"

#include <errno.h>
#include <string.h>

/* ---- faults ---- */

static uint64_t size_of(const struct file *f)
{
    return f->now.n > f->reserved ? f->now.n : f->reserved;
}

uint64_t memfs_free(const struct memfs *m)
{
    uint64_t used = m->beside == NULL ? 0 : m->beside(m->beside_ctx);

    if (m->limit == 0)
        return UINT64_MAX / 2;
    for (unsigned i = 0; i < m->now.n; i++)
        used += size_of(&m->files[m->now.entries[i].file]);
    return used < m->limit ? m->limit - used : 0;
}

/* May the file have so many bytes? */
static int may_grow(const struct memfs *m, const struct file *f, uint64_t size)
{
    return size > size_of(f) && size - size_of(f) > memfs_free(m) ? -ENOSPC : 0;
}

/* Called for each change: 0 to go on, else the error; *after tells to do it and fail then. */
static int begin_change(struct memfs *m, bool *after)
{
    uint64_t number;

    *after = false;
    if (m->stopped)
        return -EIO;
    number = m->changes++;
    if (m->fault == MEMFS_NONE || m->faulted || number != m->fault_at)
        return 0;
    m->faulted = true;
    if (m->fault == MEMFS_FAIL)
        return m->error;
    m->stopped = true;
    *after = m->fault == MEMFS_STOP_AFTER;
    if (!*after && m->stop != NULL)
        m->stop(m->stop_ctx);
    return *after ? 0 : -EIO;
}

/* The change is done, with rc: what its caller learns. */
static int end_change(struct memfs *m, bool after, int rc)
{
    if (!after)
        return rc;
    if (m->stop != NULL)
        m->stop(m->stop_ctx);
    return -EIO;
}

/* ---- the table ---- */

static struct memfs *self(struct bx_fs *fs)
{
    return (struct memfs *)fs;
}

static void cut(struct file *f)
{
    memfs_add_change(f, 0, NULL, 0);
    f->reserved = 0;
}

static int fs_open(struct bx_fs *fs, const char *name, int flags, int *fd)
{
    struct memfs *m = self(fs);
    const struct entry *e = memfs_names_find(&m->now, name);
    bool after = false;
    int rc = m->stopped ? -EIO : 0, file;

    *fd = -1;
    if (rc == 0 && (flags & BX_FS_EXCL) && e != NULL)
        rc = -EEXIST;
    if (rc == 0 && e == NULL && !(flags & BX_FS_CREATE))
        rc = -ENOENT;
    if (rc == 0 && (e == NULL || (flags & BX_FS_TRUNC)))
        rc = begin_change(m, &after);
    if (rc != 0)
        return rc;
    file = e == NULL ? memfs_new_file(m) : e->file;
    if (e == NULL)
        memfs_rename_now(m, name, "", file);
    else if (flags & BX_FS_TRUNC)
        cut(&m->files[file]);
    if (after)
        return end_change(m, after, 0);
    for (*fd = 0; *fd < MEMFS_FDS_MAX; ++*fd) {
        if (m->fds[*fd] < 0) {
            m->fds[*fd] = file;
            return 0;
        }
    }
    *fd = -1;
    return -EMFILE;
}

static void fs_close(struct bx_fs *fs, int fd)
{
    memfs_file_of(self(fs), fd);
    self(fs)->fds[fd] = -1;
}

static int fs_size(struct bx_fs *fs, int fd, uint64_t *size)
{
    *size = size_of(memfs_file_of(self(fs), fd));
    return self(fs)->stopped ? -EIO : 0;
}

static int fs_read(struct bx_fs *fs, int fd, void *p, size_t n, uint64_t offset)
{
    const struct file *f = memfs_file_of(self(fs), fd);

    if (self(fs)->stopped || offset > f->now.n || n > f->now.n - offset)
        return -EIO;
    if (self(fs)->reads_left > 0 && --self(fs)->reads_left == 0)
        return -EIO;
    if (n > 0)
        memcpy(p, f->now.p + offset, n);
    return 0;
}

static void keep_past(struct memfs *m, int file, const void *p, size_t n, uint64_t offset)
{
    const struct bytes *now = &m->files[file].now;
    struct past *w = &m->past;
    size_t there = offset >= now->n ? 0 : (size_t)(now->n - offset);

    *w = (struct past){.file = file, .offset = offset, .n = n};
    w->before = bx_must_calloc(1, n);
    w->after = bx_must_alloc(n);
    memcpy(w->after, p, n);
    if (there > 0)
        memcpy(w->before, now->p + offset, there < n ? there : n);
}

static int fs_write(struct bx_fs *fs, int fd, const void *p, size_t n, uint64_t offset)
{
    struct file *f = memfs_file_of(self(fs), fd);
    bool after = false;
    int rc = may_grow(self(fs), f, offset + n);

    if (rc == 0)
        rc = begin_change(self(fs), &after);
    if (rc == 0 && self(fs)->past.wanted && n > 0)
        keep_past(self(fs), self(fs)->fds[fd], p, n, offset);
    if (rc == 0)
        memfs_add_change(f, offset, p, n);
    return end_change(self(fs), after, rc);
}

static int fs_sync(struct bx_fs *fs, int fd)
{
    struct file *f = memfs_file_of(self(fs), fd);
    bool after;
    int rc = begin_change(self(fs), &after);

    if (rc != 0)
        return rc;
    for (const struct change *c = f->changes; c != NULL; c = c->next) {
        if (c->data == NULL)
            f->safe.n = 0;
        else
            memfs_bytes_write(&f->safe, c->offset, c->data, c->n);
    }
    memfs_drop_changes(f);
    return end_change(self(fs), after, 0);
}

static int fs_rename(struct bx_fs *fs, const char *from, const char *to)
{
    struct memfs *m = self(fs);
    const struct entry *e = memfs_names_find(&m->now, from);
    bool after;
    int rc = begin_change(m, &after);

    if (rc == 0 && e == NULL)
        rc = -ENOENT;
    if (rc == 0)
        memfs_rename_now(m, to, from, e->file);
    return end_change(m, after && rc == 0, rc);
}

static int fs_unlink(struct bx_fs *fs, const char *name)
{
    struct memfs *m = self(fs);
    bool after;
    int rc = begin_change(m, &after);

    if (rc == 0 && memfs_names_find(&m->now, name) == NULL)
        rc = -ENOENT;
    if (rc == 0)
        memfs_rename_now(m, name, "", -1);
    return end_change(m, after && rc == 0, rc);
}

static int fs_sync_dir(struct bx_fs *fs)
{
    struct memfs *m = self(fs);
    bool after;
    int rc = begin_change(m, &after);

    if (rc != 0)
        return rc;
    m->safe = m->now;
    memfs_drop_namings(m);
    return end_change(m, after, 0);
}

static int fs_list(struct bx_fs *fs, void (*each)(void *ctx, const char *name), void *ctx)
{
    const struct names v = self(fs)->now;

    for (unsigned i = 0; i < v.n; i++)
        each(ctx, v.entries[i].name);
    return self(fs)->stopped ? -EIO : 0;
}

static int fs_space(struct bx_fs *fs, uint64_t *free)
{
    *free = memfs_free(self(fs));
    return self(fs)->stopped ? -EIO : 0;
}

static int fs_reserve(struct bx_fs *fs, int fd, uint64_t size)
{
    struct file *f = memfs_file_of(self(fs), fd);
    bool after = false;
    int rc = may_grow(self(fs), f, size);

    if (rc == 0)
        rc = begin_change(self(fs), &after);
    if (rc == 0)
        f->reserved = size;
    return end_change(self(fs), after, rc);
}

static const struct bx_fs_ops ops = {
    .open = fs_open,
    .close = fs_close,
    .size = fs_size,
    .read = fs_read,
    .write = fs_write,
    .sync = fs_sync,
    .rename = fs_rename,
    .unlink = fs_unlink,
    .sync_dir = fs_sync_dir,
    .list = fs_list,
    .space = fs_space,
    .reserve = fs_reserve,
};

/* ---- life ---- */

struct memfs *memfs_create(void)
{
    struct memfs *m = bx_must_calloc(1, sizeof *m);

    m->fs = (struct bx_fs){.ops = &ops, .dir = "memfs"};
    m->namings_end = &m->namings;
    for (int i = 0; i < MEMFS_FDS_MAX; i++)
        m->fds[i] = -1;
    return m;
}

struct memfs *memfs_clone(const struct memfs *from)
{
    struct memfs *m = memfs_create();

    for (unsigned i = 0; i < from->now.n; i++) {
        const struct entry *e = &from->now.entries[i];
        int file = memfs_new_file(m);

        memfs_bytes_copy(&m->files[file].now, &from->files[e->file].now);
        memfs_bytes_copy(&m->files[file].safe, &from->files[e->file].now);
        memfs_names_set(&m->now, e->name, file);
    }
    m->safe = m->now;
    return m;
}

void memfs_destroy(struct memfs *m)
{
    if (m == NULL)
        return;
    for (int i = 0; i < MEMFS_FILES_MAX; i++)
        memfs_file_close(&m->files[i]);
    memfs_drop_namings(m);
    memfs_forget_past(&m->past);
    bx_free(m);
}

struct bx_fs *memfs_fs(struct memfs *m)
{
    return &m->fs;
}

void memfs_plan(struct memfs *m, enum memfs_fault fault, uint64_t change, int error)
{
    m->fault = fault;
    m->fault_at = change;
    m->error = error;
    m->faulted = false;
}

void memfs_on_stop(struct memfs *m, void (*stop)(void *ctx), void *ctx)
{
    m->stop = stop;
    m->stop_ctx = ctx;
}

uint64_t memfs_changes(const struct memfs *m)
{
    return m->changes;
}

bool memfs_faulted(const struct memfs *m)
{
    return m->faulted;
}

void memfs_plan_read(struct memfs *m, uint64_t n)
{
    m->reads_left = n;
}

void memfs_limit(struct memfs *m, uint64_t bytes, uint64_t (*beside)(void *ctx), void *ctx)
{
    m->limit = bytes;
    m->beside = beside;
    m->beside_ctx = ctx;
}

bool memfs_failing(const struct memfs *m)
{
    return m->reads_left > 0;
}
