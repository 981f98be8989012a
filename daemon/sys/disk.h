/* disk - the node's disk port: one writer thread, and libuv's pool for long reads.
 *
 * Jobs of the writer run one after the other, in the order of their submission, and come back on
 * the loop. At most DISK_QUEUE_MAX are not done; the node has one under way, so more is a mistake.
 * What run returned goes to done, whose owner decides: nothing is tried again here. A job that is
 * under way for longer than DISK_SLOW_MS is logged as an error, once. */
#ifndef DISK_H
#define DISK_H

#include "node/ports.h"

#include <uv.h>

#define DISK_QUEUE_MAX 16u
#define DISK_SLOW_MS 5000u

struct disk;

/* fs is borrowed. BX_OK or BX_FAILED (no thread). */
int disk_create(struct disk **disk, uv_loop_t *loop, struct bx_fs *fs, struct bx_err *err);
struct bx_disk *disk_port(struct disk *d);
/* Run the loop until no job is under way; new ones must not be submitted. */
void disk_drain(struct disk *d);
/* No job may be under way. Runs the loop for its handles to close. NULL is allowed. */
void disk_destroy(struct disk *d);

#endif
