#include "sys/pool.h"

#include "sys/log_threads.h"

#include <stdbool.h>
#include <sys/resource.h>

#define NICE 10

void pool_yield_to_loop(void)
{
    static _Thread_local bool lowered;

    log_thread_open("pool");
    /* Linux has a priority for each thread; it can always be lowered. */
    if (!lowered)
        lowered = setpriority(PRIO_PROCESS, 0, NICE) == 0;
}
