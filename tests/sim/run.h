/* run - histories in processes of their own, several at a time, and what to do when one fails. */
#ifndef RUN_H
#define RUN_H

#include "sim/sim.h"

#define RUN_JOBS_MAX 64u

/* Run `seeds` histories from o->seed on and print one line for each, in order, and a sum. Returns
 * how many failed; the first of those is shrunk and shown. With until_failure the first is the
 * last. */
uint64_t run_seeds(const struct sim_options *o, uint64_t seeds, unsigned jobs);
/* Run one history in this process, print its line and end: the memory of dead hosts is not given
 * back, and whoever looks for leaks would find it. */
_Noreturn void run_here(const struct sim_options *o);

/* ---- shrink.c ---- */

struct run_outcome {
    bool failed;
    char *text; /* what it printed, the end of it; bx_free */
    struct sim_stats stats;
    uint64_t now; /* virtual time at the end */
    unsigned hosts;
    uint64_t hash;
};
/* One history in a process of its own. */
void run_one(const struct sim_options *o, struct run_outcome *out);
/* Find a smaller history that fails too, and print how to replay it and how it ends. */
void run_shrink(const struct sim_options *o);

#endif
