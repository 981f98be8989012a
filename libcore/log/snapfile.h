/* snapfile - snapshots of the state as files that prove themselves.
 *
 *   name      snapshot-<index, 16 hex digits>
 *   file      head + meta record (kind SNAPSHOT), then chunks (kind SNAPSHOT, flags 0; first
 *             payload byte tells: 1 meta, 2 chunk, 3 end, 4 packed chunk), then the end: chunks
 *             u64, their bytes before packing u64, crc of the whole file before the end's head u32
 *   packed    a chunk in its short form (codec/lz.h), version 2; everything else has version 1, and
 *             a chunk that packing would not make shorter is written as version 1 had it
 *   meta      index, term, conf index, revision, digest u64 each, history 16 bytes, conf length
 *             u32, conf
 *
 * Written as snapshot.tmp, synced, renamed, directory synced; the one before is removed only after
 * that. A file that does not check out from the first byte to the last is refused. */
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
    uint64_t index, term; /* last entry it contains */
    uint64_t conf_index;  /* where the configuration was committed */
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
/* Durable under its name when this returns BX_OK. The writer is gone either way. */
int bx_snap_finish(struct bx_snap_writer *w, struct bx_err *err);
/* Remove what was written. NULL is allowed. */
void bx_snap_abort(struct bx_snap_writer *w);

struct bx_snap_reader;
/* The newest snapshot, verified whole. BX_OK, BX_NOT_FOUND, BX_CORRUPT (newest one is damaged; the
 * hint names the way out), BX_UNSUPPORTED, BX_IO. */
int bx_snap_open_latest(struct bx_snap_reader **r, struct bx_fs *fs, struct bx_err *err);
/* meta.conf points into the reader. */
const struct bx_snap_meta *bx_snap_meta(const struct bx_snap_reader *r);
/* The next chunk into buf (cleared first); *end when there is none. */
int bx_snap_read(struct bx_snap_reader *r, struct bx_buf *buf, bool *end, struct bx_err *err);
/* The file as bytes, for sending: up to n bytes at offset; *got 0 at the end. */
int bx_snap_read_raw(struct bx_snap_reader *r, uint64_t offset, void *p, size_t n, size_t *got,
                     struct bx_err *err);
/* True when only who knows BX_CODEC_LZ can read the file. */
bool bx_snap_packed(const struct bx_snap_reader *r);
void bx_snap_close(struct bx_snap_reader *r);

/* Receiving: bytes of a peer's file, in order. offset 0 starts anew; a gap is BX_MALFORMED. */
int bx_snap_receive(struct bx_fs *fs, uint64_t offset, const void *p, size_t n, struct bx_err *err);
/* Check what was received, sync it and give it its name. index and term must be as announced, else
 * BX_MALFORMED, like damage; what was received stays until the next one begins. */
int bx_snap_receive_finish(struct bx_fs *fs, uint64_t index, uint64_t term, struct bx_err *err);
/* Remove what a run that was cut off has left half written or half received. At start, before
 * anything else is called: later it would take a file away from under its writer. */
int bx_snap_clean(struct bx_fs *fs, struct bx_err *err);
/* Remove every snapshot with an index below `index`. */
int bx_snap_prune(struct bx_fs *fs, uint64_t index, struct bx_err *err);

#endif
