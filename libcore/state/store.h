/* store - the state in SQLite: written after the view changes, read when the daemon starts.
 *
 * The log provides durability, so SQLite never waits for the disk (WAL, synchronous=OFF). Every
 * replicated row is stored as its canonical record; the other columns are for users' SELECT. The
 * tables, their columns and the statements are generated from the table of kinds. A write error
 * ends the process before COMMIT; nothing is lost, because the log has all entries.
 *
 *   vms, nodes ... (state/kind.h)  one row per object
 *   events, outcomes               one blob per log entry
 *   meta                           applied, revision, digest, time_ms, session_ms */
#ifndef BX_STORE_H
#define BX_STORE_H

#include "err.h"
#include "mem/buf.h"
#include "state/blob.h"
#include "state/rows.h"

struct bx_store;

struct bx_meta {
    uint64_t applied, revision, digest, time_ms, session_ms;
};

/* BX_OK, BX_CORRUPT (damaged: the caller removes the file), BX_NO_SPACE, BX_IO. */
int bx_store_open(struct bx_store **s, const char *path, struct bx_err *err);
/* Set the function that ends the process with a message. Without one, as while the state is loaded,
 * the function of bx_err_on_fatal is told, the message is printed to stderr, and exit(70). */
void bx_store_on_fatal(struct bx_store *s, void (*fatal)(void *ctx, const struct bx_err *err),
                       void *ctx);
/* Set the function that makes room when a write finds none, as in store_file.h. Without one, and
 * when it can not, the process ends. */
void bx_store_on_no_space(struct bx_store *s, bool (*no_space)(void *ctx), void *ctx);
/* Checkpoint and close; NULL is allowed. */
void bx_store_close(struct bx_store *s);
/* Remove a database with its -wal and -shm. */
void bx_store_remove(const char *path);

/* Map a SQLite error code to BX_CORRUPT, BX_NO_SPACE or BX_IO. */
int bx_store_code(int sqlite_error);

/* Writing. The transaction begins implicitly. All functions end the process on an error. */
void bx_store_put(struct bx_store *s, const struct bx_row *row);
void bx_store_delete(struct bx_store *s, const struct bx_row *row);
void bx_store_put_events(struct bx_store *s, const struct bx_blob *b);
/* Replaces the entry's row. */
void bx_store_put_outcomes(struct bx_store *s, uint64_t entry, uint64_t time_ms, const void *p,
                           size_t n);
void bx_store_delete_outcomes(struct bx_store *s, uint64_t entry);
/* Delete the events of all entries up to this one. */
void bx_store_delete_events(struct bx_store *s, uint64_t entry);
/* Call fn for the events of the oldest entries, until it returns false; b->p is NULL. */
void bx_store_oldest_events(struct bx_store *s, bool (*fn)(void *ctx, const struct bx_blob *b),
                            void *ctx);
void bx_store_commit(struct bx_store *s, const struct bx_meta *meta);
/* Delete all rows, in the open transaction. */
void bx_store_clear(struct bx_store *s);
/* Call this when stored data fails a check: handled like damage that SQLite detects while writing.
 */
_Noreturn void bx_store_damaged(struct bx_store *s);

/* SQLite's log (store_space.c). Bytes of it that may have to be written back. */
uint64_t bx_store_log_bytes(const struct bx_store *s);
/* Write back what readers allow, between two transactions. */
void bx_store_checkpoint(struct bx_store *s);
/* The same on a connection of its own, on any thread; *left: bytes that it had to leave. BX_OK,
 * BX_BUSY (somebody else writes back), BX_CORRUPT, BX_IO. */
int bx_store_checkpoint_apart(const char *path, uint64_t *left);

/* Give some of the free pages of the database back, if there are many, between two transactions.
 * True: it has; call it again after a while. */
bool bx_store_give_back(struct bx_store *s);
/* Make a database of an older build one that can do so, once, after it was opened. It is copied
 * whole; `room`: bytes of the disk that this may take. */
void bx_store_convert(struct bx_store *s, uint64_t room);

/* Reading. Each returns BX_OK, BX_CORRUPT, or the first code other than BX_OK that fn returned. */
int bx_store_meta(struct bx_store *s, struct bx_meta *out, struct bx_err *err);
int bx_store_rows(struct bx_store *s, enum bx_table table,
                  int (*fn)(void *ctx, const uint8_t *p, size_t n), void *ctx, struct bx_err *err);
/* Blobs of `outcomes` (last is the time), or `events` with last > after, by entry. */
int bx_store_outcomes(struct bx_store *s, int (*fn)(void *ctx, const struct bx_blob *b), void *ctx,
                      struct bx_err *err);
int bx_store_events(struct bx_store *s, uint64_t after,
                    int (*fn)(void *ctx, const struct bx_blob *b), void *ctx, struct bx_err *err);

#endif
