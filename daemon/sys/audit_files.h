/* audit_files - the files of the audit on disk: found, mended and begun anew. Only for audit.c. */
#ifndef AUDIT_FILES_H
#define AUDIT_FILES_H

#include "sys/audit.h"

struct audit_disk {
    int dir, fd;   /* -1: not open */
    uint64_t file; /* its number; 0: there is none yet */
    uint64_t size;
    struct audit_head head; /* the newest record */
    char found[160];        /* why records may be missing; empty: the daemon ended in order */
};

/* Open DATA/audit and its newest file, and remove what a crash has left of an incomplete record.
 * BX_OK, BX_IO or BX_NO_SPACE. */
int audit_disk_open(struct audit_disk *d, const char *data, struct bx_err *err);
void audit_disk_close(struct audit_disk *d);

/* Append n bytes and sync them; `begins`: to a new file, the next one. On failure the file is as it
 * was. On any thread. BX_OK, BX_IO or BX_NO_SPACE. */
int audit_disk_write(struct audit_disk *d, bool begins, const void *p, size_t n);

#endif
