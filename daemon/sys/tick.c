#include "sys/tick.h"

#define MEASURE_MIN_NS 1000000u    /* a shorter time says little about the counter's rate */
#define MEASURE_MAX_NS 4000000000u /* a longer one does not fit into the arithmetic */
#define RATE_MIN (((uint64_t)1 << 32) / 16) /* a counter faster than 16 GHz has jumped */

/* Measure the counter's rate from the reading in `at` on, and set a new `at`; 0: not known. */
static void measure(struct tick_line *next, const struct tick_reading *r)
{
    uint64_t ns = r->steady_ns - next->at.steady_ns;

    if (r->counter > next->at.counter && ns < MEASURE_MIN_NS)
        return;
    if (r->counter <= next->at.counter)
        next->rate = 0;
    else if (ns <= MEASURE_MAX_NS)
        next->rate = (ns << 32) / (r->counter - next->at.counter);
    if (next->rate < RATE_MIN)
        next->rate = 0;
    next->at = *r;
}

/* The latest time that the line can have given. */
static uint64_t given(const struct tick_line *l, uint64_t counter)
{
    uint64_t counts = counter - l->counter;

    return l->wall_ns + ((counts < l->counts ? counts : l->counts) * l->steep >> 32);
}

struct tick_line tick_next(const struct tick_line *l, const struct tick_reading *r)
{
    struct tick_line next = {
        .counter = r->counter, .wall_ns = r->wall_ns, .at = l->at, .rate = l->rate};
    uint64_t least = given(l, r->counter), ahead = 0;

    if (least > r->wall_ns) {
        next.wall_ns = least;
        ahead = least - r->wall_ns;
    }
    measure(&next, r);
    if (next.rate == 0)
        return next;
    if (ahead > TICK_NS / 2)
        ahead = TICK_NS / 2;
    next.steep = next.rate - next.rate * ahead / TICK_NS;
    next.counts = ((uint64_t)TICK_NS << 32) / next.rate;
    return next;
}
