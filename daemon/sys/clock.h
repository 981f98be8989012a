/* clock - the kernel's clocks and random numbers, behind the port of node/ports.h. */
#ifndef CLOCK_H
#define CLOCK_H

#include "node/ports.h"

/* The only clock; it needs no close. If the kernel fails to return the time or random bytes, the
 * process ends. */
struct bx_clock *clock_kernel(void);
/* Wall time in nanoseconds since 1970, for events. It never decreases on a thread, and takes 10 ns
 * where the processor has a counter that the kernel relies on. When the wall clock is set back, it
 * goes at half the speed until the two agree. Safe in a signal handler. */
uint64_t clock_wall_ns(void);
/* The time in microseconds for which the calling thread has run. */
uint64_t clock_thread_us(void);

#endif
