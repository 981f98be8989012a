/* db - a VFS for SQLite whose files are in memory, one directory for each host.
 *
 * It is made the default one, so that the product's own calls reach it. All is on one thread; locks
 * are kept because a dump reads on a connection of its own while the state is written. A process
 * that dies leaves its handles behind: the files move to new objects, as they were, and what is
 * left of the old connections refers to nothing that matters. */
#include "sim/sim.h"

#include "mem/alloc.h"

#include <sqlite3.h>
#include <string.h>

#define FILES 4 /* the database and what SQLite puts beside it */
#define REGIONS 64
#define PATH 64
#define PAGE 4096

static const char *const suffixes[FILES] = {"", "-wal", "-journal", "-shm"};

struct handle;

struct file {
    struct sim_db *db;
    bool exists;
    uint8_t *p;
    size_t n, cap;
    unsigned shared; /* handles that hold SHARED or more */
    const struct handle *reserved, *pending, *exclusive;
    void *regions[REGIONS]; /* of the WAL's index, for the database itself */
    unsigned readers[SQLITE_SHM_NLOCK];
    const struct handle *writer[SQLITE_SHM_NLOCK];
};

struct sim_db {
    struct sim_db *next;
    char path[PATH];
    struct file *files[FILES];
    uint64_t left; /* changes until stop; 0: none is planned */
    void (*stop)(void *ctx);
    void *ctx;
};

struct handle {
    sqlite3_file base; /* first */
    struct file *file;
    int lock;
    unsigned shm_shared, shm_exclusive; /* bits */
};

static struct sim_db *all;
static uint64_t vfs_rng;

static struct file *new_file(struct sim_db *d)
{
    struct file *f = bx_must_calloc(1, sizeof *f);

    f->db = d;
    return f;
}

static struct file *find(const char *path)
{
    for (struct sim_db *d = all; d != NULL; d = d->next) {
        size_t n = strlen(d->path);

        if (path == NULL || strncmp(path, d->path, n) != 0)
            continue;
        for (int i = 0; i < FILES; i++) {
            if (strcmp(path + n, suffixes[i]) == 0)
                return d->files[i];
        }
    }
    return NULL;
}

/* Something is about to change: the process may die just before. */
static void change(struct file *f)
{
    struct sim_db *d = f->db;

    if (d->left > 0 && --d->left == 0)
        d->stop(d->ctx);
}

static struct handle *self(sqlite3_file *f)
{
    return (struct handle *)f;
}

/* ---- bytes ---- */

