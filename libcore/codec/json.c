/* The writer produces text directly: jansson's integers end at 2^63 - 1, and larger values must not
 * be rounded. Floating-point numbers are formatted by jansson, because printf depends on the
 * locale. The reader walks the tree that jansson builds, which also detects duplicate keys. */
#include "codec/json.h"

#include "mem/alloc.h"

#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>

/* ---- jansson's allocator ---- */

static pthread_once_t heap_once = PTHREAD_ONCE_INIT;

/* jansson may report a failed allocation as a syntax error, or silently drop a value. So the
 * allocator records failures. */
static _Thread_local bool starved;

static void *heap_take(size_t n)
{
    void *p = bx_alloc(n);

    if (p == NULL)
        starved = true;
    return p;
}

static void heap_give(void *p)
{
    bx_free(p);
}

static void set_heap(void)
{
    json_set_alloc_funcs(heap_take, heap_give);
}

/* ---- writing ---- */

struct writer {
    struct bx_buf *b;
    unsigned indent, depth;
};

static int put(struct writer *w, const char *s, size_t n)
{
    return bx_buf_append(w->b, s, n);
}

static int put_escape(struct writer *w, unsigned char c)
{
    static const char named[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: byte, letter */
    char text[8];

    for (size_t i = 0; i < sizeof named - 1; i += 2) {
        if ((unsigned char)named[i] == c) {
            text[0] = '\\';
            text[1] = named[i + 1];
            return put(w, text, 2);
        }
    }
    snprintf(text, sizeof text, "\\u%04x", c);
    return put(w, text, 6);
}

/* True if the eight bytes need no escaping in a JSON string: no control character, quote, backslash
 * or DEL, and no high bit. */
static bool bare_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t quote = w ^ ones * '"', slash = w ^ ones * '\\', del = w ^ ones * 0x7f;

    return ((w | (w - ones * 0x20) | (quote - ones) | (slash - ones) | (del - ones)) & tops) == 0;
}

static bool bare(const char *s, size_t n)
{
    uint64_t w, rest = 0x6161616161616161u;
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        memcpy(&w, s + i, sizeof w);
        if (!bare_word(w))
            return false;
    }
    if (i < n)
        memcpy(&rest, s + i, n - i);
    return bare_word(rest);
}

/* Append the text and a short suffix in one step; tail: 0, or the byte after the closing quote. */
static int put_bare(struct writer *w, struct bx_str s, const char *tail, size_t tail_n)
{
    uint8_t *p = bx_buf_extend(w->b, 2 + (size_t)s.n + tail_n);

    if (p == NULL)
        return BX_NO_MEMORY;
    *p++ = '"';
    if (s.n > 0)
        memcpy(p, s.p, s.n);
    p[s.n] = '"';
    memcpy(p + s.n + 1, tail, tail_n);
    return BX_OK;
}

/* The control characters that terminals obey, too: U+0080 to U+009F, in two bytes. */
static bool is_c1(const char *p)
{
    return (unsigned char)p[0] == 0xc2 && (unsigned char)p[1] < 0xa0;
}

static int put_escaped(struct writer *w, struct bx_str s)
{
    uint32_t from = 0;
    int rc;

    if (!bx_utf8_valid(s.p, s.n))
        return BX_INVALID;
    rc = put(w, "\"", 1);
    for (uint32_t i = 0; rc == BX_OK && i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];

        if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f && !is_c1(s.p + i))
            continue;
        rc = put(w, s.p + from, i - from);
        if (c == 0xc2)
            c = (unsigned char)s.p[++i];
        if (rc == BX_OK)
            rc = put_escape(w, c);
        from = i + 1;
    }
    if (rc == BX_OK && from < s.n)
        rc = put(w, s.p + from, s.n - from);
    return rc == BX_OK ? put(w, "\"", 1) : rc;
}

