/* priv - what the files of diag share. */
#ifndef DIAG_PRIV_H
#define DIAG_PRIV_H

#include "config.h"
#include "diagnose/diag.h"
#include "diag/limits.h"
#include "diagnose/send.h"
#include "sys/rate.h"

#include <sys/queue.h>

#define DIAG_RELEASE "blixard@" PACKAGE_VERSION

struct diag_put; /* an envelope on its way to the spool */

struct diag {
    struct diag_options o;
    char dsn[512], data[4096], node[64], environment[64];
    struct spool spool;
    struct bx_scopes scopes;
    char crumb_text[BX_CRUMB_TEXT]; /* of before_crumb */
    struct bx_scope *process;
    struct bx_envelope envelope;
    uv_timer_t timer;
    uv_work_t collect; /* of the crash of the run before */
    struct sender sender;
    struct diag_crashes collected; /* by that */
    uint32_t jobs;                 /* in the pool */
    uint32_t puts;                 /* of them, those that write */
    bool closing, closed;
    struct diag_request action; /* under way */
    uint32_t until_sample;
    uint64_t minute; /* of the errors that were counted last */
    uint32_t minute_errors;
    uint64_t drops[DIAG__DROPS][BX__ITEM_TYPES]; /* not reported yet */
    struct bx_session session, before; /* of this run; of the one before, if it has left one */
    uint64_t requests_started_ns, requests_ok, requests_errored; /* not told yet */
    struct diag_stats stats; /* what is counted at once; the rest by diag_stats */
    struct bx_histogram serialise;
    struct bx_weight weight; /* of the envelope that is made, and of those on their way */
    size_t envelope_weighed;
    struct {
        uv_work_t work;
        uint64_t due_ms, began_ms;
        bool busy, ok;
    } expire;                    /* the job EXPIRE */
    bool job_failed[DIAG__JOBS]; /* when it ended last */
    uint32_t until_measured;     /* events of the fast writer */
    uint64_t saves_ns;           /* one of them, as last measured */
    struct rate allocations;
    uint64_t memory_sum, memory_n; /* readings, one a second */
};

void diag_drop(struct diag *d, enum diag_drop why, enum bx_item_type type, uint64_t n);
/* Queue d->envelope; id as in spool_put. */
void diag_store(struct diag *d, const uint8_t id[16], enum bx_item_type type);
/* Begin d->envelope, and queue it: one without an event. */
void diag_begin(struct diag *d);
void diag_end(struct diag *d, enum bx_item_type type);
void diag_random(struct diag *d, void *p, size_t n);
bool diag_sends(const struct diag *d);
/* session.c: the release health of this run. */
void diag_session_init(struct diag *d);
/* Make the file name this run; what it said before goes to d->before. On any thread. */
void diag_session_swap(struct diag *d);
/* notes.c: what that file says of a run; written: how many bytes. False: it is damaged, and says
 * nothing. */
#define DIAG_SESSION_TEXT 64u
bool diag_session_read(struct bx_session *out, const char *text, size_t n);
size_t diag_session_write(char text[DIAG_SESSION_TEXT], const struct bx_session *s);
/* Whether the text of DATA/diag/crashes has this line, which ends with a newline. */
bool diag_was_seen(const char *seen, const char *line);
void diag_session_begin(struct diag *d, uint32_t crashes);
void diag_session_end(struct diag *d);
void diag_session_tick(struct diag *d);
/* jobs.c: those of the daemon, and the one that is done here. */
void diag_jobs_tick(struct diag *d);
/* An envelope was made of the report, in so much time. */
void diag_stats_made(struct diag *d, const struct bx_report *r, uint64_t ns);
void diag_stats_tick(struct diag *d);
/* contexts.c: on what the process runs, and which build it is. */
void diag_set_contexts(struct bx_scope *s, uint64_t started_ns);
/* An extra value. */
void diag_set_number(struct bx_scope *s, const char *key, uint64_t value);
/* crashed.c: make the envelope of a crash file, and store it. BX_OK, or an error of the file or of
 * the spool. */
struct diag_crash_file {
    const char *name, *path;
    const char *vm;   /* uuid of the one whose supervisor it was; NULL: the daemon's */
    const uint8_t *p; /* its bytes */
    size_t n;
};
int diag_crash_envelope(struct spool *spool, const struct diag_about *about,
                        const struct diag_crash_file *from, struct bx_err *err);
/* scrub.c: from now on reports of the scope, and of its children, name no user and no host, and
 * have the code of an error instead of its text. */
void diag_leave_out_names(struct bx_scope *s);
/* The hook of breadcrumbs, of the daemon that lives and of what a crash has left: drops one that is
 * the same as the one before it in the scope, unless it is the 10th, the 100th and so on, which
 * says so. `text` has BX_CRUMB_TEXT bytes, for the message of one of those that are added at once.
 */
bool diag_before_crumb(void *text, struct bx_scope *s, struct bx_crumb *c);
/* attach.c: open the files that a scope has attached (BX_SCOPE_ATTACHMENTS), and append the headers
 * of their items. What can not be opened is left out. */
void diag_attach(struct bx_envelope *e, const struct bx_bag *attachments, struct spool_files *out);
/* Close them. */
void diag_attached(struct spool_files *f);
/* Append what was dropped since the last time to an envelope that has begun; false: nothing was. */
bool diag_tell_drops(struct diag *d, struct bx_envelope *e);

#endif
