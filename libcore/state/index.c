#include "state/index.h"

#include "mem/alloc.h"
#include "mem/intern.h"
#include "state/rows.h"

struct key_query {
    const struct bx_kind_desc *kind;
    const void *key; /* or a struct bx_str with the name */
};

static bool key_is(const void *item, const void *query)
{
    const struct key_query *q = query;

    return bx_kind_compare(q->kind, bx_kind_key(q->kind, bx_row_object(item)), q->key) == 0;
}

static bool name_is(const void *item, const void *query)
{
    const struct key_query *q = query;

    return bx_str_eq(bx_kind_object_name(q->kind, bx_row_object(item)),
                     *(const struct bx_str *)q->key);
}

void bx_index_init(struct bx_index *x, const struct bx_kind_desc *kind)
{
    *x = (struct bx_index){.kind = kind};
}

void bx_index_close(struct bx_index *x)
{
    bx_map_close(&x->by_key);
    bx_map_close(&x->by_name);
    bx_sorted_close(&x->names);
    bx_free(x->rows);
    x->rows = NULL;
    x->n = x->cap = 0;
}

/* ---- lookup ---- */

static const void *key_of(const struct bx_index *x, const struct bx_row *row)
{
    return bx_kind_key(x->kind, bx_row_object(row));
}

/* The same as below for numbers, without a call for each comparison: every placement of a VM asks
 * for its node. */
