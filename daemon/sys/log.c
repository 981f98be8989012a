#include "sys/log.h"

#include "sys/crash.h"
#include "sys/log_threads.h"
#include "sys/router.h"
#include "sys/sink_file.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define FLUSH_NS 1000000000u
#define FATAL_S 2u

/* Who calls it may have no memory and no room on the disk, and the sinks and the file of a crash
 * need neither. The file comes first: it waits for nobody. */
static void tell_fatal(const struct bx_err *err)
{
    BX_ERROR("daemon", "fatal error", "err", err->msg, "hint", err->hint);
    crash_fatal(err);
    router_drain(FLUSH_NS);
    signal(SIGALRM, SIG_DFL);
    alarm(FATAL_S); /* standard error may be a pipe that nobody reads */
}

int log_open(const struct log_options *o, struct bx_err *err)
{
    struct router_options router = {
        .node = o->node, .filter = o->filter, .sinks = o->sinks, .n = o->n_sinks};
    struct sink_spec console;
    int rc = log_threads_open(o->thread, router_wake, err);

    if (rc != BX_OK)
        return rc;
    if (o->n_sinks == 0) {
        sink_spec_parse(&console, "console", NULL);
        router.sinks = &console;
        router.n = 1;
    }
    rc = router_start(&router, err);
    if (rc != BX_OK)
        log_threads_close();
    else
        bx_err_on_fatal(tell_fatal);
    return rc;
}

void log_close(void)
{
    bx_err_on_fatal(NULL);
    bx_rec_use(NULL);
    router_stop();
    log_threads_close();
    sink_file_forget();
}

/* ---- lines ---- */

void log_write(int level, const char *fmt, ...)
{
    char text[BX_RECEVENT_STR];
    va_list ap;

    if (!bx_rec_line_on(BX_LINE_DAEMON, level))
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    bx_rec_line(BX_LINE_DAEMON, level, text, strlen(text));
}

void log_error(const struct bx_err *err)
{
    fprintf(stderr, "error: %s\n", err->msg);
    if (err->hint[0] != '\0')
        fprintf(stderr, "hint: %s\n", err->hint);
}

void log_fatal(const struct bx_err *err)
{
    tell_fatal(err);
    log_error(err);
    fflush(stderr);
    _exit(EX_SOFTWARE);
}
