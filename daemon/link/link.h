/* link - one connection per pair of nodes, behind the node's port.
 *
 * The node with the larger id dials and the other accepts, so a pair never opens two connections at
 * once. A node that has not heard of a larger id for ten seconds dials it nevertheless. It may have
 * been removed, and then nobody dials it any more: the larger id refuses it, and tells why. Or it
 * was started with another address, which the others learn only from it: the larger id accepts it
 * if it has not reached it for five seconds. The dialling side sends its hello first. A refused
 * hello is answered by a hello with the reason, and the connection is closed. After the hellos,
 * frames are exchanged (wire/frame.h), small ones before large ones. A PING is sent after a second
 * without a write; five seconds without input close the connection.
 *
 * Connections use TLS, unless link_secure was not called: then both ends must be on loopback. A
 * node proves itself by its certificate, in which is the id that its hello names, and whose key is
 * the one that its row pins. A host that has none may only ask to join.
 *
 * All input is checked before use: the header before memory is allocated, the checksum when the
 * frame is complete. The first frame must be a hello of at most 64 KiB, within five seconds.
 *
 * Who has not said hello is a stranger. Strangers are bounded in all and for each address, and some
 * of their places are for the addresses of members only. One too many takes the place of the oldest
 * one of its address, or of the address that has the most, unless all of these wait for the answer
 * to a JOIN. A handshake takes about half a millisecond of the loop, so only so many are begun in a
 * time; those wait longest whose address has the most strangers. */
#ifndef LINK_H
#define LINK_H

#include "mem/pool.h"
#include "node/identity.h"
#include "node/ports.h"

#include <uv.h>

#define LINK_QUEUE_BYTES (64u << 20) /* per peer; beyond it frames are dropped */
#define LINK_QUEUE_FRAMES 4096u
#define LINK_LARGE (64u << 10)    /* frames above this size wait for all smaller ones */
#define LINK_STRANGERS_MAX 64u    /* accepted connections whose hello was not accepted yet */
#define LINK_STRANGERS_OF_ONE 16u /* of them, from one address */
#define LINK_ASKED_KEPT 4u        /* of these, that are not closed for others after their JOIN */
#define LINK_STRANGERS_KEPT 16u   /* of them, only for the addresses of members */
#define LINK_HANDSHAKES_MAX 10u   /* begun in 100 ms; without those of members' addresses */
#define LINK_TOLD_MAX 16u         /* refusals of accepted connections that are logged in a minute */
#define LINK_ACCEPTED_MAX 512u    /* accepted connections in all; more are closed at once */

struct link;
struct tls_context;

struct link_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    struct bx_pool_size frames; /* bound on queued frames kept for reuse */
    struct bx_build build;      /* for our hello */
    /* A frame of a member; p is 8-aligned and valid during the call. */
    void (*frame)(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);
    /* May a node that is not a peer but dialled with this id become one? If true, the list set
     * after peer(id, true) contains it. */
    bool (*admits)(void *ctx, uint64_t id);
    /* Was the node of this id removed? It is told so. */
    bool (*was_removed)(void *ctx, uint64_t id);
    /* A member of this cluster has refused this node because it was removed. */
    void (*removed)(void *ctx);
    /* Is this the hash of the node's key? Also true for a node that has no row here. */
    bool (*has_key)(void *ctx, uint64_t id, const uint8_t pin[BX_PIN]);
    /* May a node connect for its certificate alone, although it has no row here? True if it has. */
    bool (*is_known)(void *ctx, uint64_t id);
    /* The feature level in force: a peer that does not read it is refused. */
    uint32_t (*level)(void *ctx);
    /* What has that node told to hold? Repeated in the hello to it; zero: nothing. */
    struct bx_stored (*heard)(void *ctx, uint64_t id);
    /* What that node has heard of this one. Called before it is told to be up; ends the process if
     * this node has lost it. */
    void (*was_heard)(void *ctx, uint64_t id, const struct bx_stored *heard);
    void (*peer)(void *ctx, uint64_t id, bool up);
    /* A JOIN from a stranger: call link_answer_join with the same handle. */
    void (*join)(void *ctx, uint64_t handle, const struct bx_join *join);
    /* A connection from this host was refused, for the record. May be NULL. */
    void (*refused)(void *ctx, struct bx_str host, const char *why);
    void *ctx;
};

/* Listen on HOST:PORT. BX_OK, BX_INVALID (not an address) or BX_IO. */
int link_create(struct link **link, const struct link_options *o, const char *address,
                struct bx_err *err);
/* Runs the loop until its handles are closed. NULL is allowed. */
void link_destroy(struct link *l);
struct bx_link *link_port(struct link *l);
/* Set this node's identity; before that, every connection is closed at once. */
void link_identify(struct link *l, const struct bx_identity *id);

/* From now on, connections use TLS: those that are accepted with one context, those that are
 * dialled with the other. The link takes references of its own. Connections whose peer has shown a
 * certificate of a CA that is not trusted any more are closed, and made anew. */
void link_secure(struct link *l, struct tls_context *server, struct tls_context *client);

void link_answer_join(struct link *l, uint64_t handle, const struct bx_joined *answer);
/* Dial address as a stranger and request to join, with TLS unless the context is NULL. done is
 * called exactly once, never inside this call: answer is NULL if there was none, with the reason in
 * err. */
void link_join(struct link *l, struct tls_context *tls, const char *address,
               const struct bx_join *join,
               void (*done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err),
               void *ctx);

/* Counted since the link was created. */
struct link_stats {
    uint64_t turned_away; /* at a bound, to make room for another, or this host is not a member */
    uint64_t refused; /* no handshake or hello in time, not one of a member, or its JOIN was refused
                       */
    uint64_t
        malformed; /* closed because of invalid input: no frame, too large, damaged, unexpected */
    uint32_t connections; /* now */
};
void link_stats(const struct link *l, struct link_stats *out);
/* Statistics of the queued frames. */
void link_frame_stats(const struct link *l, struct bx_pool_stats *out);

#endif
