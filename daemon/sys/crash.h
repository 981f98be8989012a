/* crash - what is left when the daemon dies: the recorder's rings, in a file.
 *
 * On SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, which a failed assertion raises, the handler
 * records the signal, the assertion, the registers and the call stack as events of a thread
 * "crash", writes DATA/recorder/crash-TIME-PID.bxr (rec/recfile.h), says so on standard error and
 * lets the signal take its course.
 *
 * An error that ends the daemon in an orderly way leaves such a file, too, with the error in the
 * place of the signal.
 *
 * The handler runs on the thread's alternate stack (log_threads.h), allocates nothing, takes no
 * lock and trusts no memory: it works in stages, and when one of them crashes, the next ones are
 * still done. Signals that other processes send meanwhile have no effect. When it can not finish
 * within some seconds, SIGALRM ends the process. Room for the file is taken when the daemon starts,
 * so that it can be written when the disk is full. */
#ifndef CRASH_H
#define CRASH_H

#include "err.h"
#include "rec/recfile.h"
#include "sys/log_threads.h"

#include <stdint.h>

#define CRASH_FILES 16u /* the newest ones are kept */

/* Open DATA/recorder, remove the oldest files, take room for a new one, install the handlers. The
 * program is known as `program` in the file. BX_OK; BX_NO_SPACE: there may be no room for a file;
 * BX_IO: there will be none. */
int crash_open(const char *data, const char *program, struct bx_err *err);
/* DATA/recorder, as a descriptor that stays open; -1: there is none. */
int crash_directory(void);
/* What a file of this process that begins now says of it. After crash_open; any thread. */
struct bx_recfile_meta crash_about(const char *reason);
/* The process ends because of this error, which outlives the call: write the file. Allocates
 * nothing; no effect when there is no directory, or the calling thread is about to end the process
 * already. Never returns while another thread does that. */
void crash_fatal(const struct bx_err *err);
/* The process ends well. */
void crash_close(void);
/* Known from now on; 0: not yet. */
void crash_set_node(uint64_t node);

/* ---- for a program that has no such directory, blixard-vm ---- */

struct crash_program {
    const char *name;  /* as it is known in the file */
    const char *where; /* the file is, as standard error tells: "recorder/", or empty */
    /* Those whose events are written. Safe in a signal handler. */
    uint32_t (*threads)(struct bx_rec_thread *out[LOG_THREADS]);
};
/* Install the handlers. What is to be written goes to the file that crash_file.h has. */
void crash_watch(const struct crash_program *p);
void crash_unwatch(void);

#endif
