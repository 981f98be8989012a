/* blob - the events or outcomes of one entry of the log, as a row of the database has them.
 *
 *   head     16 bytes, see codec/header.h
 *   keys     entry, first, last u64 each: what the row's columns say
 *   records  flat, one after the other
 *
 * So a bit that was flipped in a row is seen when the row is read. Before there were heads a blob
 * was its records alone, and such are read as they are. */
#ifndef BX_BLOB_H
#define BX_BLOB_H

#include "codec/header.h"
#include "mem/buf.h"

struct bx_blob { /* p: stored, or after open the records */
    uint64_t entry, first, last;
    const uint8_t *p;
    size_t n;
};

/* Empty, with room for what stands before the records; they are appended, 8-aligned. */
int bx_blob_begin(struct bx_buf *b);
bool bx_blob_has_records(const struct bx_buf *b);
/* Ready to be stored under these keys. */
void bx_blob_seal(struct bx_buf *b, enum bx_kind kind, uint64_t entry, uint64_t first,
                  uint64_t last);
/* BX_OK and the records, or BX_CORRUPT. The records are where they are stored: at any alignment. */
int bx_blob_open(const struct bx_blob *stored, enum bx_kind kind, struct bx_blob *records);

#endif
