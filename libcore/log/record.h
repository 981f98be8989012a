/* record - the format of the log's segments: the segment header and the records.
 *
 * log/wal.h describes the layout; only this module implements it. Every record contains the
 * checksum of the record before it, so a stale record in a reused segment is never valid. */
#ifndef BX_RECORD_H
#define BX_RECORD_H

#include "codec/header.h"

#define BX_SEGMENT_HEADER 64 /* bytes before the first record */
#define BX_RECORD_HEADER 56  /* bytes before the data */
#define BX_RECORD_RESET 0xFF

struct bx_segment {
    uint64_t seq, first_lsn;
    uint32_t prev; /* checksum of the record before the first one, 0 before the very first */
};

struct bx_record {
    uint64_t lsn, durable, index, term;
    uint32_t prev, crc; /* checksum of the previous record, and of this one */
    uint32_t len;       /* of data */
    uint8_t type;
    const uint8_t *data;
};

/* Size of a record with its padding. */
size_t bx_record_size(uint32_t len);
/* Write all fields except the checksums; crc and prev of r are ignored. */
void bx_record_put(uint8_t *at, const struct bx_record *r);
/* Complete a record written by bx_record_put; prev is the checksum of the previous record. Returns
 * this record's checksum. */
uint32_t bx_record_seal(uint8_t *at, uint32_t prev);
/* Read the record at p, of which n bytes are available; out->data points into p. BX_OK;
 * BX_MALFORMED or BX_CORRUPT: not a valid record; BX_UNSUPPORTED: a valid record of a newer build.
 */
int bx_record_read(const uint8_t *p, size_t n, struct bx_record *out);

/* at has BX_SEGMENT_HEADER bytes. */
void bx_segment_put(uint8_t *at, const struct bx_segment *s);
/* Codes as for bx_record_read. */
int bx_segment_read(const uint8_t *p, size_t n, struct bx_segment *out);

#endif
