/* db - a VFS for SQLite whose files are in memory, one directory for each host.
 *
 * It is made the default one, so that the product's own calls reach it. All is on one thread; locks
 * are kept because a dump reads on a connection of its own while the state is written. A process
 * that dies leaves its handles behind: the files move to new objects, as they were, and what is
 * left of the old connections refers to nothing that matters. */
#include "sim/sim.h"

#include "sim/db_file.h"

#include "mem/alloc.h"

#include <string.h>

static const char *const suffixes[DB_FILES] = {"", "-wal", "-journal", "-shm"};

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
        for (int i = 0; i < DB_FILES; i++) {
            if (strcmp(path + n, suffixes[i]) == 0)
                return d->files[i];
        }
    }
    return NULL;
}

/* ---- the file system ---- */

static int vfs_open(sqlite3_vfs *v, const char *name, sqlite3_file *base, int flags, int *out)
{
    struct handle *h = (struct handle *)base;
    struct file *f = find(name);

    (void)v;
    memset(h, 0, sizeof *h);
    if (f == NULL || (!f->exists && !(flags & SQLITE_OPEN_CREATE)))
        return SQLITE_CANTOPEN;
    if (!f->exists)
        sim_db_change(f);
    f->exists = true;
    h->file = f;
    h->base.pMethods = &sim_db_methods;
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
    sim_db_change(f);
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
        .mxPathname = DB_PATH + 16,
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
    for (int i = 0; i < DB_FILES; i++)
        d->files[i] = new_file(d);
    d->next = all;
    all = d;
    return d;
}

const char *sim_db_path(const struct sim_db *d)
{
    return d->path;
}

void sim_db_limit(struct sim_db *d, uint64_t (*room)(void *ctx), void *ctx)
{
    d->room = room;
    d->room_ctx = ctx;
}

uint64_t sim_db_size(const struct sim_db *d)
{
    uint64_t n = 0;

    for (int i = 0; i < DB_FILES; i++)
        n += d->files[i]->n;
    return n;
}

void sim_db_kill(struct sim_db *d)
{
    d->left = 0;
    for (int i = 0; i < DB_FILES; i++) {
        struct file *now = new_file(d), *then = d->files[i];

        now->exists = then->exists;
        now->p = then->p;
        now->n = then->n;
        now->cap = then->cap;
        then->p = NULL;
        then->n = then->cap = 0;
        sim_db_drop_regions(then);
        d->files[i] = now;
    }
}

void sim_db_wipe(struct sim_db *d)
{
    sim_db_kill(d);
    for (int i = 0; i < DB_FILES; i++) {
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
    for (int i = 0; i < DB_FILES; i++) {
        struct file *f = d->files[i];

        for (size_t at = 0; at + DB_PAGE <= f->n; at += DB_PAGE) {
            if (rng_below(&seed, 4) == 0)
                memset(f->p + at, 0, DB_PAGE);
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
