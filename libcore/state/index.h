/* index - the rows of one kind in memory, found by key and, if the kind has one, by name.
 *
 * Names can have a scope, as those of VMs have a tenant: then they are unique within it.
 *
 * The index does not own its rows. Out of memory ends the process. */
#ifndef BX_STATE_INDEX_H
#define BX_STATE_INDEX_H

#include "mem/map.h"
#include "mem/slab.h"
#include "mem/sorted.h"
#include "state/kind.h"

/* A name in the indexes, which stays when its row is replaced. */
struct bx_named {
    const struct bx_istr *name, *scope; /* of the row; scope NULL: its kind has none */
    struct bx_row *row;
};

struct bx_index {
    const struct bx_kind_desc *kind;
    struct bx_map by_key;  /* for a kind that is not ordered */
    struct bx_row **rows;  /* for an ordered kind: sorted by key */
    uint32_t n, cap;       /* of rows */
    struct bx_map by_name; /* of struct bx_named, which are from `memory` */
    struct bx_slab memory;
    /* The same for a kind that is listed by name: by name and then scope, and the other way round.
     */
    struct bx_sorted names, scopes;
};

/* A position in the order of lists; valid until the index changes. */
struct bx_index_place {
    struct bx_sorted_place name;
    size_t row;
};

void bx_index_init(struct bx_index *x, const struct bx_kind_desc *kind);
void bx_index_close(struct bx_index *x);

/* Replace `old` by `with`, which has the same key. Either may be NULL. */
void bx_index_swap(struct bx_index *x, struct bx_row *old, struct bx_row *with);
/* NULL if there is none. */
struct bx_row *bx_index_get(const struct bx_index *x, const void *key);
/* The row of this name; if names have scopes, in the first scope that has it. */
struct bx_row *bx_index_named(const struct bx_index *x, struct bx_str name);
/* The row of this name in this scope. */
struct bx_row *bx_index_named_in(const struct bx_index *x, struct bx_str scope, struct bx_str name);
/* Whether there is one of the name and scope of this row. */
bool bx_index_has_name(const struct bx_index *x, const struct bx_row *row);
/* For an ordered kind: the position of this key, or where it would be inserted. */
uint32_t bx_index_place(const struct bx_index *x, const void *key);
size_t bx_index_count(const struct bx_index *x);
/* Iterate: *pos starts at 0; NULL at the end. An ordered kind is sorted by key; the order of others
 * must not reach state or output. */
struct bx_row *bx_index_next(const struct bx_index *x, size_t *pos);
/* Iterate in the order of lists: by name, and then by scope, for a kind that is listed by name,
 * else by key, for an ordered kind. Start after the objects with this name (a struct bx_str) or
 * key, whether or not there are any; NULL: start with the first one. */
struct bx_index_place bx_index_after(const struct bx_index *x, const void *key);
/* For a kind that is listed by name: start after this name in this scope. An empty scope comes
 * before all others. */
struct bx_index_place bx_index_after_one(const struct bx_index *x, struct bx_str name,
                                         struct bx_str scope);
struct bx_row *bx_index_step(const struct bx_index *x, struct bx_index_place *at);
/* The same within one scope, in the order of names: start after this name, an empty one comes
 * before all others. */
struct bx_index_place bx_index_after_in(const struct bx_index *x, struct bx_str scope,
                                        struct bx_str name);
struct bx_row *bx_index_step_in(const struct bx_index *x, struct bx_str scope,
                                struct bx_index_place *at);

#endif
