/* snapitem - the items of a snapshot file; only for snapfile.c and snapread.c. */
#ifndef BX_SNAPITEM_H
#define BX_SNAPITEM_H

#include "log/snapfile.h"

#define BX_SNAP_VERSION 2    /* of packed chunks; everything else has version 1 */
#define BX_SNAP_META_SIZE 60 /* bytes before the configuration */
#define BX_SNAP_END_SIZE 20
#define BX_SNAP_NAME 32

/* First byte of an item's payload. */
enum { BX_SNAP_META = 1, BX_SNAP_CHUNK, BX_SNAP_END, BX_SNAP_PACKED };

void bx_snap_name(char out[BX_SNAP_NAME], uint64_t index);
/* False if it is not the name of a snapshot. */
bool bx_snap_parse(const char *name, uint64_t *index);

/* Open one file and verify it from the first byte to the last. */
int bx_snap_open_file(struct bx_snap_reader **r, struct bx_fs *fs, const char *name,
                      struct bx_err *err);
/* Its file has this name now. */
void bx_snap_set_name(struct bx_snap_reader *r, const char *name);

#endif
