/* archive - log files that have their end are compressed once more, as well as possible.
 *
 * A file keeps its name: the archive takes its place when it is whole and synced. A damaged one and
 * one without an end stay as they are. One job in the pool at a time, one file in a job; a file of
 * more than RECDIR_READ_MAX bytes is left alone. Everything but archive_ask is called by the loop.
 */
#ifndef ARCHIVE_H
#define ARCHIVE_H

#include <stdbool.h>
#include <uv.h>

/* In the directory of crash.h; begins with what an earlier process left. */
void archive_open(uv_loop_t *loop);
/* Wait for the one that is being written. */
void archive_close(void);
/* A log file got its end. Any thread, at any time. */
void archive_ask(void);
/* Begin what was asked for; to be called now and then. False: nothing is left to do. */
bool archive_step(void);

#endif
