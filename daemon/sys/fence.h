/* fence - order memory accesses on all threads of the process: membarrier(2). */
#ifndef FENCE_H
#define FENCE_H

/* A function that does so, for bx_intern_share; NULL: this kernel has none. It takes microseconds,
 * and asserts that the kernel does as it said. Any thread. */
void (*fence_open(void))(void);

#endif
