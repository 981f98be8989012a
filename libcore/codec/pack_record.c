/* The half of pack that knows schemas. It stands on the other half and needs no msgpack.h. */
#include "codec/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEFAULT_MAX 65535u
#define HEX64_TEXT 17
#define FIELDS_MAX 256

static uint32_t field_max(const struct bx_field *f)
{
    return f->max == 0 ? DEFAULT_MAX : f->max;
}

/* ---- reading ---- */

static int out_of_memory(struct bx_err *err)
{
    return bx_err_set(err, BX_NO_MEMORY, "out of memory");
}

static int read_number(bx_val v, uint64_t max, uint64_t *out, struct bx_err *err)
{
    uint64_t n;

    if (!bx_val_u64(v, &n) || n > max)
        return bx_err_set(err, BX_INVALID, "must be a whole number from 0 to %" PRIu64, max);
    *out = n;
    return BX_OK;
}

static int read_bool(bx_val v, bool *out, struct bx_err *err)
{
    if (!bx_val_bool(v, out))
        return bx_err_set(err, BX_INVALID, "must be true or false");
    return BX_OK;
}

static int read_enum(bx_val v, const char *const *names, uint8_t *out, struct bx_err *err)
{
    struct bx_str s;
    char list[BX_ERR_HINT] = "";
    size_t used = 0;

    for (uint8_t i = 0; names[i] != NULL; i++) {
        if (bx_val_type(v) == BX_V_STR && bx_val_str(v, &s) && bx_str_eq(s, bx_str(names[i]))) {
            *out = i;
            return BX_OK;
        }
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i == 0 ? "" : ", ",
                                     names[i]);
    }
    return bx_err_set(err, BX_INVALID, "must be one of %s", list);
}

static int read_uuid(bx_val v, uint8_t *out, struct bx_err *err)
{
    struct bx_str s;

    if (!bx_val_str(v, &s) || !bx_uuid_parse(s.p, s.n, out))
        return bx_err_set(err, BX_INVALID, "must be a UUID of 36 characters");
    return BX_OK;
}

static int read_hex(bx_val v, uint64_t *out, struct bx_err *err)
{
    struct bx_str s;
    char text[HEX64_TEXT] = "";

    if (bx_val_str(v, &s) && s.n == HEX64_TEXT - 1)
        memcpy(text, s.p, s.n);
    if (strspn(text, "0123456789abcdefABCDEF") != HEX64_TEXT - 1)
        return bx_err_set(err, BX_INVALID, "must be 16 hexadecimal digits");
    *out = strtoull(text, NULL, 16);
    return BX_OK;
}

/* JSON has no bytes: there they are hexadecimal digits. */
static int read_hex_bytes(struct bx_str s, struct bx_str *out, struct bx_arena *arena,
                          struct bx_err *err)
{
    char *bytes, text[3] = "";

    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || strchr("0123456789abcdefABCDEF", s.p[i]) == NULL || s.n % 2 != 0)
            return bx_err_set(err, BX_INVALID, "must be bytes, or hexadecimal digits");
    }
    bytes = bx_arena_alloc(arena, s.n / 2);
    if (bytes == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < s.n / 2; i++) {
        memcpy(text, s.p + 2 * (size_t)i, 2);
        bytes[i] = (char)strtoul(text, NULL, 16);
    }
    *out = (struct bx_str){s.n == 0 ? NULL : bytes, s.n / 2};
    return BX_OK;
}

static int read_bytes(bx_val v, uint32_t max, struct bx_str *out, struct bx_arena *arena,
                      struct bx_err *err)
{
    struct bx_str s;
    int rc = BX_OK;

    if (!bx_val_str(v, &s))
        return bx_err_set(err, BX_INVALID, "must be bytes");
    if (bx_val_type(v) == BX_V_STR)
        rc = read_hex_bytes(s, &s, arena, err);
    if (rc == BX_OK && s.n > max)
        return bx_err_set(err, BX_INVALID, "longer than %u bytes", max);
    if (rc == BX_OK)
        *out = s;
    return rc;
}

static int read_text(bx_val v, uint32_t max, struct bx_str *out, struct bx_err *err)
{
    struct bx_str s;

    if (bx_val_type(v) != BX_V_STR || !bx_val_str(v, &s))
        return bx_err_set(err, BX_INVALID, "must be text");
    if (s.n > max)
        return bx_err_set(err, BX_INVALID, "longer than %u bytes", max);
    if (!bx_utf8_valid(s.p, s.n))
        return bx_err_set(err, BX_INVALID, "must be UTF-8 without NUL");
    *out = s;
    return BX_OK;
}

static int check_count(bx_val v, const struct bx_field *f, enum bx_val_type type, const char *what,
                       struct bx_err *err)
{
    if (bx_val_type(v) != type)
        return bx_err_set(err, BX_INVALID, "must be %s", what);
    if (bx_val_len(v) > field_max(f))
        return bx_err_set(err, BX_INVALID, "more than %u of them", field_max(f));
    return BX_OK;
}

