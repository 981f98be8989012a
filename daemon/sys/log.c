#include "sys/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static int max_level = LOG_INFO;

void log_set_level(int level)
{
    max_level = level;
}

static const char *level_name(int level)
{
    if (level <= LOG_ERROR)
        return "error";
    if (level == LOG_WARNING)
        return "warning";
    return level <= LOG_INFO ? "info" : "debug";
}

void log_write(int level, const char *fmt, ...)
{
    char text[2048];
    struct timespec now;
    struct tm tm;
    va_list ap;

    if (level > max_level)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &tm);
    fprintf(stderr, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s %s\n", tm.tm_year + 1900,
            tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000,
            level_name(level), text);
}

void log_error(const struct bx_err *err)
{
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
}

void log_fatal(const struct bx_err *err)
{
    log_error(err);
    fflush(stderr);
    _exit(EX_SOFTWARE);
}
