/* recdir - the directory of the recorder's files, DATA/recorder: their names and how many stay.
 *
 * A file is called KIND-TIME-PID.bxr, so the files of a kind sort by time. */
#ifndef RECDIR_H
#define RECDIR_H

#include "err.h"

#include <stdint.h>

#define RECDIR_NAME 64u /* bytes of a name with its NUL */
#define RECDIR_KIND 16u /* bytes of a kind */

/* Create the directory if it is missing; its descriptor in *out. BX_OK or BX_IO. */
int recdir_open(const char *data, int *out, struct bx_err *err);
/* The name of a file that is made now. Safe in a signal handler. */
void recdir_name(char out[RECDIR_NAME], const char *kind, uint64_t time_ns, uint32_t pid);
/* Remove the oldest files of a kind until `keep` are left. */
void recdir_prune(int dir, const char *kind, unsigned keep);

#endif
