/* peers - with which nodes this one talks: the one list of the link's peers, and why each is there.
 *
 *   source       what names the peer                              it counts
 *   ROW          a row of the state                               always
 *   SERVER       the newest Raft configuration                    always
 *   JOIN         the answer to this node's join                   while its id is not given here
 * yet PROVISIONAL  its own connection, and nothing else             the same, and while it lasts
 *
 * An id is "not given here yet" when it is at or above the state's next id. Ids are given in order
 * and never twice, so the state here may just be behind; a smaller id that nothing names belongs to
 * a node that was removed. The state can be behind because this node has just joined, was away, or
 * lost its state.db, and the leader that would bring it up to date can be such a peer: without the
 * last three sources a majority of members that are all a little behind would shut it out.
 *
 * When several sources name a peer, the address is that of the first in this order. A provisional
 * peer has none: it dials.
 *
 * The callers feed what each source says whenever it changes; bx_peers_update makes the list from
 * all of it. Out of memory ends the process. One thread only. */
#ifndef BX_PEERS_H
#define BX_PEERS_H

#include "mem/arena.h"
#include "node/ports.h"

#define BX_PROVISIONAL_MAX 8u /* connected at a time; more are refused */

enum bx_peer_source {
    BX_PEER_ROW,
    BX_PEER_SERVER,
    BX_PEER_JOIN,
    BX_PEER_PROVISIONAL,
    BX__PEER_SOURCES
};

struct bx_peer_list {
    struct bx_peer *v;
    uint32_t n;
    struct bx_arena arena; /* of v and the addresses */
};

struct bx_peers {
    uint64_t self;                                 /* never a peer */
    uint64_t next_id;                              /* the state's */
    struct bx_peer_list said[BX_PEER_PROVISIONAL]; /* by the sources with addresses */
    uint64_t provisional[BX_PROVISIONAL_MAX];
    uint32_t n_provisional;
    struct bx_peer_list list; /* as of the last update */
    bool stale;               /* something was fed since */
};

/* Nothing is known yet; *p is zeroed. */
void bx_peers_init(struct bx_peers *p, uint64_t self);
/* A zeroed struct is allowed. */
void bx_peers_close(struct bx_peers *p);

/* All that a source says now, in place of what it said before; not PROVISIONAL. Copied. */
void bx_peers_set(struct bx_peers *p, enum bx_peer_source source, const struct bx_peer *v,
                  uint32_t n);
/* What the answer to a join said: "ID HOST:PORT ID HOST:PORT". */
void bx_peers_set_join(struct bx_peers *p, const char *answer);
void bx_peers_set_next_id(struct bx_peers *p, uint64_t next_id);
/* May a node that dialled this one and says that it has this id be a peer? */
bool bx_peers_admits(const struct bx_peers *p, uint64_t id);
/* Was it a member? Its id was given here, and nothing names it any more. */
bool bx_peers_removed(const struct bx_peers *p, uint64_t id);
/* A connection came up, of a node that was admitted, or went down. */
void bx_peers_on_connection(struct bx_peers *p, uint64_t id, bool up);

/* Make the list anew. True when it is another one than before. */
bool bx_peers_update(struct bx_peers *p);

#endif
