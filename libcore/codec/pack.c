#include "codec/pack.h"

#include "mem/alloc.h"

#include <assert.h>
#include <msgpack.h>

#define ZONE_CHUNK 4096

/* ---- scan ---- */

struct head {
    size_t size;       /* of the head itself; 0: its length does not stand here yet */
    uint64_t body;     /* bytes that follow */
    uint64_t children; /* objects that follow */
    bool container;
};

/* 0xC0 to 0xDF: bytes of a length, fixed bytes after the first, and what the length counts. */
enum counts { BYTES, OBJECTS, PAIRS };
static const struct {
    uint8_t length, fixed, counts;
} forms[32] = {
    [0x00] = {0, 0, BYTES},   [0x01] = {0, 0, BYTES},                          /* nil; none */
    [0x02] = {0, 0, BYTES},   [0x03] = {0, 0, BYTES},                          /* bool */
    [0x04] = {1, 0, BYTES},   [0x05] = {2, 0, BYTES},  [0x06] = {4, 0, BYTES}, /* bin */
    [0x07] = {1, 1, BYTES},   [0x08] = {2, 1, BYTES},  [0x09] = {4, 1, BYTES}, /* ext */
    [0x0a] = {0, 4, BYTES},   [0x0b] = {0, 8, BYTES},                          /* float */
    [0x0c] = {0, 1, BYTES},   [0x0d] = {0, 2, BYTES},                          /* uint */
    [0x0e] = {0, 4, BYTES},   [0x0f] = {0, 8, BYTES},  [0x10] = {0, 1, BYTES}, /* int */
    [0x11] = {0, 2, BYTES},   [0x12] = {0, 4, BYTES},  [0x13] = {0, 8, BYTES}, /* fixext */
    [0x14] = {0, 2, BYTES},   [0x15] = {0, 3, BYTES},  [0x16] = {0, 5, BYTES},
    [0x17] = {0, 9, BYTES},   [0x18] = {0, 17, BYTES}, [0x19] = {1, 0, BYTES}, /* str */
    [0x1a] = {2, 0, BYTES},   [0x1b] = {4, 0, BYTES},  [0x1c] = {2, 0, OBJECTS},
    [0x1d] = {4, 0, OBJECTS}, [0x1e] = {2, 0, PAIRS},  [0x1f] = {4, 0, PAIRS},
};

static uint32_t big_endian(const uint8_t *p, size_t n)
{
    uint32_t v = 0;

    while (n-- > 0)
        v = v << 8 | *p++;
    return v;
}

static struct head read_long_head(const uint8_t *p, size_t n)
{
    uint8_t form = p[0] & 0x1f, length = forms[form].length;
    struct head h = {.size = 1 + (size_t)length, .body = forms[form].fixed};
    uint32_t count;

    if (n < h.size)
        return (struct head){0};
    count = big_endian(p + 1, length);
    if (forms[form].counts == BYTES) {
        h.body += count;
    } else {
        h.container = true;
        h.children = forms[form].counts == PAIRS ? 2 * (uint64_t)count : count;
    }
    return h;
}

static struct head read_head(const uint8_t *p, size_t n)
{
    if (p[0] < 0x80 || p[0] >= 0xe0)
        return (struct head){.size = 1};
    if (p[0] < 0x90)
        return (struct head){.size = 1, .children = 2 * (p[0] & 15u), .container = true};
    if (p[0] < 0xa0)
        return (struct head){.size = 1, .children = p[0] & 15u, .container = true};
    if (p[0] < 0xc0)
        return (struct head){.size = 1, .body = p[0] & 31u};
    return read_long_head(p, n);
}

void bx_pack_scan_init(struct bx_pack_scan *s)
{
    *s = (struct bx_pack_scan){.left = {1}};
}

static bool complete(const struct bx_pack_scan *s)
{
    return s->depth == 0 && s->left[0] == 0;
}

/* Every missing object takes a byte at least: a claim that can not be kept is refused at once. */
static bool fits(const struct bx_pack_scan *s, size_t max)
{
    uint64_t missing = 0;

    for (uint32_t i = 0; i <= s->depth; i++)
        missing += s->left[i];
    return s->at <= max && missing <= max - s->at;
}

static int step(struct bx_pack_scan *s, const struct head *h, size_t max)
{
    s->at += h->size + h->body;
    s->left[s->depth]--;
    if (h->container) {
        if (s->depth == BX_PACK_DEPTH)
            return BX_TOO_LARGE;
        s->left[++s->depth] = h->children;
    }
    if (!fits(s, max))
        return BX_TOO_LARGE;
    while (s->depth > 0 && s->left[s->depth] == 0)
        s->depth--;
    return BX_OK;
}

