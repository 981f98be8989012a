/* Reading schema objects. Like pack_write.c, it uses pack.h and not msgpack.h. */
#include "codec/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HEX64_DIGITS 16
#define FIELDS_MAX 256

/* Context of the reader, common to all nesting levels. */
struct reading {
    struct bx_arena *arena;
    struct bx_err *err;
    uint32_t depth;
};

static int read_map(struct reading *r, const struct bx_schema *s, bx_val map, void *obj);

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

static int read_signed(bx_val v, int64_t *out, struct bx_err *err)
{
    if (!bx_val_i64(v, out))
        return bx_err_set(err, BX_INVALID, "must be a whole number from %" PRId64 " to %" PRId64,
                          INT64_MIN, INT64_MAX);
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
    char text[HEX64_DIGITS + 1] = "";

    if (bx_val_str(v, &s) && s.n == HEX64_DIGITS)
        memcpy(text, s.p, s.n);
    if (strspn(text, "0123456789abcdefABCDEF") != HEX64_DIGITS)
        return bx_err_set(err, BX_INVALID, "must be 16 hexadecimal digits");
    *out = strtoull(text, NULL, 16);
    return BX_OK;
}

/* JSON has no binary type, so binary is given as hexadecimal digits. */
static int read_hex_bytes(struct bx_str s, struct bx_str *out, struct bx_arena *arena,
                          struct bx_err *err)
{
    char *bytes, text[3] = "";

    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\0' || strchr("0123456789abcdefABCDEF", s.p[i]) == NULL || s.n % 2 != 0)
            return bx_err_set(err, BX_INVALID, "must be binary or hexadecimal digits");
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
        return bx_err_set(err, BX_INVALID, "must be binary");
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
        return bx_err_set(err, BX_INVALID, "must be a string");
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
    if (bx_val_len(v) > bx_field_max(f))
        return bx_err_set(err, BX_INVALID, "more than %u items", bx_field_max(f));
    return BX_OK;
}

static int read_strs(bx_val v, const struct bx_field *f, struct bx_strs *out,
                     struct bx_arena *arena, struct bx_err *err)
{
    uint32_t n = bx_val_len(v);
    struct bx_str *list;
    int rc = check_count(v, f, BX_V_ARRAY, "a list of strings", err);

    if (rc != BX_OK)
        return rc;
    list = bx_arena_alloc(arena, n * sizeof *list);
    if (list == NULL)
        return out_of_memory(err);
    for (uint32_t i = 0; i < n; i++) {
        rc = read_text(bx_val_at(v, i), BX_FIELD_MAX, &list[i], err);
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
    int rc = read_text(bx_val_key(map, i), BX_FIELD_MAX, &out->key, err);

    if (rc != BX_OK) {
        bx_err_wrap(err, "key %u", i + 1);
        return rc;
    }
    rc = read_text(bx_val_value(map, i), BX_FIELD_MAX, &out->value, err);
    if (rc != BX_OK)
        bx_err_wrap(err, "%.*s", (int)(out->key.n < 64 ? out->key.n : 64), out->key.p);
    return rc;
}

/* The keys of a map have no order; a record has its pairs sorted by key. */
static int read_pairs(bx_val v, const struct bx_field *f, struct bx_pairs *out,
                      struct bx_arena *arena, struct bx_err *err)
{
    uint32_t n = bx_val_len(v);
    struct bx_pair *list;
    int rc = check_count(v, f, BX_V_MAP, "a map of strings", err);

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
            return bx_err_set(err, BX_INVALID, "duplicate key");
    }
    *out = (struct bx_pairs){n == 0 ? NULL : list, n};
    return BX_OK;
}

