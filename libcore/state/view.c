#include "state/rows.h"

#include <assert.h>

/* ---- open and close ---- */

int bx_view_init(struct bx_view *v, struct bx_intern *in)
{
    struct bx_cluster_row none = {.next_node = 1, .level = 1};

    memset(v, 0, sizeof *v);
    bx_row_home_init(&v->home, in);
    for (size_t i = 0; i < BX__TABLES; i++)
        bx_index_init(&v->kinds[i], bx_kinds[i]);
    bx_view_swap(v, NULL, bx_row_make(&v->home, BX_TABLE_CLUSTER, &none));
    return BX_OK;
}

void bx_view_close(struct bx_view *v)
{
    for (size_t i = 0; i < BX__TABLES; i++) {
        if (bx_kinds[i]->close != NULL)
            bx_kinds[i]->close(v);
    }
    for (size_t i = 0; i < BX__TABLES; i++) {
        struct bx_row *r;
        size_t pos = 0;

        while ((r = bx_index_next(&v->kinds[i], &pos)) != NULL)
            bx_row_free(&v->home, r);
        bx_index_close(&v->kinds[i]);
    }
    bx_row_home_close(&v->home);
    memset(v, 0, sizeof *v);
}

/* ---- changing ---- */

void bx_view_swap(struct bx_view *v, struct bx_row *old, struct bx_row *with)
{
    enum bx_table table = (old != NULL ? old : with)->table;

    v->digest -= old == NULL ? 0 : old->hash;
    v->digest += with == NULL ? 0 : with->hash;
    bx_index_swap(&v->kinds[table], old, with);
    if (bx_kinds[table]->swapped != NULL)
        bx_kinds[table]->swapped(v, old, with);
    for (size_t i = 0; i < BX__TABLES; i++) {
        if (bx_kinds[i]->watched != NULL && bx_kinds[i]->watches == table)
            bx_kinds[i]->watched(v, old, with);
    }
}

void bx_view_add(struct bx_view *v, struct bx_row *row)
{
    struct bx_row *old = NULL;

    if (bx_kinds[row->table]->key == BX_KEY_NONE)
        old = bx_view_row(v, row->table, NULL);
    bx_view_swap(v, old, row);
    bx_row_free(&v->home, old);
}

/* ---- lookup ---- */

struct bx_row *bx_view_row(const struct bx_view *v, enum bx_table table, const void *key)
{
    return bx_index_get(&v->kinds[table], key);
}

bool bx_view_holds(const struct bx_view *v, const struct bx_row *row)
{
    const struct bx_index *x = &v->kinds[row->table];
    const void *object = bx_row_object(row);

    return bx_index_get(x, bx_kind_key(x->kind, object)) != NULL ||
           (x->kind->named && bx_index_has_name(x, row));
}

static const void *object_of(const struct bx_row *row)
{
    return row == NULL ? NULL : bx_row_object(row);
}

const void *bx_view_get(const struct bx_view *v, enum bx_table table, const void *key)
{
    return object_of(bx_index_get(&v->kinds[table], key));
}

const void *bx_view_named(const struct bx_view *v, enum bx_table table, struct bx_str name)
{
    return object_of(bx_index_named(&v->kinds[table], name));
}

size_t bx_view_count(const struct bx_view *v, enum bx_table table)
{
    return bx_index_count(&v->kinds[table]);
}

const void *bx_view_next(const struct bx_view *v, enum bx_table table, size_t *pos)
{
    return object_of(bx_index_next(&v->kinds[table], pos));
}

struct bx_index_place bx_view_after(const struct bx_view *v, enum bx_table table, const void *key)
{
    return bx_index_after(&v->kinds[table], key);
}

const void *bx_view_step(const struct bx_view *v, enum bx_table table, struct bx_index_place *at)
{
    return object_of(bx_index_step(&v->kinds[table], at));
}

void bx_view_memory(const struct bx_view *v, struct bx_view_memory *out)
{
    out->rows = v->home.slab.stats;
    out->configs = v->home.configs.stats;
}
