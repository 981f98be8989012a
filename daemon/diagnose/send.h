/* send - posts envelopes of the spool to a service that speaks Sentry's protocol, if a DSN was
 * given.
 *
 * A job of the pool takes the oldest envelope that no limit holds back, adds `sent_at`, posts it
 * and deletes it once the service has taken it. Limits are kept by category, from
 * X-Sentry-Rate-Limits and Retry-After of any answer; an envelope waits while its first item is
 * limited, and attachments that are limited are left out and counted. When the service can not be
 * reached, or fails, the pauses between attempts grow from a second to five minutes, and another
 * envelope is tried each time. What it refuses for good is deleted and counted; counts of what was
 * dropped are sent, too. An envelope is read from its file while it is posted, so its size costs no
 * memory. No more than SEND_ANSWER_BYTES of an answer are read, and the end of the
 * daemon waits for none. */
#ifndef SEND_H
#define SEND_H

#include "config.h"
#include "diag/limits.h"
#include "diagnose/spool.h"

#define SEND_CLIENT "blixard/" PACKAGE_VERSION
#define SEND_BATCH 16u      /* envelopes of one job */
#define SEND_BACKOFF_S 300u /* the longest pause */
#define SEND_CONNECT_S 5u
#define SEND_TOTAL_S 20u
#define SEND_DROPS_S 60u /* between reports of what was dropped */
#define SEND_ANSWER_BYTES (64u << 10)

/* https://KEY@HOST[:PORT][/PREFIX]/PROJECT */
struct send_dsn {
    char url[600];  /* where to post */
    char auth[300]; /* a line of the header */
};
/* BX_OK, or BX_INVALID with a hint. */
int send_dsn_parse(struct send_dsn *out, const char *dsn, struct bx_err *err);

/* What an answer says. */
struct send_answer {
    long status;
    size_t bytes; /* of header and body so far */
    bool has_body;
    char limits[512], retry_after[64];
};
/* A line of the header. False: there are too many. */
bool send_answer_line(struct send_answer *a, const char *p, size_t n);

struct sender_result {
    uint64_t sent, refused, limited, cut; /* envelopes; cut: attachments left out */
    uint64_t refused_type[BX__ITEM_TYPES];
    bool failed, more;
    struct bx_err err; /* of the last failure */
};

struct diag;
struct sender {
    struct diag *d;
    struct send_dsn dsn;
    struct bx_limits limits;
    uv_work_t work;
    bool open, busy;
    bool stopping, asked;       /* atomic: read by the job, too */
    uint64_t next_ms, drops_ms; /* boot times */
    uint32_t failures;
    struct sender_result result;
};

int sender_open(struct sender *s, struct diag *d, struct bx_err *err);
/* No job begins any more. */
void sender_stop(struct sender *s);
void sender_close(struct sender *s);
/* Begin a job if one is due. */
void sender_tick(struct sender *s);
/* Forget limits and pauses, and begin a job: at once, or when the one under way has posted the
 * envelope that it is at. */
void sender_now(struct sender *s);

#endif
