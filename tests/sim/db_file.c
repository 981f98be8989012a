#include "sim/db_file.h"

#include "mem/alloc.h"

#include <string.h>

void sim_db_change(struct file *f)
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

    if (end > f->n && f->db->room != NULL && end - f->n > f->db->room(f->db->room_ctx))
        return SQLITE_FULL;
    sim_db_change(f);
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

    sim_db_change(f);
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
    return DB_PAGE;
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
    if (region >= DB_REGIONS)
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

void sim_db_drop_regions(struct file *f)
{
    for (int i = 0; i < DB_REGIONS; i++) {
        bx_free(f->regions[i]);
        f->regions[i] = NULL;
    }
}

static int io_shm_unmap(sqlite3_file *base, int remove)
{
    struct handle *h = self(base);

    shm_release(h, ~0u);
    if (remove)
        sim_db_drop_regions(h->file);
    return SQLITE_OK;
}

const sqlite3_io_methods sim_db_methods = {
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