static int read_strs(bx_val v, const struct bx_field *f, struct bx_strs *out,
                     struct bx_arena *arena, struct bx_err *err)
{
    uint32_t n = bx_val_len(v);
    struct bx_str *list;
    int rc = check_count(v, f, BX_V_ARRAY, "a list of texts", err);

    if (rc != BX_OK)
        return rc;
    list = bx_arena_alloc(arena, n * sizeof *list);
    if (list == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        rc = read_text(bx_val_at(v, i), DEFAULT_MAX, &list[i], err);
        if (rc != BX_OK) {
            bx_err_wrap(err, "item %u", i + 1);
            return rc;
        }
    }
    *out = (struct bx_strs){n == 0 ? NULL : list, n};
    return BX_OK;
}

static int by_key(const void *left, const void *right)
{
    const struct bx_str *a = &((const struct bx_pair *)left)->key;
    const struct bx_str *b = &((const struct bx_pair *)right)->key;
    uint32_t n = a->n < b->n ? a->n : b->n;
    int order = n == 0 ? 0 : memcmp(a->p, b->p, n);

    return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

static int read_pair(bx_val map, uint32_t i, struct bx_pair *out, struct bx_err *err)
{
    int rc = read_text(bx_val_key(map, i), DEFAULT_MAX, &out->key, err);

    if (rc != BX_OK) {
        bx_err_wrap(err, "key %u", i + 1);
        return rc;
    }
    rc = read_text(bx_val_value(map, i), DEFAULT_MAX, &out->value, err);
    if (rc != BX_OK)
        bx_err_wrap(err, "%.*s", (int)(out->key.n < 64 ? out->key.n : 64), out->key.p);
    return rc;
}

/* A map comes in any order; a record has its pairs in order of their keys. */
static int read_pairs(bx_val v, const struct bx_field *f, struct bx_pairs *out,
                      struct bx_arena *arena, struct bx_err *err)
{
    uint32_t n = bx_val_len(v);
    struct bx_pair *list;
    int rc = check_count(v, f, BX_V_MAP, "a map of texts", err);

    if (rc != BX_OK)
        return rc;
    list = bx_arena_alloc(arena, n * sizeof *list);
    if (list == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        rc = read_pair(v, i, &list[i], err);
        if (rc != BX_OK)
            return rc;
    }
    qsort(list, n, sizeof *list, by_key);
    for (uint32_t i = 1; i < n; i++) {
        if (bx_str_eq(list[i - 1].key, list[i].key))
            return bx_err_set(err, BX_INVALID, "a key is given twice");
    }
    *out = (struct bx_pairs){n == 0 ? NULL : list, n};
    return BX_OK;
}

static int read_sized(const struct bx_field *f, bx_val v, void *m, uint64_t max, struct bx_err *err)
{
    uint64_t n = 0; /* -O2 does not see that BX_OK means it is set */
    int rc = read_number(v, max, &n, err);

    if (rc != BX_OK)
        return rc;
    if (f->type == BX_T_U8)
        *(uint8_t *)m = (uint8_t)n;
    else if (f->type == BX_T_U16)
        *(uint16_t *)m = (uint16_t)n;
    else
        *(uint32_t *)m = (uint32_t)n;
    return BX_OK;
}

static int read_field(const struct bx_field *f, bx_val v, void *obj, struct bx_arena *arena,
                      struct bx_err *err)
{
    void *m = (char *)obj + f->offset;

    switch (f->type) {
    case BX_T_BOOL:
        return read_bool(v, m, err);
    case BX_T_U8:
        return read_sized(f, v, m, UINT8_MAX, err);
    case BX_T_U16:
        return read_sized(f, v, m, UINT16_MAX, err);
    case BX_T_U32:
        return read_sized(f, v, m, UINT32_MAX, err);
    case BX_T_U64:
        return read_number(v, UINT64_MAX, m, err);
    case BX_T_ENUM:
        return read_enum(v, f->names, m, err);
    case BX_T_UUID:
        return read_uuid(v, m, err);
    case BX_T_HEX64:
        return read_hex(v, m, err);
    case BX_T_STR:
        return read_text(v, field_max(f), m, err);
    case BX_T_BYTES:
        return read_bytes(v, field_max(f), m, arena, err);
    case BX_T_STRS:
        return read_strs(v, f, m, arena, err);
    case BX_T_PAIRS:
        return read_pairs(v, f, m, arena, err);
    }
    return BX_INVALID;
}

/* The field a key names, or s->n. */
static uint32_t find_field(const struct bx_schema *s, bx_val key)
{
    struct bx_str name;
    uint32_t i = 0;

    if (bx_val_type(key) != BX_V_STR || !bx_val_str(key, &name))
        return s->n;
    while (i < s->n && !bx_str_eq(name, bx_str(s->fields[i].name)))
        i++;
    return i;
}

static int unknown_key(bx_val key, struct bx_err *err)
{
    struct bx_str name;

    if (!bx_val_str(key, &name) || !bx_utf8_valid(name.p, name.n))
        return bx_err_set(err, BX_INVALID, "a key that is not text");
    if (name.n > 64)
        name.n = 64;
    return bx_err_set(err, BX_INVALID, BX_STR_FMT ": no such field", BX_STR_ARG(name));
}

int bx_pack_read(const struct bx_schema *s, bx_val map, void *obj, struct bx_arena *arena,
                 struct bx_err *err)
{
    bool seen[FIELDS_MAX] = {false};

    assert(s->n <= FIELDS_MAX);
    if (bx_val_type(map) != BX_V_MAP)
        return bx_err_set(err, BX_INVALID, "%s: must be a map", s->name);
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        uint32_t at = find_field(s, bx_val_key(map, i));
        bx_val v = bx_val_value(map, i);
        int rc;

        if (at == s->n)
            return unknown_key(bx_val_key(map, i), err);
        if (seen[at])
            return bx_err_set(err, BX_INVALID, "%s: given twice", s->fields[at].name);
        seen[at] = true;
        if (bx_val_type(v) == BX_V_NIL)
            continue;
        rc = read_field(&s->fields[at], v, obj, arena, err);
        if (rc != BX_OK) {
            bx_err_wrap(err, "%s", s->fields[at].name);
            return rc;
        }
    }
    return BX_OK;
}

