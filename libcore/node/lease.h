/* lease - grants: a VM is started only after the leader has confirmed the start.
 *
 * Node half (lease_node.c). Every 2 s, and at once when there is a new request and no heartbeat
 * waits for its answer, the node sends a heartbeat with the (vm, epoch) pairs that it is to start.
 * A grant answers exactly one heartbeat of this daemon's life, comes from the node that the
 * heartbeat was sent to, ends T1 (10 s) after that heartbeat was sent, and names the revision that
 * must be applied before it counts.
 *
 * Leader half (lease_leader.c). A heartbeat that requests something, or asks, is answered only
 * after a barrier that was submitted after the heartbeat arrived has succeeded, so a leader that
 * was stopped and deposed meanwhile can not answer. Granted is what the state then says: on this
 * node, this epoch, desired running, and not started yet (phase creating, no restart pending). Of
 * each node one heartbeat waits for the barrier under way and one for the next; a newer one
 * replaces the latter. A heartbeat that finds no room (BX_LEASE_WAITING_MAX bytes of requests)
 * counts as a sign of life and is not answered; a later one may be.
 *
 * Only starting is governed so far: no run is ended because its lease ran out.
 *
 * All functions are called on the loop's thread. */
#ifndef BX_LEASE_H
#define BX_LEASE_H

#include "node/ports.h"

#define BX_LEASE_HEARTBEAT_MS 2000u
#define BX_T1_MS 10000u  /* a grant ends, from sending the heartbeat */
#define BX_KILL_MS 5000u /* a kill is complete within */
#define BX_T2_MS 20000u  /* the leader may act, from granting */
#define BX_LEASE_WAITING_MAX (16u << 20)

struct bx_lease;

struct bx_lease_ports {
    struct bx_clock *clock;
    uint64_t (*leader)(void *ctx); /* id, 0: unknown */
    void (*send)(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                 const void *obj); /* also to this node itself, from inside the call */
    /* Call done(arg, BX_OK) once a barrier submitted after now has been applied here as leader, or
     * done(arg, other code) when it can not be; exactly once, also from inside the call, and not
     * after destroy. */
    void (*barrier)(void *ctx, void (*done)(void *arg, int code), void *arg);
    const struct bx_view *(*view)(void *ctx);
    void (*granted)(void *ctx); /* holds or current may be true now */
    void *ctx;
};

/* NULL when memory is out. */
struct bx_lease *bx_lease_create(const struct bx_lease_ports *p);
void bx_lease_destroy(struct bx_lease *l); /* NULL is allowed */
/* Do what is due; returns the boot time when it is to be called again. */
uint64_t bx_lease_tick(struct bx_lease *l);

/* Both halves, since the start of the daemon, but for `requests`, which stand now. */
struct bx_lease_stats {
    uint64_t requests;   /* VMs for which this node asks for grants */
    uint64_t heartbeats; /* sent */
    uint64_t held;       /* grants that came for what was requested */
    uint64_t answered;   /* as leader: heartbeats */
    uint64_t granted;    /* as leader: starts of VMs */
};
void bx_lease_stats(const struct bx_lease *l, struct bx_lease_stats *out);

/* ---- node half ---- */
/* Request a grant; stands until it is cancelled. A second request for the VM replaces its epoch.
 * BX_OK, or BX_BUSY when BX_WANTS_MAX stand, or BX_NO_MEMORY (request it again later). */
int bx_lease_request(struct bx_lease *l, const uint8_t vm[16], uint64_t epoch);
/* The space on the disk of this node (enum bx_disk_space), which heartbeats tell from now on, the
 * first of them at once. */
void bx_lease_tell_space(struct bx_lease *l, uint8_t low);
/* Nothing when there is no request. */
void bx_lease_cancel(struct bx_lease *l, const uint8_t vm[16]);
/* True once a heartbeat of this daemon's life was answered and the answer's revision is applied:
 * what the state here says about an adopted run is then no older than this life. Heartbeats ask for
 * an answer until there was one. */
bool bx_lease_current(const struct bx_lease *l);
/* True while a grant of exactly this pair stands and its revision is applied. */
bool bx_lease_holds(const struct bx_lease *l, const uint8_t vm[16], uint64_t epoch);
void bx_lease_on_grant(struct bx_lease *l, uint64_t from, const struct bx_grant *g);

/* ---- leader half ---- */
void bx_lease_on_heartbeat(struct bx_lease *l, uint64_t from, const struct bx_heartbeat *b);
/* Boot time of the last heartbeat of a node since this node became leader; 0: none. */
uint64_t bx_lease_last_heartbeat(const struct bx_lease *l, uint64_t node);
/* What that heartbeat told of the space on the node's disk. */
uint8_t bx_lease_last_space(const struct bx_lease *l, uint64_t node);
/* Leadership was gained or lost: heartbeats received before do not count any more. */
void bx_lease_on_role(struct bx_lease *l, bool leader);

#endif