static int io_read(sqlite3_file *base, void *p, int n, sqlite3_int64 offset)
{
    const struct file *f = self(base)->file;
    size_t at = (size_t)offset, want = (size_t)n;
    size_t have = at >= f->n ? 0 : f->n - at < want ? f->n - at : want;

    if (have > 0)
        memcpy(p, f->p + at, have);
    memset((uint8_t *)p + have, 0, want - have);
    return have == want ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int io_write(sqlite3_file *base, const void *p, int n, sqlite3_int64 offset)
{
    struct file *f = self(base)->file;
    size_t end = (size_t)offset + (size_t)n;

    change(f);
    if (end > f->cap) {
        f->cap = end + end / 2;
        f->p = bx_must_realloc(f->p, f->cap);
    }
    if (end > f->n) {
        memset(f->p + f->n, 0, end - f->n);
        f->n = end;
    }
    memcpy(f->p + offset, p, (size_t)n);
    return SQLITE_OK;
}

static int io_truncate(sqlite3_file *base, sqlite3_int64 size)
{
    struct file *f = self(base)->file;

    change(f);
    f->n = (size_t)size < f->n ? (size_t)size : f->n;
    return SQLITE_OK;
}

static int io_sync(sqlite3_file *base, int flags)
{
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int io_size(sqlite3_file *base, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)self(base)->file->n;
    return SQLITE_OK;
}

/* ---- locks on the database ---- */

static bool taken(const struct handle *by, const struct handle *h)
{
    return by != NULL && by != h;
}

static int io_lock(sqlite3_file *base, int level)
{
    struct handle *h = self(base);
    struct file *f = h->file;

    if (level <= h->lock)
        return SQLITE_OK;
    if (taken(f->exclusive, h) || (h->lock == SQLITE_LOCK_NONE && taken(f->pending, h)))
        return SQLITE_BUSY;
    if (level >= SQLITE_LOCK_RESERVED && (taken(f->reserved, h) || taken(f->pending, h)))
        return SQLITE_BUSY;
    if (h->lock == SQLITE_LOCK_NONE)
        f->shared++;
    h->lock = SQLITE_LOCK_SHARED;
    if (level >= SQLITE_LOCK_RESERVED)
        f->reserved = h;
    if (level >= SQLITE_LOCK_PENDING)
        f->pending = h;
    if (level == SQLITE_LOCK_EXCLUSIVE && f->shared > 1) {
        h->lock = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE)
        f->exclusive = h;
    h->lock = level;
    return SQLITE_OK;
}

static int io_unlock(sqlite3_file *base, int level)
{
    struct handle *h = self(base);
    struct file *f = h->file;

    if (level >= h->lock)
        return SQLITE_OK;
    if (f->reserved == h)
        f->reserved = NULL;
    if (f->pending == h)
        f->pending = NULL;
    if (f->exclusive == h)
        f->exclusive = NULL;
    if (level == SQLITE_LOCK_NONE)
        f->shared--;
    h->lock = level;
    return SQLITE_OK;
}

static int io_reserved(sqlite3_file *base, int *out)
{
    *out = self(base)->file->reserved != NULL;
    return SQLITE_OK;
}

static int io_close(sqlite3_file *base)
{
    return io_unlock(base, SQLITE_LOCK_NONE);
}

static int io_control(sqlite3_file *base, int op, void *arg)
{
    (void)base;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int io_sector(sqlite3_file *base)
{
    (void)base;
    return PAGE;
}

static int io_characteristics(sqlite3_file *base)
{
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- the index of the WAL, which connections share ---- */

static int io_shm_map(sqlite3_file *base, int region, int size, int extend, void volatile **out)
{
    struct file *f = self(base)->file;

    *out = NULL;
    if (region >= REGIONS)
        return SQLITE_FULL;
    if (f->regions[region] == NULL && extend)
        f->regions[region] = bx_must_calloc(1, (size_t)size);
    *out = f->regions[region];
    return SQLITE_OK;
}

static void shm_release(struct handle *h, unsigned bits)
{
    struct file *f = h->file;

    for (unsigned i = 0; i < SQLITE_SHM_NLOCK; i++) {
        if (bits & h->shm_shared & (1u << i))
            f->readers[i]--;
        if (bits & h->shm_exclusive & (1u << i))
            f->writer[i] = NULL;
    }
    h->shm_shared &= ~bits;
    h->shm_exclusive &= ~bits;
}

static int io_shm_lock(sqlite3_file *base, int at, int n, int flags)
{
    struct handle *h = self(base);
    struct file *f = h->file;
    unsigned bits = ((1u << n) - 1) << at;

    if (flags & SQLITE_SHM_UNLOCK) {
        shm_release(h, bits);
        return SQLITE_OK;
    }
    for (int i = at; i < at + n; i++) {
        unsigned mine = (h->shm_shared >> i) & 1;

        if (taken(f->writer[i], h) || ((flags & SQLITE_SHM_EXCLUSIVE) && f->readers[i] > mine))
            return SQLITE_BUSY;
    }
    for (int i = at; i < at + n; i++) {
        if (flags & SQLITE_SHM_EXCLUSIVE) {
            f->writer[i] = h;
            h->shm_exclusive |= 1u << i;
        } else if (!(h->shm_shared & (1u << i))) {
            f->readers[i]++;
            h->shm_shared |= 1u << i;
        }
    }
    return SQLITE_OK;
}

static void io_shm_barrier(sqlite3_file *base)
{
    (void)base;
}

static void drop_regions(struct file *f)
{
    for (int i = 0; i < REGIONS; i++) {
        bx_free(f->regions[i]);
        f->regions[i] = NULL;
    }
}

static int io_shm_unmap(sqlite3_file *base, int remove)
{
    struct handle *h = self(base);

    shm_release(h, ~0u);
    if (remove)
        drop_regions(h->file);
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = io_close,
    .xRead = io_read,
    .xWrite = io_write,
    .xTruncate = io_truncate,
    .xSync = io_sync,
    .xFileSize = io_size,
    .xLock = io_lock,
    .xUnlock = io_unlock,
    .xCheckReservedLock = io_reserved,
    .xFileControl = io_control,
    .xSectorSize = io_sector,
    .xDeviceCharacteristics = io_characteristics,
    .xShmMap = io_shm_map,
    .xShmLock = io_shm_lock,
    .xShmBarrier = io_shm_barrier,
    .xShmUnmap = io_shm_unmap,
};

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *base, int flags, int *out)
{
    struct handle *h = self(base);
    struct file *f = find(name);

    (void)v;
    memset(h, 0, sizeof *h);
    if (f == NULL || (!f->exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (!f->exists)
        change(f);
    f->exists = true;
    h->file = f;
    h->base.pMethods = &methods;
    if (out != NULL)
        *out = flags;
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *v, const char *name, int sync)
{
    struct file *f = find(name);

    (void)v;
    (void)sync;
    if (f == NULL || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    change(f);
    f->exists = false;
    f->n = 0;
    return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
    const struct file *f = find(name);

    (void)v;
    *out = f != NULL && f->exists && (flags != SQLITE_ACCESS_EXISTS || f->n > 0);
    return SQLITE_OK;
}

static int vfs_full(sqlite3_vfs *v, const char *name, int n, char *out)
{
    (void)v;
    snprintf(out, (size_t)n, "%s", name);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    for (int i = 0; i < n; i++)
        out[i] = (char)rng_next(&vfs_rng);
    return n;
}

static int vfs_sleep(sqlite3_vfs *v, int us)
{
    (void)v;
    return us;
}

static int vfs_time(sqlite3_vfs *v, sqlite3_int64 *out)
{
    (void)v;
    *out = 0;
    return SQLITE_OK;
}

static int vfs_error(sqlite3_vfs *v, int n, char *out)
{
    (void)v;
    (void)n;
    (void)out;
    return 0;
}

void sim_db_register(void)
{
    static sqlite3_vfs vfs = {
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = PATH + 16,
        .zName = "simulated",
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_error,
        .xCurrentTimeInt64 = vfs_time,
    };

    sqlite3_vfs_register(&vfs, 1);
}

/* ---- for the hosts ---- */

struct sim_db *sim_db_create(const char *name)
{
    struct sim_db *d = bx_must_calloc(1, sizeof *d);

    snprintf(d->path, sizeof d->path, "/%s/state.db", name);
    for (int i = 0; i < FILES; i++)
        d->files[i] = new_file(d);
    d->next = all;
    all = d;
    return d;
}

const char *sim_db_path(const struct sim_db *d)
{
    return d->path;
}

void sim_db_kill(struct sim_db *d)
{
    d->left = 0;
    for (int i = 0; i < FILES; i++) {
        struct file *now = new_file(d), *then = d->files[i];

        now->exists = then->exists;
        now->p = then->p;
        now->n = then->n;
        now->cap = then->cap;
        then->p = NULL;
        then->n = then->cap = 0;
        drop_regions(then);
        d->files[i] = now;
    }
}

void sim_db_wipe(struct sim_db *d)
{
    sim_db_kill(d);
    for (int i = 0; i < FILES; i++) {
        d->files[i]->exists = false;
        d->files[i]->n = 0;
    }
}

bool sim_db_rot(struct sim_db *d, uint64_t number, uint8_t mask)
{
    struct file *f = d->files[number % 2]; /* the database, or what is written ahead */

    if (!f->exists || f->n == 0)
        return false;
    f->p[number / 2 % f->n] ^= mask;
    return true;
}

void sim_db_crash(struct sim_db *d, uint64_t seed)
{
    if (rng_below(&seed, 2) == 0) {
        sim_db_wipe(d);
        return;
    }
    sim_db_kill(d);
    for (int i = 0; i < FILES; i++) {
        struct file *f = d->files[i];

        for (size_t at = 0; at + PAGE <= f->n; at += PAGE) {
            if (rng_below(&seed, 4) == 0)
                memset(f->p + at, 0, PAGE);
        }
    }
}

void sim_db_damage(struct sim_db *d, uint64_t seed)
{
    struct file *log = d->files[1];

    if (log->n > 0 && rng_below(&seed, 2) == 0)
        log->n = (size_t)rng_below(&seed, log->n);
    else if (d->files[0]->n > 16)
        d->files[0]->p[rng_below(&seed, 16)] ^= (uint8_t)(1u << rng_below(&seed, 8));
}

void sim_db_plan(struct sim_db *d, uint64_t n, void (*stop)(void *ctx), void *ctx)
{
    d->left = n;
    d->stop = stop;
    d->ctx = ctx;
}
