/* connect - a connection to one address of the API: "unix:PATH" or "HOST:PORT".
 *
 * TCP uses TLS. Without the certificate of a CA, which TLS needs, only loopback addresses are
 * connected to, for daemons that have been started with --insecure-loopback. */
#ifndef CLI_CONNECT_H
#define CLI_CONNECT_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_tls;
struct client_tls_stream;

struct connection {
    int fd;                        /* -1: none */
    struct client_tls_stream *tls; /* NULL: without */
    bool plain;                    /* TCP without TLS, and nothing has come yet */
};

/* BX_OK, or BX_INVALID with a hint when the text is not an address. */
int connect_check(const char *address, struct bx_err *err);
/* Whether a checked address is that of a unix socket. */
bool connect_is_local(const char *address);
/* Connect to a checked address before the deadline (of client_now); tls may be NULL, and is used
 * for TCP only. BX_OK, BX_UNREACHABLE, BX_INTERRUPTED, or BX_INVALID: what is sent could be read on
 * its way, as the host has no loopback address and there is no tls. */
int connect_open(struct connection *c, const char *address, struct client_tls *tls,
                 uint64_t deadline, struct bx_err *err);
/* Whether a certificate was shown on it. */
bool connect_proves(const struct connection *c);
/* Also if there is none. */
void connect_close(struct connection *c);
/* Send all of it. BX_OK, BX_TIMEOUT, BX_INTERRUPTED or BX_UNREACHABLE, with the reason but not the
 * address. */
int connect_send(struct connection *c, const void *p, size_t n, uint64_t deadline,
                 struct bx_err *err);
/* Wait for at least one byte, and at most n. The same codes; BX_DENIED: the server has refused the
 * certificate; BX_INVALID: it wants TLS. */
int connect_receive(struct connection *c, void *to, size_t n, uint64_t deadline, size_t *got,
                    struct bx_err *err);
/* Wait until fd is ready for POLLIN or POLLOUT. BX_OK, BX_TIMEOUT, BX_INTERRUPTED or BX_IO. */
int connect_wait(int fd, short what, uint64_t deadline);

#endif
