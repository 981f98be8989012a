/* pool - the threads of libuv's pool, which do only what can wait. */
#ifndef POOL_H
#define POOL_H

/* To be called by what runs on such a thread: gives it a lower priority than the loop's, so that
 * requests do not wait for snapshots and queries, and records what it does. */
void pool_yield_to_loop(void);

#endif
