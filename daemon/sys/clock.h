/* clock - the kernel's clocks and its random numbers, behind the port of node/ports.h. */
#ifndef CLOCK_H
#define CLOCK_H

#include "node/ports.h"

/* The one clock; there is nothing to close. A kernel that can not tell the time or give random
 * bytes ends the process. */
struct bx_clock *clock_kernel(void);

#endif
