/* lz - compressed bytes, with bounds on what they may become. The only user of lz4.
 *
 *   offset 0  size   u32, of the bytes before they were packed
 *          4         one LZ4 block
 *
 * What claims to become more than the caller takes, or more than any LZ4 block can, is refused
 * before anything is allocated. */
#ifndef BX_LZ_H
#define BX_LZ_H

#include "mem/buf.h"

#define BX_LZ_RATIO_MAX 255u /* no block becomes more than that many times its size */

/* Append src packed; at least an eighth must be gained, or it is not worth the reader's time.
 * BX_OK, BX_TOO_LARGE (it gains less; the buffer's contents are unchanged) or BX_NO_MEMORY. */
int bx_lz_pack(struct bx_buf *out, const void *src, size_t n);
/* Append what was packed. BX_OK, BX_MALFORMED (also: it claims to be more than max; the buffer's
 * contents are unchanged) or BX_NO_MEMORY. */
int bx_lz_unpack(struct bx_buf *out, const void *src, size_t n, size_t max);

/* How many bytes were packed, as what is packed claims; 0 when it is too short to tell. */
size_t bx_lz_size(const uint8_t *src, size_t n);

#endif
