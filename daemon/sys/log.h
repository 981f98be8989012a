/* log - one line to standard error: UTC time, level, text.
 *
 * Levels as in syslog: 3 error, 4 warning, 6 info, 7 debug. Loop's thread only. */
#ifndef LOG_H
#define LOG_H

#include "err.h"

enum { LOG_ERROR = 3, LOG_WARNING = 4, LOG_INFO = 6, LOG_DEBUG = 7 };

/* Lines above this level are left out; LOG_INFO until this is called. */
void log_set_level(int level);
void log_write(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The process can not go on: say why and exit(70), without a cleanup that could lie about the state
 * on disk. */
_Noreturn void log_fatal(const struct bx_err *err);
/* "error: ..." and "hint: ..." for people, to standard error. */
void log_error(const struct bx_err *err);

#endif
