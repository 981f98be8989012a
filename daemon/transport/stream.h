/* stream - a connection that carries bytes in order, for the link and the API.
 *
 * A stream is embedded in its user's struct. The streams of one user form a group, which has the
 * loop, clock, limits and callbacks. The transport is a const table of functions: TCP and unix
 * sockets are implemented here, TLS in transport/tls.h.
 *
 *   stream_open --stream_dial or stream_accept--> handshake --> ready --> closed --> gone
 *
 * Reading. Input is appended to `in`, and the user's `input` callback consumes complete items from
 * its front. A user may pause a stream; after stream_resume, `input` is called again with the rest.
 *
 * Writing. A sent buffer is queued, and one write is pending at a time. It takes the buffers in
 * order, but buffers above limits.bulk_bytes wait for all smaller ones and are written one at a
 * time. The queue is bounded: stream_send fails when it is full, and stream_expire closes a stream
 * whose peer does not read for too long.
 *
 * Closing. stream_close closes a stream at once, from any callback; so do the end of the peer's
 * input and an error. stream_finish closes it after the queue has been written. `closed` is called
 * once for each opened stream, inside stream_close; `gone` is called later from the loop, and then
 * the memory belongs to the user again.
 *
 * Recording. Each stream that gets ready and each that is closed is an event of the target
 * "transport", at level debug, with the name of its user; what is out of bounds is a warning, at
 * most once a minute.
 *
 * All functions and callbacks run on the loop's thread. */
#ifndef STREAM_H
#define STREAM_H

#include "mem/buf.h"
#include "mem/pool.h"
#include "node/ports.h"
#include "sys/address.h"
#include "sys/rate.h"

#include <sys/queue.h>
#include <sys/types.h>
#include <uv.h>

#define STREAM_WRITE_BUFFERS 64u        /* of one write */
#define STREAM_WRITE_BYTES (256u << 10) /* of one write, unless its first buffer is larger */

struct stream;

/* The peer, as far as the transport can identify it. Set when the stream is ready. */
enum stream_peer_kind {
    STREAM_PEER_UNKNOWN,
    STREAM_PEER_PROCESS,    /* unix socket: pid, uid and gid it had when it connected */
    STREAM_PEER_ADDRESS,    /* TCP: name is HOST:PORT, which is not authenticated */
    STREAM_PEER_CERTIFICATE /* TLS: the same, and `certificate` was verified */
};
struct pki_cert; /* pki/pki.h */
struct stream_peer {
    enum stream_peer_kind kind;
    const struct pki_cert *certificate; /* until the stream is gone */
    uid_t uid;
    gid_t gid;
    pid_t pid; /* 0: of another pid namespace */
    char name[64];
};

struct stream_limits {
    size_t queue_bytes; /* an empty queue takes one buffer of any size */
    uint32_t queue_buffers;
    size_t bulk_bytes; /* buffers above this wait for smaller ones; 0: strict order */
    size_t read_bytes; /* buffer size of one read */
    size_t keep_bytes; /* input memory above this is freed while the input is empty */
    uint32_t stall_ms; /* bound on the duration of one write, and of a handshake; 0: none */
};

/* The user's callbacks. `input` must leave in `in` only what it has not consumed. */
struct stream_callbacks {
    const char *name;                /* the user's, in events */
    void (*ready)(struct stream *s); /* connected and handshake done; reading begins afterwards */
    void (*input)(struct stream *s);
    /* Whether some of `in` will be consumed later: the end of the peer's input waits until the
     * stream is resumed. May be NULL. */
    bool (*holds)(const struct stream *s);
    /* The kernel accepted buffers; s->queued bytes remain. May be NULL. */
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
    size_t queued;          /* bytes that the kernel has not accepted yet, of all streams */
    struct rate_bound full; /* of the event that a queue is full */
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
    /* The socket's input has ended. UV_EOF, if the peer meant to end there, or the stream was
     * closed. */
    int (*ended)(struct stream *s);
    /* Begin to write; stream_written is the callback of s->write. A code of libuv's. */
    int (*write)(struct stream *s, const uv_buf_t *bufs, unsigned n);
    int (*shut)(struct stream *s); /* shut down the sending side */
    /* What else is to do when the stream is closed and when it is gone; NULL: nothing. */
    void (*closing)(struct stream *s);
    void (*gone)(struct stream *s);
};
extern const struct stream_ops stream_tcp, stream_unix;
/* The reason, compared as a pointer, that `closed` gets when the peer has closed its side in order:
 * all that it has sent was read. */
extern const char stream_peer_closed[];

struct stream_buffer;
STAILQ_HEAD(stream_buffers, stream_buffer);

enum stream_finish {
    STREAM_OPEN,       /* not finishing */
    STREAM_CLOSE,      /* close when the queue has been written */
    STREAM_AWAIT_PEER, /* then shut down the sending side, and close after the peer has closed:
                          closing a socket with unread input could discard the last bytes sent */
};

/* Read-only for its user, except `in`. */
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
    size_t queued; /* bytes not yet accepted by the kernel */
    uint32_t n_queued;
    uint64_t write_ms;  /* boot time at the start of the last write, before it of the handshake */
    uint64_t opened_ms; /* boot time */
    uint64_t bytes_read, bytes_written; /* of the socket; written: those that it has taken */
    struct tls_context *tls_context;    /* of TLS */
    struct tls_stream *tls;
    enum stream_finish finish;
    bool accepted; /* by a listener; else it is dialled */
    bool ready, paused, closing;
};

/* name: of the pool of queued buffers, a static string. BX_OK or BX_NO_MEMORY. */
int stream_group_init(struct stream_group *g, const char *name, struct bx_pool_size kept,
                      uv_loop_t *loop, struct bx_clock *clock, const struct stream_limits *limits,
                      const struct stream_callbacks *user);
/* Run the loop until the group's streams and listeners, which must all be closed, are gone. A
 * zeroed group is allowed. */
void stream_group_close(struct stream_group *g);

/* *s is zeroed. It must be closed after this call. */
void stream_open(struct stream *s, struct stream_group *g, const struct stream_ops *ops);
/* True if the process at the other end of a unix socket was in this group when it connected. */
bool stream_peer_in_group(const struct stream *s, gid_t group);
/* 0, or a libuv error without further effect; a later failure closes the stream. TCP only. */
int stream_dial(struct stream *s, const union address *to);
/* Only for ops: fill in s->peer of a unix or a TCP socket; begin to read before the stream is
 * ready; the handshake has completed; a write has ended. */
void stream_peer_process(struct stream *s);
void stream_peer_address(struct stream *s);
void stream_read(struct stream *s);
void stream_ready(struct stream *s);
void stream_written(uv_write_t *w, int status);
/* Bytes of the current write after the first `skip` ones, and where they begin: in *piece, which
 * is not empty unless there are none. */
size_t stream_writing(const struct stream *s, size_t skip, uv_buf_t *piece);
int stream_shut(struct stream *s); /* the socket, once all writes have ended */

/* Queue a buffer and take over its memory. False, with *b unchanged: the queue is full, memory is
 * exhausted, or the stream is finishing or closed. May be called before the stream is ready. */
bool stream_send(struct stream *s, struct bx_buf *b);
/* Stop reading until stream_resume. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* Close after the queue has been written; further input is discarded. */
void stream_finish(struct stream *s, enum stream_finish how);
/* Close the stream if its peer has accepted no data for limits.stall_ms, or if a handshake takes
 * longer. */
void stream_expire(struct stream *s, uint64_t now_ms);
/* May be called repeatedly. */
void stream_close(struct stream *s, const char *why);

#endif
