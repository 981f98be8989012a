/* Writing schema objects. */
#include "codec/pack.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#define HEX64_TEXT 17

/* An all-zero UUID means none and has no text form. */
static bool is_left_out(const struct bx_field *f, const void *obj)
{
    return (f->omit || (f->type == BX_T_UUID && !f->nil)) && bx_field_empty(f, obj);
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

static int write_record(struct bx_buf *b, const struct bx_schema *s, const void *obj,
                        uint32_t depth);

static int write_map(struct bx_buf *b, const struct bx_schema *s, const void *obj, uint32_t depth)
{
    int rc = bx_pw_map(b, bx_pack_fields(s, obj));

    return rc == BX_OK ? write_record(b, s, obj, depth) : rc;
}

static int write_list(struct bx_buf *b, const struct bx_schema *s, const struct bx_list *list,
                      uint32_t depth)
{
    int rc = bx_pw_array(b, list->n);

    for (uint32_t i = 0; rc == BX_OK && i < list->n; i++)
        rc = write_map(b, s, (const char *)list->v + (size_t)i * s->size, depth);
    return rc;
}

static int write_value(struct bx_buf *b, const struct bx_str *v)
{
    assert(v->n == 0 || bx_pack_is_value(v->p, v->n));
    return v->n == 0 ? bx_pw_nil(b) : bx_buf_append(b, v->p, v->n);
}

static int write_field(struct bx_buf *b, const struct bx_field *f, const void *m, uint32_t depth)
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
    case BX_T_I64:
        return bx_pw_i64(b, *(const int64_t *)m);
    case BX_T_ENUM:
        return write_enum(b, f, *(const uint8_t *)m);
    case BX_T_UUID:
        return bx_pw_uuid(b, m);
    case BX_T_HEX64:
        return write_hex(b, *(const uint64_t *)m);
    case BX_T_STR:
        return bx_pw_strn(b, s->p, s->n);
    case BX_T_BYTES:
        return bx_pw_bin(b, s->p, s->n);
    case BX_T_STRS:
        return write_strs(b, m);
    case BX_T_PAIRS:
        return write_pairs(b, m);
    case BX_T_VALUE:
        return write_value(b, s);
    case BX_T_RECORD:
        return write_map(b, f->sub, m, depth + 1);
    case BX_T_LIST:
        return write_list(b, f->sub, m, depth + 1);
    }
    return BX_INVALID;
}

uint32_t bx_pack_fields(const struct bx_schema *s, const void *obj)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < s->n; i++)
        n += !is_left_out(&s->fields[i], obj);
    return n;
}

static int write_record(struct bx_buf *b, const struct bx_schema *s, const void *obj,
                        uint32_t depth)
{
    int rc = BX_OK;

    assert(depth <= BX_RECORD_DEPTH);
    for (uint32_t i = 0; rc == BX_OK && i < s->n; i++) {
        const struct bx_field *f = &s->fields[i];

        if (is_left_out(f, obj))
            continue;
        rc = bx_pw_str(b, f->name);
        if (rc == BX_OK && f->nil && bx_field_empty(f, obj))
            rc = bx_pw_nil(b);
        else if (rc == BX_OK)
            rc = write_field(b, f, (const char *)obj + f->offset, depth);
    }
    return rc;
}

int bx_pack_write(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    size_t before = b->len;
    int rc = write_record(b, s, obj, 0);

    if (rc != BX_OK)
        b->len = before;
    return rc;
}
