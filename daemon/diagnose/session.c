/* session - the release health of this daemon: that it was started, how it ended, how its requests
 * went. Only with a DSN.
 *
 * DATA/diag/session names the run under way. A file that is there at start is of a run that did not
 * end well: it crashed if it left a crash file, else it ended abnormally (it was killed, or the
 * host failed). */
#include "diagnose/priv.h"

#include "rec/rec.h"
#include "sys/clock.h"

#include <fcntl.h>
#include <unistd.h>

#define FILE_NAME "session"
#define MINUTE_NS 60000000000u

static void tell(struct diag *d, const struct bx_session *s)
{
    diag_begin(d);
    bx_envelope_session(&d->envelope, s);
    diag_end(d, BX_ITEM_SESSION);
}

void diag_session_swap(struct diag *d)
{
    char text[DIAG_SESSION_TEXT] = "";
    int fd = openat(d->spool.dir, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);

    d->before = (struct bx_session){.status = BX_SESSION_OK};
    if (n > 0)
        diag_session_read(&d->before, text, (size_t)n);
    if (fd < 0)
        return;
    n = (ssize_t)diag_session_write(text, &d->session);
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text, (size_t)n, 0) != n)
        unlinkat(d->spool.dir, FILE_NAME, 0); /* no news of this run is better than wrong ones */
    close(fd);
}

static void fill(const struct diag *d, struct bx_session *s)
{
    s->user = bx_str(d->o.about.nameless ? "" : d->node);
    s->release = bx_str(DIAG_RELEASE);
    s->environment = bx_str(d->environment);
    s->time_ns = clock_wall_ns();
}

void diag_session_init(struct diag *d)
{
    diag_random(d, d->session.id, sizeof d->session.id);
    d->session.started_ns = d->requests_started_ns = clock_wall_ns();
}

void diag_session_begin(struct diag *d, uint32_t crashes)
{
    if (!diag_sends(d))
        return;
    if (d->before.started_ns != 0) {
        d->before.status = crashes > 0 ? BX_SESSION_CRASHED : BX_SESSION_ABNORMAL;
        d->before.errors = crashes > 0;
        d->before.sequence = 1;
        fill(d, &d->before);
        tell(d, &d->before);
    }
    d->session.init = true;
    fill(d, &d->session);
    tell(d, &d->session);
    d->session.init = false;
    bx_scope_set_session(d->process, d->session.id);
}

/* The requests since the last time. */
static void tell_requests(struct diag *d)
{
    struct bx_session_count c = {.started_ns = d->requests_started_ns,
                                 .exited = d->requests_ok,
                                 .errored = d->requests_errored};

    d->requests_started_ns = clock_wall_ns();
    if (!diag_sends(d) || d->requests_ok + d->requests_errored == 0)
        return;
    d->requests_ok = d->requests_errored = 0;
    diag_begin(d);
    bx_envelope_sessions(&d->envelope, &c, 1, bx_str(DIAG_RELEASE), bx_str(d->environment));
    diag_end(d, BX_ITEM_SESSIONS);
}

void diag_session_tick(struct diag *d)
{
    if (clock_wall_ns() - d->requests_started_ns > MINUTE_NS)
        tell_requests(d);
}

void diag_session_end(struct diag *d)
{
    tell_requests(d);
    if (diag_sends(d)) {
        d->session.status = BX_SESSION_EXITED;
        d->session.sequence++;
        fill(d, &d->session);
        tell(d, &d->session);
    }
    unlinkat(d->spool.dir, FILE_NAME, 0);
}
