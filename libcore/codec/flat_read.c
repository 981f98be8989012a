/* Reading and checking, and what is asked of a record that was checked. */
#include "codec/flat_priv.h"

/* What reads values takes where the next one has to begin, `end`, and returns where it ends itself;
 * 0 when it is not as it has to be, and the reader knows why. */
struct reader {
    const uint8_t *src;
    size_t size, slots_end;
    struct bx_arena *arena;
    const char *what; /* the complaint */
    int rc;
};

static size_t fail(struct reader *r, int rc, const char *what)
{
    r->rc = rc;
    r->what = what;
    return 0;
}

/* The reference in a slot: count items of unit bytes each, next in line. */
static inline size_t get_ref(struct reader *r, size_t slot, size_t end, size_t unit, uint32_t max,
                             uint32_t *count)
{
    uint32_t at = bx_get32(r->src + slot), n = bx_get32(r->src + slot + 4);
    size_t padded = pad8((size_t)n * unit);

    if (n > max)
        return fail(r, BX_TOO_LARGE, "more than its maximum");
    if (at != (n == 0 ? 0 : end))
        return fail(r, BX_MALFORMED, "not where it has to be");
    if (padded > r->size - end)
        return fail(r, BX_MALFORMED, "beyond the end of the record");
    *count = n;
    return end + padded;
}

/* Zeros behind n bytes, up to a multiple of 8. */
static bool is_padded(const uint8_t *p, size_t n)
{
    return n % 8 == 0 || bx_get64(p + n / 8 * 8) >> 8 * (n % 8) == 0;
}

/* The same, and the bytes are ASCII without NUL, as nearly all text is: word by word, because the
 * record has whole words. */
static inline bool is_plain_padded(const uint8_t *p, size_t n)
{
    const uint8_t *rest = p + n / 8 * 8;
    size_t bits = 8 * (n % 8);
    uint64_t w;

    for (; p < rest; p += 8) {
        if (!bx_plain_word(bx_get64(p)))
            return false;
    }
    if (bits == 0)
        return true;
    w = bx_get64(p);
    return w >> bits == 0 && bx_plain_word(w | ONES << bits);
}

static size_t get_bytes(struct reader *r, size_t slot, size_t end, uint32_t max, struct bx_str *out)
{
    size_t next = get_ref(r, slot, end, 1, max, &out->n);

    if (next == 0)
        return 0;
    out->p = out->n == 0 ? NULL : (const char *)r->src + end;
    return is_padded(r->src + end, out->n) ? next
                                           : fail(r, BX_MALFORMED, "padding that is not zero");
}

/* Of letters beyond ASCII, or damaged. */
__attribute__((noinline)) static size_t get_utf8(struct reader *r, size_t next,
                                                 const struct bx_str *s)
{
    if (!is_padded((const uint8_t *)s->p, s->n))
        return fail(r, BX_MALFORMED, "padding that is not zero");
    return bx_utf8_whole(s->p, s->n) ? next : fail(r, BX_MALFORMED, "not UTF-8");
}

static inline size_t get_text(struct reader *r, size_t slot, size_t end, uint32_t max,
                              struct bx_str *out)
{
    size_t next = get_ref(r, slot, end, 1, max, &out->n);

    if (next == 0)
        return 0;
    out->p = out->n == 0 ? NULL : (const char *)r->src + end;
    return is_plain_padded(r->src + end, out->n) ? next : get_utf8(r, next, out);
}

/* Reading and checking are one walk, which is compiled twice, so that checking has nothing of what
 * reading does with a value. */
#define TWICE __attribute__((always_inline)) static inline

/* A list of per strings an item, in an array from the arena; *out is NULL when it is empty. */
TWICE size_t get_list(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                      uint32_t per, struct bx_str **out, uint32_t *count)
{
    struct bx_str text, *v = NULL;
    size_t at = end, n;

    end = get_ref(r, slot, end, per * SLOT, field_max(f), count);
    if (end == 0 || *count == 0)
        return end;
    n = (size_t)*count * per;
    if (out != NULL)
        *out = v = bx_arena_alloc(r->arena, n * sizeof *v);
    if (out != NULL && v == NULL)
        return fail(r, BX_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n && end != 0; i++)
        end = get_text(r, at + i * SLOT, end, DEFAULT_MAX, v == NULL ? &text : &v[i]);
    return end;
}

TWICE size_t get_strs(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                      struct bx_strs *out)
{
    struct bx_str *v = NULL;
    uint32_t n = 0;

    end = get_list(r, slot, end, f, 1, out == NULL ? NULL : &v, &n);
    if (end != 0 && out != NULL)
        *out = (struct bx_strs){v, n};
    return end;
}

