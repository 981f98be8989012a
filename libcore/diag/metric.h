/* metric - counters, gauges and histograms, and the registry of all of them.
 *
 * A module counts in its own struct, by plain additions on the one thread that it runs on. Beside
 * the struct there is one table, with a row for each member, from which BX_METRIC_SET makes a set:
 * a schema (codec/schema.h), which names the members, and as many struct bx_metric, which describe
 * them. A set has one source, or several that are distinguished by a label, such as
 * pool="proposal".
 *
 * Counting does not call this module, except for bx_histogram_add, which does not allocate. Where
 * several threads count, each has its own counters, and the source's read function sums them
 * (mem/alloc.h, mem/buf.h). The registry is used only by the loop's thread, which is also the
 * thread that updates every source without a read function. libcore has no clock: the caller
 * measures durations and passes them in.
 *
 * Names follow Prometheus: "blixard_", the set, the member, the unit unless the member ends with
 * it, and "_total" for a counter. A member in "ns" or "ms", in "pct" or "per_s" ends with that
 * ("encode_ns"), and the metric's name has seconds, "ratio" or "per_second" instead
 * ("encode_seconds"), as readers get them. A 64-bit
 * counter wraps to 0, which a reader takes for a restart; the sum of a histogram saturates. */
#ifndef BX_METRIC_H
#define BX_METRIC_H

#include "codec/schema.h"

#define BX_METRICS_MAX 160u   /* sources in a registry */
#define BX_METRICS_GROUP 16u  /* sources of one set */
#define BX_METRICS_BYTES 256u /* size of a set's struct */
#define BX_HISTOGRAM_BOUNDS 16u

enum bx_metric_type {
    BX_COUNTER,  /* never decreases */
    BX_GAUGE,    /* a current value, a maximum or a bound */
    BX_HISTOGRAM /* a distribution of values */
};

struct bx_metric {
    const char *name; /* "blixard_pool_hits_total" */
    const char *unit; /* NULL: a count */
    enum bx_metric_type type;
    const char *help; /* one line without a full stop */
};
/* What the number is divided by for the unit in the name: 10^9 for "ns", 10^3 for "ms", 100 for
 * "pct", else 1. */
uint32_t bx_metric_scale(const struct bx_metric *m);

/* A set and its tables are static. */
struct bx_metric_set {
    const struct bx_schema *schema; /* fields of BX_T_U32 and BX_T_U64 only */
    const struct bx_metric
        *metrics;      /* schema->n of them, in the same order; counters and gauges only */
    const char *label; /* NULL: there is one source */
};

/* Define the set `var` of a struct, by a table:
 *
 *     #define DOOR(X, at)                                                 \
 *         X(at, COUNT, opened, "times that it was opened")                \
 *         X(at, NS_TOTAL, moving, "time that it took to open and close")
 *     BX_METRIC_SET(door_metrics, "door", door, DOOR, NULL);
 *
 * describes the members `opened` and `moving_ns`, a uint32_t or a uint64_t each, as
 * blixard_door_opened_total and blixard_door_moving_seconds_total. What a row is (a gauge unless
 * its name ends with TOTAL, or is COUNT):
 *
 *     COUNT, LEVEL                 a number
 *     BYTES, BYTES_TOTAL           bytes; the member ends with `bytes`
 *     NS_TOTAL, MS, MS_TOTAL       a time; the member ends with `_ns` or `_ms`, which is left out
 *     PCT                          a part; likewise `_pct`
 *     PER_S                        a rate; likewise `_per_s` */
