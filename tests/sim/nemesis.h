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

/* ---- nemesis_disk.c: each returns whether it happens; what lies counts itself later ---- */

bool nemesis_slow_disk(struct sim *s);
bool nemesis_disk_full(struct sim *s);
bool nemesis_disk_error(struct sim *s);
bool nemesis_read_error(struct sim *s);
bool nemesis_rot(struct sim *s);
bool nemesis_lost_write(struct sim *s, bool misdirected);
/* The disk is well again, and what is there is looked at. */
void nemesis_disk_stop(struct sim_host *h);

#endif
