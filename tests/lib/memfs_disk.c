#include "lib/memfs_disk.h"

#include "mem/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void memfs_bytes_write(struct bytes *b, uint64_t offset, const void *p, size_t n)
{
    if (n == 0)
        return;
    if (offset + n > b->n)
        bytes_resize(b, (size_t)offset + n);
    memcpy(b->p + offset, p, n);
}

void memfs_bytes_copy(struct bytes *to, const struct bytes *from)
{
    to->n = 0;
    memfs_bytes_write(to, 0, from->p, from->n);
}

/* ---- names ---- */

struct entry *memfs_names_find(const struct names *v, const char *name)
{
    for (unsigned i = 0; i < v->n; i++) {
        if (strcmp(v->entries[i].name, name) == 0)
            return (struct entry *)&v->entries[i];
    }
    return NULL;
}

void memfs_names_set(struct names *v, const char *name, int file)
{
    struct entry *e = memfs_names_find(v, name);

    if (file < 0) {
        if (e != NULL)
            *e = v->entries[--v->n];
        return;
    }
    if (e == NULL) {
        if (v->n == MEMFS_NAMES_MAX)
            misused("too many names");
        e = &v->entries[v->n++];
        snprintf(e->name, sizeof e->name, "%s", name);
    }
    e->file = file;
}

void memfs_apply_naming(struct names *v, const struct naming *g)
{
    if (g->gone[0] != '\0')
        memfs_names_set(v, g->gone, -1);
    memfs_names_set(v, g->name, g->file);
}

void memfs_rename_now(struct memfs *m, const char *name, const char *gone, int file)
{
    struct naming *g = bx_must_calloc(1, sizeof *g);

    snprintf(g->name, sizeof g->name, "%s", name);
    snprintf(g->gone, sizeof g->gone, "%s", gone);
    g->file = file;
    *m->namings_end = g;
    m->namings_end = &g->next;
    memfs_apply_naming(&m->now, g);
}

void memfs_drop_namings(struct memfs *m)
{
    while (m->namings != NULL) {
        struct naming *g = m->namings;

        m->namings = g->next;
        bx_free(g);
    }
    m->namings_end = &m->namings;
}

/* ---- files ---- */

void memfs_drop_changes(struct file *f)
{
    while (f->changes != NULL) {
        struct change *c = f->changes;

        f->changes = c->next;
        bx_free(c->data);
        bx_free(c);
    }
    f->end = &f->changes;
}

void memfs_file_close(struct file *f)
{
    memfs_drop_changes(f);
    bx_free(f->now.p);
    bx_free(f->safe.p);
    memset(f, 0, sizeof *f);
}

uint64_t memfs_heap(const struct memfs *m)
{
    uint64_t bytes = 0;

    for (int i = 0; i < MEMFS_FILES_MAX; i++) {
        bytes += m->files[i].now.cap + m->files[i].safe.cap;
        for (const struct change *c = m->files[i].changes; c != NULL; c = c->next)
            bytes += sizeof *c + c->n;
    }
    return bytes;
}

bool memfs_reachable(const struct memfs *m, int file)
{
    for (unsigned i = 0; i < m->now.n; i++) {
        if (m->now.entries[i].file == file)
            return true;
    }
    for (unsigned i = 0; i < m->safe.n; i++) {
        if (m->safe.entries[i].file == file)
            return true;
    }
    for (int i = 0; i < MEMFS_FDS_MAX; i++) {
        if (m->fds[i] == file)
            return true;
    }
    for (const struct naming *g = m->namings; g != NULL; g = g->next) {
        if (g->file == file)
            return true;
    }
    return false;
}

int memfs_new_file(struct memfs *m)
{
    for (int i = 0; i < MEMFS_FILES_MAX; i++) {
        struct file *f = &m->files[i];

        if (f->used && !memfs_reachable(m, i))
            memfs_file_close(f);
        if (!f->used) {
            f->used = true;
            f->end = &f->changes;
            return i;
        }
    }
    misused("too many files");
}

struct file *memfs_file_named(const struct memfs *m, const char *name)
{
    const struct entry *e = memfs_names_find(&m->now, name);

    if (e == NULL)
        misused("no file %s", name);
    return (struct file *)&m->files[e->file];
}

struct file *memfs_file_of(struct memfs *m, int fd)
{
    if (fd < 0 || fd >= MEMFS_FDS_MAX || m->fds[fd] < 0)
        misused("descriptor %d is not open", fd);
    return &m->files[m->fds[fd]];
}

void memfs_add_change(struct file *f, uint64_t offset, const void *p, size_t n)
{
    struct change *c = bx_must_calloc(1, sizeof *c);

    c->offset = offset;
    c->n = n;
    if (p != NULL) {
        c->data = bx_must_alloc(n);
        memcpy(c->data, p, n);
        memfs_bytes_write(&f->now, offset, p, n);
    } else {
        f->now.n = 0;
    }
    *f->end = c;
    f->end = &c->next;
}

void memfs_forget_past(struct past *w)
{
    bx_free(w->before);
    bx_free(w->after);
    memset(w, 0, sizeof *w);
}
