/* snapfile - snapshots of the state as checksummed files.
 *
 *   name      snapshot-<index, 16 hex digits>
 *   file      header + meta record (kind SNAPSHOT), then chunks (kind SNAPSHOT, flags 0; the first
 *             payload byte is 1 meta, 2 chunk, 3 end, 4 packed chunk), then the end: number of
 *             chunks u64, their bytes before packing u64, crc of the file up to the end's header
 * u32 packed    a compressed chunk (codec/lz.h), version 2; everything else has version 1, also a
 *             chunk that compression would not make shorter
 *   meta      index, term, conf index, revision, digest u64 each, history 16 bytes, conf length
 *             u32, conf
 *
 * Written as snapshot.tmp, synced, renamed, directory synced; the previous one is removed only
 * after that. A file is verified from the first byte to the last before it is used. */
#ifndef BX_SNAPFILE_H
#define BX_SNAPFILE_H

#include "codec/schema.h"
#include "err.h"
#include "log/fs.h"
#include "mem/buf.h"

#include <stdbool.h>

#define BX_SNAP_CHUNK_MAX (1u << 20)
#define BX_SNAP_CONF_MAX 65536
#define BX_SNAP_INCOMING "snapshot.incoming" /* where a snapshot from a peer is received */

struct bx_snap_meta {
    uint64_t index, term; /* index and term of the last entry it contains */
    uint64_t conf_index;  /* index at which the configuration was committed */
    struct bx_str conf;   /* encoded Raft configuration; owned by the reader or the caller */
    uint64_t revision;
    uint64_t digest; /* of the state, see state/fsm.h */
    uint8_t history[16];
};

struct bx_snap_writer;
int bx_snap_create(struct bx_snap_writer **w, struct bx_fs *fs, const struct bx_snap_meta *meta,
                   struct bx_err *err);
/* n at most BX_SNAP_CHUNK_MAX. */
int bx_snap_write(struct bx_snap_writer *w, const void *chunk, size_t n, struct bx_err *err);
/* The snapshot is durable under its final name when this returns BX_OK. The writer is freed in any
 * case. */
int bx_snap_finish(struct bx_snap_writer *w, struct bx_err *err);
/* Remove the temporary file and free the writer. NULL is allowed. */
void bx_snap_abort(struct bx_snap_writer *w);

struct bx_snap_reader;
/* Open and verify the newest snapshot. BX_OK, BX_NOT_FOUND, BX_CORRUPT (the newest one is damaged;
 * the hint says what to do), BX_UNSUPPORTED, BX_IO. */
int bx_snap_open_latest(struct bx_snap_reader **r, struct bx_fs *fs, struct bx_err *err);
/* meta.conf points into the reader. */
const struct bx_snap_meta *bx_snap_meta(const struct bx_snap_reader *r);
/* Read the next chunk into buf, which is cleared first; *end is true if there is none. */
int bx_snap_read(struct bx_snap_reader *r, struct bx_buf *buf, bool *end, struct bx_err *err);
/* Read the raw file, for sending: up to n bytes at offset; *got is 0 at the end. */
int bx_snap_read_raw(struct bx_snap_reader *r, uint64_t offset, void *p, size_t n, size_t *got,
                     struct bx_err *err);
/* True if the reader of the file must support BX_CODEC_LZ. */
bool bx_snap_packed(const struct bx_snap_reader *r);
void bx_snap_close(struct bx_snap_reader *r);

/* Receive the bytes of a peer's file, in order. Offset 0 starts over; a gap is BX_MALFORMED. What
 * there is of it is removed when there is no room for more: BX_NO_SPACE. */
int bx_snap_receive(struct bx_fs *fs, uint64_t offset, const void *p, size_t n, struct bx_err *err);
/* Remove what was received. */
void bx_snap_receive_drop(struct bx_fs *fs);
/* Verify, sync and rename the received file, on any thread; nothing may be received or dropped
 * meanwhile. *r reads it from the first chunk on; the caller must close it. BX_MALFORMED if the
 * file is damaged, or if index and term differ from the announced ones. On an error *r is NULL, and
 * the file remains until it is dropped or the next transfer begins. */
int bx_snap_receive_finish(struct bx_snap_reader **r, struct bx_fs *fs, uint64_t index,
                           uint64_t term, struct bx_err *err);
/* Remove incomplete files of an interrupted process. Call it at start, before anything else; later
 * it would remove a file that is being written. */
int bx_snap_clean(struct bx_fs *fs, struct bx_err *err);
/* Bytes of the file of this snapshot; 0: there is none. */
uint64_t bx_snap_bytes(struct bx_fs *fs, uint64_t index);
/* Remove every snapshot with an index below `index`. */
int bx_snap_prune(struct bx_fs *fs, uint64_t index, struct bx_err *err);

#endif
