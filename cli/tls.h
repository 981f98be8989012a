/* tls - TLS 1.3 for blixardctl's connections over TCP, blocking, with deadlines.
 *
 * A server is believed if its certificate is one of a node, signed by a CA of the file that the
 * user has named, and valid today. The name or address that was dialled is not compared with it:
 * every node serves all of the API, and they are reached through other names, too, such as the
 * local end of a tunnel.
 *
 * A client may have a certificate of its own, that of a user. The server looks at it after the
 * handshake, as the client sees it: a refusal is the error of the first client_tls_receive. */
#ifndef CLI_TLS_H
#define CLI_TLS_H

#include "err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client_tls_files { /* PEM */
    const char *ca;       /* certificates of CAs, 1 to PKI_CAS_MAX */
    const char *cert;     /* of the user; NULL: none */
    const char *key;      /* its private key, PKCS#8, in a file of mode 0600; NULL with cert */
};

/* What a client believes and proves; any number of connections use it, of any thread. */
struct client_tls;
struct client_tls_stream;

/* BX_OK, or BX_INVALID with a hint: a file can not be used; BX_FAILED or BX_NO_MEMORY. */
int client_tls_create(struct client_tls **out, const struct client_tls_files *files,
                      struct bx_err *err);
/* NULL is allowed. */
void client_tls_destroy(struct client_tls *t);

/* The handshake on a connected, non-blocking socket, which remains the caller's. BX_OK,
 * BX_UNREACHABLE (no TLS, not in time, or the server is none of the cluster), BX_INTERRUPTED. */
int client_tls_open(struct client_tls *t, int fd, uint64_t deadline, struct client_tls_stream **out,
                    struct bx_err *err);
/* Whether this client has shown a certificate. */
bool client_tls_proves(const struct client_tls_stream *s);
/* Tells the server that this is the end. NULL is allowed. */
void client_tls_close(struct client_tls_stream *s);
/* Send all of it. BX_OK, BX_TIMEOUT, BX_INTERRUPTED or BX_UNREACHABLE. */
int client_tls_send(struct client_tls_stream *s, const void *p, size_t n, uint64_t deadline,
                    struct bx_err *err);
/* Wait for bytes, at most n; *got is 0 at the end. The same codes, and BX_DENIED: the server has
 * refused the certificate. */
int client_tls_receive(struct client_tls_stream *s, void *to, size_t n, uint64_t deadline,
                       size_t *got, struct bx_err *err);

#endif
