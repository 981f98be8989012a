#include "sys/log.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

static enum log_level max_level = LOG_INFO;

const struct word log_levels[] = {
    {"error", LOG_ERROR}, {"warning", LOG_WARNING}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {0},
};

void log_set_level(enum log_level level)
{
    max_level = level;
}

/* The name of the first level not below this one; the last one for levels beyond it. */
static const char *level_name(int level)
{
    const struct word *l = log_levels;

    while (l[1].name != NULL && l->value < level)
        l++;
    return l->name;
}

void log_write(int level, const char *fmt, ...)
{
    char text[2048];
    struct timespec now;
    struct tm tm;
    va_list ap;

    if (level > (int)max_level)
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