#define BX_METRIC_SET(var, nam, strukt, table, lab)                                                \
    static const struct bx_field var##_fields[] = {table(BX_METRIC_FIELD, strukt)};                \
    static const struct bx_schema var##_schema = BX_SCHEMA(nam, 0, strukt, var##_fields);          \
    static const struct bx_metric var##_rows[] = {table(BX_METRIC_ROW, nam)};                      \
    const struct bx_metric_set var = {&var##_schema, var##_rows, lab}

/* What such a table is given to. */
#define BX_METRIC_FIELD(strukt, kind, member, help)                                                \
    BX_METRIC_FIELD_OF(strukt, BX_METRIC_MEMBER_##kind(member)),
#define BX_METRIC_ROW(nam, kind, member, help)                                                     \
    {BX_METRIC_ROW_##kind("blixard_" nam "_" #member), help},

#define BX_METRIC_FIELD_OF(strukt, member)                                                         \
    BX_FIELD(strukt, member, BX_METRIC_TYPE(((struct strukt *)0)->member))
#define BX_METRIC_TYPE(value) _Generic((value), uint32_t : BX_T_U32, uint64_t : BX_T_U64)
#define BX_METRIC_MEMBER_COUNT(member) member
#define BX_METRIC_MEMBER_LEVEL(member) member
#define BX_METRIC_MEMBER_BYTES(member) member
#define BX_METRIC_MEMBER_BYTES_TOTAL(member) member
#define BX_METRIC_MEMBER_NS_TOTAL(member) member##_ns
#define BX_METRIC_MEMBER_MS(member) member##_ms
#define BX_METRIC_MEMBER_MS_TOTAL(member) member##_ms
#define BX_METRIC_MEMBER_PCT(member) member##_pct
#define BX_METRIC_MEMBER_PER_S(member) member##_per_s
#define BX_METRIC_ROW_COUNT(name) name "_total", NULL, BX_COUNTER
#define BX_METRIC_ROW_LEVEL(name) name, NULL, BX_GAUGE
#define BX_METRIC_ROW_BYTES(name) name, "bytes", BX_GAUGE
#define BX_METRIC_ROW_BYTES_TOTAL(name) name "_total", "bytes", BX_COUNTER
#define BX_METRIC_ROW_NS_TOTAL(name) name "_seconds_total", "ns", BX_COUNTER
#define BX_METRIC_ROW_MS(name) name "_seconds", "ms", BX_GAUGE
#define BX_METRIC_ROW_MS_TOTAL(name) name "_seconds_total", "ms", BX_COUNTER
#define BX_METRIC_ROW_PCT(name) name "_ratio", "pct", BX_GAUGE
#define BX_METRIC_ROW_PER_S(name) name "_per_second", "per_s", BX_GAUGE

/* For tables by hand: fails to compile unless every member of the struct has a metric. */
#define BX_METRIC_EACH(fields, metrics)                                                            \
    _Static_assert(sizeof(fields) / sizeof((fields)[0]) == sizeof(metrics) / sizeof((metrics)[0]), \
                   "a member has no metric")

/* Description of a histogram, static; bounds ascend. */
struct bx_histogram_info {
    struct bx_metric metric;
    const uint64_t *bounds; /* inclusive upper bounds */
    uint32_t n;             /* 1 to BX_HISTOGRAM_BOUNDS */
};

struct bx_histogram {
    uint64_t counts[BX_HISTOGRAM_BOUNDS + 1]; /* the one after the last bound: all larger values */
    uint64_t sum;                             /* of the values */
};
void bx_histogram_add(struct bx_histogram *h, const struct bx_histogram_info *info, uint64_t value);
/* The number of values added. */
uint64_t bx_histogram_count(const struct bx_histogram *h);

/* Where to read the current values of a set or a histogram. */
struct bx_metric_source {
    const struct bx_metric_set *set;           /* NULL: a histogram */
    const struct bx_histogram_info *histogram; /* NULL: a set */
    const char *value; /* of the label: a static string; NULL when the set has none */
    /* Fill the zeroed struct of set->schema->size bytes. NULL: ctx is the struct, or the struct
     * bx_histogram. */
    void (*read)(const void *ctx, void *out);
    const void *ctx;
};

/* A zeroed struct is valid and empty. Sources are sorted by the set's name, then by value,
 * independent of the order in which they were added. */
struct bx_metrics {
    struct bx_metric_source v[BX_METRICS_MAX];
    uint32_t n;
};

/* Add a source; copies *s. BX_OK; BX_EXISTS (the set has a source with that value, or another set
 * has the same name); BX_BUSY (a bound above is reached); BX_INVALID (tables that violate the rules
 * above, a missing label value, or a value without a label). */
int bx_metrics_add(struct bx_metrics *m, const struct bx_metric_source *s);
/* Remove all sources with this ctx, before it is freed. */
void bx_metrics_remove(struct bx_metrics *m, const void *ctx);
/* Fill out, set->schema->size bytes, from the set's source with that value. False, with out zeroed,
 * if there is none. */
bool bx_metrics_get(const struct bx_metrics *m, const struct bx_metric_set *set, const char *value,
                    void *out);
void bx_metric_read(const struct bx_metric_source *s, void *out);
/* Member i of a struct of the set. */
uint64_t bx_metric_member(const struct bx_metric_set *set, const void *at, uint32_t i);

struct bx_metric_sample {
    const struct bx_metric *metric;
    const char *label, *value;            /* NULL: none */
    uint64_t number;                      /* of a counter or gauge */
    const struct bx_histogram *histogram; /* else NULL */
    const struct bx_histogram_info *info; /* of that histogram */
};
/* Visit every metric of every source. The samples of one metric are adjacent, as the Prometheus
 * text format requires. Each source is read once, so its numbers are consistent. */
void bx_metrics_each(const struct bx_metrics *m,
                     void (*visit)(void *ctx, const struct bx_metric_sample *s), void *ctx);

#endif
