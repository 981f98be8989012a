#include "codec/lz.h"

#include "codec/header.h"
#include "err.h"

#include <lz4.h>

#define HEADER 4

int bx_lz_pack(struct bx_buf *out, const void *src, size_t n)
{
    size_t before = out->len, room = n - n / 8;
    uint8_t *p;
    int got;

    if (n == 0 || n > LZ4_MAX_INPUT_SIZE || room <= HEADER)
        return BX_TOO_LARGE;
    p = bx_buf_extend(out, room);
    if (p == NULL)
        return BX_NO_MEMORY;
    bx_put32(p, (uint32_t)n);
    got = LZ4_compress_default(src, (char *)p + HEADER, (int)n, (int)(room - HEADER));
    out->len = got <= 0 ? before : before + HEADER + (size_t)got;
    return got <= 0 ? BX_TOO_LARGE : BX_OK;
}

size_t bx_lz_size(const uint8_t *src, size_t n)
{
    return n <= HEADER ? 0 : bx_get32(src);
}

/* The declared uncompressed size; 0 if it is impossible. */
static size_t claim(const void *src, size_t n, size_t max)
{
    size_t size = bx_lz_size(src, n);

    if (n > LZ4_MAX_INPUT_SIZE || size > max || size > (n - HEADER) * BX_LZ_RATIO_MAX)
        return 0;
    return size;
}

int bx_lz_unpack(struct bx_buf *out, const void *src, size_t n, size_t max)
{
    size_t size = claim(src, n, max), before = out->len;
    uint8_t *p;

    if (size == 0)
        return BX_MALFORMED;
    p = bx_buf_extend(out, size);
    if (p == NULL)
        return BX_NO_MEMORY;
    if (LZ4_decompress_safe((const char *)src + HEADER, (char *)p, (int)(n - HEADER), (int)size) ==
        (int)size)
        return BX_OK;
    out->len = before;
    return BX_MALFORMED;
}
