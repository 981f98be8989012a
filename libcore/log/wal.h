/* wal - the replicated log on disk: append only, with group commit and detection of lost data.
 *
 * Records are numbered without gaps by the LSN: +1 for each record ever written. An entry whose
 * index is at or below the last one supersedes the entry there and all that follow. So a truncation
 * needs no separate write, and is durable exactly when the entry that caused it is. The log is the
 * replay of the records.
 *
 *   segment   wal-<sequence, 16 hex digits>, zero-filled once and then reused: header (kind
 *             WAL_SEGMENT), sequence u64, first lsn u64, crc of the record before u32; padded to 64
 *   record    header (kind WAL_RECORD), lsn u64, durable lsn at the time of writing u64, index u64,
 *             term u64, crc of the record before u32, type u8, 3 zero, data; padded to 8
 *
 * At recovery, the durable lsn in the records and the high-water mark (file `mark`, raised at most
 * every 100 ms) show which records may have been acknowledged. A damaged record is truncated, with
 * all that follow, only if both show that it was not durable. Otherwise open fails, with file and
 * offset in the error and the remedy in the hint.
 *
 * Writing has three steps, so that the caller owns the threads: begin collects the queued records,
 * run does the I/O on any thread, finish returns what became durable. At most one job is active;
 * records appended meanwhile are written by the next job, with one sync for all of them. */
#ifndef BX_WAL_H
#define BX_WAL_H

#include "err.h"
#include "log/fs.h"
#include "diag/metric.h"
#include "mem/buf.h"
#include "mem/fifo.h"

#include <stdbool.h>
#include <stdint.h>

#define BX_WAL_ENTRY_MAX (4u << 20)  /* bytes of data in one entry */
#define BX_WAL_QUEUE_MAX (64u << 20) /* bytes of records that are in no job yet */

struct bx_wal;

struct bx_wal_options {
    struct bx_fs *fs;
    size_t segment_size; /* 0: 8 MiB; at least the size of one entry */
    size_t queue_bytes;  /* 0: BX_WAL_QUEUE_MAX */
    size_t cache_bytes;  /* entries kept in memory; 0: 16 MiB. Entries that are not yet durable are
                            always kept */
};

struct bx_wal_entry {
    uint64_t term;
    uint8_t
        type; /* defined by the caller: 1 command, 2 barrier, 3 configuration; not 0 and not 255 */
    uint32_t len;
    const void *data;
};

/* Open or create, and recover. On BX_CORRUPT the hint says what to do. */
int bx_wal_open(struct bx_wal **wal, const struct bx_wal_options *o, struct bx_err *err);
/* No job may be active. NULL is allowed. */
void bx_wal_close(struct bx_wal *w);

/* The first index of the log; first == last + 1 if it is empty. A new log has first 1, last 0. A
 * segment that was removed manually from the front is indistinguishable from a compacted one, so
 * the caller must check that its snapshot reaches first - 1. */
uint64_t bx_wal_first(const struct bx_wal *w);
uint64_t bx_wal_last(const struct bx_wal *w);
/* The highest index whose current entry, and all before it, are durable in the log, or in the
 * snapshot passed to reset or compact. */
uint64_t bx_wal_durable(const struct bx_wal *w);
/* What recovery has mended: a copy of the mark was damaged; how many intact records it has cut,
 * which were behind a torn one and not acknowledged. */
bool bx_wal_mark_repaired(const struct bx_wal *w);
uint64_t bx_wal_cut(const struct bx_wal *w);
/* Term of an entry in the log; 0 for any other index. */
uint64_t bx_wal_term(const struct bx_wal *w, uint64_t index);

/* For how many of these, from the first on, the queue has room. An empty one takes any entry; a
 * full one is emptied by jobs. */
unsigned bx_wal_room(const struct bx_wal *w, const struct bx_wal_entry *entries, unsigned n);
/* Bytes of records that are in no job yet. */
uint64_t bx_wal_queued(const struct bx_wal *w);
/* Append n entries starting at index, which is in [first, last + 1]; existing entries from there on
 * are superseded. The data is copied. A full queue does not stop it: who appends more than now and
 * then asks bx_wal_room. BX_OK, BX_NO_MEMORY or BX_TOO_LARGE; on error nothing is appended. */
int bx_wal_append(struct bx_wal *w, uint64_t index, const struct bx_wal_entry *entries, unsigned n);
/* Drop the whole log and continue at index + 1, after a durable snapshot whose last entry is
 * (index, term). A crash before the reset is durable restores the old log: compare it with the
 * snapshot at start, and reset again. BX_OK or BX_NO_MEMORY (nothing was done). */
int bx_wal_reset(struct bx_wal *w, uint64_t index, uint64_t term);
/* Entries below `index` (at most last + 1) are no longer needed, because a durable snapshot
 * contains them. They are dropped from memory at once, and segments without other entries are
 * reused by later jobs. Entries in a segment that is still in use reappear when the log is opened
 * again. BX_OK. */
int bx_wal_compact(struct bx_wal *w, uint64_t index);
/* Request that the next job raises the high-water mark, if it is behind. */
void bx_wal_raise_high_water(struct bx_wal *w);
/* True if the mark on disk is below the durable LSN. */
bool bx_wal_high_water_behind(const struct bx_wal *w);

/* Drop from memory the entries that were appended before the last call of this, as far as they are
 * durable, and what the cache kept for reuse and did not need since. Called now and then, so that a
 * log that rests needs no memory. */
void bx_wal_age(struct bx_wal *w);

/* Read one entry; out->data is valid until the next call that takes w. An entry that is no longer
 * in memory is read from disk into scratch and checked. BX_OK, BX_NOT_FOUND, BX_IO, BX_CORRUPT. */
int bx_wal_get(struct bx_wal *w, uint64_t index, struct bx_wal_entry *out, struct bx_buf *scratch,
               struct bx_err *err);
/* Bytes of the records of entries above index. */
uint64_t bx_wal_bytes_after(const struct bx_wal *w, uint64_t index);

/* Collect a job. True if there is something to write and no job is active: then call run and
 * finish. One job may not be enough: call begin again after finish. */
bool bx_wal_begin(struct bx_wal *w);
/* Do the I/O of the job. Uses only the job and the file system, so it may run on another thread,
 * with its own err. BX_NO_SPACE: a write found no room; nothing is lost, and run may be called
 * again, which continues where it stopped. BX_IO and others are final. */
int bx_wal_run(struct bx_wal *w, struct bx_err *err);
/* Complete the job; rc is the result of run. On failure nothing more can be written, and the
 * process must end: a failed sync is never retried. Otherwise bx_wal_durable has advanced. */
int bx_wal_finish(struct bx_wal *w, int rc);

struct bx_wal_stats {
    uint64_t segments, bytes, writes, syncs, records;
    uint64_t cached_bytes, cache_max_bytes;
    uint64_t cache_hits,
        disk_reads; /* entries that bx_wal_get found in memory, and read from disk */
};
extern const struct bx_metric_set bx_wal_metrics;
void bx_wal_stats(const struct bx_wal *w, struct bx_wal_stats *out);
/* Statistics of the memory of queue and cache. */
void bx_wal_chunks(const struct bx_wal *w, struct bx_fifo_stats *out);

#endif
