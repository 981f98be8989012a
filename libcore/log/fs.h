/* fs - the table of file functions through which all durable data is read and written.
 *
 * It gives access to one directory; names have no slashes. The daemon's table calls the kernel; the
 * simulator's table models a disk with torn, lost, misdirected and failing writes. Functions return
 * 0 or a negative errno; reads and writes complete or fail (no short counts). They may be called
 * from the loop's thread and from the writer's, but not at the same time for one descriptor. */
#ifndef BX_FS_H
#define BX_FS_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

struct bx_fs;

enum { BX_FS_CREATE = 1, BX_FS_EXCL = 2, BX_FS_TRUNC = 4 };

struct bx_fs_ops {
    int (*open)(struct bx_fs *fs, const char *name, int flags, int *fd);
    void (*close)(struct bx_fs *fs, int fd);
    int (*size)(struct bx_fs *fs, int fd, uint64_t *size);
    int (*read)(struct bx_fs *fs, int fd, void *p, size_t n, uint64_t offset);
    int (*write)(struct bx_fs *fs, int fd, const void *p, size_t n, uint64_t offset);
    int (*sync)(struct bx_fs *fs, int fd); /* data and size; never retried after a failure */
    int (*rename)(struct bx_fs *fs, const char *from, const char *to);
    int (*unlink)(struct bx_fs *fs, const char *name);
    int (*sync_dir)(struct bx_fs *fs);
    /* Call each(ctx, name) for every name, in any order. */
    int (*list)(struct bx_fs *fs, void (*each)(void *ctx, const char *name), void *ctx);
    /* Bytes that this process can still write to the file system of the directory. */
    int (*space)(struct bx_fs *fs, uint64_t *free);
    /* Give an empty file `size` bytes of the disk, for which space is taken at once. On failure it
     * may have some of them. */
    int (*reserve)(struct bx_fs *fs, int fd, uint64_t size);
};

struct bx_fs {
    const struct bx_fs_ops *ops;
    const char *dir; /* path of the directory, for error messages */
};

/* Set err after a function of the table failed with rc: "write DIR/NAME: No space left on device".
 * BX_NO_SPACE, BX_NO_MEMORY or BX_IO. */
int bx_fs_fail(const struct bx_fs *fs, int rc, const char *verb, const char *name,
               struct bx_err *err);
/* The same after a sync, which is final even for lack of space: BX_IO. */
int bx_fs_sync_fail(const struct bx_fs *fs, int rc, const char *name, struct bx_err *err);
/* The hint for durable data that is lost: the way out that keeps the disks of VMs. */
void bx_fs_hint_forget(const struct bx_fs *fs, struct bx_err *err);

#endif
