#include "state/index.h"

#include "mem/alloc.h"
#include "state/rows.h"

#include <assert.h>
#include <string.h>

struct key_query {
    const struct bx_kind_desc *kind;
    const void *key;
};

/* Of a name. */
struct name_query {
    struct bx_str name, scope;
    bool past; /* after all of this name, whatever their scope */
};

static bool key_is(const void *item, const void *query)
{
    const struct key_query *q = query;

    return bx_kind_compare(q->kind, bx_kind_key(q->kind, bx_row_object(item)), q->key) == 0;
}

static bool is_text(const struct bx_istr *s, struct bx_str text)
{
    return s->len == text.n && memcmp(s->s, text.p, text.n) == 0;
}

static bool name_is(const void *item, const void *query)
{
    const struct bx_named *n = item;
    const struct name_query *q = query;

    return is_text(n->name, q->name) && (n->scope == NULL || is_text(n->scope, q->scope));
}

static uint64_t with_scope(uint64_t name, uint64_t scope)
{
    return name ^ scope * 0x9e3779b97f4a7c15u;
}

static uint64_t hash_of(const struct bx_istr *name, const struct bx_istr *scope)
{
    return scope == NULL ? name->hash : with_scope(name->hash, scope->hash);
}

void bx_index_init(struct bx_index *x, const struct bx_kind_desc *kind)
{
    *x = (struct bx_index){.kind = kind};
}

