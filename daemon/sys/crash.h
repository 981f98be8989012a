/* crash - what is left when the daemon dies: the recorder's rings, in a file.
 *
 * On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, which a failed assertion raises, the handler
 * records the signal, the address and the call stack, writes DATA/recorder/crash-TIME-PID.bxr
 * (rec/recfile.h) and lets the signal take its course. It runs on a stack of its own, allocates
 * nothing and takes no lock; when it can not finish within some seconds, SIGALRM ends the process.
 */
#ifndef CRASH_H
#define CRASH_H

#include "err.h"

#include <stdint.h>

#define CRASH_FILES 16u /* the newest ones are kept */

/* Create DATA/recorder if it is missing, remove the oldest files, install the handlers. The program
 * is known as `program` in the file. BX_OK or BX_IO. */
int crash_open(const char *data, const char *program, struct bx_err *err);
/* Known from now on; 0: not yet. */
void crash_set_node(uint64_t node);

#endif
