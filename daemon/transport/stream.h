/* stream - a connection that carries bytes in order, as link and API use it.
 *
 * A stream is embedded in its user's struct. What all streams of one user share is a group: loop,
 * clock, limits and callbacks. How bytes travel is a const table of functions: TCP and unix sockets
 * are here, and an encrypted transport is one more table.
 *
 *   stream_open --stream_dial or stream_accept--> handshake --> ready --> closed --> gone
 *
 * Reading. What arrives is appended to `in`, and the user's `input` consumes from its front what is
 * complete. A user that has enough to do pauses the stream; after stream_resume `input` is called
 * again with what is left.
 *
 * Writing. A buffer that is sent is queued, and one write is under way at a time. It takes the
 * buffers in order, but those above limits.bulk_bytes wait for all smaller ones and leave one by
 * one. The queue is bounded; stream_send fails when it is full, and stream_expire closes a stream
 * whose peer takes nothing for too long.
 *
 * The end. stream_close ends a stream at once, from any callback; so does the end of the peer's
 * bytes, and an error. stream_finish ends it when what is queued has been written. `closed` is
 * called once for each stream that was opened, inside stream_close, and `gone` later from the loop:
 * then the memory is the user's again.
 *
 * Everything is called on the loop's thread. */
#ifndef STREAM_H
#define STREAM_H

#include "mem/buf.h"
#include "mem/pool.h"
#include "node/ports.h"
#include "sys/address.h"

#include <sys/queue.h>
#include <sys/types.h>
#include <uv.h>

#define STREAM_READ_BYTES (64u << 10)   /* room for one read */
#define STREAM_WRITE_BUFFERS 64u        /* of one write */
#define STREAM_WRITE_BYTES (256u << 10) /* of one write, unless its first buffer is larger */

struct stream;

/* Who is at the other end, as far as the transport can vouch for it. Set when the stream is ready.
 */
enum stream_peer_kind {
    STREAM_PEER_UNKNOWN,
    STREAM_PEER_PROCESS, /* unix socket: uid and gid it had when it connected */
    STREAM_PEER_ADDRESS  /* TCP: name is HOST:PORT, which proves nothing */
};
struct stream_peer {
    enum stream_peer_kind kind;
    uid_t uid;
    gid_t gid;
    char name[64];
};

struct stream_limits {
    size_t queue_bytes; /* an empty queue takes one buffer of any size */
    uint32_t queue_buffers;
    size_t bulk_bytes; /* buffers above this wait for smaller ones; 0: the order is kept */
    size_t keep_bytes; /* input memory above this is given back while the input is empty */
    uint32_t stall_ms; /* that one write may take; 0: no limit */
};

/* The user's side. `input` must leave in `in` only what it has not consumed. */
struct stream_callbacks {
    void (*ready)(struct stream *s); /* connected and handshake done; reading begins afterwards */
    void (*input)(struct stream *s);
    /* The kernel took buffers; s->queued tells what is left. May be NULL. */
    void (*sent)(struct stream *s);
    void (*closed)(struct stream *s, const char *why);
    void (*gone)(struct stream *s);
};

struct stream_group {
    uv_loop_t *loop;
    struct bx_clock *clock;
    const struct stream_limits *limits;
    const struct stream_callbacks *user;
    struct bx_pool buffers; /* queued ones */
    uint32_t handles;       /* of streams and listeners that are not gone yet */
};

union stream_handle {
    uv_handle_t handle;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
};

/* A transport. The functions are called by stream.c and listener.c only. */
struct stream_ops {
    const char *name;
    void (*open)(union stream_handle *h, uv_loop_t *loop); /* make it */
    /* The socket is connected: fill in s->peer, then call stream_ready, or stream_close. */
    void (*handshake)(struct stream *s);
    /* Where the socket's bytes are read to, and what to do when there are more of them: append
     * what they say to s->in. A code of libuv's. */
    struct bx_buf *(*landing)(struct stream *s);
    int (*received)(struct stream *s);
    /* Begin to write; stream_written is the callback of s->write. A code of libuv's. */
    int (*write)(struct stream *s, const uv_buf_t *bufs, unsigned n);
    int (*shut)(struct stream *s); /* no more bytes from here */
};
extern const struct stream_ops stream_tcp, stream_unix;

struct stream_buffer;
STAILQ_HEAD(stream_buffers, stream_buffer);

enum stream_finish {
    STREAM_OPEN,       /* not finishing */
    STREAM_CLOSE,      /* close when all is written */
    STREAM_AWAIT_PEER, /* then shut the sending side, and close when the peer has closed: closing a
                        * socket with unread bytes would take the last ones from the peer */
};

/* Read only for its user, but for `in`. */
struct stream {
    struct stream_group *group;
    const struct stream_ops *ops;
    union stream_handle h;
    union {
        uv_connect_t connect;
        uv_shutdown_t shutdown;
    } req;
    uv_write_t write;
    struct stream_peer peer;
    struct bx_buf in;
    struct stream_buffers small, bulk, writing;
    size_t queued; /* bytes not yet taken by the kernel */
    uint32_t n_queued;
    uint64_t write_ms; /* boot time when the last write began */
    enum stream_finish finish;
    bool ready, paused, closing;
};

/* name: of the pool of queued buffers, a static string. BX_OK or BX_NO_MEMORY. */
int stream_group_init(struct stream_group *g, const char *name, struct bx_pool_size kept,
                      uv_loop_t *loop, struct bx_clock *clock, const struct stream_limits *limits,
                      const struct stream_callbacks *user);
/* Run the loop until the group's streams and listeners, all of which were closed, are gone. A
 * zeroed group is allowed. */
void stream_group_close(struct stream_group *g);

/* *s is zeroed. From here on it must be closed. */
void stream_open(struct stream *s, struct stream_group *g, const struct stream_ops *ops);
/* 0, or a code of libuv's and nothing happens; a failure later closes the stream. TCP only. */
int stream_dial(struct stream *s, const union address *to);
/* Only for ops: the handshake is done. */
void stream_ready(struct stream *s);
void stream_written(uv_write_t *w, int status);

/* Queue a buffer; its memory is taken over. False, and *b stays as it is: the queue is full, memory
 * is out, or the stream is finishing or closed. May be called before the stream is ready. */
bool stream_send(struct stream *s, struct bx_buf *b);
/* Read no more for now. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* Nothing more will be sent, and what still comes in is discarded. */
void stream_finish(struct stream *s, enum stream_finish how);
/* Close it if its peer has taken nothing for limits.stall_ms. */
void stream_expire(struct stream *s, uint64_t now_ms);
/* Again is allowed. */
void stream_close(struct stream *s, const char *why);

#endif
