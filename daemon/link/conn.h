/* conn - one connection of the link: frames on a stream. Internal to the link. */
#ifndef LINK_CONN_H
#define LINK_CONN_H

#include "link/link.h"
#include "link/peer.h"
#include "transport/listener.h"

#include <sys/queue.h>

#define LINK_HELLO_MS 5000u
#define LINK_PING_MS 1000u
#define LINK_SILENCE_MS 5000u

struct link_conn {
    TAILQ_ENTRY(link_conn) link;
    struct link *owner;
    struct stream stream;
    uint64_t handle;   /* identifies the connection */
    uint64_t expected; /* the node that was dialled; 0: accepted */
    uint64_t peer;     /* the node whose hello was accepted */
    uint8_t incarnation[16];
    uint32_t codecs;       /* 1 << enum bx_codec: the codecs its hello lists */
    struct bx_build build; /* from its hello */
    bool accepted;         /* the peer dialled */
    bool of_member;        /* from the address of one */
    bool stranger;         /* its hello requests to join */
    bool asked;            /* the stranger has sent its JOIN */
    bool waits;            /* its handshake has not begun yet */
    bool up;               /* a member's hello was accepted */
    uint64_t since, heard;
    struct bx_buf aligned;
    /* of a connection that requests to join */
    struct bx_buf join_frame;
    void (*join_done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err);
    void *join_ctx;
};
TAILQ_HEAD(link_conns, link_conn);

struct link {
    struct bx_link base;
    struct link_options o;
    struct stream_group streams;
    struct stream_listener listener;
    uv_timer_t timer;
    bool timer_open;
    struct bx_identity identity;         /* node 0: none yet */
    struct tls_context *server, *client; /* NULL: without TLS */
    struct link_peer *peers;
    uint32_t n_peers;
    struct link_conns conns;
    uint64_t next_handle;
    uint64_t ticked;        /* boot time of the last tick */
    uint32_t begun;         /* handshakes of strangers since then */
    char last_refusal[256]; /* logged once a minute, not on every attempt */
    uint64_t last_refusal_ms;
    struct rate_bound told; /* of refusals of accepted connections */
    struct link_stats stats;
};

uint64_t link_now(const struct link *l);

/* ---- conn.c ---- */
extern const struct stream_limits link_limits;
extern const struct stream_callbacks link_callbacks;
/* tls: its context; NULL: without. */
struct link_conn *link_conn_create(struct link *l, struct tls_context *tls);
/* Dial HOST:PORT. An immediate failure is reported on the next tick, like a dial without an answer,
 * so no callback runs inside the call. */
void link_conn_dial(struct link_conn *c, const char *address);
void link_conn_close(struct link_conn *c, const char *why);
void link_conn_malformed(struct link_conn *c, const char *why); /* count it and close */
/* Takes over frame's memory. False if the queue is full. */
bool link_conn_send(struct link_conn *c, struct bx_buf *frame);

/* ---- stranger.c ---- */
/* Whether there is a place for c, which was just accepted; another one may be closed for it. */
bool link_stranger_fits(struct link_conn *c);
/* Begin the handshake of c, which was just accepted and fits; or let it wait for a tick. */
void link_stranger_begin(struct link_conn *c);
/* A tick: begin the handshakes of those that wait, as many as may. */
void link_strangers_go_on(struct link *l);

/* ---- hello.c ---- */
void link_say_hello(struct link_conn *c, const char *refuse);
/* Log why a connection that is not up was refused: a few times a minute, if it was accepted. */
void link_tell(struct link_conn *c, const char *why);
void link_refused(struct link_conn *c, const char *why); /* count it, too */
/* Whether the key of the peer, which has a node's certificate, is that of the node's row. */
bool link_has_key(const struct link_conn *c, uint64_t node);
/* Handle a complete frame. */
void link_on_frame(struct link_conn *c, uint16_t kind, const uint8_t *p, size_t n);

#endif
