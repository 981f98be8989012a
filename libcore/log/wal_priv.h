/* wal_priv - internal declarations of the log; only for wal.c (the log in memory), wal_write.c
 * (writing) and wal_recover.c (recovery). */
#ifndef BX_WAL_PRIV_H
#define BX_WAL_PRIV_H

#include "log/record.h"
#include "log/dualcopy.h"
#include "log/wal.h"
#include "mem/alloc.h"
#include "mem/fifo.h"
#include "mem/vec.h"

#define BX_WAL_SEGMENT_MIN 4096
#define BX_WAL_JOB_MAX (BX_WAL_ENTRY_MAX + 4096) /* bytes of records in one job */
#define BX_WAL_SPARES 2                          /* retired segments kept for reuse */
#define BX_WAL_NAME 32
#define BX_WAL_TMP "wal.tmp"

/* A record in memory: in the queue, or cached for its entry, or both. */
struct bx_wal_rec {
    struct bx_wal_rec *next; /* in the queue */
    unsigned refs;
    uint64_t lsn, index, term;
    uint32_t len;
    uint8_t type;
    uint8_t data[];
};

/* An entry of the log. */
struct bx_wal_slot {
    uint64_t term, lsn;
    uint64_t end; /* bytes of the records of all entries up to this one, from an arbitrary zero */
    uint64_t segment;
    uint32_t offset, len;
    uint8_t type;
    struct bx_wal_rec *rec; /* NULL: on disk only */
};

struct bx_wal_segment {
    uint64_t seq, first_lsn;
    uint64_t max_index; /* highest index of any record in it, superseded or not */
};

BX_VEC(bx_wal_segments, struct bx_wal_segment, 8);

/* The part of a job that is written into one segment. */
struct bx_wal_part {
    uint64_t seq, first_lsn, offset;
    size_t from, len; /* in the job's buffer */
    bool create;
};

struct bx_wal_job {
    bool active;
    uint8_t *buf;
    size_t max; /* bytes of buf: BX_WAL_JOB_MAX, or less when two segments hold less */
    struct bx_wal_part parts[2];
    unsigned n_parts, records;
    unsigned done; /* parts that run has written */
    uint64_t last_lsn;
    uint32_t prev;                   /* checksum of the record before; run updates it */
    uint64_t retire_from, retire_to; /* sequences, to is not included */
    bool mark;
    unsigned writes, syncs; /* counted by run */
};

/* State that only recovery and run use. */
struct bx_wal_writer {
    int fd; /* of the last segment, -1: none */
    uint64_t spares[BX_WAL_SPARES];
    unsigned n_spares;
    struct bx_dualcopy mark;
};

struct bx_wal {
    struct bx_fs *fs;
    size_t segment_size, queue_max, cache_bytes;

    struct bx_wal_slot *slots; /* entry i is at slots[head + i - first] */
    size_t head, cap;
    uint64_t first, last, durable;
    uint64_t compact; /* entries below are not needed */

    struct bx_fifo recs; /* memory of queue and cache */
    uint64_t aged;       /* the last index at the last bx_wal_age */
    struct bx_wal_rec *queue, **queue_end;
    uint64_t queue_bytes;
    uint64_t cached_from; /* entries from here on are in memory */
    uint64_t cached_bytes;

    uint64_t next_lsn, durable_lsn, mark_lsn;
    uint64_t reset_lsn; /* of the last reset, 0: none */
    uint32_t prev;      /* checksum of the last record written */
    struct bx_wal_segments segments;
    uint64_t tail_offset, tail_size; /* of the last segment: where to write, where it ends */

    int read_fd; /* for entries that are not in memory; -1: none */
    uint64_t read_seq;

    bool raise_high_water, failed;
    uint64_t cut; /* intact records that recovery has cut */
    struct bx_wal_job job;
    struct bx_wal_writer writer;
    struct bx_wal_stats stats;
};

void bx_wal_name(char out[BX_WAL_NAME], uint64_t seq);
void bx_wal_spare_name(char out[BX_WAL_NAME], uint64_t seq);

struct bx_wal_slot *bx_wal_slot(const struct bx_wal *w, uint64_t index);
/* Room for n more entries. BX_OK or BX_NO_MEMORY. */
int bx_wal_reserve(struct bx_wal *w, size_t n);
/* Drop the entries from index on. */
void bx_wal_truncate(struct bx_wal *w, uint64_t index);
/* Drop all entries: the log continues at index + 1. */
void bx_wal_clear(struct bx_wal *w, uint64_t index);
/* Add an entry after the last one; there must be room. Takes its own reference to s->rec. */
void bx_wal_push(struct bx_wal *w, const struct bx_wal_slot *s);
void bx_wal_evict(struct bx_wal *w);
void bx_wal_rec_release(struct bx_wal_rec *r);

int bx_wal_recover(struct bx_wal *w, struct bx_err *err);

#endif
