/* tick - wall time from a counter that is read faster than a clock.
 *
 * A line is the wall time as a function of the counter, good for TICK_NS after it was made from a
 * reading of all three: counter, steady clock and wall clock. The next line begins where the wall
 * clock is, but never before a time that the last one can have given: when the wall clock was set
 * back, the next line is less steep, by half at most, until the wall clock has caught up. So times
 * of a line and its successors never decrease; a clock set back by an hour is followed again after
 * two.
 *
 * How fast the counter runs is measured from one line to the next. Until it is known, and after the
 * counter jumped back, a line is good for nothing but its own reading. */
#ifndef TICK_H
#define TICK_H

#include <stdbool.h>
#include <stdint.h>

#define TICK_NS 10000000u /* how long a line is good */

struct tick_reading {
    uint64_t counter, steady_ns, wall_ns; /* at one moment */
};

struct tick_line {
    uint64_t counter, wall_ns; /* where it begins */
    uint64_t steep;            /* nanoseconds a count, times 2^32 */
    uint64_t counts;           /* how long it is good; 0: not at all */
    struct tick_reading at;    /* what `rate` was measured from, or will be */
    uint64_t rate;             /* of the counter, as steep is; 0: not known */
};

/* False: the line is not good any more, or not yet. */
static inline bool tick_wall_ns(const struct tick_line *l, uint64_t counter, uint64_t *out)
{
    uint64_t counts = counter - l->counter;

    *out = l->wall_ns + (counts * l->steep >> 32);
    return counts < l->counts;
}

/* The line that follows; l is zeroed at first. It begins at the reading. */
struct tick_line tick_next(const struct tick_line *l, const struct tick_reading *r);

#endif
