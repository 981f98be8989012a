/* peer - the nodes that the link talks with, and the connection to each.
 *
 * Which they are is the node's decision (node/peers.h); here is what it said last, and a place for
 * each node that was admitted since and is in the next list. Peers are found by id: pointers to
 * them are stale once one was added or a new list came. */
#ifndef LINK_PEER_H
#define LINK_PEER_H

#include "node/ports.h"

struct link;
struct link_conn;

struct link_peer {
    uint64_t id;
    char address[BX_ADDRESS_MAX + 1]; /* empty: it dials */
    struct link_conn *conn;           /* up */
    struct link_conn *dialling;       /* on its way */
    uint64_t dial_at;
    uint32_t backoff_ms; /* doubled by every dial that led to nothing lasting */
};

/* NULL: none. */
struct link_peer *link_peer_of(struct link *l, uint64_t id);
/* The same, or a new place for a node that was admitted. */
struct link_peer *link_peer_take(struct link *l, uint64_t id);
/* The list is this one now: peers that stay keep their connections, those of others are closed. */
void link_peers_set(struct link *l, const struct bx_peer *peers, uint32_t n);
/* Dial those that it is this node's part to dial, and whose time has come. */
void link_peers_dial(struct link *l, uint64_t now);
/* c is closed: it is the connection to no peer any more, and a peer that only it made is gone. */
void link_peers_forget(struct link *l, const struct link_conn *c);

#endif
