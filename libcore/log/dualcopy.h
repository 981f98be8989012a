/* dualcopy - a small durable value that is kept in two copies.
 *
 * Used for term and vote, the high-water mark, the trust file and the node's identity. A save
 * writes and syncs the first copy, then the second, and is complete only after both. If one copy is
 * damaged, the other holds the same value, or the previous value of a save that was not reported
 * complete. If both are damaged, the result is BX_CORRUPT.
 *
 * File: two copies, 4096 bytes apart: header (of the given kind), sequence u64, the value. */
#ifndef BX_DUALCOPY_H
#define BX_DUALCOPY_H

#include "codec/header.h"
#include "log/fs.h"

#include <stdbool.h>

#define BX_DUALCOPY_MAX 1024 /* maximum size of a value in bytes */

struct bx_dualcopy {
    struct bx_fs *fs;
    const char *name; /* static string */
    uint16_t kind;
    int fd;
    uint64_t seq;  /* sequence of the value on disk; 0: none yet */
    bool repaired; /* a copy was damaged when it was opened, not only older */
};

/* Open or create. value has BX_DUALCOPY_MAX bytes; *len is 0 if nothing was ever saved. A damaged
 * or older copy is repaired from the other before the function returns. BX_OK, BX_CORRUPT (err
 * names the file, the hint says what to do), BX_IO, BX_UNSUPPORTED (version). */
int bx_dualcopy_open(struct bx_dualcopy *s, struct bx_fs *fs, const char *name, uint16_t kind,
                     void *value, size_t *len, struct bx_err *err);
/* Durable when it returns BX_OK; after BX_IO the process must end (no failed sync is retried). */
int bx_dualcopy_save(struct bx_dualcopy *s, const void *value, size_t len, struct bx_err *err);
/* Accepts a zeroed struct. */
void bx_dualcopy_close(struct bx_dualcopy *s);

#endif