/* ---- writing ---- */

static bool absent(const struct bx_field *f, const void *obj)
{
    static const uint8_t zero[16];

    return f->type == BX_T_UUID && memcmp((const char *)obj + f->offset, zero, sizeof zero) == 0;
}

static int write_strs(struct bx_buf *b, const struct bx_strs *list)
{
    int rc = bx_pw_array(b, list->n);

    for (uint32_t i = 0; rc == BX_OK && i < list->n; i++)
        rc = bx_pw_strn(b, list->v[i].p, list->v[i].n);
    return rc;
}

static int write_pairs(struct bx_buf *b, const struct bx_pairs *list)
{
    int rc = bx_pw_map(b, list->n);

    for (uint32_t i = 0; rc == BX_OK && i < list->n; i++) {
        rc = bx_pw_strn(b, list->v[i].key.p, list->v[i].key.n);
        if (rc == BX_OK)
            rc = bx_pw_strn(b, list->v[i].value.p, list->v[i].value.n);
    }
    return rc;
}

static int write_hex(struct bx_buf *b, uint64_t v)
{
    char text[HEX64_TEXT];

    snprintf(text, sizeof text, "%016" PRIx64, v);
    return bx_pw_strn(b, text, HEX64_TEXT - 1);
}

static int write_enum(struct bx_buf *b, const struct bx_field *f, uint8_t v)
{
    uint8_t n = 0;

    while (f->names[n] != NULL)
        n++;
    assert(v < n);
    return bx_pw_str(b, f->names[v]);
}

static int write_value(struct bx_buf *b, const struct bx_field *f, const void *m)
{
    const struct bx_str *s = m;

    switch (f->type) {
    case BX_T_BOOL:
        return bx_pw_bool(b, *(const bool *)m);
    case BX_T_U8:
        return bx_pw_u64(b, *(const uint8_t *)m);
    case BX_T_U16:
        return bx_pw_u64(b, *(const uint16_t *)m);
    case BX_T_U32:
        return bx_pw_u64(b, *(const uint32_t *)m);
    case BX_T_U64:
        return bx_pw_u64(b, *(const uint64_t *)m);
    case BX_T_ENUM:
        return write_enum(b, f, *(const uint8_t *)m);
    case BX_T_UUID:
        return bx_pw_uuid(b, m);
    case BX_T_HEX64:
        return write_hex(b, *(const uint64_t *)m);
    case BX_T_STR:
        return f->nil && s->n == 0 ? bx_pw_nil(b) : bx_pw_strn(b, s->p, s->n);
    case BX_T_BYTES:
        return bx_pw_bin(b, s->p, s->n);
    case BX_T_STRS:
        return write_strs(b, m);
    case BX_T_PAIRS:
        return write_pairs(b, m);
    }
    return BX_INVALID;
}

uint32_t bx_pack_fields(const struct bx_schema *s, const void *obj)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n; i++)
        n += !absent(&s->fields[i], obj);
    return n;
}

int bx_pack_write(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    size_t before = b->len;
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];

        if (absent(f, obj))
            continue;
        rc = bx_pw_str(b, f->name);
        if (rc == BX_OK)
            rc = write_value(b, f, (const char *)obj + f->offset);
    }
    if (rc != BX_OK)
        b->len = before;
    return rc;
}