static int put_string(struct writer *w, struct bx_str s, const char *tail, size_t tail_n)
{
    int rc;

    if (bare(s.p, s.n))
        return put_bare(w, s, tail, tail_n);
    rc = put_escaped(w, s);
    return rc == BX_OK ? put(w, tail, tail_n) : rc;
}

static int put_hex(struct writer *w, struct bx_str s)
{
    static const char hex[] = "0123456789abcdef";
    uint8_t *out = bx_buf_extend(w->b, 2 * (size_t)s.n + 2);

    if (out == NULL)
        return BX_NO_MEMORY;
    *out++ = '"';
    for (uint32_t i = 0; i < s.n; i++) {
        *out++ = (uint8_t)hex[(unsigned char)s.p[i] >> 4];
        *out++ = (uint8_t)hex[s.p[i] & 15];
    }
    *out = '"';
    return BX_OK;
}

static int put_integer(struct writer *w, bx_val v)
{
    char text[24], *end = text + sizeof text, *p = end;
    bool negative = false;
    int64_t i;
    uint64_t u;

    if (!bx_val_u64(v, &u)) {
        if (!bx_val_i64(v, &i))
            return BX_INVALID;
        negative = true;
        u = 0 - (uint64_t)i;
    }
    do {
        *--p = (char)('0' + u % 10);
        u /= 10;
    } while (u > 0);
    if (negative)
        *--p = '-';
    return put(w, p, (size_t)(end - p));
}

static int put_real(struct writer *w, double v)
{
    char text[64];
    json_t *real;
    size_t n;

    if (v - v != 0) /* infinity or NaN */
        return BX_INVALID;
    pthread_once(&heap_once, set_heap);
    real = json_real(v);
    if (real == NULL)
        return BX_NO_MEMORY;
    n = json_dumpb(real, text, sizeof text, JSON_ENCODE_ANY);
    json_decref(real);
    return n == 0 || n > sizeof text ? BX_NO_MEMORY : put(w, text, n);
}

static int put_newline(struct writer *w)
{
    uint8_t *out;

    if (w->indent == 0)
        return BX_OK;
    out = bx_buf_extend(w->b, 1 + (size_t)w->indent * w->depth);
    if (out == NULL)
        return BX_NO_MEMORY;
    memset(out, ' ', 1 + (size_t)w->indent * w->depth);
    *out = '\n';
    return BX_OK;
}

static int put_value(struct writer *w, bx_val v);

static int put_key(struct writer *w, bx_val key)
{
    struct bx_str s;

    if (bx_val_type(key) != BX_V_STR || !bx_val_str(key, &s))
        return BX_INVALID;
    return put_string(w, s, ": ", w->indent == 0 ? 1 : 2);
}

static int put_container(struct writer *w, bx_val v)
{
    bool map = bx_val_type(v) == BX_V_MAP;
    uint32_t n = bx_val_len(v);
    int rc;

    if (n == 0)
        return put(w, map ? "{}" : "[]", 2);
    if (w->depth == BX_PACK_DEPTH)
        return BX_INVALID;
    rc = put(w, map ? "{" : "[", 1);
    w->depth++;
    for (uint32_t i = 0; rc == BX_OK && i < n; i++) {
        rc = put(w, ",", i > 0);
        if (rc == BX_OK)
            rc = put_newline(w);
        if (rc == BX_OK && map)
            rc = put_key(w, bx_val_key(v, i));
        if (rc == BX_OK)
            rc = put_value(w, map ? bx_val_value(v, i) : bx_val_at(v, i));
    }
    w->depth--;
    if (rc == BX_OK)
        rc = put_newline(w);
    return rc == BX_OK ? put(w, map ? "}" : "]", 1) : rc;
}

