/* report - an event or a transaction, as the payload of an envelope's item (envelope.h).
 *
 * An event is something that went wrong; a transaction is one request with the times of its parts.
 * The payload is JSON as the public documentation of Sentry's event payloads has it. There are two
 * writers, and they give the same bytes: one for everything, and a faster one for an event without
 * exception, breadcrumbs, request and spans. */
#ifndef BX_REPORT_H
#define BX_REPORT_H

#include "diag/scope.h"

#define BX_REPORT_FRAMES 64u

struct bx_exception {
    struct bx_str type, value; /* "SIGSEGV"; empty: none */
    const uint64_t *frames;    /* offsets in the program, the innermost first */
    uint32_t n;
    bool handled;
};

struct bx_report_span {
    uint8_t id[8];
    struct bx_str op; /* "commit" */
    uint64_t start_ns, end_ns;
};

/* Texts and lists are views. */
struct bx_report {
    uint8_t id[16];
    uint64_t time_ns, start_ns; /* start of a transaction; 0: an event */
    enum bx_severity level;
    struct bx_str logger, message, transaction, server, release, environment;
    struct bx_str op, status; /* of a transaction: "rpc", "ok" */
    const struct bx_bag *bags[BX__SCOPE_BAGS];
    const struct bx_crumbs *crumbs;
    struct bx_span span;
    struct bx_exception exception;
    struct bx_str build; /* id of the program, bytes; its frames belong to it */
    struct bx_str method, url;
    const struct bx_report_span *spans;
    uint32_t n_spans;
};

/* Fill in what the scope has and the report has not, then let the scope's functions see it. False:
 * one of them drops it. The report is valid as long as the scope is unchanged. */
bool bx_report_in_scope(struct bx_report *r, const struct bx_scope *s);

/* Append the payload; out->failed tells of exhausted memory. */
void bx_report_write(struct bx_buf *out, const struct bx_report *r);
/* The two of them; bx_report_write uses the fast one where it can: for a plain report. fast: false
 * if it is not plain. */
bool bx_report_is_plain(const struct bx_report *r);
void bx_report_write_full(struct bx_buf *out, const struct bx_report *r);
bool bx_report_write_fast(struct bx_buf *out, const struct bx_report *r);

static inline bool bx_id_is_set(const uint8_t *id, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (id[i] != 0)
            return true;
    return false;
}

#endif
