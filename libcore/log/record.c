#include "log/record.h"

#include <string.h>

#define VERSION 1
#define RECORD_FIELDS (BX_RECORD_HEADER - BX_HEADER_SIZE)
#define SEGMENT_FIELDS 20

size_t bx_record_size(uint32_t len)
{
    return (BX_RECORD_HEADER + (size_t)len + 7) & ~(size_t)7;
}

void bx_record_put(uint8_t *at, const struct bx_record *r)
{
    size_t end = BX_RECORD_HEADER + (size_t)r->len;

    memset(at, 0, BX_RECORD_HEADER);
    bx_put32(at + 8, RECORD_FIELDS + r->len);
    bx_put64(at + 16, r->lsn);
    bx_put64(at + 24, r->durable);
    bx_put64(at + 32, r->index);
    bx_put64(at + 40, r->term);
    at[52] = r->type;
    if (r->len > 0)
        memcpy(at + BX_RECORD_HEADER, r->data, r->len);
    memset(at + end, 0, bx_record_size(r->len) - end);
}

uint32_t bx_record_seal(uint8_t *at, uint32_t prev)
{
    bx_put32(at + 48, prev);
    bx_header_seal(at, BX_KIND_WAL_RECORD, VERSION, BX_CODEC_FLAT, bx_get32(at + 8));
    return bx_get32(at + 12);
}

int bx_record_read(const uint8_t *p, size_t n, struct bx_record *out)
{
    struct bx_header header;
    int rc = bx_header_check(p, n, BX_KIND_WAL_RECORD, VERSION, &header);

    if (rc != BX_OK)
        return rc;
    if (header.length < RECORD_FIELDS)
        return BX_MALFORMED;
    *out = (struct bx_record){.lsn = bx_get64(p + 16),
                              .durable = bx_get64(p + 24),
                              .index = bx_get64(p + 32),
                              .term = bx_get64(p + 40),
                              .prev = bx_get32(p + 48),
                              .crc = header.crc,
                              .len = header.length - RECORD_FIELDS,
                              .type = p[52],
                              .data = p + BX_RECORD_HEADER};
    return BX_OK;
}

void bx_segment_put(uint8_t *at, const struct bx_segment *s)
{
    memset(at, 0, BX_SEGMENT_HEADER);
    bx_put64(at + 16, s->seq);
    bx_put64(at + 24, s->first_lsn);
    bx_put32(at + 32, s->prev);
    bx_header_seal(at, BX_KIND_WAL_SEGMENT, VERSION, BX_CODEC_FLAT, SEGMENT_FIELDS);
}

int bx_segment_read(const uint8_t *p, size_t n, struct bx_segment *out)
{
    struct bx_header header;
    int rc;

    if (n < BX_SEGMENT_HEADER)
        return BX_MALFORMED;
    rc = bx_header_check(p, BX_SEGMENT_HEADER, BX_KIND_WAL_SEGMENT, VERSION, &header);
    if (rc != BX_OK)
        return rc;
    if (header.length != SEGMENT_FIELDS)
        return BX_MALFORMED;
    out->seq = bx_get64(p + 16);
    out->first_lsn = bx_get64(p + 24);
    out->prev = bx_get32(p + 32);
    return BX_OK;
}
