/* data - the data directory: made when it is missing, and locked while a daemon lives in it. */
#ifndef DATA_H
#define DATA_H

#include "err.h"

#include <stddef.h>

/* Make dir (mode 0700) if it is missing, lock it, and put its absolute path in the place of dir,
 * which has `size` bytes. *lock stays open as long as the lock is wanted, and is close-on-exec.
 * BX_OK, BX_CONFLICT (another daemon has it), BX_IO, BX_INVALID (the path is too long). */
int data_open(char *dir, size_t size, int *lock, struct bx_err *err);

#endif
