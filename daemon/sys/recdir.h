/* recdir - the directory of the recorder's files, DATA/recorder: their names and how many stay.
 *
 * A file is called KIND-TIME-PID.bxr, so the files of a kind sort by time. */
#ifndef RECDIR_H
#define RECDIR_H

#include "err.h"

#include <stddef.h>
#include <stdint.h>

#define RECDIR_NAME 64u /* bytes of a name with its NUL */
#define RECDIR_KIND 16u /* bytes of a kind */
#define RECDIR_FILES 1024u
#define RECDIR_READ_MAX (64u << 20) /* bytes of a file that is read at once */

/* Create the directory if it is missing; its descriptor in *out. BX_OK or BX_IO. */
int recdir_open(const char *data, int *out, struct bx_err *err);
/* The name of a file that is made now. Safe in a signal handler. */
void recdir_name(char out[RECDIR_NAME], const char *kind, uint64_t time_ns, uint32_t pid);
struct recdir_list {
    struct {
        char name[RECDIR_NAME];
        uint64_t bytes;
    } v[RECDIR_FILES];
    uint32_t n;
};
/* The files of a kind, the oldest first; those beyond the room of the list are left out. */
void recdir_list(int dir, const char *kind, struct recdir_list *out);
/* The bytes of a file, 8-aligned, in memory that bx_free frees. BX_OK, BX_NOT_FOUND, BX_TOO_LARGE,
 * BX_NO_MEMORY, BX_IO. */
int recdir_read(int dir, const char *name, uint8_t **out, size_t *n);
/* The same of a file that is open and was not read yet. It may change meanwhile. */
int recdir_read_open(int fd, uint8_t **out, size_t *n);
/* Write all of it. BX_OK, BX_NO_SPACE, BX_IO. Safe in a signal handler. */
int recdir_write(int fd, const void *p, size_t n);
/* Remove the oldest files of a kind until `keep` are left. */
void recdir_prune(int dir, const char *kind, unsigned keep);

#endif
