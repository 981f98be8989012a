/* link - one connection per pair of nodes, behind the node's port.
 *
 * The node with the larger id dials and the other accepts, so the two connections of a pair never
 * cross. Who dialled sends its hello first. A hello that is refused is answered by a hello with the
 * reason, and then the connection is closed. After the hellos come frames (wire/frame.h), small
 * ones before large ones. A PING is sent after a second without a write, and five seconds without
 * input close the connection.
 *
 * No input is trusted before it is checked: the header before memory is taken, the checksum when
 * the frame is complete. The first frame must be a hello of at most 64 KiB, within five seconds. */
#ifndef LINK_H
#define LINK_H

#include "mem/pool.h"
#include "node/identity.h"
#include "node/ports.h"

#include <uv.h>

#define LINK_QUEUE_BYTES (64u << 20) /* to one peer; beyond it frames are dropped */
#define LINK_QUEUE_FRAMES 4096u
#define LINK_LARGE (64u << 10) /* frames above this wait for all smaller ones */
#define LINK_STRANGERS_MAX 64u /* accepted connections whose hello was not accepted yet */
#define LINK_ACCEPTED_MAX 512u /* accepted connections in all; more are closed at once */

struct link;

struct link_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    struct bx_pool_size frames; /* that wait to be sent: kept for reuse */
    /* A frame of a member; p is 8-aligned and valid during the call. */
    void (*frame)(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);
    /* May a node that is none of the peers, dialled us and says that it has this id be one? The
     * list that comes after peer(id, true) has it. */
    bool (*admits)(void *ctx, uint64_t id);
    void (*peer)(void *ctx, uint64_t id, bool up);
    /* A JOIN of a stranger: answer with link_answer_join under the same handle. */
    void (*join)(void *ctx, uint64_t handle, const struct bx_join *join);
    void (*log)(void *ctx, int level, const char *text);
    void *ctx;
};

/* Listen on HOST:PORT. BX_OK, BX_INVALID (not an address) or BX_IO. */
int link_create(struct link **link, const struct link_options *o, const char *address,
                struct bx_err *err);
/* Runs the loop until its handles are closed. NULL is allowed. */
void link_destroy(struct link *l);
struct bx_link *link_port(struct link *l);
/* Who we are; before that every connection is closed at once. */
void link_identify(struct link *l, const struct bx_identity *id);

void link_answer_join(struct link *l, uint64_t handle, const struct bx_joined *answer);
/* Dial address as a stranger and ask to join. done is called once, never from inside: answer NULL
 * when there was none, with words in err. */
void link_join(struct link *l, const char *address, const struct bx_join *join,
               void (*done)(void *ctx, const struct bx_joined *answer, const struct bx_err *err),
               void *ctx);

/* Counted since the link began. */
struct link_stats {
    uint64_t turned_away; /* a bound was reached, or this host is no member */
    uint64_t refused;     /* by us, for what the hello said */
    uint64_t malformed;   /* closed for what came: no frame, too large, damaged, out of turn */
    uint32_t connections; /* now */
};
void link_stats(const struct link *l, struct link_stats *out);
/* Of the frames that wait to be sent. */
void link_frame_stats(const struct link *l, struct bx_pool_stats *out);

#endif
