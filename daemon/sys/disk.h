/* disk - the node's disk port: a writer thread, and libuv's thread pool for long reads.
 *
 * The writer runs jobs one at a time in the order of submission, and completes them on the loop. At
 * most DISK_QUEUE_MAX jobs may be pending; the node submits one at a time, so exceeding the bound
 * is a programming error. The result of run is passed to done, whose owner decides; nothing is
 * retried here. A job that takes longer than DISK_SLOW_MS is logged once as an error. */
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
/* Run the loop until no job is pending; no new job may be submitted. */
void disk_drain(struct disk *d);
/* No job may be pending. Runs the loop until its handles are closed. NULL is allowed. */
void disk_destroy(struct disk *d);

#endif
