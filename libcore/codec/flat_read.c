/* Reading and validation, and access to fields of validated records. */
#include "codec/flat_priv.h"
#include "codec/pack.h"

/* The functions that read values take the position where the next data must begin, `end`, and
 * return where it ends; 0 on error, with the reason in the reader. */
struct reader {
    const uint8_t *src;
    size_t len; /* bytes available at src */
    size_t size, slots_end;
    struct bx_arena *arena;
    uint32_t depth; /* nesting depth of this record */
    struct bx_err *err;
    const char *what; /* error text; NULL: err already describes a nested record */
    int rc;
};

static size_t fail(struct reader *r, int rc, const char *what)
{
    r->rc = rc;
    r->what = what;
    return 0;
}

/* Check the reference in a slot: count items of unit bytes each, which must be the next data. */
static inline size_t get_ref(struct reader *r, size_t slot, size_t end, size_t unit, uint32_t max,
                             uint32_t *count)
{
    uint32_t at = bx_get32(r->src + slot), n = bx_get32(r->src + slot + 4);
    size_t padded = pad8((size_t)n * unit);

    if (n > max)
        return fail(r, BX_TOO_LARGE, "exceeds the field's maximum");
    if (at != (n == 0 ? 0 : end))
        return fail(r, BX_MALFORMED, "unexpected offset");
    if (padded > r->size - end)
        return fail(r, BX_MALFORMED, "exceeds the record");
    *count = n;
    return end + padded;
}

/* Zero padding after n bytes, up to a multiple of 8. */
static bool is_padded(const uint8_t *p, size_t n)
{
    return n % 8 == 0 || bx_get64(p + n / 8 * 8) >> 8 * (n % 8) == 0;
}

/* The same, and the bytes are ASCII without NUL, which is the common case. Compares word by word,
 * because records consist of whole words. */
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
    return is_padded(r->src + end, out->n) ? next : fail(r, BX_MALFORMED, "padding is not zero");
}

static size_t get_value(struct reader *r, size_t slot, size_t end, uint32_t max, struct bx_str *out)
{
    size_t next = get_bytes(r, slot, end, max, out);

    if (next != 0 && out->n > 0 && !bx_pack_is_value(out->p, out->n))
        return fail(r, BX_MALFORMED, "not exactly one MessagePack value");
    return next;
}