/* The text of a slot that was read. */
static struct bx_str text_of(const struct reader *r, size_t slot)
{
    const uint8_t *ref = r->src + slot;

    return (struct bx_str){(const char *)r->src + bx_get32(ref), bx_get32(ref + 4)};
}

/* Keys stand in ascending order. */
TWICE size_t get_pairs(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                       struct bx_pairs *out)
{
    struct bx_str key, next, *v = NULL;
    size_t at = end;
    uint32_t n = 0;

    end = get_list(r, slot, end, f, 2, out == NULL ? NULL : &v, &n);
    if (end == 0)
        return 0;
    for (uint32_t i = 1; i < n; i++) {
        key = text_of(r, at + (i - 1) * 2 * (size_t)SLOT);
        next = text_of(r, at + i * 2 * (size_t)SLOT);
        if (!in_order(&key, &next))
            return fail(r, BX_MALFORMED, "keys out of order");
    }
    if (out != NULL)
        *out = (struct bx_pairs){(const struct bx_pair *)v, n};
    return end;
}

static const uint64_t limits[] = {
    [BX_T_BOOL] = 1,           [BX_T_U8] = UINT8_MAX,   [BX_T_U16] = UINT16_MAX,
    [BX_T_U32] = UINT32_MAX,   [BX_T_U64] = UINT64_MAX, [BX_T_ENUM] = UINT8_MAX,
    [BX_T_HEX64] = UINT64_MAX,
};

/* Its slot is all there is of it: `end` stays. */
static inline size_t get_number(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                                void *m)
{
    uint64_t v = bx_get64(r->src + slot);

    if (v > limits[f->type] || (f->type == BX_T_ENUM && !enum_has(f, v)))
        return fail(r, BX_MALFORMED, "out of range");
    if (m == NULL)
        return end;
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
    return end;
}

/* One field; obj NULL: it is only checked. */
TWICE size_t get_field(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                       void *obj)
{
    void *m = obj == NULL ? NULL : (char *)obj + f->offset;
    struct bx_str text;

    switch (f->type) {
    case BX_T_UUID:
        if (m != NULL)
            memcpy(m, r->src + slot, 16);
        return end;
    case BX_T_STR:
        return get_text(r, slot, end, field_max(f), m == NULL ? &text : m);
    case BX_T_BYTES:
        return get_bytes(r, slot, end, field_max(f), m == NULL ? &text : m);
    case BX_T_STRS:
        return get_strs(r, slot, end, f, m);
    case BX_T_PAIRS:
        return get_pairs(r, slot, end, f, m);
    default:
        return get_number(r, slot, end, f, m);
    }
}

/* Size, kind and slots of the record. */
static int get_head(struct reader *r, const struct bx_schema *s, size_t len)
{
    r->rc = BX_MALFORMED;
    r->what = "shorter than a record";
    if (len < HEAD)
        return r->rc;
    r->size = bx_get32(r->src);
    r->slots_end = HEAD + (size_t)bx_get16(r->src + 6) * SLOT;
    r->what = "not of the size it claims";
    if (r->size > len || r->size % 8 != 0)
        return r->rc;
    r->what = "shorter than its slots";
    if (r->slots_end > r->size)
        return r->rc;
    r->what = "of another kind";
    return bx_get16(r->src + 4) == s->kind ? BX_OK : r->rc;
}

/* Behind the last field of the schema that the record has; NULL when it has half of one. */
static const struct bx_field *last_field(const struct reader *r, const struct bx_schema *s)
{
    const struct bx_field *f = s->fields;

    if (r->slots_end >= HEAD + slots_in(s) * SLOT)
        return f + s->n;
    for (size_t slot = HEAD; slot != r->slots_end; f++) {
        slot += slots_of(f) * SLOT;
        if (slot > r->slots_end)
            return NULL;
    }
    return f;
}

TWICE int walk(struct reader *r, const struct bx_schema *s, size_t len, void *obj, size_t *used,
               struct bx_err *err)
{
    const struct bx_field *f = s->fields, *last;
    size_t slot = HEAD, end;

    assert((uintptr_t)r->src % 8 == 0);
    if (get_head(r, s, len) != BX_OK)
        return bx_err_set(err, r->rc, "%s: %s", s->name, r->what);
    last = last_field(r, s);
    if (last == NULL)
        return bx_err_set(err, BX_MALFORMED, "%s: a field is cut off", s->name);
    for (end = r->slots_end; f < last; f++) {
        end = get_field(r, slot, end, f, obj);
        if (end == 0)
            return bx_err_set(err, r->rc, "%s.%s: %s", s->name, f->name, r->what);
        slot += slots_of(f) * SLOT;
    }
    if (slot == r->slots_end && end != r->size)
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
