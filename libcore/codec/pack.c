#include "codec/pack.h"

#include "mem/alloc.h"

#include <assert.h>
#include <msgpack.h>

#define ZONE_CHUNK 4096

/* ---- parse ---- */

struct bx_pack {
    msgpack_zone zone; /* values of the current message; the first chunk is reused */
    msgpack_object root;
};

struct bx_pack *bx_pack_create(void)
{
    struct bx_pack *p = bx_calloc(1, sizeof *p);

    if (p != NULL && !msgpack_zone_init(&p->zone, ZONE_CHUNK)) {
        bx_free(p);
        p = NULL;
    }
    return p;
}

void bx_pack_destroy(struct bx_pack *p)
{
    if (p == NULL)
        return;
    msgpack_zone_destroy(&p->zone);
    bx_free(p);
}

/* Check that the data is exactly one object within the bounds. */
static int check(const void *data, size_t len, size_t max, struct bx_err *err)
{
    struct bx_pack_scan s;
    int rc;

    bx_pack_scan_init(&s);
    rc = bx_pack_scan(&s, data, len, max);
    if (rc == BX_OK && s.at == len)
        return BX_OK;
    if (rc == BX_TOO_LARGE)
        return bx_err_set(err, rc,
                          "message is nested deeper than %d levels or longer than %zu bytes",
                          BX_PACK_DEPTH, max);
    return bx_err_set(err, BX_MALFORMED, "not MessagePack: %s",
                      rc == BX_OK     ? "trailing bytes"
                      : rc == BX_BUSY ? "truncated"
                                      : "invalid type byte");
}

bx_val bx_pack_parse(struct bx_pack *p, const void *data, size_t len, size_t max,
                     struct bx_err *err)
{
    msgpack_unpack_return rc;
    size_t at = 0;

    msgpack_zone_clear(&p->zone);
    if (check(data, len, max, err) != BX_OK)
        return NULL;
    rc = msgpack_unpack(data, len, &at, &p->zone, &p->root);
    if (rc == MSGPACK_UNPACK_SUCCESS)
        return &p->root;
    if (rc == MSGPACK_UNPACK_NOMEM_ERROR)
        bx_err_set(err, BX_NO_MEMORY, "out of memory");
    else
        bx_err_set(err, BX_MALFORMED, "not MessagePack");
    return NULL;
}

/* ---- values ---- */

enum bx_val_type bx_val_type(bx_val v)
{
    if (v == NULL)
        return BX_V_NONE;
    switch (v->type) {
    case MSGPACK_OBJECT_BOOLEAN:
        return BX_V_BOOL;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        return BX_V_INT;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        return BX_V_FLOAT;
    case MSGPACK_OBJECT_STR:
        return BX_V_STR;
    case MSGPACK_OBJECT_BIN:
        return BX_V_BIN;
    case MSGPACK_OBJECT_ARRAY:
        return BX_V_ARRAY;
    case MSGPACK_OBJECT_MAP:
        return BX_V_MAP;
    case MSGPACK_OBJECT_EXT:
        return BX_V_EXT;
    case MSGPACK_OBJECT_NIL:
        break;
    }
    return BX_V_NIL;
}

uint32_t bx_val_len(bx_val v)
{
    switch (bx_val_type(v)) {
    case BX_V_ARRAY:
        return v->via.array.size;
    case BX_V_MAP:
        return v->via.map.size;
    default:
        return 0;
    }
}

bx_val bx_val_at(bx_val array, uint32_t i)
{
    if (bx_val_type(array) != BX_V_ARRAY || i >= array->via.array.size)
        return NULL;
    return &array->via.array.ptr[i];
}

bx_val bx_val_key(bx_val map, uint32_t i)
{
    if (bx_val_type(map) != BX_V_MAP || i >= map->via.map.size)
        return NULL;
    return &map->via.map.ptr[i].key;
}

bx_val bx_val_value(bx_val map, uint32_t i)
{
    if (bx_val_type(map) != BX_V_MAP || i >= map->via.map.size)
        return NULL;
    return &map->via.map.ptr[i].val;
}

