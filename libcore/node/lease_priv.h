/* lease_priv - the two halves of a lease, for the files of the lease module alone.
 *
 * Every daemon has both: it asks the leader of the moment for grants, and answers the nodes' asking
 * while it is leader itself. The halves share nothing but the ports. */
#ifndef BX_LEASE_PRIV_H
#define BX_LEASE_PRIV_H

#include "node/lease.h"

#include "mem/map.h"
#include "mem/slab.h"

#include <sys/queue.h>

#define BX_HEARTBEATS_KEPT 16u /* sent heartbeats that a grant can still answer */

/* ---- node half: lease_node.c ---- */

struct bx_lease_entry {
    TAILQ_ENTRY(bx_lease_entry) link;
    struct bx_grant_request pair;
    uint64_t until;    /* boot time when the grant ends; 0: none was given */
    uint64_t revision; /* to be applied before the grant counts */
};
TAILQ_HEAD(bx_lease_entries, bx_lease_entry);

struct bx_sent_heartbeat {
    uint64_t seq, to, at;
};

struct bx_lease_node {
    uint8_t incarnation[16];
    struct bx_slab slab;              /* of requests */
    struct bx_map map;                /* of requests, by VM */
    struct bx_lease_entries requests; /* in the order of arrival */
    struct bx_sent_heartbeat sent[BX_HEARTBEATS_KEPT];
    uint64_t seq;               /* of the newest heartbeat, in sent[seq % BX_HEARTBEATS_KEPT] */
    uint64_t next_heartbeat;    /* boot time */
    uint64_t heartbeat_leader;  /* receiver of the newest heartbeat */
    bool new_requests;          /* since the newest heartbeat */
    uint8_t low;                /* enum bx_disk_space of this node's disk */
    bool awaits_answer;         /* the newest heartbeat needs an answer and has none yet */
    uint64_t awaited_revision;  /* of a grant that does not count yet; 0: none */
    bool answered;              /* a heartbeat of this life was answered, */
    uint64_t answered_revision; /* the first time with this revision */
};

void bx_lease_node_init(struct bx_lease *l);
void bx_lease_node_close(struct bx_lease *l);
/* Send a heartbeat when one is due. Returns the boot time of the next. */
uint64_t bx_lease_node_tick(struct bx_lease *l);

/* ---- leader half: lease_leader.c ---- */

struct bx_waiting_heartbeat {
    bool present;
    uint64_t seq;
    uint8_t incarnation[16];
    struct bx_buf requests; /* packed, as they came */
};

struct bx_lease_peer {
    TAILQ_ENTRY(bx_lease_peer) link;
    uint64_t id;
    uint64_t heartbeat_ms;               /* boot time of its last heartbeat, */
    uint8_t low;                         /* which told this: enum bx_disk_space */
    struct bx_waiting_heartbeat fresh;   /* for the next barrier */
    struct bx_waiting_heartbeat pending; /* answered by the barrier under way */
};
TAILQ_HEAD(bx_lease_peers, bx_lease_peer);

struct bx_lease_leader {
    bool leading;
    struct bx_map map;           /* of peers, by id */
    struct bx_lease_peers peers; /* in the order of their first heartbeat */
    size_t waiting_bytes;        /* of requests in all heartbeats that wait */
    bool barrier;                /* one is under way */
    bool retry;                  /* it failed: the next tick submits another */
};

void bx_lease_leader_init(struct bx_lease *l);
void bx_lease_leader_close(struct bx_lease *l);
void bx_lease_leader_tick(struct bx_lease *l);

/* ---- both ---- */

struct bx_lease {
    struct bx_lease_ports p;
    struct bx_lease_node node;
    struct bx_lease_leader leader;
    struct bx_lease_stats stats; /* without `requests` */
};

uint64_t bx_lease_now(const struct bx_lease *l);
/* Revision of the state that is applied here. */
uint64_t bx_lease_revision(const struct bx_lease *l);

#endif
