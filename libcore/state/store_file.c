#include "state/store_file.h"

#include <assert.h>
#include <stddef.h>

/* Databases are opened and written on one thread. */
static struct bx_store_file *watched;

static const struct bx_store_file *find(const sqlite3_file *file)
{
    const struct bx_store_file *f = watched;

    while (f != NULL && f->file != file)
        f = f->next;
    assert(f != NULL);
    return f;
}

static int write_file(sqlite3_file *file, const void *p, int n, sqlite3_int64 offset)
{
    const struct bx_store_file *f = find(file);
    int rv = f->base->xWrite(file, p, n, offset);

    while (rv == SQLITE_FULL && f->no_space(f->ctx))
        rv = f->base->xWrite(file, p, n, offset);
    return rv;
}

/* The index of what is written ahead grows by itself, and is mapped. */
static int map_index(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
    const struct bx_store_file *f = find(file);
    int rv = f->base->xShmMap(file, region, size, extend, out);

    while ((rv == SQLITE_FULL || rv == SQLITE_IOERR_SHMSIZE) && f->no_space(f->ctx))
        rv = f->base->xShmMap(file, region, size, extend, out);
    return rv;
}

void bx_store_file_watch(struct bx_store_file files[BX_STORE_FILES], sqlite3 *db,
                         bool (*no_space)(void *ctx), void *ctx)
{
    static const int which[BX_STORE_FILES] = {SQLITE_FCNTL_FILE_POINTER,
                                              SQLITE_FCNTL_JOURNAL_POINTER};

    for (unsigned i = 0; i < BX_STORE_FILES; i++) {
        struct bx_store_file *f = &files[i];

        *f = (struct bx_store_file){.no_space = no_space, .ctx = ctx};
        if (sqlite3_file_control(db, "main", which[i], &f->file) != SQLITE_OK || f->file == NULL ||
            f->file->pMethods == NULL) {
            f->file = NULL; /* in memory */
            continue;
        }
        f->base = f->file->pMethods;
        f->methods = *f->base;
        f->methods.xWrite = write_file;
        f->methods.xShmMap = map_index;
        f->file->pMethods = &f->methods;
        f->next = watched;
        watched = f;
    }
}

void bx_store_file_close(struct bx_store_file files[BX_STORE_FILES])
{
    for (unsigned i = 0; i < BX_STORE_FILES; i++) {
        struct bx_store_file *f = &files[i], **at = &watched;

        if (f->file == NULL)
            continue;
        while (*at != f)
            at = &(*at)->next;
        *at = f->next;
        f->file->pMethods = f->base;
        f->file = NULL;
    }
}
