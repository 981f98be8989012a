/* replica - a state machine with its database in a directory of its own, fed batches as the log
 * feeds it; and SQLite alone, which is what its writing is measured against. */
#ifndef BENCH_REPLICA_H
#define BENCH_REPLICA_H

#include "bench.h"
#include "state/fsm.h"

struct replica {
    struct bx_fsm *fsm;
    struct bx_intern *intern;
    char dir[BENCH_DIR_MAX], path[BENCH_DIR_MAX + 16];
    uint64_t index;         /* of the last entry */
    uint64_t done, refused; /* outcomes so far */
};

void replica_open(struct replica *r, unsigned nodes);
void replica_close(struct replica *r);
/* Close the database and open it again. */
void replica_reopen(struct replica *r);
void replica_apply(struct replica *r, const struct bx_buf *entry);
void replica_commit(struct replica *r);
/* A number of stopped VMs, in batches, named vm-FIRST and up. */
void replica_fill(struct replica *r, unsigned first, unsigned n);
uint64_t replica_digest(const struct replica *r);

/* Commands `from` to `from + n` of a kind, about the VMs of those numbers, as one sealed entry in
 * *out, which is cleared first. Each is a request of one session, numbered by *sequence. */
void entry_of_creates(struct bx_buf *out, uint64_t *sequence, unsigned from, unsigned n);
void entry_of_deletes(struct bx_buf *out, uint64_t *sequence, unsigned from, unsigned n);

struct plain_store;
struct plain_store *plain_store_open(unsigned rows);
void plain_store_close(struct plain_store *s);
/* One transaction: what a batch of n creates writes, or of n deletes of the youngest. */
void plain_store_create(struct plain_store *s, unsigned from, unsigned n);
void plain_store_delete(struct plain_store *s, unsigned n);
uint64_t plain_store_rows(struct plain_store *s);
/* Copy a database file page by page, through SQLite. */
void plain_copy(const char *from, const char *to);
/* Read every VM's record of a database file; returns their bytes. */
uint64_t plain_scan(const char *path);

#endif
