/* listener - a TCP or unix socket on which others connect.
 *
 * For each connection `incoming` is called, which must stream_accept it: what is refused is
 * accepted and then closed. The listener's handle belongs to the group of the streams that it
 * accepts. */
#ifndef LISTENER_H
#define LISTENER_H

#include "transport/stream.h"

struct stream_listener {
    struct stream_group *group; /* NULL: it does not listen */
    const struct stream_ops *ops;
    union stream_handle h;
    void (*incoming)(struct stream_listener *l);
    void *ctx;
};

/* Listen on HOST:PORT; flag is what the operator calls it. *l is zeroed but for incoming and ctx.
 * BX_OK, BX_INVALID (no address) or BX_IO. */
int stream_listen_tcp(struct stream_listener *l, struct stream_group *g, const char *flag,
                      const char *address, struct bx_err *err);
/* Listen on a path that only this user may open, in place of a socket that a killed process left.
 * BX_OK, BX_INVALID (too long), BX_UNREACHABLE (somebody listens there, or it is no socket) or
 * BX_IO. */
int stream_listen_unix(struct stream_listener *l, struct stream_group *g, const char *flag,
                       const char *path, struct bx_err *err);
/* Accept the connection that waits, into a stream that was opened with l->ops. False: the stream is
 * closed. */
bool stream_accept(struct stream *s, struct stream_listener *l);
/* Stop, and remove the path. One that does not listen is allowed. */
void stream_listener_close(struct stream_listener *l);

#endif
