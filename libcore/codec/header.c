#include "codec/header.h"

#include <pthread.h>
#include <string.h>

/* ---- CRC32C ---- */

static uint32_t table[256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static void make_table(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;

        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        table[i] = c;
    }
}

static uint32_t crc_by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    pthread_once(&table_once, make_table);
    for (size_t i = 0; i < n; i++)
        crc = table[(crc ^ p[i]) & 255] ^ crc >> 8;
    return crc;
}

/* The test compiles this file again with BX_CRC32C_TABLE_ONLY. */
#if defined __x86_64__ && !defined BX_CRC32C_TABLE_ONLY
#define BY_INSTRUCTION __attribute__((target("sse4.2")))

/* The instruction has a latency of three cycles, so three independent lanes run in parallel. A CRC
 * is linear: the result of the first lane is advanced over the bytes of the second as if they were
 * zero, and then added. `carried` holds the advanced value of each byte of a checksum. */
#define LANE 256u /* bytes */

static uint32_t carried[4][256];
static pthread_once_t carried_once = PTHREAD_ONCE_INIT;

static void make_carried(void)
{
    static const uint8_t zeros[LANE];

    for (unsigned byte = 0; byte < 4; byte++) {
        for (uint32_t i = 1; i < 256; i++) {
            uint32_t rest = i & (i - 1); /* rest: i without its lowest set bit */

            carried[byte][i] = rest == 0 ? crc_by_table(i << 8 * byte, zeros, LANE)
                                         : carried[byte][rest] ^ carried[byte][i ^ rest];
        }
    }
}

static inline uint32_t carry(uint64_t crc)
{
    return carried[0][crc & 255] ^ carried[1][crc >> 8 & 255] ^ carried[2][crc >> 16 & 255] ^
           carried[3][crc >> 24 & 255];
}

BY_INSTRUCTION static uint32_t crc_by_lanes(uint32_t crc, const uint8_t *p, size_t n)
{
    pthread_once(&carried_once, make_carried);
    for (; n > 0; n -= 3 * LANE, p += 3 * LANE) {
        uint64_t a = crc, b = 0, c = 0;

        for (size_t i = 0; i < LANE; i += 8) {
            a = __builtin_ia32_crc32di(a, bx_get64(p + i));
            b = __builtin_ia32_crc32di(b, bx_get64(p + LANE + i));
            c = __builtin_ia32_crc32di(c, bx_get64(p + 2 * LANE + i));
        }
        crc = carry(carry(a) ^ b) ^ (uint32_t)c;
    }
    return crc;
}

BY_INSTRUCTION static inline uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p, size_t n)
{
    size_t side_by_side = n / (3 * LANE) * (3 * LANE);
    uint64_t wide;

    if (side_by_side > 0) {
        crc = crc_by_lanes(crc, p, side_by_side);
        p += side_by_side;
        n -= side_by_side;
    }
    wide = crc;
    for (; n >= 8; n -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, bx_get64(p));
    crc = (uint32_t)wide;
    if (n >= 4) {
        crc = __builtin_ia32_crc32si(crc, bx_get32(p));
        n -= 4;
        p += 4;
    }
    for (; n > 0; n--)
        crc = __builtin_ia32_crc32qi(crc, *p++);
    return crc;
}
#endif

uint32_t bx_crc32c(uint32_t crc, const void *p, size_t n)
{
#ifdef BY_INSTRUCTION
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_by_instruction(~crc, p, n);
#endif
    return ~crc_by_table(~crc, p, n);
}

/* ---- header ---- */

#define CRC_AT 12

#ifdef BY_INSTRUCTION
/* One call for header and payload: most items are so short that a second call would cost as much as
 * the checksum. */
BY_INSTRUCTION static uint32_t checksum_by_instruction(const uint8_t *item, uint32_t length)
{
    uint32_t crc = crc_by_instruction(UINT32_MAX, item, CRC_AT);

    return ~crc_by_instruction(crc, item + BX_HEADER_SIZE, length);
}
#endif

static uint32_t checksum(const uint8_t *item, uint32_t length)
{
#ifdef BY_INSTRUCTION
    if (__builtin_cpu_supports("sse4.2"))
        return checksum_by_instruction(item, length);
#endif
    return bx_crc32c(bx_crc32c(0, item, CRC_AT), item + BX_HEADER_SIZE, length);
}

void bx_header_seal(uint8_t *dst, uint16_t kind, uint8_t version, uint8_t codec, uint32_t length)
{
    /* Store whole words: the checksum loads them as words, and a load that spans several smaller
     * stores stalls. */
    bx_put64(dst, BX_HEADER_MAGIC0 | BX_HEADER_MAGIC1 << 8 | (uint64_t)version << 16 |
                      (uint64_t)codec << 24 | (uint64_t)kind << 32);
    bx_put32(dst + 8, length);
    bx_put32(dst + CRC_AT, checksum(dst, length));
}

int bx_header_read(const uint8_t *src, struct bx_header *out)
{
    *out = (struct bx_header){
        .version = src[2],
        .codec = src[3],
        .kind = bx_get16(src + 4),
        .flags = bx_get16(src + 6),
        .length = bx_get32(src + 8),
        .crc = bx_get32(src + CRC_AT),
    };
    if (src[0] != BX_HEADER_MAGIC0 || src[1] != BX_HEADER_MAGIC1)
        return BX_MALFORMED;
    return out->flags == 0 ? BX_OK : BX_UNSUPPORTED;
}

/* Check the checksum before flags and version, so that a flipped bit is not reported as a newer
 * build. */
int bx_header_check(const uint8_t *src, size_t len, uint16_t kind, uint8_t max_version,
                    struct bx_header *out)
{
    int rc;

    if (len < BX_HEADER_SIZE)
        return BX_MALFORMED;
    rc = bx_header_read(src, out);
    if (rc == BX_MALFORMED || out->length > len - BX_HEADER_SIZE)
        return BX_MALFORMED;
    if (checksum(src, out->length) != out->crc)
        return BX_CORRUPT;
    if (rc != BX_OK)
        return rc;
    if (out->kind != kind)
        return BX_MALFORMED;
    return out->version <= max_version ? BX_OK : BX_UNSUPPORTED;
}
