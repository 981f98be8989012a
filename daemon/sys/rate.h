/* rate - how fast a counter grows, of late. */
#ifndef RATE_H
#define RATE_H

#include <stdint.h>

#define RATE_NS 5000000000u /* the least time that a rate is taken over */

/* Zeroed at first. */
struct rate {
    uint64_t at_ns, n, per_s;
};

/* The counter has the value n now, by a clock that never goes back. Its growth a second, over the
 * time since it was last asked for or some seconds; 0 until those have passed. */
static inline uint64_t rate_of(struct rate *r, uint64_t now_ns, uint64_t n)
{
    if (r->at_ns != 0 && now_ns - r->at_ns < RATE_NS)
        return r->per_s;
    r->per_s = r->at_ns == 0 ? 0 : (n - r->n) * 1000 / ((now_ns - r->at_ns) / 1000000);
    r->at_ns = now_ns;
    r->n = n;
    return r->per_s;
}

#endif
