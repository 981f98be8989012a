/* lease - grants: nothing is started that the leader has not confirmed just now (D8).
 *
 * Node half. Every 2 s, and at once when there is something new to start, the node sends a beat with
 * the (vm, epoch) pairs it wants to run. A grant answers exactly one beat of this daemon's life, is
 * good until T1 (10 s) after that beat was sent, and names the revision that must be applied first.
 *
 * Leader half. A beat is answered only after a barrier that was submitted after the beat arrived has
 * succeeded: a leader that was stopped and deposed meanwhile can therefore not answer. Granted is
 * what the state then says: on this node, this epoch, desired running.
 *
 * Only starting is governed so far; ending a VM by its deadline comes with the shim's half. */
#ifndef BX_LEASE_H
#define BX_LEASE_H

#include "node/ports.h"

#define BX_BEAT_MS 2000u
#define BX_T1_MS 10000u  /* grant ends, from sending the beat */
#define BX_KILL_MS 5000u /* a kill is complete within */
#define BX_T2_MS 20000u  /* the leader may act, from granting */

struct bx_lease;

struct bx_lease_ports {
    struct bx_clock *clock;
    uint64_t (*leader)(void *ctx);                  /* id, 0: unknown */
    void (*send)(void *ctx, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                 const void *obj);                  /* also to this node itself */
    /* Call done(arg, BX_OK) once a barrier submitted after now has been applied here as leader, or
     * done(arg, other code) when it can not be. */
    void (*barrier)(void *ctx, void (*done)(void *arg, int code), void *arg);
    const struct bx_view *(*view)(void *ctx);
    void (*granted)(void *ctx);                     /* new grants are there to be used */
    void *ctx;
};

struct bx_lease *bx_lease_create(uint64_t self, const struct bx_lease_ports *p);
void bx_lease_destroy(struct bx_lease *l);

/* ---- node half ---- */
/* Ask for a grant; forgotten with unwant. A second want of the VM replaces its epoch. BX_OK, or
 * BX_BUSY when BX_WANTS_MAX are wanted (ask again later). */
int bx_lease_want(struct bx_lease *l, const uint8_t vm[16], uint64_t epoch);
void bx_lease_unwant(struct bx_lease *l, const uint8_t vm[16]);
/* True when an unexpired grant of exactly this exists and its revision is applied. */
bool bx_lease_holds(const struct bx_lease *l, const uint8_t vm[16], uint64_t epoch);
void bx_lease_on_grant(struct bx_lease *l, uint64_t from, const struct bx_grant *g);

/* ---- leader half ---- */
void bx_lease_on_beat(struct bx_lease *l, uint64_t from, const struct bx_beat *b);
/* Boot time of the last beat of a node since this node became leader; 0: none. */
uint64_t bx_lease_last_beat(const struct bx_lease *l, uint64_t node);
/* Leadership was gained or lost: what was heard before counts no more. */
void bx_lease_on_role(struct bx_lease *l, bool leader);

/* Do what is due; returns the boot time when it wants to be called again. */
uint64_t bx_lease_tick(struct bx_lease *l);

#endif
