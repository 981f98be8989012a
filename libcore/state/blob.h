/* blob - the events or outcomes of one log entry, as one database row.
 *
 *   header   16 bytes, see codec/header.h
 *   keys     entry, first, last u64 each: the same values as in the row's columns
 *   records  flat, one after the other
 *
 * The checksum in the header detects a damaged row when it is read. Blobs of old builds have no
 * header and only records; they are accepted without a check. */
#ifndef BX_BLOB_H
#define BX_BLOB_H

#include "codec/header.h"
#include "mem/buf.h"

struct bx_blob { /* p: the stored blob; after open, its records */
    uint64_t entry, first, last;
    const uint8_t *p;
    size_t n;
};

/* Start a blob in an empty buffer; the caller then appends the records, 8-aligned. */
int bx_blob_begin(struct bx_buf *b);
bool bx_blob_has_records(const struct bx_buf *b);
/* Complete the header and the keys; the blob can then be stored. */
void bx_blob_seal(struct bx_buf *b, enum bx_kind kind, uint64_t entry, uint64_t first,
                  uint64_t last);
/* BX_OK and the records, or BX_CORRUPT. The records are views into the stored blob and may be
 * unaligned. */
int bx_blob_open(const struct bx_blob *stored, enum bx_kind kind, struct bx_blob *records);

#endif