/* Text with non-ASCII characters, or damaged. */
__attribute__((noinline)) static size_t get_utf8(struct reader *r, size_t next,
                                                 const struct bx_str *s)
{
    if (!is_padded((const uint8_t *)s->p, s->n))
        return fail(r, BX_MALFORMED, "padding is not zero");
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

/* One function reads and validates. It is compiled twice, so that validation alone contains no code
 * to store values. */
#define TWICE __attribute__((always_inline)) static inline

/* A list with `per` strings per item, in an array from the arena; *out is NULL if it is empty. */
TWICE size_t get_list(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                      uint32_t per, struct bx_str **out, uint32_t *count)
{
    struct bx_str text, *v = NULL;
    size_t at = end, n;

    end = get_ref(r, slot, end, per * SLOT, bx_field_max(f), count);
    if (end == 0 || *count == 0)
        return end;
    n = (size_t)*count * per;
    if (out != NULL)
        *out = v = bx_arena_alloc(r->arena, n * sizeof *v);
    if (out != NULL && v == NULL)
        return fail(r, BX_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n && end != 0; i++)
        end = get_text(r, at + i * SLOT, end, BX_FIELD_MAX, v == NULL ? &text : &v[i]);
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

/* Decode the text of a checked slot. */
static struct bx_str text_of(const struct reader *r, size_t slot)
{
    const uint8_t *ref = r->src + slot;

    return (struct bx_str){(const char *)r->src + bx_get32(ref), bx_get32(ref + 4)};
}

/* Keys must be in ascending order. */
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

/* ---- nested records ---- */

static int read_record(const struct bx_schema *s, struct reader *r, void *obj);
static int check_record(const struct bx_schema *s, struct reader *r);

static bool slots_blank(const uint8_t *src, size_t n)
{
    while (n > 0 && bx_get64(src + (n - 1) * SLOT) == 0)
        n--;
    return n == 0;
}

/* Read the record at `at` into obj, or only validate it if obj is NULL. */
static size_t get_record(struct reader *r, size_t at, const struct bx_schema *s, void *obj)
{
    struct reader nested = {.src = r->src + at,
                            .len = r->size - at,
                            .arena = r->arena,
                            .depth = r->depth + 1,
                            .err = r->err};
    int rc;

    if (nested.depth > BX_RECORD_DEPTH)
        return fail(r, BX_TOO_LARGE, "records nested too deeply");
    rc = obj == NULL ? check_record(s, &nested) : read_record(s, &nested, obj);
    return rc == BX_OK ? at + nested.size : fail(r, rc, NULL);
}

static size_t get_nested(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                         void *obj)
{
    uint32_t n = 0;
    size_t next = get_ref(r, slot, end, HEADER, 1, &n);

    if (next == 0 || n == 0)
        return next;
    next = get_record(r, end, f->sub, obj);
    if (next != 0 && slots_blank(r->src + end + HEADER, bx_get16(r->src + end + 6)))
        return fail(r, BX_MALFORMED, "empty record is not omitted");
    return next;
}

/* Each record contains its size and has at least HEADER bytes. */
static size_t get_records(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                          struct bx_list *out)
{
    uint32_t n = 0;
    size_t next = get_ref(r, slot, end, HEADER, bx_field_max(f), &n);
    char *v = NULL;

    if (next == 0 || n == 0)
        return next;
    if (out != NULL) {
        v = bx_arena_alloc(r->arena, (size_t)n * f->sub->size);
        if (v == NULL)
            return fail(r, BX_NO_MEMORY, "out of memory");
        *out = (struct bx_list){v, n};
    }
    for (uint32_t i = 0; i < n && end != 0; i++)
        end = get_record(r, end, f->sub, v == NULL ? NULL : v + (size_t)i * f->sub->size);
    return end;
}

/* ---- fields ---- */

static const uint64_t limits[] = {
    [BX_T_BOOL] = 1,         [BX_T_U8] = UINT8_MAX,     [BX_T_U16] = UINT16_MAX,
    [BX_T_U32] = UINT32_MAX, [BX_T_U64] = UINT64_MAX,   [BX_T_ENUM] = UINT8_MAX,
    [BX_T_I64] = UINT64_MAX, [BX_T_HEX64] = UINT64_MAX,
};

/* The value is in the slot; `end` does not change. */
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

/* Read one field; if obj is NULL, only validate it. */
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
        return get_text(r, slot, end, bx_field_max(f), m == NULL ? &text : m);
    case BX_T_BYTES:
        return get_bytes(r, slot, end, bx_field_max(f), m == NULL ? &text : m);
    case BX_T_VALUE:
        return get_value(r, slot, end, bx_field_max(f), m == NULL ? &text : m);
    case BX_T_STRS:
        return get_strs(r, slot, end, f, m);
    case BX_T_PAIRS:
        return get_pairs(r, slot, end, f, m);
    case BX_T_RECORD:
        return get_nested(r, slot, end, f, m);
    case BX_T_LIST:
        return get_records(r, slot, end, f, m);
    default:
        return get_number(r, slot, end, f, m);
    }
}

/* Size, kind and slots of the record. */
static int get_header(struct reader *r, const struct bx_schema *s)
{
    r->rc = BX_MALFORMED;
    r->what = "shorter than a record header";
    if (r->len < HEADER)
        return r->rc;
    r->size = bx_get32(r->src);
    r->slots_end = HEADER + (size_t)bx_get16(r->src + 6) * SLOT;
    r->what = "invalid record size";
    if (r->size > r->len || r->size % 8 != 0)
        return r->rc;
    r->what = "slots exceed the record";
    if (r->slots_end > r->size)
        return r->rc;
    r->what = "unexpected kind of record";
    return bx_get16(r->src + 4) == s->kind ? BX_OK : r->rc;
}

/* Returns the end of the schema's fields that the record has; NULL if a field is incomplete. Few
 * are missing, and those at the end, so the search begins there. */
