/* envelope - the container that reports are kept and sent in, in Sentry's public envelope format:
 *
 *     {"event_id":"9ec79c33ec9942ab8353589fcb2e04dc"}     header, {} without an event
 *     {"type":"event","length":41}                        header of an item
 *     ...41 bytes...                                      its payload
 *
 * and so on, each line ended by a newline. The payload of an item is made in a second buffer, which
 * is kept, so its length is known before its header is written; a warm writer allocates nothing.
 *
 * begin, then any number of items; out.failed or item.failed tells of exhausted memory. */
#ifndef BX_ENVELOPE_H
#define BX_ENVELOPE_H

#include "diag/report.h"

#define BX_ENVELOPE_LOGS_TYPE "application/vnd.sentry.items.log+json"

/* X(NAME, type, category): the types of items, and the category of rate limits that each is of. */
#define BX_ITEM_TYPES(X)                                                                           \
    X(EVENT, "event", ERROR)                                                                       \
    X(TRANSACTION, "transaction", TRANSACTION)                                                     \
    X(SESSION, "session", SESSION)                                                                 \
    X(SESSIONS, "sessions", SESSION)                                                               \
    X(CHECK_IN, "check_in", MONITOR)                                                               \
    X(ATTACHMENT, "attachment", ATTACHMENT)                                                        \
    X(CLIENT_REPORT, "client_report", INTERNAL)                                                    \
    X(LOG, "log", LOG_ITEM)
#define X(id, text, category) BX_ITEM_##id,
enum bx_item_type { BX_ITEM_UNKNOWN, BX_ITEM_TYPES(X) BX__ITEM_TYPES };
#undef X
extern const struct bx_str bx_item_types[BX__ITEM_TYPES];

struct bx_envelope {
    struct bx_buf out, item;
    uint32_t items;
    uint32_t lines; /* of the logs that were begun */
};

struct bx_envelope_head {
    const uint8_t *event; /* id of the event, 16 bytes; NULL: there is none */
    uint64_t sent_ns;     /* at transmission; 0: not sent yet */
};

/* Begin a new one in the same memory. */
void bx_envelope_begin(struct bx_envelope *e, const struct bx_envelope_head *h);
void bx_envelope_close(struct bx_envelope *e);

/* An event, or a transaction if it has a start. */
void bx_envelope_report(struct bx_envelope *e, const struct bx_report *r);

enum bx_session_status {
    BX_SESSION_OK,
    BX_SESSION_EXITED,
    BX_SESSION_CRASHED,
    BX_SESSION_ABNORMAL,
    BX__SESSION_STATUSES
};
/* One run of the program: its beginning, or what has become of it. */
struct bx_session {
    uint8_t id[16];
    struct bx_str user; /* who is distinguished; empty: nobody */
    enum bx_session_status status;
    bool init; /* its first message */
    uint64_t started_ns, time_ns, sequence, errors;
    struct bx_str release, environment;
};
void bx_envelope_session(struct bx_envelope *e, const struct bx_session *s);

/* Runs that are only counted, by the minute in which they were started. */
struct bx_session_count {
    uint64_t started_ns, exited, errored, crashed, abnormal;
};
void bx_envelope_sessions(struct bx_envelope *e, const struct bx_session_count *v, uint32_t n,
                          struct bx_str release, struct bx_str environment);

enum bx_check_status { BX_CHECK_IN_PROGRESS, BX_CHECK_OK, BX_CHECK_ERROR, BX__CHECK_STATUSES };
/* A periodic job began or ended. */
struct bx_check_in {
    uint8_t id[16];
    struct bx_str monitor; /* "snapshot" */
    enum bx_check_status status;
    uint64_t duration_ms; /* of one that ended */
    uint32_t every_s;     /* its schedule, told in whole minutes; 0: it has none */
    struct bx_str release, environment;
};
void bx_envelope_check_in(struct bx_envelope *e, const struct bx_check_in *c);

/* What was dropped instead of being sent. */
struct bx_discarded {
    struct bx_str reason, category; /* "ratelimit_backoff", "error" */
    uint64_t quantity;
};
void bx_envelope_client_report(struct bx_envelope *e, uint64_t time_ns,
                               const struct bx_discarded *v, uint32_t n);

/* Recorded events as log lines, all in one item. */
enum bx_log_value { BX_LOG_STRING, BX_LOG_INTEGER, BX_LOG_DOUBLE, BX_LOG_BOOLEAN };
struct bx_log_attribute {
    struct bx_str key, value; /* text, or JSON */
    enum bx_log_value type;
};
struct bx_log_line {
    uint64_t time_ns;
    uint8_t trace[16];
    enum bx_severity level;
    struct bx_str body;
    const struct bx_log_attribute *attributes;
    uint32_t n;
};
void bx_envelope_logs_begin(struct bx_envelope *e);
void bx_envelope_log(struct bx_envelope *e, const struct bx_log_line *line);
void bx_envelope_logs_end(struct bx_envelope *e);

/* A file: the item's header is appended; `length` bytes and a newline have to follow. So it can be
 * streamed, and need not be in memory. */
void bx_envelope_attachment(struct bx_envelope *e, struct bx_str filename,
                            struct bx_str content_type, uint64_t length);
/* The same, with its bytes. */
void bx_envelope_attach(struct bx_envelope *e, struct bx_str filename, struct bx_str content_type,
                        const void *p, size_t n);
/* An item as it was read (envread.h): header and payload are kept. */
void bx_envelope_item(struct bx_envelope *e, struct bx_str header, struct bx_str payload);
/* A whole envelope that somebody else made, verbatim; instead of begin. */
void bx_envelope_raw(struct bx_envelope *e, const void *p, size_t n);

#endif
