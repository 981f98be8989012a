/* Writing. flat_priv.h describes the layout. */
#include "codec/flat_priv.h"

static const void *member(const struct bx_field *f, const void *obj)
{
    return (const char *)obj + f->offset;
}

static size_t list_size(const struct bx_str *v, size_t n)
{
    size_t size = n * SLOT;

    for (size_t i = 0; i < n; i++) {
        assert(v[i].n <= BX_FIELD_MAX);
        size += pad8(v[i].n);
    }
    return size;
}

/* Pairs are stored as a list of twice as many strings. */
_Static_assert(sizeof(struct bx_pair) == 2 * sizeof(struct bx_str), "a pair is two strings");

static size_t records_size(const struct bx_schema *s, const void *v, uint32_t n)
{
    size_t size = 0;

    for (uint32_t i = 0; i < n; i++)
        size += bx_flat_size(s, (const char *)v + (size_t)i * s->size);
    return size;
}

/* Out of line, like put_nested, to keep the loops over plain fields short. */
__attribute__((noinline)) static size_t nested_size(const struct bx_field *f, const void *m)
{
    const struct bx_list *list = m;

    if (f->type == BX_T_LIST)
        return records_size(f->sub, list->v, list->n);
    return bx_record_empty(f->sub, m) ? 0 : bx_flat_size(f->sub, m);
}

static inline size_t body_size(const struct bx_field *f, const void *obj)
{
    const void *m = member(f, obj);
    const struct bx_pairs *pairs;

    if (f->type <= BX_T_BYTES) /* most of them: without a jump table */
        return pad8(((const struct bx_str *)m)->n);
    switch (f->type) {
    case BX_T_VALUE:
        return pad8(((const struct bx_str *)m)->n);
    case BX_T_STRS:
        return list_size(((const struct bx_strs *)m)->v, ((const struct bx_strs *)m)->n);
    case BX_T_PAIRS:
        pairs = m;
        return list_size(pairs->n == 0 ? NULL : &pairs->v[0].key, 2 * (size_t)pairs->n);
    case BX_T_LIST:
    case BX_T_RECORD:
        return nested_size(f, m);
    default:
        return 0;
    }
}

/* Returns the end of the fields to write, and the number of slots up to it: empty fields at the end
 * that were added later are omitted. */
__attribute__((always_inline)) static inline const struct bx_field *
written(const struct bx_schema *s, const void *obj, uint32_t *slots)
{
    const struct bx_field *end = s->fields + s->n;

    *slots = slots_in(s);
    while (end > s->fields && end[-1].since > 1 && bx_field_empty(&end[-1], obj))
        *slots -= slots_of(--end);
    return end;
}

size_t bx_flat_size(const struct bx_schema *s, const void *obj)
{
    uint32_t slots;
    const struct bx_field *end = written(s, obj, &slots);
    size_t size = HEADER + slots * SLOT;

    for (const struct bx_field *f = s->fields; f < end; f++) {
        if (f->type >= BX_T_STR)
            size += body_size(f, obj);
    }
    assert(size <= UINT32_MAX);
    return size;
}

/* The functions that write data take its position, `end`, and return the position of the next data.
 * As a value it stays in a register; in memory it would be stored and reloaded for each text. */

static void put_ref(uint8_t *slot, size_t at, size_t count)
{
    bx_put64(slot, count == 0 ? 0 : at | (uint64_t)count << 32);
}

#define COPIED 64u /* size up to which a loop is faster than memcpy */

/* Copy n bytes and pad with zeros to a multiple of 8. Names are short, so a call to memcpy would
 * cost more than the copy. Returns true if all bytes are ASCII, which the loop determines as it
 * copies. */
static inline bool put_padded(uint8_t *dst, const char *text, size_t n)
{
    const uint8_t *src = (const uint8_t *)text;
    bool plain = true;
    uint64_t w;

    if (n > COPIED) {
        bx_put64(dst + pad8(n) - 8, 0);
        memcpy(dst, src, n);
        return bx_plain_text(text, n);
    }
    if (n >= 8) {
        bx_put64(dst + pad8(n) - 8, 0);
        for (size_t i = 0; i + 8 < n; i += 8) {
            w = bx_get64(src + i);
            bx_put64(dst + i, w);
            plain &= bx_plain_word(w);
        }
        w = bx_get64(src + n - 8);
        bx_put64(dst + n - 8, w);
        return plain & bx_plain_word(w);
    }
    if (n == 0)
        return true;
    if (n >= 4)
        w = bx_get32(src) | (uint64_t)bx_get32(src + n - 4) << 8 * (n - 4);
    else
        w = src[0] | (uint64_t)src[n / 2] << 8 * (n / 2) | (uint64_t)src[n - 1] << 8 * (n - 1);
    bx_put64(dst, w);
    return bx_plain_word(w | ONES << 8 * n);
}