void bx_index_close(struct bx_index *x)
{
    struct bx_named *n;
    size_t pos = 0;

    while ((n = bx_map_next(&x->by_name, &pos)) != NULL)
        bx_slab_free(&x->memory, n, sizeof *n);
    bx_map_close(&x->by_key);
    bx_map_close(&x->by_name);
    bx_sorted_close(&x->names);
    bx_sorted_close(&x->scopes);
    bx_slab_close(&x->memory);
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

static struct bx_row *row_of(const struct bx_named *n)
{
    return n == NULL ? NULL : n->row;
}

struct bx_row *bx_index_named_in(const struct bx_index *x, struct bx_str scope, struct bx_str name)
{
    struct name_query q = {.name = name, .scope = scope};
    uint64_t hash = with_scope(bx_hash(name.p, name.n), bx_hash(scope.p, scope.n));

    return row_of(bx_map_get(&x->by_name, hash, name_is, &q));
}

struct bx_row *bx_index_named(const struct bx_index *x, struct bx_str name)
{
    struct name_query q = {.name = name};
    struct bx_index_place at;
    const struct bx_named *first;

    if (x->kind->scope_at == 0)
        return row_of(bx_map_get(&x->by_name, bx_hash(name.p, name.n), name_is, &q));
    at = bx_index_after_one(x, name, bx_str(""));
    first = bx_sorted_next(&x->names, &at.name);
    return first != NULL && is_text(first->name, name) ? first->row : NULL;
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

static int compare_text(const struct bx_istr *s, struct bx_str text)
{
    uint32_t n = s->len < text.n ? s->len : text.n;
    int order = n == 0 || s->s == text.p ? 0 : memcmp(s->s, text.p, n);

    return order != 0 ? order : (s->len > text.n) - (s->len < text.n);
}

static int compare_names(const void *item, const void *key)
{
    const struct bx_named *n = item;
    const struct name_query *q = key;
    int order = compare_text(n->name, q->name);

    if (order != 0)
        return order;
    return q->past ? -1 : compare_text(n->scope, q->scope);
}

static int compare_scopes(const void *item, const void *key)
{
    const struct bx_named *n = item;
    const struct name_query *q = key;
    int order = compare_text(n->scope, q->scope);

    return order != 0 ? order : compare_text(n->name, q->name);
}

struct bx_index_place bx_index_after(const struct bx_index *x, const void *key)
{
    struct bx_index_place at = {{0, 0}, 0};
    struct name_query q = {.past = true};

    if (key == NULL)
        return at;
    if (x->kind->listed_by_name) {
        q.name = *(const struct bx_str *)key;
        at.name = bx_sorted_after(&x->names, compare_names, &q);
        return at;
    }
    at.row = bx_index_place(x, key);
    if (at.row < x->n && bx_kind_compare(x->kind, key_of(x, x->rows[at.row]), key) == 0)
        at.row++;
    return at;
}

struct bx_index_place bx_index_after_one(const struct bx_index *x, struct bx_str name,
                                         struct bx_str scope)
{
    struct name_query q = {.name = name, .scope = scope};

    return (struct bx_index_place){.name = bx_sorted_after(&x->names, compare_names, &q)};
}

struct bx_row *bx_index_step(const struct bx_index *x, struct bx_index_place *at)
{
    if (!x->kind->listed_by_name)
        return bx_index_next(x, &at->row);
    return row_of(bx_sorted_next(&x->names, &at->name));
}

struct bx_index_place bx_index_after_in(const struct bx_index *x, struct bx_str scope,
                                        struct bx_str name)
{
    struct name_query q = {.name = name, .scope = scope};

    return (struct bx_index_place){.name = bx_sorted_after(&x->scopes, compare_scopes, &q)};
}

struct bx_row *bx_index_step_in(const struct bx_index *x, struct bx_str scope,
                                struct bx_index_place *at)
{
    const struct bx_named *n = bx_sorted_next(&x->scopes, &at->name);

    return n != NULL && is_text(n->scope, scope) ? n->row : NULL;
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

/* ---- names ---- */

/* What a row is called; it is in no index. */
static struct bx_named named_as(const struct bx_index *x, const struct bx_row *row)
{
    const void *object = bx_row_object(row);

    return (struct bx_named){.name = bx_kind_name(x->kind, object),
                             .scope =
                                 x->kind->scope_at == 0 ? NULL : bx_kind_scope(x->kind, object)};
}

static struct name_query query_of(const struct bx_named *n)
{
    struct name_query q = {.name = {n->name->s, n->name->len}};

    if (n->scope != NULL)
        q.scope = (struct bx_str){n->scope->s, n->scope->len};
    return q;
}

static struct bx_named *find_name(const struct bx_index *x, const struct bx_named *as)
{
    struct name_query q = query_of(as);

    return bx_map_get(&x->by_name, hash_of(as->name, as->scope), name_is, &q);
}

bool bx_index_has_name(const struct bx_index *x, const struct bx_row *row)
{
    struct bx_named as = named_as(x, row);

    return find_name(x, &as) != NULL;
}

static void remove_name(struct bx_index *x, struct bx_row *row)
{
    struct bx_named as = named_as(x, row), *n = find_name(x, &as);
    struct name_query q = query_of(&as);

    assert(n != NULL && n->row == row);
    if (x->kind->listed_by_name) {
        bx_sorted_remove(&x->names, compare_names, &q);
        bx_sorted_remove(&x->scopes, compare_scopes, &q);
    }
    bx_map_remove(&x->by_name, hash_of(as.name, as.scope), n);
    bx_slab_free(&x->memory, n, sizeof *n);
}

static void add_name(struct bx_index *x, struct bx_row *row)
{
    struct bx_named *n = bx_must(bx_slab_alloc(&x->memory, sizeof *n), sizeof *n);
    struct name_query q;

    *n = named_as(x, row);
    n->row = row;
    q = query_of(n);
    bx_must_ok(bx_map_add(&x->by_name, hash_of(n->name, n->scope), n));
    if (!x->kind->listed_by_name)
        return;
    bx_must_ok(bx_sorted_add(&x->names, compare_names, &q, n));
    bx_must_ok(bx_sorted_add(&x->scopes, compare_scopes, &q, n));
}

static bool same_text(const struct bx_istr *a, const struct bx_istr *b)
{
    return a == b || is_text(a, (struct bx_str){b->s, b->len});
}

/* True if replacing `old` by `with` leaves names where they are. */
static bool keeps_name(const struct bx_named *old, const struct bx_named *with)
{
    return same_text(old->name, with->name) &&
           (old->scope == NULL || same_text(old->scope, with->scope));
}

static void swap_name(struct bx_index *x, struct bx_row *old, struct bx_row *with)
{
    struct bx_named was, is, *n;

    if (old != NULL && with != NULL) {
        was = named_as(x, old);
        is = named_as(x, with);
        if (keeps_name(&was, &is)) {
            n = find_name(x, &was);
            *n = is; /* the texts of `old` end with it */
            n->row = with;
            return;
        }
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
    if (x->kind->named)
        swap_name(x, old, with);
}
