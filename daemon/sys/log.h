/* log - the daemon's log lines: events of the recorder (rec/rec.h), for the sinks (sink.h).
 *
 * The thread that logs never waits: its events go into its ring and its queue (log_threads.h), and
 * a thread takes them out of the queue and gives them to the sinks (router.h). What does not keep
 * up drops the newest events, and an event tells how many.
 *
 * Before log_open, and in programs that do not call it, nothing is written; log_error always
 * writes. */
#ifndef LOG_H
#define LOG_H

#include "err.h"
#include "rec/rec.h"
#include "sys/sink.h"

/* As in syslog: a lower number is more severe. */
enum log_level {
    LOG_ERROR = BX_LEVEL_ERROR,
    LOG_WARNING = BX_LEVEL_WARNING,
    LOG_INFO = BX_LEVEL_INFO,
    LOG_DEBUG = BX_LEVEL_DEBUG
};

struct log_options {
    const char *thread; /* name of the calling thread */
    const char *node;   /* name of this node; outlives the log */
    struct bx_filter filter;
    const struct sink_spec *sinks;
    uint32_t n_sinks; /* 0: lines of text on standard error */
};
/* Record what the calling thread does from now on, and give the events that the filter lets through
 * to the sinks; a sink may have a filter of its own. The ring has those of level debug and above,
 * whatever the filter. BX_OK, BX_NO_MEMORY, BX_IO. */
int log_open(const struct log_options *o, struct bx_err *err);
/* Write what is queued, and end. */
void log_close(void);
/* Write a line of text; level is an enum log_level; libcore passes it as a number. */
void log_write(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Log a fatal error, write the file of a crash (crash.h), print the error and exit(70), without a
 * cleanup that could change the state on disk. What is queued is written before it is printed,
 * unless that takes more than a second. Allocates nothing. While the log is open, errors that end
 * the process elsewhere, such as exhausted memory, are logged in the same way (err.h). */
_Noreturn void log_fatal(const struct bx_err *err);
/* Print "error: ..." and "hint: ..." to standard error. */
void log_error(const struct bx_err *err);

#endif
