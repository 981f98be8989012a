/* header - the sixteen bytes before every item that is stored or sent.
 *
 *   offset  0  magic      0xBD 0x58; the first byte can not start JSON
 *           2  version    of the format of this kind
 *           3  codec      enum bx_codec
 *           4  kind       type of the payload, enum bx_kind
 *           6  flags      none defined; a reader refuses unknown flags
 *           8  length     of the payload in bytes
 *          12  crc        CRC32C over bytes 0..11 and the payload
 *
 * All numbers are little endian. */
#ifndef BX_HEADER_H
#define BX_HEADER_H

#include "err.h"

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BX_HEADER_SIZE 16
#define BX_HEADER_MAGIC0 0xBD
#define BX_HEADER_MAGIC1 0x58

enum bx_codec {
    BX_CODEC_FLAT = 1,
    BX_CODEC_MSGPACK,
    BX_CODEC_JSON,
    BX_CODEC_LZ,
    BX__CODECS,
    BX_CODEC_ZST = 16 /* of files alone (codec/zst.h): nothing that is sent has it */
};

/* Kind numbers are permanent: a number is never reused with another meaning. */
enum bx_kind {
    BX_KIND_WAL_SEGMENT = 1,
    BX_KIND_WAL_RECORD,
    BX_KIND_VOTE,
    BX_KIND_MARK,
    BX_KIND_SNAPSHOT,
    BX_KIND_TRUST,
    BX_KIND_IDENTITY,
    BX_KIND_BATCH,
    BX_KIND_VM_RECORD,
    BX_KIND_EVENTS,
    BX_KIND_OUTCOMES,
    BX_KIND_VM_CONFIG,
    BX_KIND_VM,             /* as the API returns it; one or a list */
    BX_KIND_RECORDER,       /* items of a file of events, rec/recfile.h */
    BX_KIND_ENVELOPE,       /* a file of the spool: text, diag/envelope.h */
    BX_KIND_REFUSALS,       /* a file of refusals: its first item, wire/refusal.h */
    BX_KIND_REFUSAL,        /* and the others */
    BX_KIND_FRAME = 0x100,  /* + enum bx_frame: between nodes */
    BX_KIND_PARAMS = 0x200, /* + enum bx_method: parameters of the API */
    BX_KIND_REPLY = 0x300,  /* + enum bx_reply: results of the API */
};

struct bx_header {
    uint8_t version, codec;
    uint16_t kind, flags;
    uint32_t length;
    uint32_t crc;
};

/* CRC32C (Castagnoli); uses the processor's instruction if available. Start with crc = 0; pass the
 * result to continue. */
uint32_t bx_crc32c(uint32_t crc, const void *p, size_t n);

/* Write the header and its checksum before a payload that is already at dst + BX_HEADER_SIZE. */
void bx_header_seal(uint8_t *dst, uint16_t kind, uint8_t version, uint8_t codec, uint32_t length);
/* Read the sixteen bytes at src and check magic and flags, but not the checksum. BX_OK,
 * BX_MALFORMED (wrong magic) or BX_UNSUPPORTED (a flag of a newer build). */
int bx_header_read(const uint8_t *src, struct bx_header *out);
/* Check a whole item: src holds len bytes, header and payload, which must have the given kind and
 * at most max_version. BX_OK, BX_MALFORMED (also: too short), BX_CORRUPT (checksum mismatch) or
 * BX_UNSUPPORTED. */
int bx_header_check(const uint8_t *src, size_t len, uint16_t kind, uint8_t max_version,
                    struct bx_header *out);

/* Little-endian loads and stores at any alignment. */
static inline void bx_put32(uint8_t *p, uint32_t v)
{
    v = htole32(v);
    memcpy(p, &v, sizeof v);
}
static inline void bx_put64(uint8_t *p, uint64_t v)
{
    v = htole64(v);
    memcpy(p, &v, sizeof v);
}
static inline uint16_t bx_get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof v);
    return le16toh(v);
}
static inline uint32_t bx_get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return le32toh(v);
}
static inline uint64_t bx_get64(const uint8_t *p)
{
    uint64_t v;

    memcpy(&v, p, sizeof v);
    return le64toh(v);
}

#endif
