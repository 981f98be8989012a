/* lz - LZ4 compression with bounds on the decompressed size. The only user of lz4.
 *
 *   offset 0  size   u32, of the uncompressed data
 *          4         one LZ4 block
 *
 * Data that declares a size above the caller's maximum, or above what any LZ4 block can expand to,
 * is refused before anything is allocated. */
#ifndef BX_LZ_H
#define BX_LZ_H

#include "mem/buf.h"

#define BX_LZ_RATIO_MAX 255u /* maximum expansion of an LZ4 block */

/* Append src compressed. BX_OK, BX_TOO_LARGE (it saves less than an eighth, which is not worth the
 * cost of decompression; the buffer's contents are unchanged) or BX_NO_MEMORY. */
int bx_lz_pack(struct bx_buf *out, const void *src, size_t n);
/* Append the decompressed data. BX_OK, BX_MALFORMED (also: the declared size exceeds max; the
 * buffer's contents are unchanged) or BX_NO_MEMORY. */
int bx_lz_unpack(struct bx_buf *out, const void *src, size_t n, size_t max);

/* The declared uncompressed size; 0 if src is too short to contain it. */
size_t bx_lz_size(const uint8_t *src, size_t n);

#endif
