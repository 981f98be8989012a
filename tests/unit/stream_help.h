/* stream_help - what the tests of streams share: listeners on a loop, whose streams have one user
 * each, and plain sockets as the other end, so that the test decides when it reads, half-closes or
 * resets. */
#ifndef STREAM_HELP_H
#define STREAM_HELP_H

#include "lib/testloop.h"

#include "transport/listener.h"
#include "transport/tls.h"

#define STALL_MS 60000u
#define QUEUE_BYTES (4u << 20)
#define QUEUE_BUFFERS 200u
#define BULK_BYTES 4096u

struct user {
    struct stream stream;
    uint32_t readies, inputs, sents, closes, gones;
    char why[128];
    size_t take;         /* bytes of the input that are consumed at once; 0: all */
    size_t consumed;     /* in all */
    uint64_t hash;       /* of what was consumed */
    bool close_in_input; /* what it does in the callback */
    bool close_in_ready, finish_in_ready, close_in_sent, pause_in_ready, await_in_ready;
    bool unready; /* for the end of the input */
};

extern char *dir;                            /* removed in the end */
extern char unix_path[100], tcp_address[64]; /* where the listeners are */
extern struct user accepted, dialled;
extern struct stream_group group;
extern struct stream_listener tcp_listener, unix_listener;
extern struct user *next_user;          /* for the next connection that comes */
extern struct tls_context *accept_with; /* what comes is TLS; NULL: not */

/* Listens at both addresses; the streams of the group report to their users. */
int stream_setup(void **state);
/* Closes everything; no memory may be left. */
int stream_teardown(void **state);
/* Send n bytes, all of them `fill`. */
void send_bytes(struct stream *s, size_t n, uint8_t fill);
/* A listener has a connection for next_user. */
void on_incoming(struct stream_listener *l);

/* ---- the other end ---- */

/* Connect, and wait until `accepted` is ready. */
int dial_unix(void);
int dial_tcp(void);
int connect_tcp(void); /* does not wait */
void put_bytes(int fd, const void *p, size_t n);
/* Read exactly n bytes while the loop runs. */
void read_exactly(int fd, uint8_t *p, size_t n);
/* The peer has closed. */
void assert_end(int fd);

#endif
