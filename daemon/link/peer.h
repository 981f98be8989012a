/* peer - the nodes that the link connects with, and the connection to each.
 *
 * The node decides who they are (node/peers.h). This module keeps the last list it received, and
 * adds each node that was admitted since. Peers are found by id: pointers to peers are invalid
 * after a peer is added or a new list is set. */
#ifndef LINK_PEER_H
#define LINK_PEER_H

#include "node/ports.h"

struct link;
struct link_conn;

struct link_peer {
    uint64_t id;
    char address[BX_ADDRESS_MAX + 1]; /* empty: the peer dials */
    struct link_conn *conn;           /* up */
    struct link_conn *dialling;       /* being established */
    uint64_t dial_at;
    uint64_t alone_ms;   /* boot time since when it is not connected; 0: it is */
    uint32_t backoff_ms; /* doubled by every dial without a lasting connection */
};

/* NULL if there is none. */
struct link_peer *link_peer_of(struct link *l, uint64_t id);
/* The same, or a new peer for a node that was admitted. */
struct link_peer *link_peer_take(struct link *l, uint64_t id);
/* Set the list: connections of remaining peers are kept, those of others are closed. */
void link_peers_set(struct link *l, const struct bx_peer *peers, uint32_t n);
/* Dial the peers that this node must dial and whose backoff has passed. */
void link_peers_dial(struct link *l, uint64_t now);
/* It has not been connected for some seconds, in which this node has dialled it if that is its
 * part.
 */
bool link_peer_is_lost(const struct link *l, const struct link_peer *p);
/* c was closed: detach it from its peer, and remove a peer that existed only through it. */
void link_peers_forget(struct link *l, const struct link_conn *c);

#endif
