/* sha256 - SHA-256 (FIPS 180-4) of bytes in memory: what names content, and what no one can make
 * a second text for. For hash tables and checksums there are bx_hash and bx_crc32c. */
#ifndef BX_SHA256_H
#define BX_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define BX_SHA256 32u /* bytes of a hash */

/* p may be NULL if n is 0. On any thread. */
void bx_sha256(const void *p, size_t n, uint8_t out[BX_SHA256]);

#endif
