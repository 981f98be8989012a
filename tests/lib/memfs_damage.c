/* What a disk loses when its machine does, and what damages it. */
#include "lib/memfs_disk.h"

#include "lib/rng.h"

#include <string.h>

/* ---- crashes ---- */

void memfs_kill(struct memfs *m)
{
    for (int i = 0; i < MEMFS_FDS_MAX; i++)
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
            memfs_bytes_write(b, c->offset + at, c->data + at, n);
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
        memfs_bytes_write(b, c->offset, c->data, c->n);
    else if (choice == 2)
        memfs_bytes_write(b, c->offset, c->data, (size_t)(rng_next(seed) % (c->n + 1)));
    else if (choice == 3)
        keep_sectors(b, c, seed);
}

void memfs_crash(struct memfs *m, uint64_t seed)
{
    memfs_kill(m);
    for (int i = 0; i < MEMFS_FILES_MAX; i++) {
        struct file *f = &m->files[i];

        if (!f->used)
            continue;
        for (const struct change *c = f->changes; c != NULL; c = c->next)
            keep_some(&f->safe, c, &seed);
        memfs_drop_changes(f);
        memfs_bytes_copy(&f->now, &f->safe);
    }
    for (const struct naming *g = m->namings; g != NULL; g = g->next) {
        if (rng_next(&seed) % 2 == 0)
            memfs_apply_naming(&m->safe, g);
    }
    m->now = m->safe;
    memfs_drop_namings(m);
}

/* ---- damage ---- */

bool memfs_exists(const struct memfs *m, const char *name)
{
    return memfs_names_find(&m->now, name) != NULL;
}

const uint8_t *memfs_bytes(const struct memfs *m, const char *name, size_t *n)
{
    const struct file *f = memfs_file_named(m, name);

    *n = f->now.n;
    return f->now.p;
}

void memfs_flip(struct memfs *m, const char *name, size_t offset, uint8_t mask)
{
    struct file *f = memfs_file_named(m, name);

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
    memfs_forget_past(&m->past);
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

    return w->n > 0 && f->used && memfs_reachable(m, w->file) && w->offset + w->n <= f->now.n &&
           memcmp(f->now.p + w->offset, w->after, w->n) == 0;
}

bool memfs_lose(struct memfs *m)
{
    bool there = still_there(m);

    if (there)
        overwrite(&m->files[m->past.file], m->past.offset, m->past.before, m->past.n);
    memfs_forget_past(&m->past);
    return there;
}

bool memfs_misdirect(struct memfs *m, const char *name, size_t offset)
{
    struct past w = m->past;
    bool there = still_there(m);

    if (there) {
        overwrite(&m->files[w.file], w.offset, w.before, w.n);
        overwrite(memfs_file_named(m, name), offset, w.after, w.n);
    }
    memfs_forget_past(&m->past);
    return there;
}

void memfs_cut(struct memfs *m, const char *name, size_t n)
{
    struct file *f = memfs_file_named(m, name);

    f->now.n = n < f->now.n ? n : f->now.n;
    f->safe.n = n < f->safe.n ? n : f->safe.n;
}

void memfs_remove(struct memfs *m, const char *name)
{
    memfs_names_set(&m->now, name, -1);
    memfs_names_set(&m->safe, name, -1);
}

unsigned memfs_open_files(const struct memfs *m)
{
    unsigned n = 0;

    for (int i = 0; i < MEMFS_FDS_MAX; i++)
        n += m->fds[i] >= 0;
    return n;
}