static int read_sized(const struct bx_field *f, bx_val v, void *m, uint64_t max, struct bx_err *err)
{
    uint64_t n = 0; /* silences a false warning of -O2 */
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

/* A copy, because a parsed value is no longer contiguous bytes. */
static int read_value(struct reading *r, bx_val v, uint32_t max, struct bx_str *out)
{
    struct bx_buf b = {0};
    char *p = NULL;
    int rc = bx_pw_val(&b, v);

    if (rc == BX_OK && b.len > max)
        rc = bx_err_set(r->err, BX_INVALID, "longer than %u bytes", max);
    else if (rc == BX_OK && !bx_pack_is_value(b.data, b.len))
        rc = bx_err_set(r->err, BX_INVALID, "deeper than %d levels", BX_VALUE_DEPTH);
    else if (rc == BX_OK)
        p = bx_arena_strndup(r->arena, (const char *)b.data, b.len);
    if (rc == BX_NO_MEMORY || (rc == BX_OK && p == NULL))
        rc = out_of_memory(r->err);
    if (rc == BX_OK)
        *out = (struct bx_str){p, (uint32_t)b.len};
    bx_buf_release(&b);
    return rc;
}

/* Nested records. */
static int read_nested(struct reading *r, const struct bx_schema *s, bx_val map, void *obj)
{
    int rc;

    if (r->depth == BX_RECORD_DEPTH)
        return bx_err_set(r->err, BX_INVALID, "deeper than %d records", BX_RECORD_DEPTH);
    r->depth++;
    rc = read_map(r, s, map, obj);
    r->depth--;
    return rc;
}

static int read_list(struct reading *r, bx_val v, const struct bx_field *f, struct bx_list *out)
{
    uint32_t n = bx_val_len(v);
    size_t size = f->sub->size;
    int rc = check_count(v, f, BX_V_ARRAY, "a list of maps", r->err);
    char *list;

    if (rc != BX_OK)
        return rc;
    list = bx_arena_alloc(r->arena, n * size);
    if (list == NULL)
        return out_of_memory(r->err);
    memset(list, 0, n * size);
    for (uint32_t i = 0; i < n; i++) {
        rc = read_nested(r, f->sub, bx_val_at(v, i), list + i * size);
        if (rc != BX_OK) {
            bx_err_wrap(r->err, "item %u", i + 1);
            return rc;
        }
    }
    *out = (struct bx_list){n == 0 ? NULL : list, n};
    return BX_OK;
}

static int read_field(struct reading *r, const struct bx_field *f, bx_val v, void *obj)
{
    void *m = (char *)obj + f->offset;

    switch (f->type) {
    case BX_T_BOOL:
        return read_bool(v, m, r->err);
    case BX_T_U8:
        return read_sized(f, v, m, UINT8_MAX, r->err);
    case BX_T_U16:
        return read_sized(f, v, m, UINT16_MAX, r->err);
    case BX_T_U32:
        return read_sized(f, v, m, UINT32_MAX, r->err);
    case BX_T_U64:
        return read_number(v, UINT64_MAX, m, r->err);
    case BX_T_I64:
        return read_signed(v, m, r->err);
    case BX_T_ENUM:
        return read_enum(v, f->names, m, r->err);
    case BX_T_UUID:
        return read_uuid(v, m, r->err);
    case BX_T_HEX64:
        return read_hex(v, m, r->err);
    case BX_T_STR:
        return read_text(v, bx_field_max(f), m, r->err);
    case BX_T_BYTES:
        return read_bytes(v, bx_field_max(f), m, r->arena, r->err);
    case BX_T_STRS:
        return read_strs(v, f, m, r->arena, r->err);
    case BX_T_PAIRS:
        return read_pairs(v, f, m, r->arena, r->err);
    case BX_T_VALUE:
        return read_value(r, v, bx_field_max(f), m);
    case BX_T_RECORD:
        return read_nested(r, f->sub, v, m);
    case BX_T_LIST:
        return read_list(r, v, f, m);
    }
    return BX_INVALID;
}

/* The index of the field with this key, or s->n. */
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
        return bx_err_set(err, BX_INVALID, "a key is not a string");
    if (name.n > 64)
        name.n = 64;
    return bx_err_set(err, BX_INVALID, BX_STR_FMT ": unknown field", BX_STR_ARG(name));
}

static int read_map(struct reading *r, const struct bx_schema *s, bx_val map, void *obj)
{
    bool seen[FIELDS_MAX] = {false};

    assert(s->n <= FIELDS_MAX);
    if (bx_val_type(map) != BX_V_MAP)
        return bx_err_set(r->err, BX_INVALID, "must be a map");
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        uint32_t at = find_field(s, bx_val_key(map, i));
        bx_val v = bx_val_value(map, i);
        int rc;

        if (at == s->n)
            return unknown_key(bx_val_key(map, i), r->err);
        if (seen[at])
            return bx_err_set(r->err, BX_INVALID, "%s: duplicate key", s->fields[at].name);
        seen[at] = true;
        if (bx_val_type(v) == BX_V_NIL)
            continue;
        rc = read_field(r, &s->fields[at], v, obj);
        if (rc != BX_OK) {
            bx_err_wrap(r->err, "%s", s->fields[at].name);
            return rc;
        }
    }
    return BX_OK;
}

int bx_pack_read(const struct bx_schema *s, bx_val map, void *obj, struct bx_arena *arena,
                 struct bx_err *err)
{
    struct reading r = {.arena = arena, .err = err};

    if (bx_val_type(map) != BX_V_MAP)
        return bx_err_set(err, BX_INVALID, "%s: must be a map", s->name);
    return read_map(&r, s, map, obj);
}
