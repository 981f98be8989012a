/* spool - envelopes on disk, in DATA/diag, until somebody looks at them, sends or deletes them.
 *
 * A file holds one envelope (diag/envelope.h) behind the header of codec/header.h, whose checksum
 * tells damage. Its name is TIME-ID.TYPE: when it was made, the id of its event or one of its own,
 * and the type of its first item, so that a list needs no file to be opened. The oldest files go
 * when there are too many, when they have too many bytes, or when they are too old.
 *
 * Every function may be called on any thread; they wait for the disk. */
#ifndef SPOOL_H
#define SPOOL_H

#include "diag/envelope.h"
#include "err.h"
#include "mem/buf.h"

#include <uv.h>

#define SPOOL_FILES 256u
#define SPOOL_BYTES (64u << 20)
#define SPOOL_DAYS 30u
#define SPOOL_NAME 128u
#define SPOOL_ENVELOPE (32u << 20) /* bytes of one */

struct spool_entry {
    char name[SPOOL_NAME]; /* of the file */
    char id[33];           /* hexadecimal */
    uint64_t time_ns, bytes;
    enum bx_item_type type;
};

struct spool {
    int dir; /* -1: not open */
    uint32_t max_files;
    uint64_t max_bytes;
    uv_mutex_t lock;
    /* what was deleted to make room, or because of its age; under lock */
    uint64_t dropped[BX__ITEM_TYPES];
};

/* Create DATA/diag if it is missing, and remove what an interrupted write left. 0: the bound above.
 * BX_OK, BX_IO. */
int spool_open(struct spool *s, const char *data, uint32_t max_files, uint64_t max_bytes,
               struct bx_err *err);
/* A zeroed struct with dir -1 is allowed. */
void spool_close(struct spool *s);

/* Files that are streamed into an envelope, each followed by a newline. */
#define SPOOL_ATTACHED 4u
struct spool_files {
    uint32_t n;
    struct {
        int fd;
        uint64_t bytes;
        size_t at; /* bytes of the envelope before it; ascending */
    } v[SPOOL_ATTACHED];
};
/* Store an envelope of n bytes, and the files in it; NULL: none. Room is made first. BX_OK,
 * BX_TOO_LARGE, BX_NO_SPACE, BX_IO. */
int spool_put(struct spool *s, uint64_t time_ns, const uint8_t id[16], enum bx_item_type type,
              const void *p, size_t n, const struct spool_files *files, struct bx_err *err);
/* The oldest first, at most max; their number. */
uint32_t spool_list(struct spool *s, struct spool_entry *out, uint32_t max);
/* The entry of an id, or of a prefix of one that no other has. BX_OK, BX_NOT_FOUND, BX_CONFLICT. */
int spool_find(struct spool *s, struct bx_str id, struct spool_entry *out, struct bx_err *err);
/* Append an envelope. BX_OK; BX_CORRUPT: it is damaged, and what there is was appended;
 * BX_NOT_FOUND, BX_NO_MEMORY, BX_IO. */
int spool_read(struct spool *s, const struct spool_entry *e, struct bx_buf *out,
               struct bx_err *err);
/* Open the file of an envelope, which is what follows BX_HEADER_SIZE bytes, up to byte *end. All of
 * it is read once, a piece at a time, to check it. BX_OK: *fd is the caller's; BX_CORRUPT,
 * BX_NOT_FOUND, BX_TOO_LARGE, BX_NO_MEMORY, BX_IO: it is -1. */
int spool_stream(struct spool *s, const struct spool_entry *e, int *fd, uint64_t *end,
                 struct bx_err *err);
/* BX_OK, BX_NOT_FOUND, BX_IO. */
int spool_delete(struct spool *s, const struct spool_entry *e, struct bx_err *err);
/* Delete what is too old. False: some of it could not be deleted. */
bool spool_expire(struct spool *s, uint64_t now_ns);
/* What was dropped since the last call. */
void spool_take_dropped(struct spool *s, uint64_t out[BX__ITEM_TYPES]);

#endif
