/* log - writes log lines to standard error: UTC time, level, text. Loop's thread only. */
#ifndef LOG_H
#define LOG_H

#include "err.h"
#include "sys/word.h"

/* As in syslog: a lower number is more severe. */
enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

extern const struct word log_levels[]; /* from LOG_ERROR on, ends with a NULL name */

/* Lines above this level are not written; the default is LOG_INFO. */
void log_set_level(enum log_level level);
/* level is an enum log_level; libcore passes it as a number. */
void log_write(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Log a fatal error and exit(70), without a cleanup that could change the state on disk. */
_Noreturn void log_fatal(const struct bx_err *err);
/* Print "error: ..." and "hint: ..." to standard error. */
void log_error(const struct bx_err *err);

#endif
