/* record - the bytes of the log: the header of a segment and its records.
 *
 * The layout is described in log/wal.h and implemented here alone. Every record carries the
 * checksum of the one before it, so a stale record in a reused segment is never valid. */
#ifndef BX_RECORD_H
#define BX_RECORD_H

#include "codec/header.h"

#define BX_SEGMENT_HEAD 64 /* bytes before the first record */
#define BX_RECORD_HEAD 56  /* bytes before the data */
#define BX_RECORD_RESET 0xFF

struct bx_segment {
    uint64_t seq, first_lsn;
    uint32_t prev; /* checksum of the record before the first one, 0 before the very first */
};

struct bx_record {
    uint64_t lsn, durable, index, term;
    uint32_t prev, crc; /* of the record before, of this one */
    uint32_t len;       /* of data */
    uint8_t type;
    const uint8_t *data;
};

/* Bytes a record takes with its padding. */
size_t bx_record_size(uint32_t len);
/* Write everything but the checksums; crc and prev of r are ignored. */
void bx_record_put(uint8_t *at, const struct bx_record *r);
/* Complete what put wrote, after the record whose checksum is prev; returns this one's checksum. */
uint32_t bx_record_seal(uint8_t *at, uint32_t prev);
/* The record at p, of which n bytes are there; out->data points into p. BX_OK, BX_MALFORMED or
 * BX_CORRUPT: no record; BX_UNSUPPORTED: an intact one of a newer build. */
int bx_record_read(const uint8_t *p, size_t n, struct bx_record *out);

/* at has BX_SEGMENT_HEAD bytes. */
void bx_segment_put(uint8_t *at, const struct bx_segment *s);
/* Codes as for bx_record_read. */
int bx_segment_read(const uint8_t *p, size_t n, struct bx_segment *out);

#endif