static uint32_t place_of_number(const struct bx_index *x, uint64_t key)
{
    uint32_t lo = 0, hi = x->n;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (*(const uint64_t *)key_of(x, x->rows[mid]) < key)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

uint32_t bx_index_place(const struct bx_index *x, const void *key)
{
    uint32_t lo = 0, hi = x->n;

    if (x->kind->key == BX_KEY_U64)
        return place_of_number(x, *(const uint64_t *)key);
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;

        if (bx_kind_compare(x->kind, key_of(x, x->rows[mid]), key) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct bx_row *bx_index_get(const struct bx_index *x, const void *key)
{
    struct key_query q = {x->kind, key};
    uint32_t i;

    if (!x->kind->ordered)
        return bx_map_get(&x->by_key, bx_kind_hash(x->kind, key), key_is, &q);
    i = bx_index_place(x, key);
    return i < x->n && bx_kind_compare(x->kind, key_of(x, x->rows[i]), key) == 0 ? x->rows[i]
                                                                                 : NULL;
}

struct bx_row *bx_index_named(const struct bx_index *x, struct bx_str name)
{
    struct key_query q = {x->kind, &name};

    return bx_map_get(&x->by_name, bx_hash(name.p, name.n), name_is, &q);
}

size_t bx_index_count(const struct bx_index *x)
{
    return x->kind->ordered ? x->n : x->by_key.n;
}

struct bx_row *bx_index_next(const struct bx_index *x, size_t *pos)
{
    if (!x->kind->ordered)
        return bx_map_next(&x->by_key, pos);
    return *pos < x->n ? x->rows[(*pos)++] : NULL;
}

/* ---- in the order of lists ---- */

static const struct bx_istr *istr_of(const struct bx_index *x, const struct bx_row *row)
{
    const void *at = (const char *)bx_row_object(row) + x->kind->name_at;

    return *(const struct bx_istr *const *)at;
}

static int compare_names(const void *item, const void *key)
{
    const struct bx_istr *name = item;
    const struct bx_str *other = key;
    uint32_t n = name->len < other->n ? name->len : other->n;
    int order = n == 0 ? 0 : memcmp(name->s, other->p, n);

    return order != 0 ? order : (name->len > other->n) - (name->len < other->n);
}

struct bx_index_place bx_index_after(const struct bx_index *x, const void *key)
{
    struct bx_index_place at = {{0, 0}, 0};

    if (key == NULL)
        return at;
    if (x->kind->listed_by_name) {
        at.name = bx_sorted_after(&x->names, compare_names, key);
        return at;
    }
    at.row = bx_index_place(x, key);
    if (at.row < x->n && bx_kind_compare(x->kind, key_of(x, x->rows[at.row]), key) == 0)
        at.row++;
    return at;
}

struct bx_row *bx_index_step(const struct bx_index *x, struct bx_index_place *at)
{
    const struct bx_istr *name;

    if (!x->kind->listed_by_name)
        return bx_index_next(x, &at->row);
    name = bx_sorted_next(&x->names, &at->name);
    return name == NULL ? NULL : bx_index_named(x, (struct bx_str){name->s, name->len});
}

/* ---- changing ---- */

static void swap_hashed(struct bx_map *m, uint64_t hash, struct bx_row *old, struct bx_row *with)
{
    if (old != NULL && with != NULL)
        bx_map_replace(m, hash, old, with);
    else if (old != NULL)
        bx_map_remove(m, hash, old);
    else
        bx_must_ok(bx_map_add(m, hash, with));
}

static void swap_ordered(struct bx_index *x, uint32_t i, struct bx_row *old, struct bx_row *with)
{
    if (old != NULL && with != NULL) {
        x->rows[i] = with;
    } else if (old != NULL) {
        x->n--;
        memmove(&x->rows[i], &x->rows[i + 1], (x->n - i) * sizeof(struct bx_row *));
    } else {
        if (x->n == x->cap) {
            x->cap += x->cap / 4 + 8;
            x->rows = bx_must_realloc(x->rows, x->cap * sizeof(struct bx_row *));
        }
        memmove(&x->rows[i + 1], &x->rows[i], (x->n - i) * sizeof(struct bx_row *));
        x->rows[i] = with;
        x->n++;
    }
}

static void remove_name(struct bx_index *x, struct bx_row *row)
{
    struct bx_str name = bx_kind_object_name(x->kind, bx_row_object(row));

    bx_map_remove(&x->by_name, bx_hash(name.p, name.n), row);
    if (x->kind->listed_by_name)
        bx_sorted_remove(&x->names, compare_names, &name);
}

static void add_name(struct bx_index *x, struct bx_row *row)
{
    struct bx_str name = bx_kind_object_name(x->kind, bx_row_object(row));

    bx_must_ok(bx_map_add(&x->by_name, bx_hash(name.p, name.n), row));
    if (x->kind->listed_by_name)
        bx_must_ok(bx_sorted_add(&x->names, compare_names, &name, istr_of(x, row)));
}

/* True if replacing `old` by `with` leaves the indexes of names as they are. */
static bool keeps_name(const struct bx_index *x, const struct bx_row *old,
                       const struct bx_row *with)
{
    if (old == NULL || with == NULL)
        return false;
    if (x->kind->listed_by_name)
        return istr_of(x, old) == istr_of(x, with);
    return bx_str_eq(bx_kind_object_name(x->kind, bx_row_object(old)),
                     bx_kind_object_name(x->kind, bx_row_object(with)));
}

static void swap_name(struct bx_index *x, struct bx_row *old, struct bx_row *with)
{
    if (keeps_name(x, old, with)) {
        struct bx_str name = bx_kind_object_name(x->kind, bx_row_object(with));

        bx_map_replace(&x->by_name, bx_hash(name.p, name.n), old, with);
        return;
    }
    if (old != NULL)
        remove_name(x, old);
    if (with != NULL)
        add_name(x, with);
}

void bx_index_swap(struct bx_index *x, struct bx_row *old, struct bx_row *with)
{
    const void *key = key_of(x, old != NULL ? old : with);

    if (x->kind->ordered)
        swap_ordered(x, bx_index_place(x, key), old, with);
    else
        swap_hashed(&x->by_key, bx_kind_hash(x->kind, key), old, with);
    if (x->kind->name_index != BX_NAME_NONE)
        swap_name(x, old, with);
}
