/* index - the rows of one kind in memory: found by key and, when the kind has one, by name.
 *
 * The index does not own its rows. Memory that is out ends the process. */
#ifndef BX_STATE_INDEX_H
#define BX_STATE_INDEX_H

#include "mem/map.h"
#include "state/kind.h"

struct bx_index {
    const struct bx_kind_desc *kind;
    struct bx_map by_key; /* of a kind that is not ordered */
    struct bx_row **rows; /* of one that is: in ascending order of key */
    uint32_t n, cap;      /* of rows */
    struct bx_map by_name;
};

void bx_index_init(struct bx_index *x, const struct bx_kind_desc *kind);
void bx_index_close(struct bx_index *x);

/* Put `with`, which has the same key, in the place of `old`. Either may be NULL. */
void bx_index_swap(struct bx_index *x, struct bx_row *old, struct bx_row *with);
/* NULL: not there. */
struct bx_row *bx_index_get(const struct bx_index *x, const void *key);
struct bx_row *bx_index_named(const struct bx_index *x, struct bx_str name);
/* Of an ordered kind: where a row of this key is, or would be. */
uint32_t bx_index_place(const struct bx_index *x, const void *key);
size_t bx_index_count(const struct bx_index *x);
/* Walk: *pos starts at 0; NULL at the end. In ascending order of key when the kind is ordered; else
 * in an order that must not reach state or output. */
struct bx_row *bx_index_next(const struct bx_index *x, size_t *pos);

#endif
