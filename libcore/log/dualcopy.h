/* dualcopy - one small durable value, kept in two copies.
 *
 * Term and vote, the high-water mark, the trust file and the node's identity are such values. A
 * save writes and syncs the first copy, then the second, and is complete only after both: when one
 * copy is damaged, the other holds the same value, or the one before a save that was not reported
 * complete. Both damaged is BX_CORRUPT.
 *
 * File: two copies, 4096 bytes apart: header (of the given kind), sequence u64, the value. */
#ifndef BX_DUALCOPY_H
#define BX_DUALCOPY_H

#include "codec/header.h"
#include "log/fs.h"

#define BX_SLOTS_MAX 1024 /* bytes of a value */

struct bx_dualcopy {
    struct bx_fs *fs;
    const char *name; /* static string */
    uint16_t kind;
    int fd;
    uint64_t seq; /* of the value on disk, 0: none yet */
};

/* Open or create. value has BX_SLOTS_MAX bytes; *len is 0 when nothing was ever saved. A copy that
 * is damaged or older is repaired from the other before this returns.
 * BX_OK, BX_CORRUPT (err names the file, the hint what to do), BX_IO, BX_UNSUPPORTED (version). */
int bx_dualcopy_open(struct bx_dualcopy *s, struct bx_fs *fs, const char *name, uint16_t kind,
                     void *value, size_t *len, struct bx_err *err);
/* Durable when it returns BX_OK; after BX_IO the process must end (no failed sync is retried). */
int bx_dualcopy_save(struct bx_dualcopy *s, const void *value, size_t len, struct bx_err *err);
/* Accepts a zeroed struct. */
void bx_dualcopy_close(struct bx_dualcopy *s);

#endif
