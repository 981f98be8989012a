/* scope - what is known about the work in hand: of the process, of a request, of one action of it.
 *
 * A scope has tags, extra values, contexts, a user, a fingerprint, attachments, breadcrumbs, the
 * name of the transaction, a level, the ids of session, trace and span, and functions that may
 * change or drop a report. A child begins as a copy that shares all of these with its parent and
 * copies one only when it changes it, so scopes form a stack: process > request > action.
 *
 * All scopes of a thread come from one bx_scopes, which keeps scopes and their collections for
 * reuse. Without a client, which is who takes the reports, there are none: bx_scope_push returns
 * NULL, and every function accepts NULL and does nothing. Memory that is exhausted loses what was
 * to be set and is counted; nothing fails for it. Not thread-safe. */
#ifndef BX_SCOPE_H
#define BX_SCOPE_H

#include "diag/bag.h"
#include "diag/crumb.h"

#define BX_SCOPE_NAME 96u /* bytes of a transaction's name; what is longer is cut */
#define BX_SCOPE_PROCESSORS 4u
#define BX_SCOPES_KEPT 16u /* scopes that are kept, unless told otherwise */

struct bx_report;
struct bx_scopes;

enum bx_scope_bag { /* the maps of a scope */
                    BX_SCOPE_TAGS,
                    BX_SCOPE_EXTRA,
                    BX_SCOPE_CONTEXTS, /* each value is a JSON object */
                    BX_SCOPE_USER,     /* id, username, email, ip_address */
                    BX_SCOPE_FINGERPRINT,
                    BX_SCOPE_ATTACHMENTS, /* file name, path */
                    BX__SCOPE_BAGS
};

/* May change the report; false drops it. */
struct bx_processor {
    bool (*process)(void *ctx, struct bx_report *r);
    void *ctx;
};

/* How often the newest breadcrumb came in a row; all zero: none came. */
struct bx_repeats {
    uint64_t hash;
    uint32_t n;
};

struct bx_span {
    uint8_t trace[16], span[8]; /* all zero: none */
};

struct bx_scope {
    struct bx_scopes *home;
    struct bx_scope *parent; /* it lives longer */
    struct bx_bag *bags[BX__SCOPE_BAGS];
    struct bx_crumbs *crumbs;
    struct bx_repeats repeats; /* for before_crumb */
    bool leveled;
    enum bx_severity level; /* of events, whatever they say themselves; if leveled */
    struct bx_span span;
    uint8_t session[16];
    uint16_t name_n;
    uint16_t n_processors;
    char name[BX_SCOPE_NAME];
    struct bx_processor processors[BX_SCOPE_PROCESSORS];
};

struct bx_scopes_options {
    bool client;                     /* somebody takes reports */
    uint32_t max_crumbs;             /* of a scope; 0: BX_CRUMBS */
    uint32_t kept;                   /* scopes kept; 0: BX_SCOPES_KEPT */
    uint32_t kept_crumbs, kept_bags; /* 0: BX_CRUMBS_POOLED, BX_BAG_POOLED of each kind */
    uint64_t (*now_ns)(void);        /* wall time, of breadcrumbs */
    /* May change a breadcrumb's members before it is added to the scope, and what the scope has for
     * this, `repeats`; false drops the breadcrumb. NULL: none. */
    bool (*before_crumb)(void *ctx, struct bx_scope *s, struct bx_crumb *c);
    void *ctx;
};

struct bx_scopes {
    struct bx_scopes_options o;
    struct bx_pool_stats stats; /* of scopes */
    struct bx_bag_store bags[BX__SCOPE_BAGS];
    struct bx_crumb_store crumbs;
    struct bx_weight weight; /* of scopes, kept ones included */
    uint64_t crumbs_dropped; /* by the hook */
    uint64_t lost;           /* what could not be set: no memory, or a bound */
    struct bx_scope **free;
};

/* BX_OK, BX_NO_MEMORY. Without a client nothing is allocated. */
int bx_scopes_open(struct bx_scopes *s, const struct bx_scopes_options *o);
/* Every scope must have been popped. A zeroed struct is allowed. */
void bx_scopes_close(struct bx_scopes *s);

/* Of scopes and their collections. */
struct bx_scopes_counts {
    struct bx_weight weight; /* peak: the sum of that of each kind */
    uint64_t hits, misses;   /* taken from those kept; allocated, because none was kept */
};
void bx_scopes_counts(const struct bx_scopes *s, struct bx_scopes_counts *out);

/* A new scope, with all that parent has; parent NULL: an empty one. NULL without a client or
 * memory. */
struct bx_scope *bx_scope_push(struct bx_scopes *s, struct bx_scope *parent);
/* End it; its children must have ended. */
void bx_scope_pop(struct bx_scope *s);
/* Make it as empty as a new one without a parent. */
void bx_scope_clear(struct bx_scope *s);

void bx_scope_set(struct bx_scope *s, enum bx_scope_bag which, struct bx_str key,
                  struct bx_str value);
void bx_scope_set_tag(struct bx_scope *s, struct bx_str key, struct bx_str value);
/* An extra value, or a context, that is JSON already. The context "trace" is the scope's span. */
void bx_scope_set_json(struct bx_scope *s, enum bx_scope_bag which, struct bx_str key,
                       struct bx_str json);
void bx_scope_add_fingerprint(struct bx_scope *s, struct bx_str part);
void bx_scope_set_name(struct bx_scope *s, struct bx_str transaction);
/* Events of the scope get this level instead of their own. */
void bx_scope_set_level(struct bx_scope *s, enum bx_severity level);
void bx_scope_set_span(struct bx_scope *s, const struct bx_span *span);
void bx_scope_set_session(struct bx_scope *s, const uint8_t session[16]);
/* Beyond BX_SCOPE_PROCESSORS it is lost, and counted. */
void bx_scope_add_processor(struct bx_scope *s, struct bx_processor p);

/* Add a breadcrumb with the time of now. */
void bx_scope_crumb(struct bx_scope *s, enum bx_severity level, struct bx_str category,
                    struct bx_str message, const struct bx_pair *data, uint32_t n);
/* Add one whose texts are literals; nothing is copied. */
#define BX_CRUMB(scope, level, category, message)                                                  \
    bx_scope_note((scope), (level), "" category, sizeof(category) - 1, "" message,                 \
                  sizeof(message) - 1)
void bx_scope_note(struct bx_scope *s, enum bx_severity level, const char *category,
                   uint16_t category_n, const char *message, uint16_t message_n);
/* Add many that have their times, the oldest first. */
void bx_scope_crumbs(struct bx_scope *s, struct bx_crumb *crumbs, uint32_t n);

#endif