static inline const struct bx_field *last_field(const struct reader *r, const struct bx_schema *s)
{
    const struct bx_field *end = s->fields + s->n;
    size_t slot = HEADER + slots_in(s) * SLOT;

    while (slot > r->slots_end)
        slot -= slots_of(--end) * SLOT;
    return slot == r->slots_end || end == s->fields + s->n ? end : NULL;
}

/* True if the record's last field, which ends before slot, was added later and is empty. */
static bool ends_empty(const struct reader *r, const struct bx_schema *s,
                       const struct bx_field *last, size_t slot)
{
    const struct bx_field *f = last - 1;

    return last > s->fields && f->since > 1 && slot == r->slots_end &&
           slots_blank(r->src + slot - slots_of(f) * SLOT, slots_of(f));
}

static int complain(const struct reader *r, const struct bx_schema *s, const struct bx_field *f)
{
    if (r->what != NULL)
        return bx_err_set(r->err, r->rc, "%s.%s: %s", s->name, f->name, r->what);
    bx_err_wrap(r->err, "%s.%s", s->name, f->name);
    return r->rc;
}

TWICE int walk(struct reader *r, const struct bx_schema *s, void *obj)
{
    const struct bx_field *f = s->fields, *last;
    size_t slot = HEADER, end;

    assert((uintptr_t)r->src % 8 == 0);
    if (get_header(r, s) != BX_OK)
        return bx_err_set(r->err, r->rc, "%s: %s", s->name, r->what);
    last = last_field(r, s);
    if (last == NULL)
        return bx_err_set(r->err, BX_MALFORMED, "%s: truncated field", s->name);
    for (end = r->slots_end; f < last; f++) {
        end = get_field(r, slot, end, f, obj);
        if (end == 0)
            return complain(r, s, f);
        slot += slots_of(f) * SLOT;
    }
    if (ends_empty(r, s, last, slot))
        return bx_err_set(r->err, BX_MALFORMED, "%s: empty field at the end is not omitted",
                          s->name);
    if (slot == r->slots_end && end != r->size)
        return bx_err_set(r->err, BX_MALFORMED, "%s: unreferenced bytes", s->name);
    return BX_OK;
}

static int read_record(const struct bx_schema *s, struct reader *r, void *obj)
{
    memset(obj, 0, s->size);
    return walk(r, s, obj);
}

static int check_record(const struct bx_schema *s, struct reader *r)
{
    return walk(r, s, NULL);
}

int bx_flat_read(const struct bx_schema *s, const uint8_t *src, size_t len, void *obj,
                 struct bx_arena *arena, size_t *used, struct bx_err *err)
{
    struct reader r = {.src = src, .len = len, .arena = arena, .err = err};
    int rc = read_record(s, &r, obj);

    if (rc == BX_OK && used != NULL)
        *used = r.size;
    return rc;
}

int bx_flat_check(const struct bx_schema *s, const uint8_t *src, size_t len, size_t *used,
                  struct bx_err *err)
{
    struct reader r = {.src = src, .len = len, .err = err};
    int rc = check_record(s, &r);

    if (rc == BX_OK && used != NULL)
        *used = r.size;
    return rc;
}

/* The position of a field's slot; 0 if the record was written by a build without the field. */
static size_t slot_of(const struct bx_schema *s, const uint8_t *src, uint32_t field)
{
    size_t slot = HEADER;

    assert(field < s->n);
    for (uint32_t i = 0; i < field; i++)
        slot += slots_of(&s->fields[i]) * SLOT;
    return slot < HEADER + (size_t)bx_get16(src + 6) * SLOT ? slot : 0;
}

void bx_flat_set_u64(const struct bx_schema *s, uint8_t *dst, uint32_t field, uint64_t value)
{
    size_t slot = slot_of(s, dst, field);

    assert(slot != 0);
    bx_put64(dst + slot, value);
}

uint64_t bx_flat_u64(const struct bx_schema *s, const uint8_t *src, uint32_t field)
{
    size_t slot = slot_of(s, src, field);

    return slot == 0 ? 0 : bx_get64(src + slot);
}

const uint8_t *bx_flat_uuid(const struct bx_schema *s, const uint8_t *src, uint32_t field)
{
    size_t slot = slot_of(s, src, field);

    return slot == 0 ? NULL : src + slot;
}
