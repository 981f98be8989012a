/* diag - errors, crashes and requests as envelopes: what the daemon tells about itself.
 *
 * Errors of requests and the crash of the run before go to the spool (spool.h). With a DSN, a
 * sender posts what is in the spool (send.h), and there are also sessions (that this daemon was
 * started, ended or crashed), check-ins of periodic jobs, and traces of sampled requests. Without
 * one nothing leaves the host.
 *
 * Everything here runs on the loop's thread, but for the disk and the network, which jobs of the
 * pool wait for. What comes while too many of them wait is dropped and counted. */
#ifndef DIAG_H
#define DIAG_H

#include "config.h"
#include "diag/envelope.h"
#include "diag/metric.h"
#include "diag/scope.h"
#include "diagnose/spool.h"
#include "node/ports.h"

#include <uv.h>

#define DIAG_QUEUE 64u     /* envelopes that wait to be written */
#define DIAG_TICK_MS 1000u /* between looks at what is due */
#define DIAG_ERRORS_MINUTE                                                                         \
    30u /* events of errors that are stored in a minute; more are counted                          \
         */

struct diag;

/* What the daemon does again and again: X(NAME, monitor, seconds between two). 0: whenever its time
 * has come; of RECORDER, the options have it. */
#define DIAG_JOBS(X)                                                                               \
    X(SNAPSHOT, "snapshot", 0)               /* of the cluster's state, as the log grows */        \
    X(RECORDER, "recorder-snapshot", 0)      /* --log-snapshot-every */                            \
    X(EXPIRE, "spool-expire", DIAG_EXPIRE_S) /* of envelopes that are too old */
#define DIAG_EXPIRE_S 86400u
#define X(id, monitor, every) DIAG_JOB_##id,
enum diag_job { DIAG_JOBS(X) DIAG__JOBS };
#undef X

enum diag_step {
    DIAG_DECODED,
    DIAG_CONFIRMED, /* a read may answer */
    DIAG_PROPOSED,
    DIAG_COMMITTED,
    DIAG_APPLIED,
    DIAG__STEPS
};

#ifdef BX_DIAGNOSTICS

/* What envelopes say of this daemon; strings. */
struct diag_about {
    const char *node, *environment;
    bool nameless; /* leave out the names of users and hosts, and texts that may have others */
    uint32_t max_crumbs; /* of an event; 0: BX_CRUMBS */
};

/* Where supervisors of VMs leave files of their crashes: these names, in each of DATA/vms/UUID. */
struct diag_vm_files {
    const char *const *names;
    unsigned n;
    /* A descriptor, or -1; NULL: there are none. */
    int (*open)(int dir, const char *name, int flags);
};

struct diag_options {
    uv_loop_t *loop;
    struct bx_clock *clock;
    struct diag_about about;
    const char *data;
    const char *dsn;           /* empty: nothing is sent */
    uint32_t sample;           /* one of so many requests is traced; 0: none */
    uint32_t recorder_every_s; /* between snapshots of the recorder; 0: there are none */
    uint64_t spool_bytes;      /* 0: SPOOL_BYTES */
    struct diag_vm_files vms;
    /* The newest revision of the state that this node has, which events of errors tell; NULL: it is
     * not told. */
    uint64_t (*revision)(void *ctx);
    void *ctx;
};

/* Why something was dropped: words of the format of client reports. */
#define DIAG_DROPS(X)                                                                              \
    X(QUEUE, "queue_overflow")                                                                     \
    X(SPOOL, "cache_overflow")                                                                     \
    X(BACKOFF, "ratelimit_backoff")                                                                \
    X(SAMPLE, "sample_rate")                                                                       \
    X(PROCESSOR, "event_processor")                                                                \
    X(REFUSED, "send_error")                                                                       \
    X(INTERNAL, "internal_sdk_error")
#define X(id, text) DIAG_DROP_##id,
enum diag_drop { DIAG_DROPS(X) DIAG__DROPS };
#undef X

