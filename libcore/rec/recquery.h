/* recquery - which recorded events a reader asks for.
 *
 * A query selects by level and target (filter.h), time, trace id and conditions on fields:
 *
 *     vm=web1  vm!=web1          the value as text, or as a number where both are numbers
 *     ms>250  ms>=250  <  <=     numbers
 *     path~recorder              the text contains it
 *
 * The key `msg` means the message where an event has no field of that name. All conditions must
 * hold; of those that name one key with `=`, one. An event without the field meets no condition on
 * it.
 *
 * What depends only on the place in the program, level, target, which fields there are, is decided
 * once for each site: a scan keeps it by the site's id. Two steps take events: bx_recscan_head by
 * the first words of a record, which most events do not pass, and bx_recscan_event by its fields.
 */
#ifndef BX_RECQUERY_H
#define BX_RECQUERY_H

#include "err.h"
#include "rec/filter.h"
#include "rec/recevent.h"

#define BX_RECQUERY_CONDITIONS 16u
#define BX_RECSCAN_SITES 8192u /* that a scan remembers; those with higher ids take longer */

enum bx_recquery_op {
    BX_RECQUERY_EQ,
    BX_RECQUERY_NE,
    BX_RECQUERY_LT,
    BX_RECQUERY_LE,
    BX_RECQUERY_GT,
    BX_RECQUERY_GE,
    BX_RECQUERY_HAS
};

struct bx_recquery_condition {
    char key[BX_FILTER_WORD + 1], value[BX_FILTER_WORD + 1];
    uint8_t op;      /* enum bx_recquery_op */
    uint8_t group;   /* one condition of each group must hold */
    bool is_number;  /* the value reads as one: */
    bool is_integer; /* without a fraction, and then also: */
    bool negative;
    uint64_t magnitude;
    double number;
};

struct bx_recquery {
    struct bx_filter filter;     /* without its fields, which are conditions */
    uint64_t since_ns, until_ns; /* since <= time < until; until 0: no end */
    uint64_t trace;              /* 0: any */
    uint32_t n, groups;
    struct bx_recquery_condition conditions[BX_RECQUERY_CONDITIONS];
};

/* Every event. */
void bx_recquery_init(struct bx_recquery *q);
/* Levels, targets and fields from the text of a filter. BX_OK or BX_INVALID, with a hint. */
int bx_recquery_filter(struct bx_recquery *q, const char *spec, struct bx_err *err);
/* One more condition, "ms>=250". BX_OK or BX_INVALID, with a hint. */
int bx_recquery_where(struct bx_recquery *q, const char *text, struct bx_err *err);
/* A trace id of 16 or 32 hex digits; hyphens are ignored. BX_OK or BX_INVALID, with a hint. */
int bx_recquery_trace(struct bx_recquery *q, const char *text, struct bx_err *err);
/* A point in time, in ns since 1970: RFC 3339 in UTC ("2026-11-29T13:00:00Z", the time of day and a
 * fraction may be left out), or a duration before now ("5m", "90s", "2h", "1d"). BX_OK or
 * BX_INVALID, with a hint. */
int bx_recquery_time(const char *text, uint64_t now_ns, uint64_t *out, struct bx_err *err);

/* ---- a query as it is applied to the events of one program or file ---- */

struct bx_recplan {
    uint8_t state; /* 0: not decided yet; or enum of the module */
    uint8_t fields[BX_RECQUERY_CONDITIONS];
    uint16_t met; /* groups that hold for every event of the site */
};
struct bx_recscan {
    const struct bx_recquery *query;
    struct bx_recplan *plans; /* BX_RECSCAN_SITES of them */
};

/* The query outlives the scan. BX_OK or BX_NO_MEMORY. */
int bx_recscan_open(struct bx_recscan *s, const struct bx_recquery *q);
/* The sites are others from now on: of another file. */
void bx_recscan_reset(struct bx_recscan *s);
void bx_recscan_close(struct bx_recscan *s);

/* Whether an event of this site with these first BX_RECEVENT_HEADER words may be wanted. */
bool bx_recscan_head(struct bx_recscan *s, const struct bx_site *site, const uint64_t *words);
/* Whether this event is wanted, also without asking bx_recscan_head before. */
bool bx_recscan_event(struct bx_recscan *s, const struct bx_recevent *e);

/* A field as a number; false if it is none. */
bool bx_recquery_number(enum bx_arg_type type, const struct bx_arg *arg, double *out);

#endif
