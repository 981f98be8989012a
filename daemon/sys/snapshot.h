/* snapshot - what the recorder's rings hold, written to a file while the daemon goes on.
 *
 * Files are DATA/recorder/KIND-TIME-PID.bxr (rec/recfile.h), compressed; the newest SNAPSHOT_FILES
 * of each kind are kept. A file has another name until it is whole and synced. The rings are copied
 * and not drained, and nobody who records waits. Of each kind one is written at a time. */
#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include "sys/recdir.h"

#include <stdbool.h>
#include <uv.h>

#define SNAPSHOT_FILES 16u
#define SNAPSHOT_PAUSE_MS 60000u /* between those of one trouble */

enum snapshot_reason {
    SNAPSHOT_ASKED,
    SNAPSHOT_PERIODIC,
    SNAPSHOT_QUORUM, /* this and the following are trouble */
    SNAPSHOT_APPLY,
    SNAPSHOT_DISK,
    SNAPSHOT_STALL,
    SNAPSHOT__REASONS
};

struct snapshot_file {
    char name[RECDIR_NAME];
    uint64_t bytes, events;
};

/* Called once; err NULL: *f tells which file. */
typedef void (*snapshot_done)(void *ctx, const struct snapshot_file *f, const struct bx_err *err);

/* Write to the directory of crash.h; jobs of this loop. */
void snapshot_open(uv_loop_t *loop);
/* Wait for those that are being written. */
void snapshot_close(void);
/* Begin one, in the pool; done is called by the loop, never inside of the call. As an archive it is
 * compressed better. BX_OK; BX_BUSY: one of this kind is being written; BX_IO: there is no
 * directory; BX_NO_MEMORY; BX_SHUTDOWN. */
int snapshot_begin(enum snapshot_reason why, bool archive, snapshot_done done, void *ctx,
                   struct bx_err *err);
/* There is trouble: begin one and log where it is, unless the same had one in the last
 * SNAPSHOT_PAUSE_MS. No effect before snapshot_open and after snapshot_close. */
void snapshot_on(enum snapshot_reason why);
/* Write one on the calling thread. The same codes, and those of the disk. */
int snapshot_write(enum snapshot_reason why, struct snapshot_file *out, struct bx_err *err);
/* Whether `name` is that of a file of the recorder, and not a path. */
bool snapshot_is_name(const char *name);

#endif