struct diag_stats {
    uint64_t stored, failed;       /* envelopes written to the spool; that could not be */
    uint64_t dropped;              /* before they were written, or instead of being sent; traces
                                    * that were not sampled are not meant */
    uint64_t sent, refused;        /* envelopes that a service took, or would not take */
    uint64_t limited;              /* answers that asked to wait */
    uint64_t fast;                 /* events that the fast writer made (diag/report.h) */
    uint64_t saved_ns;             /* by that; estimated */
    uint64_t allocations, avoided; /* by scopes, collections and queue; taken from those kept */
    uint64_t allocations_per_s, pool_hit_pct;
    uint64_t memory_bytes, memory_peak_bytes, memory_average_bytes;
};
extern const struct bx_metric_set diag_metrics;
extern const struct bx_histogram_info diag_serialise_histogram; /* of making one envelope */

/* BX_OK, or an error of the spool; NULL in *out then. */
int diag_open(struct diag **out, const struct diag_options *o, struct bx_err *err);
/* The daemon ends: write what is queued, and that it ended well. NULL is allowed. */
void diag_close(struct diag *d);

/* For requests and actions; the scope has what is known of the process. NULL if d is. */
struct bx_scopes *diag_scopes(struct diag *d);
struct bx_scope *diag_process(struct diag *d);
struct spool *diag_spool(struct diag *d);
void diag_stats(const struct diag *d, struct diag_stats *out);
void diag_serialise(const struct diag *d, struct bx_histogram *out);

/* Store an event; id, server, release and environment are filled in. scope may be NULL. */
void diag_report(struct diag *d, struct bx_report *r, struct bx_scope *scope);
/* Post what is in the spool now, whatever limits hold. BX_OK, BX_CONFLICT (no DSN). */
int diag_send(struct diag *d, struct bx_err *err);
/* A job has ended, after so much time: a check-in, if there is a DSN. The first of those that fail
 * in a row is an event, too. */
void diag_job_ended(struct diag *d, enum diag_job job, bool ok, uint64_t ms);

/* ---- requests (request.c) ---- */

/* One request from its arrival to its answer; zeroed: it has none. */
struct diag_request {
    struct diag *diag;
    struct bx_scope *scope;
    uint64_t span, began_ns;
    uint64_t at_ns[DIAG__STEPS]; /* 0: not taken; of a sampled request only */
    const char *method;
    bool sampled;
    bool action; /* of the daemon itself: not counted with the requests */
};
/* trace: 16 bytes; all zero: none is known yet. */
void diag_request_begin(struct diag *d, struct diag_request *r, const char *method,
                        const char *principal);
void diag_request_trace(struct diag_request *r, const uint8_t trace[16]);
void diag_request_step(struct diag_request *r, enum diag_step step);
/* at_ns: when it was, by clock_wall_ns. */
void diag_request_step_at(struct diag_request *r, enum diag_step step, uint64_t at_ns);
/* One step of a VM, which ends in the same call of the loop: as a request, but not sampled and not
 * counted with those. */
void diag_action_begin(struct diag *d, const char *name, const uint8_t vm[16]);
void diag_action_end(struct diag *d, const struct bx_err *err);
/* err NULL: it succeeded. An error that is the daemon's own is reported. */
void diag_request_end(struct diag_request *r, const struct bx_err *err);

/* ---- the run before (crashed.c), on a thread of the pool ---- */

struct diag_crashes { /* of which envelopes were made */
    uint32_t daemon, supervisors;
};
/* Make envelopes of the crash files in DATA/recorder and of the supervisors' that have none yet. */
struct diag_crashes diag_collect_crashes(struct spool *s, const char *data,
                                         const struct diag_about *about,
                                         const struct diag_vm_files *vms);

#else

struct diag_request {
    char none;
};
#define diag_request_begin(d, r, method, principal) ((void)(r))
#define diag_request_trace(r, trace) ((void)(r))
#define diag_request_step(r, step) ((void)(r))
#define diag_request_step_at(r, step, at) ((void)(r))
#define diag_request_end(r, err) ((void)(r))
#define diag_action_begin(d, name, vm) ((void)(d), (void)(name), (void)(vm))
#define diag_action_end(d, err) ((void)(d), (void)(err))
#define diag_job_ended(d, job, ok, ms) ((void)(d), (void)(job), (void)(ok), (void)(ms))

#endif
#endif
