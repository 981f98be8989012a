#include "build.h"

#include "mem/alloc.h"

void build_map(struct bx_buf *b, uint32_t n)
{
    bx_must_ok(bx_pw_map(b, n));
}

void build_array(struct bx_buf *b, uint32_t n)
{
    bx_must_ok(bx_pw_array(b, n));
}

void build_str(struct bx_buf *b, const char *s)
{
    bx_must_ok(bx_pw_str(b, s));
}

void build_strn(struct bx_buf *b, struct bx_str s)
{
    bx_must_ok(bx_pw_strn(b, s.p, s.n));
}

void build_u64(struct bx_buf *b, uint64_t n)
{
    bx_must_ok(bx_pw_u64(b, n));
}

void build_bool(struct bx_buf *b, bool v)
{
    bx_must_ok(bx_pw_bool(b, v));
}

void build_val(struct bx_buf *b, bx_val v)
{
    bx_must_ok(bx_pw_val(b, v));
}

void build_bytes(struct bx_buf *b, const void *packed, size_t n)
{
    bx_must_ok(bx_buf_append(b, packed, n));
}

void build_pair_str(struct bx_buf *b, const char *key, const char *value)
{
    build_str(b, key);
    build_str(b, value);
}

void build_pair_u64(struct bx_buf *b, const char *key, uint64_t value)
{
    build_str(b, key);
    build_u64(b, value);
}

void build_pair_bool(struct bx_buf *b, const char *key, bool value)
{
    build_str(b, key);
    build_bool(b, value);
}

bx_val build_parse(const struct bx_buf *b)
{
    static struct bx_pack *pack;
    bx_val v;

    if (pack == NULL)
        pack = bx_must(bx_pack_create(), 0);
    v = bx_pack_parse(pack, b->data, b->len, SIZE_MAX, NULL);
    if (v == NULL)
        bx_oom(b->len);
    return v;
}
