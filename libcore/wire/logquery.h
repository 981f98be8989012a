/* logquery - parameters and reply of log.query, and an event of the recorder as the API shows it.
 *
 * `fields` is a map of the keys of the event with their values; a UUID and bytes that are not UTF-8
 * are text. A client makes an event of the recorder of it again, to print it as one. */
#ifndef BX_WIRE_LOGQUERY_H
#define BX_WIRE_LOGQUERY_H

#include "rec/recquery.h"
#include "wire/params.h"

#define BX_LOG_EVENTS_MAX 1000u          /* of an answer */
#define BX_LOG_EVENTS_BYTES (256u << 10) /* of the texts and values in it */
#define BX_LOG_MSG_MAX 4800u             /* a string, with four characters for each byte */
#define BX_LOG_AFTER_MAX 255u
#define BX_LOG_DAMAGE_MAX 255u
#define BX_LOG_START "start" /* the place before the oldest event */

struct bx_log_query_params {
    struct bx_common common; /* after, limit */
    struct bx_str node;      /* name or id; empty: the one that is asked */
    struct bx_str filter;
    struct bx_strs where;
    uint64_t since_ns, until_ns;
    struct bx_str trace;
    bool files;       /* also what the node's log files have */
    struct bx_str of; /* not the node's own events: those that this one has sent to it */
};

struct bx_log_event_reply {
    uint64_t time_ns;
    struct bx_str level, target, msg;
    struct bx_str fields; /* a MessagePack map */
    uint64_t trace;       /* 0: none */
    struct bx_str thread, site;
    uint32_t sequence; /* of the thread */
    bool cut;          /* a string is */
};
struct bx_log_query_reply {
    struct bx_str node;
    struct bx_list events; /* of struct bx_log_event_reply */
    struct bx_str after;   /* the place behind these events, of all threads */
    bool more;             /* there are more behind them that are wanted */
    bool skipped;          /* of those behind the place that was given, some are overwritten */
    struct bx_str damage;  /* of the log files that were read; empty: none */
};
extern const struct bx_schema bx_log_query_reply_schema;

/* The query of these parameters. BX_OK or BX_INVALID, with a hint. */
int bx_log_query_of(const struct bx_log_query_params *p, struct bx_recquery *q, struct bx_err *err);

/* Describe an event; strings point into it or come from the arena. BX_OK or BX_NO_MEMORY. */
int bx_log_event_describe(const struct bx_recevent *e, const char *thread, struct bx_arena *arena,
                          struct bx_log_event_reply *out);

/* An event that was described, as one of the recorder. */
struct bx_log_event {
    struct bx_recevent e; /* its site is this one; strings point into the message */
    struct bx_site site;
    char target[BX_FILTER_WORD + 1], message[BX_LOG_MSG_MAX + 1], file[256];
    char keys[BX_SITE_FIELDS][BX_FILTER_WORD + 1];
};
/* False: it has not the form. */
bool bx_log_event_read(bx_val v, struct bx_log_event *out);

#endif
