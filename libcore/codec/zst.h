/* zst - Zstandard compression for what is written once and kept. The only user of zstd.
 *
 * The compressed data is one frame. Who reads it knows the size of what was compressed. */
#ifndef BX_ZST_H
#define BX_ZST_H

#include "mem/buf.h"

/* Append src compressed. BX_OK, BX_TOO_LARGE (it saves nothing; the buffer's contents are
 * unchanged) or BX_NO_MEMORY. */
int bx_zst_pack(struct bx_buf *out, const void *src, size_t n);
/* Append the data, which has exactly `size` bytes. BX_OK, BX_MALFORMED (the buffer's contents are
 * unchanged) or BX_NO_MEMORY. */
int bx_zst_unpack(struct bx_buf *out, const void *src, size_t n, size_t size);

#endif
