/* wal - the replicated log on disk: append only, group commit, no silent loss.
 *
 * Records carry a dense ordinal, the LSN: +1 for each record ever written. An entry whose index is
 * at or below the last one supersedes it and all that follow. So a truncation needs no write of its
 * own and is durable exactly when the entry that caused it is. The log is the replay of the
 * records.
 *
 *   segment   wal-<sequence, 16 hex digits>, zero-filled once and then reused: header (kind
 *             WAL_SEGMENT), sequence u64, first lsn u64, crc of the record before u32; padded to 64
 *   record    header (kind WAL_RECORD), lsn u64, durable lsn at the time of writing u64, index u64,
 *             term u64, crc of the record before u32, type u8, 3 zero, data; padded to 8
 *
 * The durable lsn in a record and the high-water mark (file `mark`, raised at most every 100 ms)
 * tell at recovery which records may have been acknowledged. A damaged record is truncated, with
 * all that follow, only when neither says that it was durable; otherwise open refuses, with file
 * and offset in the error and what to do in the hint.
 *
 * Writing takes three steps, so that the caller owns the threads: begin collects what is queued,
 * run does the I/O on any thread, finish tells what became durable. At most one job is under way;
 * what is appended meanwhile is written by the next, with one sync for all of it. */
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
#define BX_WAL_QUEUE_MAX (64u << 20) /* bytes of records not yet written */

struct bx_wal;

struct bx_wal_options {
    struct bx_fs *fs;
    size_t segment_size; /* 0: 8 MiB; at least an entry of the size in use */
    size_t
        cache_bytes; /* entries kept in memory; 0: 32 MiB. Those not yet durable are always kept */
};

struct bx_wal_entry {
    uint64_t term;
    uint8_t type; /* the caller's: 1 command, 2 barrier, 3 configuration; not 0 and not 255 */
    uint32_t len;
    const void *data;
};

/* Open or create, and recover. On BX_CORRUPT the hint tells what to do. */
int bx_wal_open(struct bx_wal **wal, const struct bx_wal_options *o, struct bx_err *err);
/* No job may be under way. NULL is allowed. */
void bx_wal_close(struct bx_wal *w);

/* First index the log holds; first == last + 1 when it is empty. A new log has first 1, last 0.
 * A segment that was removed from the front by hand looks like a compacted one: the caller checks
 * that its snapshot reaches first - 1. */
uint64_t bx_wal_first(const struct bx_wal *w);
uint64_t bx_wal_last(const struct bx_wal *w);
/* Highest index whose current entry, and all before it, are durable here or in the snapshot that
 * reset or compact was told of. */
uint64_t bx_wal_durable(const struct bx_wal *w);
/* Term of an entry the log holds, 0 for any other index. */
uint64_t bx_wal_term(const struct bx_wal *w, uint64_t index);

/* Append n entries from index on; index is in [first, last + 1], and entries there are superseded.
 * The data is copied. BX_OK, BX_NO_MEMORY, BX_TOO_LARGE or BX_BUSY (the queue is full: wait for
 * finish); then nothing was appended. */
int bx_wal_append(struct bx_wal *w, uint64_t index, const struct bx_wal_entry *entries, unsigned n);
/* Drop the whole log: it continues at index + 1, after a snapshot whose last entry is (index, term)
 * and which is durable already. Until that is durable too, a crash brings the old log back: compare
 * it with the snapshot at start, and reset again. BX_OK or BX_NO_MEMORY (nothing was done). */
int bx_wal_reset(struct bx_wal *w, uint64_t index, uint64_t term);
/* Entries below `index` (at most last + 1) are no longer needed, a durable snapshot holds them.
 * They are dropped from memory at once, and segments that hold nothing else are reused by later
 * jobs; a segment that holds more brings some of them back when the log is opened again. BX_OK. */
int bx_wal_compact(struct bx_wal *w, uint64_t index);
/* Let the next job raise the high-water mark, if it is behind. */
void bx_wal_raise_high_water(struct bx_wal *w);
/* True when the mark on disk is behind what is durable. */
bool bx_wal_high_water_behind(const struct bx_wal *w);

/* One entry; out->data is valid until the next call that takes w. Entries that are no longer in
 * memory are read from disk into scratch and checked. BX_OK, BX_NOT_FOUND, BX_IO, BX_CORRUPT. */
int bx_wal_get(struct bx_wal *w, uint64_t index, struct bx_wal_entry *out, struct bx_buf *scratch,
               struct bx_err *err);
/* Bytes of the records of entries above index. */
uint64_t bx_wal_bytes_after(const struct bx_wal *w, uint64_t index);

/* True when there was something to write and no job under way: now call run, then finish. One job
 * need not be enough: after finish, call begin again. */
bool bx_wal_begin(struct bx_wal *w);
/* Touches only the job and the file system: may run on another thread. err is the job's own. */
int bx_wal_run(struct bx_wal *w, struct bx_err *err);
/* rc is what run returned. After a failure the process must end: a failed write or sync is never
 * retried. Otherwise bx_wal_durable has moved. */
int bx_wal_finish(struct bx_wal *w, int rc);

struct bx_wal_stats {
    uint64_t segments, bytes, writes, syncs, records;
    uint64_t cached_bytes, cache_max_bytes;
    uint64_t cache_hits, disk_reads; /* entries that bx_wal_get found in memory, or on disk */
};
extern const struct bx_metric_set bx_wal_metrics;
void bx_wal_stats(const struct bx_wal *w, struct bx_wal_stats *out);
/* The memory that the queue and the cache are made of. */
void bx_wal_chunks(const struct bx_wal *w, struct bx_fifo_stats *out);

#endif
