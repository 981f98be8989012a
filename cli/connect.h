/* connect - a connection to one address of the API: "unix:PATH" or "HOST:PORT". */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "err.h"

#include <stdbool.h>
#include <stdint.h>

/* BX_OK, or BX_INVALID with a hint when the text is not an address. */
int connect_check(const char *address, struct bx_err *err);
/* Connect to a checked address before the deadline (of client_now), over which a token is sent or
 * not; *fd is non-blocking and the caller closes it. BX_OK, BX_UNREACHABLE, or BX_INVALID:
 * certificates are configured and would not be used, or the token could be read on its way, as the
 * address is neither a unix socket nor loopback. */
int connect_open(const char *address, bool token, uint64_t deadline, int *fd, struct bx_err *err);
/* Wait until fd is ready for POLLIN or POLLOUT. BX_OK, BX_TIMEOUT, BX_INTERRUPTED or BX_IO. */
int connect_wait(int fd, short what, uint64_t deadline);

#endif
