/* rate - how fast a counter grows, of late; and a bound on how often the same is told. */
#ifndef RATE_H
#define RATE_H

#include <stdbool.h>
#include <stddef.h>
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

#define RATE_BOUND_MS 60000u

/* Whoever can connect decides how often something happens, but not how often it is logged. Zeroed
 * at first. */
struct rate_bound {
    uint64_t since_ms, untold; /* untold: since it was last told */
    uint32_t n;
};

/* Whether it may be told once more, which is so `most` times in RATE_BOUND_MS; *untold, which may
 * be NULL, is how often it was not since the last time. */
static inline bool rate_may(struct rate_bound *b, uint64_t now_ms, uint32_t most, uint64_t *untold)
{
    if (b->n == 0 || now_ms - b->since_ms >= RATE_BOUND_MS) {
        b->since_ms = now_ms;
        b->n = 0;
    }
    if (b->n == most) {
        b->untold++;
        return false;
    }
    b->n++;
    if (untold != NULL)
        *untold = b->untold;
    b->untold = 0;
    return true;
}

#endif
