/* api - the server that operators and their tools talk to: MessagePack-RPC on a unix socket and on
 * TCP (libcore/wire/proto.h).
 *
 * Who comes over the unix socket is known by its credentials; on TCP, where only loopback addresses
 * are accepted until there are certificates, everybody is an administrator of this host.
 *
 * Bounds, each with an answer: a message of 1 MiB and 16 levels, 64 KiB before a connection has
 * made a sound request, 1,024 connections, 256 requests under way on one of them (more are not
 * read), 16 MiB of answers that a client does not take (it is closed, as is one that takes none for
 * a minute), ten seconds for half a message, 16,384 requests and 64 MiB of them on all
 * connections. */
#ifndef API_H
#define API_H

#include "err.h"
#include "wire/event.h"
#include "wire/frame.h"

#include <stdbool.h>

struct api;
struct bx_vm;
struct daemon;

/* Listen on d->options.socket and, unless it is empty, on d->options.api. */
int api_create(struct api **api, struct daemon *d, struct bx_err *err);
/* Close everything and run the loop until it is closed. Called after the node was closed, which
 * answers what waits for it, and d->node is NULL. NULL is allowed. */
void api_destroy(struct api *a);

/* From the node. */
void api_on_event(struct api *a, const struct bx_event *e);
void api_on_vm(struct api *a, const struct bx_vm *vm, bool gone);
void api_on_frame(struct api *a, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);

#endif
