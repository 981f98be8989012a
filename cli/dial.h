/* dial - a connection to one address of the API: "unix:PATH" or "HOST:PORT". */
#ifndef CLI_DIAL_H
#define CLI_DIAL_H

#include "err.h"

#include <stdint.h>

/* BX_OK, or BX_UNREACHABLE with a hint: it is no address. */
int dial_check(const char *address, struct bx_err *err);
/* Connect to a checked address until the deadline (client_now); *fd does not block. BX_OK,
 * BX_UNREACHABLE, or BX_INVALID: certificates are set up, and would not be used. */
int dial(const char *address, uint64_t deadline, int *fd, struct bx_err *err);
/* Wait until fd is ready for POLLIN or POLLOUT. BX_OK, BX_TIMEOUT, BX_INTERRUPTED or BX_IO. */
int dial_wait(int fd, short what, uint64_t deadline);

#endif