bx_val bx_val_get(bx_val map, const char *key)
{
    for (uint32_t i = 0, n = bx_val_len(map); i < n; i++) {
        struct bx_str s;

        if (bx_val_str(bx_val_key(map, i), &s) && bx_str_eq(s, bx_str(key)))
            return bx_val_value(map, i);
    }
    return NULL;
}

bool bx_val_str(bx_val v, struct bx_str *out)
{
    switch (bx_val_type(v)) {
    case BX_V_STR:
        *out = (struct bx_str){v->via.str.ptr, v->via.str.size};
        return true;
    case BX_V_BIN:
        *out = (struct bx_str){v->via.bin.ptr, v->via.bin.size};
        return true;
    default:
        return false;
    }
}

bool bx_val_u64(bx_val v, uint64_t *out)
{
    if (v == NULL || v->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
        return false;
    *out = v->via.u64;
    return true;
}

bool bx_val_i64(bx_val v, int64_t *out)
{
    if (bx_val_type(v) != BX_V_INT)
        return false;
    if (v->type == MSGPACK_OBJECT_POSITIVE_INTEGER && v->via.u64 > INT64_MAX)
        return false;
    *out = v->via.i64;
    return true;
}

bool bx_val_f64(bx_val v, double *out)
{
    switch (bx_val_type(v)) {
    case BX_V_FLOAT:
        *out = v->via.f64;
        return true;
    case BX_V_INT:
        *out = v->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? (double)v->via.u64 : (double)v->via.i64;
        return true;
    default:
        return false;
    }
}

bool bx_val_bool(bx_val v, bool *out)
{
    if (bx_val_type(v) != BX_V_BOOL)
        return false;
    *out = v->via.boolean;
    return true;
}

/* ---- writing ----
 *
 * The short forms are written directly, in one step each. A reply contains thousands of small
 * strings and numbers, and msgpack-c's callbacks, two per item, took most of the time. */

#define HEADER_MAX 9

/* A type byte, then n bytes of v in big-endian order. */
static uint8_t *put_header(uint8_t *p, uint8_t first, uint64_t v, unsigned n)
{
    *p++ = first;
    while (n-- > 0)
        *p++ = (uint8_t)(v >> 8 * n);
    return p;
}

/* Reserve space for a type prefix and n bytes; NULL when memory is exhausted. finish returns the
 * unused part. */
static uint8_t *start(struct bx_buf *b, size_t n)
{
    return bx_buf_reserve(b, HEADER_MAX + n) == BX_OK ? b->data + b->len : NULL;
}

static int finish(struct bx_buf *b, const uint8_t *end)
{
    b->len = (size_t)(end - b->data);
    return BX_OK;
}

static int put_byte(struct bx_buf *b, uint8_t byte)
{
    uint8_t *p = start(b, 0);

    return p == NULL ? BX_NO_MEMORY : finish(b, put_header(p, byte, 0, 0));
}

int bx_pw_nil(struct bx_buf *b)
{
    return put_byte(b, 0xc0);
}

int bx_pw_bool(struct bx_buf *b, bool v)
{
    return put_byte(b, v ? 0xc3 : 0xc2);
}

int bx_pw_u64(struct bx_buf *b, uint64_t v)
{
    uint8_t *p = start(b, 0);

    if (p == NULL)
        return BX_NO_MEMORY;
    if (v < 0x80)
        return finish(b, put_header(p, (uint8_t)v, 0, 0));
    if (v <= UINT8_MAX)
        return finish(b, put_header(p, 0xcc, v, 1));
    if (v <= UINT16_MAX)
        return finish(b, put_header(p, 0xcd, v, 2));
    return finish(b, v <= UINT32_MAX ? put_header(p, 0xce, v, 4) : put_header(p, 0xcf, v, 8));
}

int bx_pw_i64(struct bx_buf *b, int64_t v)
{
    uint64_t bits = (uint64_t)v;
    uint8_t *p;

    if (v >= 0)
        return bx_pw_u64(b, bits);
    p = start(b, 0);
    if (p == NULL)
        return BX_NO_MEMORY;
    if (v >= -32)
        return finish(b, put_header(p, (uint8_t)bits, 0, 0));
    if (v >= INT8_MIN)
        return finish(b, put_header(p, 0xd0, bits, 1));
    if (v >= INT16_MIN)
        return finish(b, put_header(p, 0xd1, bits, 2));
    return finish(b, v >= INT32_MIN ? put_header(p, 0xd2, bits, 4) : put_header(p, 0xd3, bits, 8));
}

int bx_pw_f64(struct bx_buf *b, double v)
{
    uint8_t *p = start(b, 0);
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    return p == NULL ? BX_NO_MEMORY : finish(b, put_header(p, 0xcb, bits, 8));
}

int bx_pw_str(struct bx_buf *b, const char *s)
{
    return s == NULL ? bx_pw_nil(b) : bx_pw_strn(b, s, strlen(s));
}

static int put_bytes(struct bx_buf *b, uint8_t *end, const void *src, size_t n)
{
    if (n > 0)
        memcpy(end, src, n);
    return finish(b, end + n);
}

int bx_pw_strn(struct bx_buf *b, const char *s, size_t n)
{
    uint8_t *p = start(b, n);

    assert(n <= UINT32_MAX);
    if (p == NULL)
        return BX_NO_MEMORY;
    if (n < 32)
        p = put_header(p, (uint8_t)(0xa0 | n), 0, 0);
    else if (n <= UINT8_MAX)
        p = put_header(p, 0xd9, n, 1);
    else
        p = n <= UINT16_MAX ? put_header(p, 0xda, n, 2) : put_header(p, 0xdb, n, 4);
    return put_bytes(b, p, s, n);
}

int bx_pw_bin(struct bx_buf *b, const void *src, size_t n)
{
    uint8_t *p = start(b, n);

    assert(n <= UINT32_MAX);
    if (p == NULL)
        return BX_NO_MEMORY;
    if (n <= UINT8_MAX)
        p = put_header(p, 0xc4, n, 1);
    else
        p = n <= UINT16_MAX ? put_header(p, 0xc5, n, 2) : put_header(p, 0xc6, n, 4);
    return put_bytes(b, p, src, n);
}

#define BIN32_HEADER 5

int bx_pw_bin_begin(struct bx_buf *b, size_t *at)
{
    if (bx_buf_extend(b, BIN32_HEADER) == NULL)
        return BX_NO_MEMORY;
    *at = b->len;
    return BX_OK;
}

void bx_pw_bin_end(struct bx_buf *b, size_t at)
{
    size_t n = b->len - at;

    assert(n <= UINT32_MAX);
    put_header(b->data + at - BIN32_HEADER, 0xc6, n, 4);
}

int bx_pw_uuid(struct bx_buf *b, const uint8_t uuid[16])
{
    char text[BX_UUID_TEXT];

    bx_uuid_format(uuid, text);
    return bx_pw_strn(b, text, sizeof text - 1);
}

/* Array or map header: the fix form holds up to 15 items, long16 is the type byte for up to 65,535.
 */
static int put_container(struct bx_buf *b, uint32_t n, uint8_t fix, uint8_t long16)
{
    uint8_t *p = start(b, 0);

    if (p == NULL)
        return BX_NO_MEMORY;
    if (n < 16)
        return finish(b, put_header(p, (uint8_t)(fix | n), 0, 0));
    return finish(b, n <= UINT16_MAX ? put_header(p, long16, n, 2)
                                     : put_header(p, (uint8_t)(long16 + 1), n, 4));
}

int bx_pw_array(struct bx_buf *b, uint32_t n)
{
    return put_container(b, n, 0x90, 0xdc);
}

int bx_pw_map(struct bx_buf *b, uint32_t n)
{
    return put_container(b, n, 0x80, 0xde);
}

static int append(void *data, const char *bytes, size_t n)
{
    return bx_buf_append(data, bytes, n) == BX_OK ? 0 : -1;
}

int bx_pw_val(struct bx_buf *b, bx_val v)
{
    msgpack_packer pk;
    size_t before = b->len;

    if (v == NULL)
        return bx_pw_nil(b);
    msgpack_packer_init(&pk, b, append);
    if (msgpack_pack_object(&pk, *v) == 0)
        return BX_OK;
    b->len = before;
    return BX_NO_MEMORY;
}
