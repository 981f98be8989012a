/* nemesis - what the files of the nemesis share. Nobody else includes it.
 *
 * A fault takes its numbers from a stream of its own, so that leaving it out moves no other. What
 * it does later it draws now, and takes with it. */
#ifndef NEMESIS_H
#define NEMESIS_H

#include "sim/sim.h"

/* A number below n for the fault that happens now. */
uint64_t nemesis_draw(struct sim *s, uint64_t n);
struct sim_host *nemesis_host(struct sim *s);
/* So many voters can be lost for good, those whose disk is in doubt among them, and one more. */
bool nemesis_may_lose_one(struct sim *s);
/* Nobody hears this host any more, nor it anybody, until the network is calm again. */
void nemesis_isolate(struct sim *s, const struct sim_host *h);
/* The hosts of this set of bits, by their places, and the others hear nothing of each other, until
 * the network is calm again. */
void nemesis_divide(struct sim *s, uint64_t side);
/* That is so after this time, unless another fault of the network comes before. */
void nemesis_calm_after(struct sim *s, uint64_t us);
/* The one of the highest term, or NULL. */
struct sim_host *nemesis_leader(struct sim *s, uint64_t *term);

/* ---- nemesis_net.c ---- */

struct nemesis_net {
    uint32_t number; /* of network faults: an older one's end does not end a newer one */
    uint64_t usurp_term, usurp_until, usurp_away, usurp_back;
    uint32_t slow[SIM_HOSTS_MAX]; /* the same for each host with slow links */
};
struct nemesis_net *nemesis_net_of(struct sim *s);
bool nemesis_partition(struct sim *s);
bool nemesis_one_way(struct sim *s);
bool nemesis_disturb(struct sim *s, enum sim_fault fault);
bool nemesis_usurp(struct sim *s);
bool nemesis_slow_link(struct sim *s);

/* ---- nemesis_conf.c: two leaders change the configuration ---- */

enum nemesis_rivals_step {
    RIVALS_NONE,
    RIVALS_EVEN,    /* wait until the number of voters is */
    RIVALS_ROWS,    /* until both joiners have a row */
    RIVALS_CHANGE,  /* until the leader makes the first a voter */
    RIVALS_ELECTION /* until the others have a leader */
};
struct nemesis_rivals {
    enum nemesis_rivals_step step;
    uint64_t until, lasts, term;
    struct sim_host *joiners[2], *old;
};
struct nemesis_rivals *nemesis_rivals_of(struct sim *s);
bool nemesis_rivals(struct sim *s);

/* ---- nemesis_member.c ---- */

bool nemesis_remove(struct sim *s);

/* ---- nemesis_level.c ---- */

/* One host is restarted with a build of the other feature level. */
bool nemesis_build(struct sim *s);

/* ---- nemesis_copy.c: counts itself later ---- */

bool nemesis_old_copy(struct sim *s);

/* ---- nemesis_forge.c ---- */

bool nemesis_forge(struct sim *s);

/* ---- nemesis_crowd.c ---- */

bool nemesis_flood(struct sim *s);
bool nemesis_full_table(struct sim *s);
bool nemesis_odd_ids(struct sim *s);
bool nemesis_heirs(struct sim *s);

/* ---- nemesis_disk.c: each returns whether it happens; what lies counts itself later ---- */

bool nemesis_slow_disk(struct sim *s);
bool nemesis_stall(struct sim *s);
bool nemesis_disk_full(struct sim *s);
bool nemesis_disk_error(struct sim *s);
bool nemesis_read_error(struct sim *s);
bool nemesis_rot(struct sim *s);
bool nemesis_lost_write(struct sim *s, bool misdirected);
/* The disk is well again, and what is there is looked at. */
void nemesis_disk_stop(struct sim_host *h);

#endif
