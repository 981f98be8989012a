/* testloop - a libuv loop for tests of the daemon's parts, and a clock that a test may move on. */
#ifndef BX_TESTLOOP_H
#define BX_TESTLOOP_H

#include "lib/testlib.h"

#include "node/ports.h"

#include <uv.h>

extern uv_loop_t test_loop;
/* The kernel's clock, and what the test adds to its time since boot. */
extern struct bx_clock test_loop_clock;
extern uint64_t test_loop_skew_ms;

/* A turn of the loop ends after 5 ms at the latest. SIGPIPE is ignored, as blixardd does. */
void test_loop_open(void);
/* Turns the loop until everything is closed. */
void test_loop_close(void);
void test_loop_spin_ms(uint64_t ms);

/* Turn the loop until the condition holds; fails the test when that takes more than 20 seconds. */
#define SPIN_UNTIL(condition)                                                                      \
    for (uint64_t until_ = uv_hrtime() + 20 * UINT64_C(1000000000); !(condition);) {               \
        if (uv_hrtime() > until_)                                                                  \
            fail_msg("waited too long for %s", #condition);                                        \
        uv_run(&test_loop, UV_RUN_ONCE);                                                           \
    }

#endif
