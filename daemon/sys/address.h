/* address - HOST:PORT, as written in flags, rows and tokens.
 *
 * HOST is a dotted IPv4 address, an IPv6 address in brackets, or "localhost". Names are not
 * resolved: without certificates, nodes connect only over loopback. */
#ifndef ADDRESS_H
#define ADDRESS_H

#include "err.h"

#include <netinet/in.h>
#include <stdbool.h>

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* BX_OK or BX_INVALID. Port 0 is allowed: the kernel selects one at bind. */
int address_parse(const char *text, union address *out, struct bx_err *err);
bool address_is_loopback(const union address *a);
/* Write HOST:PORT; at most 64 bytes with the NUL. */
void address_format(const union address *a, char *out, size_t size);

#endif
