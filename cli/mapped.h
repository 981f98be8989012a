/* mapped - a file in memory, to be read where it lies.
 *
 * The file may change meanwhile, or its disk fail: what can not be read any more reads as zeros,
 * and mapped_lost tells. One file at a time, on the main thread: there is one handler of SIGBUS. */
#ifndef CLI_MAPPED_H
#define CLI_MAPPED_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapped {
    const uint8_t *p;
    size_t n;      /* bytes, as many as the file had when it was opened */
    size_t passed; /* bytes that were given back */
};

/* BX_OK; BX_NOT_FOUND, BX_IO, BX_INVALID (not a regular file), with a hint. */
int mapped_open(struct mapped *m, const char *path, struct bx_err *err);
/* Bytes before this place are not needed for now; so the memory in use stays small. */
void mapped_pass(struct mapped *m, size_t at);
/* Whether something could not be read; if so, from which byte on. */
bool mapped_lost(const struct mapped *m, size_t *from);
/* m may be zeroed. */
void mapped_close(struct mapped *m);

#endif
