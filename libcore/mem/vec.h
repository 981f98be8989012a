/* vec - a vector with inline storage for its first elements.
 *
 * BX_VEC(name, type, inline_n) defines `struct name` and name_init, name_push, name_reserve,
 * name_clear and name_close. The first inline_n elements need no heap; beyond that the capacity
 * grows by a quarter. The elements are v->items[0 .. v->len). Call name_init first. The struct must
 * not be moved after that, because items may point inside it. push and reserve return BX_OK or
 * BX_NO_MEMORY. */
#ifndef BX_VEC_H
#define BX_VEC_H

#include "mem/alloc.h"
#include "err.h"

#include <string.h>

/* The capacity to ask for when at least `need` elements must fit: need plus 25 %. */
static inline size_t bx_vec_headroom(size_t need)
{
    return need + need / 4 + 1;
}

#define BX_VEC(name, type, inline_n)                                                               \
    struct name {                                                                                  \
        type *items;                                                                               \
        size_t len, cap;                                                                           \
        type inlined[inline_n];                                                                    \
    };                                                                                             \
    static inline void name##_init(struct name *v)                                                 \
    {                                                                                              \
        v->items = v->inlined;                                                                     \
        v->len = 0;                                                                                \
        v->cap = (inline_n);                                                                       \
    }                                                                                              \
    static inline int name##_reserve(struct name *v, size_t need)                                  \
    {                                                                                              \
        type *items;                                                                               \
        size_t cap;                                                                                \
        if (need <= v->cap)                                                                        \
            return BX_OK;                                                                          \
        cap = bx_vec_headroom(need);                                                               \
        if (cap < need || cap > SIZE_MAX / sizeof *items)                                          \
            return BX_NO_MEMORY;                                                                   \
        items = bx_realloc(v->items == v->inlined ? NULL : v->items, cap * sizeof *items);         \
        if (items == NULL)                                                                         \
            return BX_NO_MEMORY;                                                                   \
        if (v->items == v->inlined)                                                                \
            memcpy(items, v->inlined, v->len * sizeof *items);                                     \
        v->items = items;                                                                          \
        v->cap = cap;                                                                              \
        return BX_OK;                                                                              \
    }                                                                                              \
    __attribute__((unused)) static inline int name##_push(struct name *v, type item)               \
    {                                                                                              \
        int rc = name##_reserve(v, v->len + 1);                                                    \
        if (rc == BX_OK)                                                                           \
            v->items[v->len++] = item;                                                             \
        return rc;                                                                                 \
    }                                                                                              \
    __attribute__((unused)) static inline void name##_clear(struct name *v)                        \
    {                                                                                              \
        v->len = 0;                                                                                \
    }                                                                                              \
    __attribute__((unused)) static inline void name##_close(struct name *v)                        \
    {                                                                                              \
        if (v->items != v->inlined)                                                                \
            bx_free(v->items);                                                                     \
        name##_init(v);                                                                            \
    }                                                                                              \
    struct name

#endif