static int put_value(struct writer *w, bx_val v)
{
    struct bx_str s;
    double real;
    bool flag;

    switch (bx_val_type(v)) {
    case BX_V_NONE:
    case BX_V_NIL:
        return put(w, "null", 4);
    case BX_V_BOOL:
        bx_val_bool(v, &flag);
        return flag ? put(w, "true", 4) : put(w, "false", 5);
    case BX_V_INT:
        return put_integer(w, v);
    case BX_V_FLOAT:
        bx_val_f64(v, &real);
        return put_real(w, real);
    case BX_V_STR:
        bx_val_str(v, &s);
        return put_string(w, s, "", 0);
    case BX_V_BIN:
        bx_val_str(v, &s);
        return put_hex(w, s);
    case BX_V_ARRAY:
    case BX_V_MAP:
        return put_container(w, v);
    case BX_V_EXT:
        break;
    }
    return BX_INVALID;
}

int bx_json_write(struct bx_buf *b, bx_val v, unsigned indent)
{
    struct writer w = {.b = b, .indent = indent};
    size_t before = b->len;
    int rc = put_value(&w, v);

    if (rc != BX_OK)
        b->len = before;
    return rc;
}

/* ---- reading ---- */

static int take_value(struct bx_buf *b, json_t *v, uint32_t depth);

static int take_object(struct bx_buf *b, json_t *v, uint32_t depth)
{
    int rc = bx_pw_map(b, (uint32_t)json_object_size(v));

    for (void *at = json_object_iter(v); rc == BX_OK && at != NULL;
         at = json_object_iter_next(v, at)) {
        rc = bx_pw_strn(b, json_object_iter_key(at), json_object_iter_key_len(at));
        if (rc == BX_OK)
            rc = take_value(b, json_object_iter_value(at), depth);
    }
    return rc;
}

static int take_array(struct bx_buf *b, json_t *v, uint32_t depth)
{
    size_t n = json_array_size(v);
    int rc = bx_pw_array(b, (uint32_t)n);

    for (size_t i = 0; rc == BX_OK && i < n; i++)
        rc = take_value(b, json_array_get(v, i), depth);
    return rc;
}

/* depth: number of containers around v. */
static int take_value(struct bx_buf *b, json_t *v, uint32_t depth)
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return depth == BX_PACK_DEPTH ? BX_TOO_LARGE : take_object(b, v, depth + 1);
    case JSON_ARRAY:
        return depth == BX_PACK_DEPTH ? BX_TOO_LARGE : take_array(b, v, depth + 1);
    case JSON_STRING:
        return bx_pw_strn(b, json_string_value(v), json_string_length(v));
    case JSON_INTEGER:
        return bx_pw_i64(b, json_integer_value(v));
    case JSON_REAL:
        return bx_pw_f64(b, json_real_value(v));
    case JSON_TRUE:
    case JSON_FALSE:
        return bx_pw_bool(b, json_is_true(v));
    case JSON_NULL:
        break;
    }
    return bx_pw_nil(b);
}

static int complain(const json_error_t *e, struct bx_err *err)
{
    if (starved)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    if (json_error_code(e) == json_error_stack_overflow)
        return bx_err_set(err, BX_TOO_LARGE, "JSON is nested deeper than %d levels", BX_PACK_DEPTH);
    return bx_err_set(err, BX_MALFORMED, "line %d, column %d: %s", e->line, e->column, e->text);
}

int bx_json_read(struct bx_buf *b, const char *text, size_t n, size_t max, struct bx_err *err)
{
    size_t before = b->len;
    json_error_t e = {0};
    json_t *v;
    int rc;

    if (n > max)
        return bx_err_set(err, BX_TOO_LARGE, "JSON is longer than %zu bytes", max);
    pthread_once(&heap_once, set_heap);
    starved = false;
    v = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (v == NULL)
        return complain(&e, err);
    rc = starved ? BX_NO_MEMORY : take_value(b, v, 0);
    json_decref(v);
    if (rc == BX_TOO_LARGE)
        bx_err_set(err, rc, "JSON is nested deeper than %d levels", BX_PACK_DEPTH);
    else if (rc != BX_OK)
        bx_err_set(err, rc, "out of memory");
    if (rc != BX_OK)
        b->len = before;
    return rc;
}
