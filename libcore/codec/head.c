#include "codec/head.h"

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

/* BX_CRC32C_TABLE_ONLY: the test builds this file once more with it. */
#if defined __x86_64__ && !defined BX_CRC32C_TABLE_ONLY
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(uint32_t crc, const uint8_t *p,
                                                                     size_t n)
{
    uint64_t wide = crc, word;
    uint32_t half;

    for (; n >= sizeof word; n -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    if (n >= 4) {
        memcpy(&half, p, sizeof half);
        crc = __builtin_ia32_crc32si(crc, half);
        n -= sizeof half;
        p += sizeof half;
    }
    for (; n > 0; n--)
        crc = __builtin_ia32_crc32qi(crc, *p++);
    return crc;
}

uint32_t bx_crc32c(uint32_t crc, const void *p, size_t n)
{
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc_by_instruction(~crc, p, n);
    return ~crc_by_table(~crc, p, n);
}
#else
uint32_t bx_crc32c(uint32_t crc, const void *p, size_t n)
{
    return ~crc_by_table(~crc, p, n);
}
#endif

/* ---- head ---- */

#define CRC_AT 12

static uint32_t checksum(const uint8_t *item, uint32_t length)
{
    return bx_crc32c(bx_crc32c(0, item, CRC_AT), item + BX_HEAD_SIZE, length);
}

void bx_head_seal(uint8_t *dst, uint16_t kind, uint8_t version, uint8_t codec, uint32_t length)
{
    dst[0] = BX_HEAD_MAGIC0;
    dst[1] = BX_HEAD_MAGIC1;
    dst[2] = version;
    dst[3] = codec;
    bx_put16(dst + 4, kind);
    bx_put16(dst + 6, 0);
    bx_put32(dst + 8, length);
    bx_put32(dst + CRC_AT, checksum(dst, length));
}

int bx_head_read(const uint8_t *src, struct bx_head *out)
{
    *out = (struct bx_head){
        .version = src[2],
        .codec = src[3],
        .kind = bx_get16(src + 4),
        .flags = bx_get16(src + 6),
        .length = bx_get32(src + 8),
        .crc = bx_get32(src + CRC_AT),
    };
    if (src[0] != BX_HEAD_MAGIC0 || src[1] != BX_HEAD_MAGIC1)
        return BX_MALFORMED;
    return out->flags == 0 ? BX_OK : BX_UNSUPPORTED;
}

/* The checksum comes before flags and version: a flipped bit must not pass for a newer build. */
int bx_head_check(const uint8_t *src, size_t len, uint16_t kind, uint8_t max_version,
                  struct bx_head *out)
{
    int rc;

    if (len < BX_HEAD_SIZE)
        return BX_MALFORMED;
    rc = bx_head_read(src, out);
    if (rc == BX_MALFORMED || out->length > len - BX_HEAD_SIZE)
        return BX_MALFORMED;
    if (checksum(src, out->length) != out->crc)
        return BX_CORRUPT;
    if (rc != BX_OK)
        return rc;
    if (out->kind != kind)
        return BX_MALFORMED;
    return out->version <= max_version ? BX_OK : BX_UNSUPPORTED;
}
