/* audit - what this node refuses, in the files DATA/audit/refusals-N.bxa (libcore/wire/refusal.h).
 *
 * A refusal is queued by the loop and written by a job in the thread pool, which syncs the file: so
 * nobody waits for the disk. Two files of 8 MiB are kept, and the chain goes on over them. What
 * was queued when the daemon was killed is lost; the next start tells that records may be missing,
 * and removes what a crash has left of an incomplete one.
 *
 * Whoever is refused decides how often that happens, but not what is kept of others: a principal
 * has BURST records, and one more every REFILL_MS; those of whom nothing is known are counted by
 * their address, and all of them together have a bound of their own, too. Refusals beyond that are
 * counted, and a record tells how many there were. The same goes for what finds the queue full,
 * because the disk is. */
#ifndef AUDIT_H
#define AUDIT_H

#include "node/ports.h"
#include "wire/refusal.h"

#include <uv.h>

#define AUDIT_FILE_BYTES (8u << 20)
#define AUDIT_QUEUE 256u /* records that wait for the disk */
#define AUDIT_BURST 60u
#define AUDIT_REFILL_MS 10000u
#define AUDIT_STRANGERS_BURST 240u /* of all of whom nothing is known */
#define AUDIT_STRANGERS_REFILL_MS 2000u

struct audit;

/* Open the files, or begin the first; the loop's thread may do all that follows. data and clock
 * must outlive it. BX_OK, BX_IO or BX_NO_SPACE. */
int audit_open(struct audit **out, uv_loop_t *loop, struct bx_clock *clock, const char *data,
               struct bx_err *err);
/* Write what is queued, and that this is the end; runs the loop until the job has ended. NULL is
 * allowed. */
void audit_close(struct audit *a);

/* Something was refused. number, time, type and previous of the record are filled in, texts are
 * copied, and cut where they are too long. stranger: nothing is known of who it was. a may be
 * NULL. */
void audit_refused(struct audit *a, const struct bx_refusal *r, bool stranger);

/* The newest record that is on disk. Zero: there is none. */
struct audit_head {
    uint64_t number;
    uint8_t hash[BX_SHA256];
};
struct audit_head audit_head(const struct audit *a);

/* ---- reading; on any thread ---- */

/* The bytes of the files in DATA/audit, the oldest first; what is not there is empty. Release
 * both. BX_OK, BX_IO, BX_NO_MEMORY. */
struct audit_files {
    struct bx_buf file[2];
    uint64_t number[2]; /* of the file: refusals-N.bxa */
};
int audit_read(const char *data, struct audit_files *out, struct bx_err *err);
void audit_files_close(struct audit_files *f);

#endif
