/* flat_priv - definitions shared by the writer and the reader of flat records.
 *
 * The data that offsets refer to is stored in field order, without gaps except zero padding to 8.
 * The reader requires exactly that, so each object has exactly one encoding: values do not overlap,
 * no hidden bytes lie between them, and re-encoding yields the same bytes. For the same reason an
 * empty nested record has an empty slot, and empty fields at the end that were added later have no
 * slot. Fields of a newer writer follow the known ones, in slots and in data, and are ignored. */
#ifndef BX_FLAT_PRIV_H
#define BX_FLAT_PRIV_H

#include "codec/flat.h"
#include "codec/header.h"

#include <assert.h>

#define HEADER 8
#define SLOT 8
#define ONES 0x0101010101010101u

static inline size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static inline uint32_t slots_of(const struct bx_field *f)
{
    return f->type == BX_T_UUID ? 2 : 1;
}

/* Computed once per schema; threads may race, but all store the same number. */
static inline uint32_t slots_in(const struct bx_schema *s)
{
    uint32_t n = s->slots == NULL ? 0 : __atomic_load_n(s->slots, __ATOMIC_RELAXED);

    if (n != 0)
        return n;
    for (uint32_t i = 0; i < s->n; i++) {
        assert(i == 0 || s->fields[i].since >= s->fields[i - 1].since);
        n += slots_of(&s->fields[i]);
    }
    if (s->slots != NULL)
        __atomic_store_n(s->slots, (uint16_t)n, __ATOMIC_RELAXED);
    return n;
}

/* Linear search is short, because most values are small. */
static inline bool enum_has(const struct bx_field *f, uint64_t v)
{
    uint64_t i = 0;

    while (i < v && f->names[i] != NULL)
        i++;
    return f->names[i] != NULL;
}

static inline int compare(const struct bx_str *a, const struct bx_str *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n == 0 ? 0 : memcmp(a->p, b->p, n);

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* True if a sorts before b. The first byte usually decides, without a call. */
static inline bool in_order(const struct bx_str *a, const struct bx_str *b)
{
    if (a->n > 0 && b->n > 0 && a->p[0] != b->p[0])
        return (uint8_t)a->p[0] < (uint8_t)b->p[0];
    return compare(a, b) < 0;
}

#endif
