#include "lib/memfs.h"

#include "lib/rng.h"
#include "mem/alloc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 256 /* ever created; places of files nobody can reach are taken again */
#define NAMES_MAX 64
#define FDS_MAX 32
#define NAME_SIZE 64

/* A write that is not safe yet; data NULL: the file was cut to nothing. */
struct change {
    struct change *next;
    uint64_t offset;
    size_t n;
    uint8_t *data;
};

struct bytes {
    uint8_t *p;
    size_t n, cap;
};

struct file {
    bool used;
    struct bytes now, safe;
    struct change *changes, **end;
};

/* A change of a name that is not safe yet: `name` becomes file, or nothing when file is -1. A
 * rename also takes `gone` away, in the same instant. */
struct naming {
    struct naming *next;
    char name[NAME_SIZE], gone[NAME_SIZE];
    int file;
};

struct entry {
    char name[NAME_SIZE];
    int file;
};

struct names {
    struct entry entries[NAMES_MAX];
    unsigned n;
};

/* A write that may be taken back: what it wrote, and what was there before. */
struct past {
    bool wanted; /* the next write is the one */
    int file;
    uint64_t offset;
    size_t n; /* 0: none is remembered */
    uint8_t *before, *after;
};

struct memfs {
    struct bx_fs fs;
    struct file files[FILES_MAX];
    struct names now, safe;
    struct naming *namings, **namings_end;
    int fds[FDS_MAX]; /* file, -1: free */
    enum memfs_fault fault;
    uint64_t changes, fault_at;
    int error;
    bool faulted, stopped, full;
    uint64_t reads_left; /* until one fails; 0: none will */
    struct past past;
    void (*stop)(void *ctx);
    void *stop_ctx;
};

/* A bound of this file, or a mistake of whoever uses it. */
static _Noreturn __attribute__((format(printf, 1, 2))) void misused(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    fputs("memfs: ", stderr);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    abort();
}

/* ---- bytes ---- */

static void bytes_resize(struct bytes *b, size_t n)
{
    if (n > b->cap) {
        b->cap = n + n / 2;
        b->p = bx_must_realloc(b->p, b->cap);
    }
    if (n > b->n)
        memset(b->p + b->n, 0, n - b->n);
    b->n = n;
}

static void bytes_write(struct bytes *b, uint64_t offset, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (offset + n > b->n)
        bytes_resize(b, (size_t)offset + n);
    memcpy(b->p + offset, p, n);
}

static void bytes_copy(struct bytes *to, const struct bytes *from)
{
    to->n = 0;
    bytes_write(to, 0, from->p, from->n);
}

/* ---- names ---- */

static struct entry *names_find(const struct names *v, const char *name)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (strcmp(v->entries[i].name, name) == 0)
            return (struct entry *)&v->entries[i];
    }
    return NULL;
}

static void names_set(struct names *v, const char *name, int file)
{
    struct entry *e = names_find(v, name);

    if (file < 0) {
        if (e != NULL)
            *e = v->entries[--v->n];
        return;
    }
    if (e == NULL) {
        if (v->n == NAMES_MAX)
            misused("too many names");
        e = &v->entries[v->n++];
        snprintf(e->name, sizeof e->name, "%s", name);
    }
    e->file = file;
}

static void apply_naming(struct names *v, const struct naming *g)
{
    if (g->gone[0] != '\0')
        names_set(v, g->gone, -1);
    names_set(v, g->name, g->file);
}

static void rename_now(struct memfs *m, const char *name, const char *gone, int file)
{
    struct naming *g = bx_must_calloc(1, sizeof *g);

    snprintf(g->name, sizeof g->name, "%s", name);
    snprintf(g->gone, sizeof g->gone, "%s", gone);
    g->file = file;
    *m->namings_end = g;
    m->namings_end = &g->next;
    apply_naming(&m->now, g);
}

static void drop_namings(struct memfs *m)
{
    while (m->namings != NULL) {
        struct naming *g = m->namings;

        m->namings = g->next;
        bx_free(g);
    }
    m->namings_end = &m->namings;
}

/* ---- files ---- */

