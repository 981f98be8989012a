/* log - one line to standard error: UTC time, level, text. Loop's thread only. */
#ifndef LOG_H
#define LOG_H

#include "err.h"
#include "sys/word.h"

/* As in syslog: the lower, the more severe. */
enum log_level { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

extern const struct word log_levels[]; /* from LOG_ERROR on, ends with a NULL name */

/* Lines above this level are left out; LOG_INFO until this is called. */
void log_set_level(enum log_level level);
/* `level` is an enum log_level; libcore passes the number. */
void log_write(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The process can not go on: say why and exit(70), without a cleanup that could lie about the state
 * on disk. */
_Noreturn void log_fatal(const struct bx_err *err);
/* "error: ..." and "hint: ..." for people, to standard error. */
void log_error(const struct bx_err *err);

#endif
