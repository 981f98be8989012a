/* listener - a listening TCP or unix socket.
 *
 * `incoming` is called for each connection and must call stream_accept; to refuse a connection,
 * accept and close it. The listener's handle belongs to the group of the streams that it accepts.
 */
#ifndef LISTENER_H
#define LISTENER_H

#include "transport/stream.h"

struct stream_listener {
    struct stream_group *group; /* NULL: not listening */
    const struct stream_ops *ops;
    union stream_handle h;
    void (*incoming)(struct stream_listener *l);
    void *ctx;
    uint64_t failures; /* connections that could not be accepted */
    struct rate_bound told;
};

/* Listen on HOST:PORT; flag is the name of the option in messages. *l is zeroed except for incoming
 * and ctx. BX_OK, BX_INVALID (not an address) or BX_IO. */
int stream_listen_tcp(struct stream_listener *l, struct stream_group *g, const char *flag,
                      const char *address, struct bx_err *err);
/* Listen on a path that everybody may open, so that its user decides by credentials (struct
 * stream_peer) and can tell those that it refuses; replaces the stale socket of a killed process.
 * BX_OK, BX_INVALID (too long), BX_UNREACHABLE (another process listens there, or it is not a
 * socket) or BX_IO. */
int stream_listen_unix(struct stream_listener *l, struct stream_group *g, const char *flag,
                       const char *path, struct bx_err *err);
/* Accept the pending connection into a stream opened with l->ops. False: the stream is closed. */
bool stream_accept(struct stream *s, struct stream_listener *l);
/* Stop listening and remove the path. Allowed if it is not listening. */
void stream_listener_close(struct stream_listener *l);

#endif
