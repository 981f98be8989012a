#include "codec/zst.h"

#include "err.h"

#include <zstd.h>

#define LEVEL 12 /* archives are made beside other work: size matters more than time */

int bx_zst_pack(struct bx_buf *out, const void *src, size_t n)
{
    size_t before = out->len, got;
    uint8_t *p = n == 0 ? NULL : bx_buf_extend(out, n);

    if (p == NULL)
        return n == 0 ? BX_TOO_LARGE : BX_NO_MEMORY;
    got = ZSTD_compress(p, n, src, n, LEVEL); /* an error as well when it does not get smaller */
    out->len = ZSTD_isError(got) ? before : before + got;
    return ZSTD_isError(got) ? BX_TOO_LARGE : BX_OK;
}

int bx_zst_unpack(struct bx_buf *out, const void *src, size_t n, size_t size)
{
    size_t before = out->len;
    uint8_t *p = size == 0 ? NULL : bx_buf_extend(out, size);

    if (p == NULL)
        return size == 0 ? BX_MALFORMED : BX_NO_MEMORY;
    if (ZSTD_decompress(p, size, src, n) == size)
        return BX_OK;
    out->len = before;
    return BX_MALFORMED;
}
