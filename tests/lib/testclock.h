/* testclock - a clock that stands still until the test moves it. */
#ifndef BX_TESTCLOCK_H
#define BX_TESTCLOCK_H

#include "node/ports.h"

struct test_clock {
    struct bx_clock base; /* first; give &clock.base away */
    uint64_t now, seed;
};

/* Starts at 1000 ms. */
void test_clock_init(struct test_clock *c);

#endif
