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

/* What puts bytes takes where they go, `end`, and returns where the next ones do: a number that
 * stays in a register, where one in memory would be written and read again for each text. */

static void put_ref(uint8_t *slot, size_t at, size_t count)
{
    bx_put64(slot, count == 0 ? 0 : at | (uint64_t)count << 32);
}

#define ONES 0x0101010101010101u
#define COPIED 64u /* bytes up to which a loop is faster than a call */

/* n bytes and zeros up to a multiple of 8. Names are short: a call to copy five bytes costs more
 * than the bytes. True when all of them are ASCII, which is known on the way. */
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

/* count: what the slot tells, n or half of it. */
static size_t put_list(uint8_t *dst, size_t slot, size_t end, const struct bx_str *v, size_t n,
                       size_t count)
{
    size_t at = end;

    put_ref(dst + slot, at, count);
    end += n * SLOT;
    for (size_t i = 0; i < n; i++)
        end = put_text(dst, at + i * SLOT, end, &v[i]);
    return end;
}

/* Mostly the first byte decides, without a call. */
static int compare(const struct bx_str *a, const struct bx_str *b)
{
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n == 0 ? 0 : (uint8_t)a->p[0] - (uint8_t)b->p[0];

    if (order == 0 && n > 0)
        order = memcmp(a->p, b->p, n);
    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static size_t put_pairs(uint8_t *dst, size_t slot, size_t end, const struct bx_pairs *pairs)
{
    for (uint32_t i = 1; i < pairs->n; i++)
        assert(compare(&pairs->v[i - 1].key, &pairs->v[i].key) < 0);
    return put_list(dst, slot, end, pairs->n == 0 ? NULL : &pairs->v[0].key,
                    2 * (size_t)pairs->n, pairs->n);
}

static inline size_t put_field(uint8_t *dst, size_t slot, size_t end, const struct bx_field *f,
                               const void *obj)
{
    const void *m = member(f, obj);
    const struct bx_str *str = m;
    const struct bx_strs *strs = m;
    const struct bx_pairs *pairs = m;

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
    case BX_T_HEX64:
        bx_put64(dst + slot, *(const uint64_t *)m);
        break;
    case BX_T_UUID:
        memcpy(dst + slot, m, 16);
        break;
    case BX_T_STR:
        assert(str->n <= field_max(f));
        return put_text(dst, slot, end, str);
    case BX_T_BYTES:
        assert(str->n <= field_max(f));
        return put_bytes(dst, slot, end, str);
    case BX_T_STRS:
        assert(strs->n <= field_max(f));
        return put_list(dst, slot, end, strs->v, strs->n, strs->n);
    case BX_T_PAIRS:
        assert(pairs->n <= field_max(f));
        return put_pairs(dst, slot, end, pairs);
    }
    return end;
}

size_t bx_flat_write(const struct bx_schema *s, const void *obj, uint8_t *dst)
{
    const struct bx_field *f = s->fields, *last = s->fields + s->n;
    uint32_t slots = slots_in(s);
    size_t slot = HEAD, end = HEAD + slots * SLOT;

    for (; f < last; f++) {
        end = put_field(dst, slot, end, f, obj);
        slot += slots_of(f) * SLOT;
    }
    bx_put64(dst, end | (uint64_t)s->kind << 32 | (uint64_t)slots << 48);
    return end;
}

/* ---- reading ---- */

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

/* A list of per strings an item, in an array from the arena; *out is NULL when it is empty.
 * Pairs, which are two, stand in the order of their keys. */
static size_t get_list(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                       uint32_t per, struct bx_str **out, uint32_t *count)
{
    size_t at = end, n;
    struct bx_str text = {NULL, 0}, key = {NULL, 0}, *v = NULL;

    end = get_ref(r, slot, end, per * SLOT, field_max(f), count);
    if (end == 0 || *count == 0)
        return end;
    n = (size_t)*count * per;
    if (out != NULL)
        *out = v = bx_arena_alloc(r->arena, n * sizeof *v);
    if (out != NULL && v == NULL)
        return fail(r, BX_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < n; i++) {
        end = get_text(r, at + i * SLOT, end, DEFAULT_MAX, &text);
        if (end == 0)
            return 0;
        if (v != NULL)
            v[i] = text;
        if (per == 1 || i % 2 != 0)
            continue;
        if (i > 0 && compare(&key, &text) >= 0)
            return fail(r, BX_MALFORMED, "keys out of order");
        key = text;
    }
    return end;
}

static size_t get_strs(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                       struct bx_strs *out)
{
    struct bx_str *v = NULL;
    uint32_t n = 0;

    end = get_list(r, slot, end, f, 1, out == NULL ? NULL : &v, &n);
    if (end != 0 && out != NULL)
        *out = (struct bx_strs){v, n};
    return end;
}

static size_t get_pairs(struct reader *r, size_t slot, size_t end, const struct bx_field *f,
                        struct bx_pairs *out)
{
    struct bx_str *v = NULL;
    uint32_t n = 0;

    end = get_list(r, slot, end, f, 2, out == NULL ? NULL : &v, &n);
    if (end != 0 && out != NULL)
        *out = (struct bx_pairs){(const struct bx_pair *)v, n};
    return end;
}

static const uint64_t limits[] = {
    [BX_T_BOOL] = 1,           [BX_T_U8] = UINT8_MAX,     [BX_T_U16] = UINT16_MAX,
    [BX_T_U32] = UINT32_MAX,   [BX_T_U64] = UINT64_MAX,   [BX_T_ENUM] = UINT8_MAX,
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

/* Reading and checking are one walk, which is compiled twice, so that checking has nothing of what
 * reading does with a value. */
#define TWICE __attribute__((always_inline)) static inline

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