static void drop_changes(struct file *f)
{
    while (f->changes != NULL) {
        struct change *c = f->changes;

        f->changes = c->next;
        bx_free(c->data);
        bx_free(c);
    }
    f->end = &f->changes;
}

static void file_close(struct file *f)
{
    drop_changes(f);
    bx_free(f->now.p);
    bx_free(f->safe.p);
    memset(f, 0, sizeof *f);
}

static bool reachable(const struct memfs *m, int file)
{
    for (unsigned i = 0; i < m->now.n; i++) {
        if (m->now.entries[i].file == file)
            return true;
    }
    for (unsigned i = 0; i < m->safe.n; i++) {
        if (m->safe.entries[i].file == file)
            return true;
    }
    for (int i = 0; i < FDS_MAX; i++) {
        if (m->fds[i] == file)
            return true;
    }
    for (const struct naming *g = m->namings; g != NULL; g = g->next) {
        if (g->file == file)
            return true;
    }
    return false;
}

static int new_file(struct memfs *m)
{
    for (int i = 0; i < FILES_MAX; i++) {
        struct file *f = &m->files[i];

        if (f->used && !reachable(m, i))
            file_close(f);
        if (!f->used) {
            f->used = true;
            f->end = &f->changes;
            return i;
        }
    }
    misused("too many files");
}

static struct file *file_named(const struct memfs *m, const char *name)
{
    const struct entry *e = names_find(&m->now, name);

    if (e == NULL)
        misused("no file %s", name);
    return (struct file *)&m->files[e->file];
}

static struct file *file_of(struct memfs *m, int fd)
{
    if (fd < 0 || fd >= FDS_MAX || m->fds[fd] < 0)
        misused("descriptor %d is not open", fd);
    return &m->files[m->fds[fd]];
}

static void add_change(struct file *f, uint64_t offset, const void *p, size_t n)
{
    struct change *c = bx_must_calloc(1, sizeof *c);

    c->offset = offset;
    c->n = n;
    if (p != NULL) {
        c->data = bx_must_alloc(n);
        memcpy(c->data, p, n);
        bytes_write(&f->now, offset, p, n);
    } else {
        f->now.n = 0;
    }
    *f->end = c;
    f->end = &c->next;
}

/* ---- faults ---- */

