/* codec_tree_help - the flat form of a record, and whether two trees are equal. */
#ifndef CODEC_TREE_HELP_H
#define CODEC_TREE_HELP_H

#include "lib/testlib.h"

#include "codec/flat.h"
#include "mem/alloc.h"
#include "unit/codec_tree.h"

#include <string.h>

static inline uint8_t *flat_of(const struct bx_schema *s, const void *obj, size_t *size)
{
    uint8_t *bytes;

    *size = bx_flat_size(s, obj);
    bytes = bx_must_alloc(*size);
    memset(bytes, 0xEE, *size);
    assert_int_equal(bx_flat_write(s, obj, bytes), *size);
    return bytes;
}

static inline bool leaf_equal(const struct tree_leaf *a, const struct tree_leaf *b)
{
    return bx_str_eq(a->key, b->key) && a->weight == b->weight;
}

static inline bool branch_equal(const struct tree_branch *a, const struct tree_branch *b)
{
    const struct tree_leaf *x = a->leaves.v, *y = b->leaves.v;
    bool same = bx_str_eq(a->name, b->name) && a->count == b->count && a->colour == b->colour &&
                a->leaves.n == b->leaves.n;

    for (uint32_t i = 0; same && i < a->leaves.n; i++)
        same = leaf_equal(&x[i], &y[i]);
    return same;
}

static inline bool tree_equal(const struct tree *a, const struct tree *b)
{
    const struct tree_branch *x = a->branches.v, *y = b->branches.v;
    bool same = a->id == b->id && a->delta == b->delta && a->leader == b->leader &&
                branch_equal(&a->trunk, &b->trunk) && branch_equal(&a->spare, &b->spare) &&
                a->branches.n == b->branches.n && bx_str_eq(a->value, b->value) &&
                a->hidden == b->hidden && bx_str_eq(a->note, b->note) &&
                memcmp(a->owner, b->owner, 16) == 0 && a->extra == b->extra &&
                leaf_equal(&a->last, &b->last);

    for (uint32_t i = 0; same && i < a->branches.n; i++)
        same = branch_equal(&x[i], &y[i]);
    return same;
}

#endif
