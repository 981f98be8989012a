/* crash_file - the file that is written when the process dies.
 *
 * It is opened, and room for it is taken, while the process is well; so it can be written when the
 * disk has become full. It has another name until it is whole. One that is not whole, because its
 * writer was killed, gets its name when the next process opens it. */
#ifndef CRASH_FILE_H
#define CRASH_FILE_H

#include "rec/recfile.h"

/* Bytes that room is taken for, beside those of the rings: sites, and the events of the crash. */
#define CRASH_FILE_ROOM (384u << 10)

/* Open the file in the directory of recdir.h, with room for rings of so many bytes. BX_OK;
 * BX_NO_SPACE: there is no room for all of it; BX_IO: it could not be made, and is tried again when
 * it is needed. */
int crash_file_open(int dir, size_t rings, struct bx_err *err);
/* Instead, a file that is open, and keeps its name; room for it is not taken. */
void crash_file_use(int fd, const char *name);
/* The process ends well: remove it. One with a name of its own is closed only. */
void crash_file_close(void);

/* The rest is safe in a signal handler, and in this order. */

/* False: nothing can be written. */
bool crash_file_begin(const struct bx_recfile_meta *meta);
/* What a thread recorded. When there is no room: the newest events that there is room for. */
void crash_file_put(const struct bx_rec_thread *t);
/* The same for the thread that comes last, and with the oldest events. */
void crash_file_put_last(const struct bx_rec_thread *t);
/* Give it its name, which is returned; NULL: it is empty, or could not get one. */
const char *crash_file_end(void);

#endif