static int no_room(const struct memfs *m)
{
    return m->full ? -ENOSPC : 0;
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

static int fs_open(struct bx_fs *fs, const char *name, int flags, int *fd)
{
    struct memfs *m = self(fs);
    const struct entry *e = names_find(&m->now, name);
    bool after = false;
    int rc = m->stopped ? -EIO : 0, file;

    *fd = -1;
    if (rc == 0 && (flags & BX_FS_EXCL) && e != NULL)
        rc = -EEXIST;
    if (rc == 0 && e == NULL && !(flags & BX_FS_CREATE))
        rc = -ENOENT;
    if (rc == 0 && (e == NULL || (flags & BX_FS_TRUNC)))
        rc = no_room(m);
    if (rc == 0 && (e == NULL || (flags & BX_FS_TRUNC)))
        rc = begin_change(m, &after);
    if (rc != 0)
        return rc;
    file = e == NULL ? new_file(m) : e->file;
    if (e == NULL)
        rename_now(m, name, "", file);
    else if (flags & BX_FS_TRUNC)
        add_change(&m->files[file], 0, NULL, 0);
    if (after)
        return end_change(m, after, 0);
    for (*fd = 0; *fd < FDS_MAX; ++*fd) {
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
    file_of(self(fs), fd);
    self(fs)->fds[fd] = -1;
}

static int fs_size(struct bx_fs *fs, int fd, uint64_t *size)
{
    *size = file_of(self(fs), fd)->now.n;
    return self(fs)->stopped ? -EIO : 0;
}

static int fs_read(struct bx_fs *fs, int fd, void *p, size_t n, uint64_t offset)
{
    const struct file *f = file_of(self(fs), fd);

    if (self(fs)->stopped || offset > f->now.n || n > f->now.n - offset)
        return -EIO;
    if (self(fs)->reads_left > 0 && --self(fs)->reads_left == 0)
        return -EIO;
    if (n > 0)
        memcpy(p, f->now.p + offset, n);
    return 0;
}

static void forget_past(struct past *w)
{
    bx_free(w->before);
    bx_free(w->after);
    memset(w, 0, sizeof *w);
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
    struct file *f = file_of(self(fs), fd);
    bool after = false;
    int rc = no_room(self(fs));

    if (rc == 0)
        rc = begin_change(self(fs), &after);
    if (rc == 0 && self(fs)->past.wanted && n > 0)
        keep_past(self(fs), self(fs)->fds[fd], p, n, offset);
    if (rc == 0)
        add_change(f, offset, p, n);
    return end_change(self(fs), after, rc);
}

static int fs_sync(struct bx_fs *fs, int fd)
{
    struct file *f = file_of(self(fs), fd);
    bool after;
    int rc = begin_change(self(fs), &after);

    if (rc != 0)
        return rc;
    for (const struct change *c = f->changes; c != NULL; c = c->next) {
        if (c->data == NULL)
            f->safe.n = 0;
        else
            bytes_write(&f->safe, c->offset, c->data, c->n);
    }
    drop_changes(f);
    return end_change(self(fs), after, 0);
}

static int fs_rename(struct bx_fs *fs, const char *from, const char *to)
{
    struct memfs *m = self(fs);
    const struct entry *e = names_find(&m->now, from);
    bool after = false;
    int rc = no_room(m);

    if (rc == 0)
        rc = begin_change(m, &after);
    if (rc == 0 && e == NULL)
        rc = -ENOENT;
    if (rc == 0)
        rename_now(m, to, from, e->file);
    return end_change(m, after && rc == 0, rc);
}

static int fs_unlink(struct bx_fs *fs, const char *name)
{
    struct memfs *m = self(fs);
    bool after;
    int rc = begin_change(m, &after);

    if (rc == 0 && names_find(&m->now, name) == NULL)
        rc = -ENOENT;
    if (rc == 0)
        rename_now(m, name, "", -1);
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
    drop_namings(m);
    return end_change(m, after, 0);
}

static int fs_list(struct bx_fs *fs, void (*each)(void *ctx, const char *name), void *ctx)
{
    const struct names v = self(fs)->now;

    for (unsigned i = 0; i < v.n; i++)
        each(ctx, v.entries[i].name);
    return self(fs)->stopped ? -EIO : 0;
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
};

/* ---- life ---- */

struct memfs *memfs_create(void)
{
    struct memfs *m = bx_must_calloc(1, sizeof *m);

    m->fs = (struct bx_fs){.ops = &ops, .dir = "memfs"};
    m->namings_end = &m->namings;
    for (int i = 0; i < FDS_MAX; i++)
        m->fds[i] = -1;
    return m;
}

struct memfs *memfs_clone(const struct memfs *from)
{
    struct memfs *m = memfs_create();

    for (unsigned i = 0; i < from->now.n; i++) {
        const struct entry *e = &from->now.entries[i];
        int file = new_file(m);

        bytes_copy(&m->files[file].now, &from->files[e->file].now);
        bytes_copy(&m->files[file].safe, &from->files[e->file].now);
        names_set(&m->now, e->name, file);
    }
    m->safe = m->now;
    return m;
}

void memfs_destroy(struct memfs *m)
{
    if (m == NULL)
        return;
    for (int i = 0; i < FILES_MAX; i++)
        file_close(&m->files[i]);
    drop_namings(m);
    forget_past(&m->past);
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

void memfs_full(struct memfs *m, bool full)
{
    m->full = full;
}

bool memfs_failing(const struct memfs *m)
{
    return m->full || m->reads_left > 0;
}

/* ---- crashes ---- */

void memfs_kill(struct memfs *m)
{
    for (int i = 0; i < FDS_MAX; i++)
        m->fds[i] = -1;
    m->fault = MEMFS_NONE;
    m->faulted = m->stopped = false;
}

/* Some sectors of it, as the disk cuts them. */
static void keep_sectors(struct bytes *b, const struct change *c, uint64_t *seed)
{
    size_t at = 0;

    while (at < c->n) {
        size_t n = MEMFS_SECTOR - (size_t)((c->offset + at) % MEMFS_SECTOR);

        n = n < c->n - at ? n : c->n - at;
        if (rng_next(seed) % 2 == 0)
            bytes_write(b, c->offset + at, c->data + at, n);
        at += n;
    }
}

static void keep_some(struct bytes *b, const struct change *c, uint64_t *seed)
{
    uint64_t choice = rng_next(seed) % 4;

    if (c->data == NULL) {
        if (choice < 2)
            b->n = 0;
        return;
    }
    if (choice == 1)
        bytes_write(b, c->offset, c->data, c->n);
    else if (choice == 2)
        bytes_write(b, c->offset, c->data, (size_t)(rng_next(seed) % (c->n + 1)));
    else if (choice == 3)
        keep_sectors(b, c, seed);
}

void memfs_crash(struct memfs *m, uint64_t seed)
{
    memfs_kill(m);
    for (int i = 0; i < FILES_MAX; i++) {
        struct file *f = &m->files[i];

        if (!f->used)
            continue;
        for (const struct change *c = f->changes; c != NULL; c = c->next)
            keep_some(&f->safe, c, &seed);
        drop_changes(f);
        bytes_copy(&f->now, &f->safe);
    }
    for (const struct naming *g = m->namings; g != NULL; g = g->next) {
        if (rng_next(&seed) % 2 == 0)
            apply_naming(&m->safe, g);
    }
    m->now = m->safe;
    drop_namings(m);
}

/* ---- damage ---- */

bool memfs_exists(const struct memfs *m, const char *name)
{
    return names_find(&m->now, name) != NULL;
}

const uint8_t *memfs_bytes(const struct memfs *m, const char *name, size_t *n)
{
    const struct file *f = file_named(m, name);

    *n = f->now.n;
    return f->now.p;
}

void memfs_flip(struct memfs *m, const char *name, size_t offset, uint8_t mask)
{
    struct file *f = file_named(m, name);

    f->now.p[offset] ^= mask;
    if (offset < f->safe.n)
        f->safe.p[offset] ^= mask;
}

/* What is found there, in the cache as on the disk, is something else. */
static void overwrite(struct file *f, uint64_t offset, const uint8_t *p, size_t n)
{
    struct bytes *all[] = {&f->now, &f->safe};

    for (size_t i = 0; i < 2; i++) {
        if (offset < all[i]->n)
            memcpy(all[i]->p + offset, p,
                   n < all[i]->n - offset ? n : (size_t)(all[i]->n - offset));
    }
}

void memfs_remember(struct memfs *m)
{
    forget_past(&m->past);
    m->past.wanted = true;
}

bool memfs_remembered(const struct memfs *m)
{
    return m->past.n > 0;
}

static bool still_there(const struct memfs *m)
{
    const struct past *w = &m->past;
    const struct file *f = &m->files[w->file];

    return w->n > 0 && f->used && reachable(m, w->file) && w->offset + w->n <= f->now.n &&
           memcmp(f->now.p + w->offset, w->after, w->n) == 0;
}

bool memfs_lose(struct memfs *m)
{
    bool there = still_there(m);

    if (there)
        overwrite(&m->files[m->past.file], m->past.offset, m->past.before, m->past.n);
    forget_past(&m->past);
    return there;
}

bool memfs_misdirect(struct memfs *m, const char *name, size_t offset)
{
    struct past w = m->past;
    bool there = still_there(m);

    if (there) {
        overwrite(&m->files[w.file], w.offset, w.before, w.n);
        overwrite(file_named(m, name), offset, w.after, w.n);
    }
    forget_past(&m->past);
    return there;
}

void memfs_cut(struct memfs *m, const char *name, size_t n)
{
    struct file *f = file_named(m, name);

    f->now.n = n < f->now.n ? n : f->now.n;
    f->safe.n = n < f->safe.n ? n : f->safe.n;
}

void memfs_remove(struct memfs *m, const char *name)
{
    names_set(&m->now, name, -1);
    names_set(&m->safe, name, -1);
}

unsigned memfs_open_files(const struct memfs *m)
{
    unsigned n = 0;

    for (int i = 0; i < FDS_MAX; i++)
        n += m->fds[i] >= 0;
    return n;
}
