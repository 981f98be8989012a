/* disk_fs - the file functions of log/fs.h on the kernel.
 *
 * All operations are relative to a descriptor of the directory, so the directory may be renamed. */
#ifndef DISK_FS_H
#define DISK_FS_H

#include "log/fs.h"

/* dir must exist. BX_OK, BX_NO_MEMORY or BX_IO. */
int disk_fs_open(struct bx_fs **fs, const char *dir, struct bx_err *err);
/* NULL is allowed; all its files must be closed. */
void disk_fs_close(struct bx_fs *fs);

#endif