/* s->at may lie beyond len: inside a string whose end has not arrived. */
int bx_pack_scan(struct bx_pack_scan *s, const uint8_t *data, size_t len, size_t max)
{
    int rc = fits(s, max) ? BX_OK : BX_TOO_LARGE;

    while (rc == BX_OK && !complete(s)) {
        struct head h;

        if (s->at >= len)
            return BX_BUSY;
        if (data[s->at] == 0xc1)
            return BX_MALFORMED;
        h = read_head(data + s->at, len - s->at);
        if (h.size == 0)
            return len < max ? BX_BUSY : BX_TOO_LARGE;
        rc = step(s, &h, max);
    }
    if (rc != BX_OK)
        return rc;
    return s->at <= len ? BX_OK : BX_BUSY;
}

/* ---- parse ---- */

struct bx_pack {
    msgpack_zone zone; /* the values of the last message; its first chunk is kept */
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

/* Exactly one object, within the bounds. */
static int check(const void *data, size_t len, size_t max, struct bx_err *err)
{
    struct bx_pack_scan s;
    int rc;

    bx_pack_scan_init(&s);
    rc = bx_pack_scan(&s, data, len, max);
    if (rc == BX_OK && s.at == len)
        return BX_OK;
    if (rc == BX_TOO_LARGE)
        return bx_err_set(err, rc, "message deeper than %d levels or longer than %zu bytes",
                          BX_PACK_DEPTH, max);
    return bx_err_set(err, BX_MALFORMED, "not MessagePack: %s",
                      rc == BX_OK     ? "bytes after its end"
                      : rc == BX_BUSY ? "cut off"
                                      : "a byte that starts nothing");
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

/* ---- writing ---- */

static int append(void *data, const char *bytes, size_t n)
{
    return bx_buf_append(data, bytes, n) == BX_OK ? 0 : -1;
}

static msgpack_packer packer(struct bx_buf *b)
{
    msgpack_packer pk;

    msgpack_packer_init(&pk, b, append);
    return pk;
}

/* Head and body go in one by one: when the second finds no room, the first goes too. */
static int finish(struct bx_buf *b, size_t before, int rc)
{
    if (rc == 0)
        return BX_OK;
    b->len = before;
    return BX_NO_MEMORY;
}

int bx_pw_nil(struct bx_buf *b)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_nil(&pk));
}

int bx_pw_bool(struct bx_buf *b, bool v)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, v ? msgpack_pack_true(&pk) : msgpack_pack_false(&pk));
}

int bx_pw_u64(struct bx_buf *b, uint64_t v)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_uint64(&pk, v));
}

int bx_pw_i64(struct bx_buf *b, int64_t v)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_int64(&pk, v));
}

int bx_pw_f64(struct bx_buf *b, double v)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_double(&pk, v));
}

int bx_pw_str(struct bx_buf *b, const char *s)
{
    return s == NULL ? bx_pw_nil(b) : bx_pw_strn(b, s, strlen(s));
}

int bx_pw_strn(struct bx_buf *b, const char *s, size_t n)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    assert(n <= UINT32_MAX);
    return finish(b, before, msgpack_pack_str_with_body(&pk, s, n));
}

int bx_pw_bin(struct bx_buf *b, const void *p, size_t n)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    assert(n <= UINT32_MAX);
    return finish(b, before, msgpack_pack_bin_with_body(&pk, p, n));
}

#define BIN32 0xc6
#define BIN32_HEAD 5

int bx_pw_bin_begin(struct bx_buf *b, size_t *at)
{
    if (bx_buf_extend(b, BIN32_HEAD) == NULL)
        return BX_NO_MEMORY;
    *at = b->len;
    return BX_OK;
}

void bx_pw_bin_end(struct bx_buf *b, size_t at)
{
    size_t n = b->len - at;
    uint8_t *head = b->data + at - BIN32_HEAD;

    assert(n <= UINT32_MAX);
    head[0] = BIN32;
    for (int i = 0; i < 4; i++)
        head[1 + i] = (uint8_t)(n >> (24 - 8 * i));
}

int bx_pw_uuid(struct bx_buf *b, const uint8_t uuid[16])
{
    char text[BX_UUID_TEXT];

    bx_uuid_format(uuid, text);
    return bx_pw_strn(b, text, sizeof text - 1);
}

int bx_pw_array(struct bx_buf *b, uint32_t n)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_array(&pk, n));
}

int bx_pw_map(struct bx_buf *b, uint32_t n)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, msgpack_pack_map(&pk, n));
}

int bx_pw_val(struct bx_buf *b, bx_val v)
{
    msgpack_packer pk = packer(b);
    size_t before = b->len;

    return finish(b, before, v == NULL ? msgpack_pack_nil(&pk) : msgpack_pack_object(&pk, *v));
}
