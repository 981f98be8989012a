/* data - the data directory: created if missing, and locked while a daemon uses it. */
#ifndef DATA_H
#define DATA_H

#include "err.h"

#include <stddef.h>

/* Create dir (mode 0711) if it is missing, take what others could read from the modes of an
 * existing one and of the state in it, lock it, and replace dir by its absolute path; dir has
 * `size` bytes. Keep *lock, which is close-on-exec, open to hold the lock. BX_OK, BX_CONFLICT
 * (another daemon has the lock), BX_IO, BX_INVALID (the path is too long). */
int data_open(char *dir, size_t size, int *lock, struct bx_err *err);

#endif
