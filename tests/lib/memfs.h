/* memfs - a disk in memory that forgets, tears and fails as a seed says.
 *
 * It implements log/fs.h. What was written is visible at once and safe only after sync; names are
 * visible at once and safe only after sync_dir. A crash keeps what is safe, and of the rest what
 * the seed chooses: each write as a whole, not at all, up to some byte, or some of its sectors;
 * each change of a name or not. So the order of what was not synced means nothing.
 *
 * Changes are counted: open with CREATE or TRUNC, write, sync, rename, unlink, sync_dir. A fault is
 * planned for the nth of them; so is one for the nth read. Not for several threads. */
#ifndef BX_MEMFS_H
#define BX_MEMFS_H

#include "log/fs.h"

#include <stdbool.h>

#define MEMFS_SECTOR 512

struct memfs;

struct memfs *memfs_create(void);
/* The same files with the same contents, all of it safe; nothing open, no fault planned. */
struct memfs *memfs_clone(const struct memfs *m);
/* NULL is allowed. */
void memfs_destroy(struct memfs *m);
struct bx_fs *memfs_fs(struct memfs *m);

enum memfs_fault {
    MEMFS_NONE,
    MEMFS_FAIL,        /* this change fails with `error`, the ones after it do not */
    MEMFS_STOP_BEFORE, /* nothing happens any more, from this change on: everything is -EIO */
    MEMFS_STOP_AFTER,  /* this one still happens, though its caller does not learn it */
};
/* Plan one fault, for the change with this number. */
void memfs_plan(struct memfs *m, enum memfs_fault fault, uint64_t change, int error);
/* Have stop(ctx) called where a planned STOP happens: it need not return, and what asked for the
 * change then never learns anything. */
void memfs_on_stop(struct memfs *m, void (*stop)(void *ctx), void *ctx);
/* Changes so far: the number of the next one. */
uint64_t memfs_changes(const struct memfs *m);
/* True when the planned fault has happened. */
bool memfs_faulted(const struct memfs *m);
/* The nth read from now fails with -EIO, n from 1; 0: none does. Stays planned when the process
 * dies. */
void memfs_plan_read(struct memfs *m, uint64_t n);
/* The disk has so many bytes, 0: as many as anybody wants. beside(ctx), unless NULL, is how many of
 * them are taken by what is not in this directory. Only what makes a file longer needs room; what
 * finds none fails with -ENOSPC and changes nothing. */
void memfs_limit(struct memfs *m, uint64_t bytes, uint64_t (*beside)(void *ctx), void *ctx);
/* Bytes that are not taken. */
uint64_t memfs_free(const struct memfs *m);
/* Bytes of the heap that the contents take, those of files without a name included. */
uint64_t memfs_heap(const struct memfs *m);
/* True while a read is planned to fail. */
bool memfs_failing(const struct memfs *m);

/* The machine loses power: see above. Files are closed, the plan is dropped. */
void memfs_crash(struct memfs *m, uint64_t seed);
/* The process dies: files are closed, the plan is dropped; what was not safe still is not. */
void memfs_kill(struct memfs *m);

/* Looking at and damaging what is there, safe or not. */
bool memfs_exists(const struct memfs *m, const char *name);
/* The contents of a file that exists; valid until the next change. */
const uint8_t *memfs_bytes(const struct memfs *m, const char *name, size_t *n);
void memfs_flip(struct memfs *m, const char *name, size_t offset, uint8_t mask);
/* A disk that lies, in two steps. Remember the next write, wherever it goes; later undo it, as if
 * it never had arrived. False: there was none, or what it wrote is not there any more. */
void memfs_remember(struct memfs *m);
bool memfs_remembered(const struct memfs *m);
bool memfs_lose(struct memfs *m);
/* The same, and its bytes are found in the file `name` instead, as far as it reaches. */
bool memfs_misdirect(struct memfs *m, const char *name, size_t offset);
void memfs_cut(struct memfs *m, const char *name, size_t n);
void memfs_remove(struct memfs *m, const char *name);
/* Descriptors that are open: 0 when nobody forgot one. */
unsigned memfs_open_files(const struct memfs *m);

#endif