static inline size_t put_text(uint8_t *dst, size_t slot, size_t end, const struct bx_str *s)
{
    if (!put_padded(dst + end, s->p, s->n))
        assert(bx_utf8_whole(s->p, s->n));
    put_ref(dst + slot, end, s->n);
    return end + pad8(s->n);
}

static size_t put_bytes(uint8_t *dst, size_t slot, size_t end, const struct bx_str *s)
{
    put_padded(dst + end, s->p, s->n);
    put_ref(dst + slot, end, s->n);
    return end + pad8(s->n);
}

/* count: the count in the slot, n or half of it. */
static size_t put_texts(uint8_t *dst, size_t slot, size_t end, const struct bx_str *v, size_t n,
                        size_t count)
{
    size_t at = end;

    put_ref(dst + slot, at, count);
    end += n * SLOT;
    for (size_t i = 0; i < n; i++)
        end = put_text(dst, at + i * SLOT, end, &v[i]);
    return end;
}

static size_t put_pairs(uint8_t *dst, size_t slot, size_t end, const struct bx_pairs *pairs)
{
    for (uint32_t i = 1; i < pairs->n; i++)
        assert(in_order(&pairs->v[i - 1].key, &pairs->v[i].key));
    return put_texts(dst, slot, end, pairs->n == 0 ? NULL : &pairs->v[0].key, 2 * (size_t)pairs->n,
                     pairs->n);
}

static size_t put_records(uint8_t *dst, size_t slot, size_t end, const struct bx_schema *s,
                          const void *v, uint32_t n)
{
    put_ref(dst + slot, end, n);
    for (uint32_t i = 0; i < n; i++)
        end += bx_flat_write(s, (const char *)v + (size_t)i * s->size, dst + end);
    return end;
}

__attribute__((noinline)) static size_t put_nested(uint8_t *dst, size_t slot, size_t end,
                                                   const struct bx_field *f, const void *m)
{
    const struct bx_list *list = m;

    if (f->type == BX_T_RECORD)
        return put_records(dst, slot, end, f->sub, m, bx_record_empty(f->sub, m) ? 0 : 1);
    assert(list->n <= bx_field_max(f));
    return put_records(dst, slot, end, f->sub, list->v, list->n);
}

static inline size_t put_field(uint8_t *dst, size_t slot, size_t end, const struct bx_field *f,
                               const void *obj)
{
    const void *m = member(f, obj);
    const struct bx_str *str = m;
    const struct bx_strs *strs = m;
    const struct bx_pairs *pairs = m;

    if (f->type == BX_T_STR && str->n == 0) { /* most texts: without a jump table */
        bx_put64(dst + slot, 0);
        return end;
    }
    switch (f->type) {
    case BX_T_BOOL:
        bx_put64(dst + slot, *(const bool *)m);
        break;
    case BX_T_ENUM:
        assert(enum_has(f, *(const uint8_t *)m));
        bx_put64(dst + slot, *(const uint8_t *)m);
        break;
    case BX_T_U8:
        bx_put64(dst + slot, *(const uint8_t *)m);
        break;
    case BX_T_U16:
        bx_put64(dst + slot, *(const uint16_t *)m);
        break;
    case BX_T_U32:
        bx_put64(dst + slot, *(const uint32_t *)m);
        break;
    case BX_T_U64:
    case BX_T_I64:
    case BX_T_HEX64:
        bx_put64(dst + slot, *(const uint64_t *)m);
        break;
    case BX_T_UUID:
        memcpy(dst + slot, m, 16);
        break;
    case BX_T_STR:
        assert(str->n <= bx_field_max(f));
        return put_text(dst, slot, end, str);
    case BX_T_BYTES:
    case BX_T_VALUE:
        assert(str->n <= bx_field_max(f));
        return put_bytes(dst, slot, end, str);
    case BX_T_STRS:
        assert(strs->n <= bx_field_max(f));
        return put_texts(dst, slot, end, strs->v, strs->n, strs->n);
    case BX_T_PAIRS:
        assert(pairs->n <= bx_field_max(f));
        return put_pairs(dst, slot, end, pairs);
    case BX_T_LIST:
    case BX_T_RECORD:
        return put_nested(dst, slot, end, f, m);
    }
    return end;
}

size_t bx_flat_write(const struct bx_schema *s, const void *obj, uint8_t *dst)
{
    uint32_t slots;
    const struct bx_field *f = s->fields, *last = written(s, obj, &slots);
    size_t slot = HEADER, end = HEADER + slots * SLOT;

    for (; f < last; f++) {
        end = put_field(dst, slot, end, f, obj);
        slot += slots_of(f) * SLOT;
    }
    bx_put64(dst, end | (uint64_t)s->kind << 32 | (uint64_t)slots << 48);
    return end;
}
