/* watchdog - a thread that notices when the event loop does not get on.
 *
 * Four times a second it asks the loop for a sign of life. When none comes for WATCHDOG_STALL_MS,
 * it has the loop's thread tell its call stack (a signal does that), records it, logs how long the
 * loop has been stalled, and writes a snapshot of the recorder itself (sys/snapshot.h): nothing
 * here needs the loop. That the whole process was stopped, or the host was suspended, is no stall.
 */
#ifndef WATCHDOG_H
#define WATCHDOG_H

#include "err.h"

#include <uv.h>

#define WATCHDOG_STALL_MS 1000u

/* The calling thread is the loop's. BX_OK or BX_IO. */
int watchdog_open(uv_loop_t *loop, struct bx_err *err);
/* End the thread; the handle in the loop is closed when the loop has run once more. */
void watchdog_close(void);

#endif
