/* outgoing - an envelope of the spool as it is sent: with the time, and without attachments that
 * are limited.
 *
 * Only its first line is in memory, and where the file has the rest: an envelope may have tens of
 * megabytes, and who sends it needs no more than a piece at a time. */
#ifndef OUTGOING_H
#define OUTGOING_H

#include "diagnose/spool.h"

#include <sys/types.h>

#define OUTGOING_RANGES 16u

struct outgoing {
    int fd;
    struct bx_buf head;
    struct {
        uint64_t from, to; /* bytes of the file */
    } v[OUTGOING_RANGES];
    uint32_t n;
    uint64_t bytes; /* of all that is sent */
    uint32_t cut;   /* attachments that are left out */
};

/* Check the file, and find out what of it is sent; attachments: whether those are. BX_OK, or an
 * error of spool_stream; BX_CORRUPT: also one that is no envelope. Close it in any case. Waits for
 * the disk. */
int outgoing_open(struct outgoing *o, struct spool *s, const struct spool_entry *e,
                  bool attachments, struct bx_err *err);
/* The same for bytes `from` to `end` of an open file, which is o->fd from now on; sent_ns: now. */
int outgoing_take(struct outgoing *o, int fd, uint64_t from, uint64_t end, uint64_t sent_ns,
                  bool attachments);
void outgoing_close(struct outgoing *o);
/* Read what comes after `at` bytes of it, up to n. How many there are; 0: no more; -1: they could
 * not be read. */
ssize_t outgoing_read(const struct outgoing *o, uint64_t at, void *p, size_t n);

#endif
