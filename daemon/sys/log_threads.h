/* log_threads - the threads of the daemon that record events, with their rings and queues.
 *
 * A thread takes part by log_thread_open and keeps its rings until log_threads_close, also when it
 * has ended: what it did is still of interest. Whoever reads the rings may do so at any time. It
 * also gets an alternate stack for signals, so that a crash of it is told when its own has no room.
 */
#ifndef LOG_THREADS_H
#define LOG_THREADS_H

#include "err.h"
#include "rec/rec.h"
#include "rec/recfile.h"

#define LOG_THREADS 16u       /* those that come later record nothing */
#define LOG_THREAD_RING 8192u /* words, of every thread but the first, which is the loop's */
#define LOG_THREAD_QUEUE 4096u
#define LOG_THREAD_STACK 131072u /* bytes, of the alternate stack */

/* The calling thread is the first one. wake is called when an event was queued. BX_OK or
 * BX_NO_MEMORY. */
int log_threads_open(const char *name, void (*wake)(void), struct bx_err *err);
/* The other threads record no more: they have ended, or do nothing. */
void log_threads_close(void);
/* Record what the calling thread does from now on. No effect before log_threads_open, when it
 * already does, and when there is no room. Any thread. */
void log_thread_open(const char *name);
/* Those there are; their number. Any thread, and safe in a signal handler. */
uint32_t log_threads(struct bx_rec_thread *out[LOG_THREADS]);
/* Put what is known of each to a file. */
void log_threads_put(struct bx_recfile_writer *w);

#endif
