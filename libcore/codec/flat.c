/* The bytes that offsets name lie in the order of the fields, without gaps but for zero padding to
 * 8. The reader demands exactly that, so there is one record for one object: nothing overlaps,
 * nothing is hidden between the values, and re-encoding gives the same bytes. A newer writer's
 * fields come after the known ones, in slots and in bytes, and are not looked at. */
#include "codec/flat.h"

#include "codec/head.h"

#include <assert.h>

#define HEAD 8
#define SLOT 8
#define DEFAULT_MAX 65535u

static size_t pad8(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

static uint32_t slots_of(const struct bx_field *f)
{
    return f->type == BX_T_UUID ? 2 : 1;
}

/* Counted once for each schema; whoever comes first does it, and all come to the same number. */
static uint32_t slots_in(const struct bx_schema *s)
{
    uint32_t n = s->slots == NULL ? 0 : __atomic_load_n(s->slots, __ATOMIC_RELAXED);

    if (n != 0)
        return n;
    for (uint32_t i = 0; i < s->n; i++)
        n += slots_of(&s->fields[i]);
    if (s->slots != NULL)
        __atomic_store_n(s->slots, (uint16_t)n, __ATOMIC_RELAXED);
    return n;
}

static uint32_t field_max(const struct bx_field *f)
{
    return f->max == 0 ? DEFAULT_MAX : f->max;
}

/* Few names are passed over: most values are small. */
static bool enum_has(const struct bx_field *f, uint64_t v)
{
    uint64_t i = 0;

    while (i < v && f->names[i] != NULL)
        i++;
    return f->names[i] != NULL;
}

static const void *member(const struct bx_field *f, const void *obj)
{
    return (const char *)obj + f->offset;
}

/* ---- writing ---- */

static size_t list_size(const struct bx_str *v, size_t n)
{
    size_t size = n * SLOT;

    for (size_t i = 0; i < n; i++) {
        assert(v[i].n <= DEFAULT_MAX);
        size += pad8(v[i].n);
    }
    return size;
}

/* Pairs are lists of twice as many strings. */
_Static_assert(sizeof(struct bx_pair) == 2 * sizeof(struct bx_str), "a pair is two strings");

static size_t body_size(const struct bx_field *f, const void *obj)
{
    const void *m = member(f, obj);
    const struct bx_pairs *pairs;

    switch (f->type) {
    case BX_T_STR:
    case BX_T_BYTES:
        return pad8(((const struct bx_str *)m)->n);
    case BX_T_STRS:
        return list_size(((const struct bx_strs *)m)->v, ((const struct bx_strs *)m)->n);
    case BX_T_PAIRS:
        pairs = m;
        return list_size(pairs->n == 0 ? NULL : &pairs->v[0].key, 2 * (size_t)pairs->n);
    default:
        return 0;
    }
}

size_t bx_flat_size(const struct bx_schema *s, const void *obj)
{
    size_t size = HEAD + slots_in(s) * SLOT;

    for (uint32_t i = 0; i < s->n; i++) {
        if (s->fields[i].type >= BX_T_STR)
            size += body_size(&s->fields[i], obj);
    }
    assert(size <= UINT32_MAX);
    return size;
}

struct writer {
    uint8_t *dst;
    size_t slot, end; /* where the next slot and the next bytes go */
};

static void put_ref(struct writer *w, size_t slot, size_t at, size_t count)
{
    bx_put32(w->dst + slot, count == 0 ? 0 : (uint32_t)at);
    bx_put32(w->dst + slot + 4, (uint32_t)count);
}

#define ONES 0x0101010101010101u

/* n bytes and zeros up to a multiple of 8. Names are short: a call to copy five bytes costs more
 * than the bytes. True when all of them are ASCII, which is known on the way. */
static inline bool put_padded(uint8_t *dst, const char *text, size_t n)
{
    const uint8_t *src = (const uint8_t *)text;
    uint64_t w, last;

    if (n > 16) {
        bx_put64(dst + pad8(n) - 8, 0);
        memcpy(dst, src, n);
        return bx_plain_text(text, n);
    }
    if (n >= 8) {
        w = bx_get64(src);
        last = bx_get64(src + n - 8);
        bx_put64(dst + pad8(n) - 8, 0);
        bx_put64(dst, w);
        bx_put64(dst + n - 8, last);
        return bx_plain_word(w) && bx_plain_word(last);
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

static inline bool put_bytes(struct writer *w, size_t slot, const struct bx_str *s)
{
    bool plain = put_padded(w->dst + w->end, s->p, s->n);

    put_ref(w, slot, w->end, s->n);
    w->end += pad8(s->n);
    return plain;
}

static inline void put_text(struct writer *w, size_t slot, const struct bx_str *s)
{
    if (!put_bytes(w, slot, s))
        assert(bx_utf8_whole(s->p, s->n));
}

/* count: what the slot tells, n or half of it. */
static void put_list(struct writer *w, size_t slot, const struct bx_str *v, size_t n, size_t count)
{
    size_t at = w->end;

    put_ref(w, slot, at, count);
    w->end += n * SLOT;
    for (size_t i = 0; i < n; i++)
        put_text(w, at + i * SLOT, &v[i]);
}

static int compare(const struct bx_str *a, const struct bx_str *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n == 0 ? 0 : memcmp(a->p, b->p, n);

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static void put_pairs(struct writer *w, size_t slot, const struct bx_pairs *pairs)
{
    for (uint32_t i = 1; i < pairs->n; i++)
        assert(compare(&pairs->v[i - 1].key, &pairs->v[i].key) < 0);
    put_list(w, slot, pairs->n == 0 ? NULL : &pairs->v[0].key, 2 * (size_t)pairs->n, pairs->n);
}

static inline void put_field(struct writer *w, const struct bx_field *f, const void *obj)
{
    const void *m = member(f, obj);
    const struct bx_str *str = m;
    const struct bx_strs *strs = m;
    const struct bx_pairs *pairs = m;
    uint8_t *slot = w->dst + w->slot;

    switch (f->type) {
    case BX_T_BOOL:
        bx_put64(slot, *(const bool *)m);
        break;
    case BX_T_ENUM:
        assert(enum_has(f, *(const uint8_t *)m));
        bx_put64(slot, *(const uint8_t *)m);
        break;
    case BX_T_U8:
        bx_put64(slot, *(const uint8_t *)m);
        break;
    case BX_T_U16:
        bx_put64(slot, *(const uint16_t *)m);
        break;
    case BX_T_U32:
        bx_put64(slot, *(const uint32_t *)m);
        break;
    case BX_T_U64:
    case BX_T_HEX64:
        bx_put64(slot, *(const uint64_t *)m);
        break;
    case BX_T_UUID:
        memcpy(slot, m, 16);
        break;
    case BX_T_STR:
        assert(str->n <= field_max(f));
        put_text(w, w->slot, str);
        break;
    case BX_T_BYTES:
        assert(str->n <= field_max(f));
        put_bytes(w, w->slot, str);
        break;
    case BX_T_STRS:
        assert(strs->n <= field_max(f));
        put_list(w, w->slot, strs->v, strs->n, strs->n);
        break;
    case BX_T_PAIRS:
        assert(pairs->n <= field_max(f));
        put_pairs(w, w->slot, pairs);
        break;
    }
    w->slot += slots_of(f) * SLOT;
}

size_t bx_flat_write(const struct bx_schema *s, const void *obj, uint8_t *dst)
{
    uint32_t slots = slots_in(s);
    struct writer w = {.dst = dst, .slot = HEAD, .end = HEAD + slots * SLOT};

    for (uint32_t i = 0; i < s->n; i++)
        put_field(&w, &s->fields[i], obj);
    bx_put32(dst, (uint32_t)w.end);
    bx_put16(dst + 4, s->kind);
    bx_put16(dst + 6, (uint16_t)slots);
    return w.end;
}

/* ---- reading ---- */

struct reader {
    const uint8_t *src;
    size_t size, slot, slots_end, end; /* end: of the values read so far */
    struct bx_arena *arena;
    const char *what; /* the complaint, when a step fails */
};

static int malformed(struct reader *r, const char *what)
{
    r->what = what;
    return BX_MALFORMED;
}

static int too_large(struct reader *r, const char *what)
{
    r->what = what;
    return BX_TOO_LARGE;
}

/* Take the reference in a slot: count items of unit bytes each, next in line. */
static inline int get_ref(struct reader *r, size_t slot, size_t unit, uint32_t max,
                          uint32_t *count)
{
    uint32_t at = bx_get32(r->src + slot), n = bx_get32(r->src + slot + 4);
    size_t bytes = (size_t)n * unit, padded = pad8(bytes);

    if (n > max)
        return too_large(r, "more than its maximum");
    if (at != (n == 0 ? 0 : r->end))
        return malformed(r, "not where it has to be");
    if (padded > r->size - r->end)
        return malformed(r, "beyond the end of the record");
    if (bytes % 8 != 0 && bx_get64(r->src + at + padded - 8) >> 8 * (bytes % 8) != 0)
        return malformed(r, "padding that is not zero");
    r->end += padded;
    *count = n;
    return BX_OK;
}

static inline int get_bytes(struct reader *r, size_t slot, uint32_t max, struct bx_str *out)
{
    size_t at = r->end;
    int rc = get_ref(r, slot, 1, max, &out->n);

    out->p = rc != BX_OK || out->n == 0 ? NULL : (const char *)r->src + at;
    return rc;
}

static inline int get_text(struct reader *r, size_t slot, uint32_t max, struct bx_str *out)
{
    int rc = get_bytes(r, slot, max, out);

    if (rc == BX_OK && !bx_utf8_valid(out->p, out->n))
        rc = malformed(r, "not UTF-8");
    return rc;
}

/* A list of per strings an item, in an array from the arena; *out is NULL when it is empty.
 * Pairs, which are two, stand in the order of their keys. */
static int get_list(struct reader *r, const struct bx_field *f, uint32_t per, struct bx_str **out,
                    uint32_t *count)
{
    size_t at = r->end, n;
    struct bx_str text = {NULL, 0}, key = {NULL, 0}, *v = NULL;
    int rc = get_ref(r, r->slot, per * SLOT, field_max(f), count);

    if (rc != BX_OK || *count == 0)
        return rc;
    n = (size_t)*count * per;
    if (out != NULL)
        *out = v = bx_arena_alloc(r->arena, n * sizeof *v);
    if (out != NULL && v == NULL) {
        r->what = "out of memory";
        return BX_NO_MEMORY;
    }
    for (size_t i = 0; i < n; i++) {
        rc = get_text(r, at + i * SLOT, DEFAULT_MAX, &text);
        if (rc != BX_OK)
            return rc;
        if (v != NULL)
            v[i] = text;
        if (per == 1 || i % 2 != 0)
            continue;
        if (i > 0 && compare(&key, &text) >= 0)
            return malformed(r, "keys out of order");
        key = text;
    }
    return BX_OK;
}

static int get_strs(struct reader *r, const struct bx_field *f, struct bx_strs *out)
{
    struct bx_str *v = NULL;
    uint32_t n = 0;
    int rc = get_list(r, f, 1, out == NULL ? NULL : &v, &n);

    if (rc == BX_OK && out != NULL)
        *out = (struct bx_strs){v, n};
    return rc;
}

static int get_pairs(struct reader *r, const struct bx_field *f, struct bx_pairs *out)
{
    struct bx_str *v = NULL;
    uint32_t n = 0;
    int rc = get_list(r, f, 2, out == NULL ? NULL : &v, &n);

    if (rc == BX_OK && out != NULL)
        *out = (struct bx_pairs){(const struct bx_pair *)v, n};
    return rc;
}

static const uint64_t limits[] = {
    [BX_T_BOOL] = 1,           [BX_T_U8] = UINT8_MAX,     [BX_T_U16] = UINT16_MAX,
    [BX_T_U32] = UINT32_MAX,   [BX_T_U64] = UINT64_MAX,   [BX_T_ENUM] = UINT8_MAX,
    [BX_T_HEX64] = UINT64_MAX,
};

static inline int get_number(struct reader *r, const struct bx_field *f, void *m)
{
    uint64_t v = bx_get64(r->src + r->slot);

    if (v > limits[f->type] || (f->type == BX_T_ENUM && !enum_has(f, v)))
        return malformed(r, "out of range");
    if (m == NULL)
        return BX_OK;
    switch (f->type) {
    case BX_T_BOOL:
        *(bool *)m = v != 0;
        break;
    case BX_T_ENUM:
    case BX_T_U8:
        *(uint8_t *)m = (uint8_t)v;
        break;
    case BX_T_U16:
        *(uint16_t *)m = (uint16_t)v;
        break;
    case BX_T_U32:
        *(uint32_t *)m = (uint32_t)v;
        break;
    default:
        *(uint64_t *)m = v;
    }
    return BX_OK;
}

/* One field; obj NULL: it is only checked. */
static inline int get_field(struct reader *r, const struct bx_field *f, void *obj)
{
    void *m = obj == NULL ? NULL : (char *)obj + f->offset;
    struct bx_str text;

    switch (f->type) {
    case BX_T_UUID:
        if (m != NULL)
            memcpy(m, r->src + r->slot, 16);
        return BX_OK;
    case BX_T_STR:
        return get_text(r, r->slot, field_max(f), m == NULL ? &text : m);
    case BX_T_BYTES:
        return get_bytes(r, r->slot, field_max(f), m == NULL ? &text : m);
    case BX_T_STRS:
        return get_strs(r, f, m);
    case BX_T_PAIRS:
        return get_pairs(r, f, m);
    default:
        return get_number(r, f, m);
    }
}

/* Size, kind and slots of the record; the reader then stands at the first slot. */
static int get_head(struct reader *r, const struct bx_schema *s, size_t len)
{
    if (len < HEAD)
        return malformed(r, "shorter than a record");
    r->size = bx_get32(r->src);
    r->slot = HEAD;
    r->slots_end = HEAD + (size_t)bx_get16(r->src + 6) * SLOT;
    r->end = r->slots_end;
    if (r->size > len || r->size % 8 != 0)
        return malformed(r, "not of the size it claims");
    if (r->slots_end > r->size)
        return malformed(r, "shorter than its slots");
    if (bx_get16(r->src + 4) != s->kind)
        return malformed(r, "of another kind");
    return BX_OK;
}

static int walk(struct reader *r, const struct bx_schema *s, size_t len, void *obj, size_t *used,
                struct bx_err *err)
{
    const struct bx_field *f = s->fields, *last = s->fields + s->n;
    int rc;

    assert((uintptr_t)r->src % 8 == 0);
    rc = get_head(r, s, len);
    if (rc != BX_OK)
        return bx_err_set(err, rc, "%s: %s", s->name, r->what);
    for (; f < last && r->slot < r->slots_end; f++) {
        if (r->slots_end - r->slot < slots_of(f) * SLOT)
            rc = malformed(r, "cut off");
        else
            rc = get_field(r, f, obj);
        if (rc != BX_OK)
            return bx_err_set(err, rc, "%s.%s: %s", s->name, f->name, r->what);
        r->slot += slots_of(f) * SLOT;
    }
    if (r->slot == r->slots_end && r->end != r->size)
        return bx_err_set(err, BX_MALFORMED, "%s: bytes that nothing names", s->name);
    if (used != NULL)
        *used = r->size;
    return BX_OK;
}

int bx_flat_read(const struct bx_schema *s, const uint8_t *src, size_t len, void *obj,
                 struct bx_arena *arena, size_t *used, struct bx_err *err)
{
    struct reader r = {.src = src, .arena = arena};

    memset(obj, 0, s->size);
    return walk(&r, s, len, obj, used, err);
}

int bx_flat_check(const struct bx_schema *s, const uint8_t *src, size_t len, size_t *used,
                  struct bx_err *err)
{
    struct reader r = {.src = src};

    return walk(&r, s, len, NULL, used, err);
}

/* Where the slot of a field is; 0: the record is of a build that did not have the field. */
static size_t slot_of(const struct bx_schema *s, const uint8_t *src, uint32_t field)
{
    size_t slot = HEAD;

    assert(field < s->n);
    for (uint32_t i = 0; i < field; i++)
        slot += slots_of(&s->fields[i]) * SLOT;
    return slot < HEAD + (size_t)bx_get16(src + 6) * SLOT ? slot : 0;
}

uint64_t bx_flat_u64(const struct bx_schema *s, const uint8_t *src, uint32_t field)
{
    size_t slot = slot_of(s, src, field);

    return slot == 0 ? 0 : bx_get64(src + slot);
}
