/* metric - counters, gauges and histograms, and the registry that shows them all.
 *
 * A module counts in a struct of its own, by plain additions on the one thread that it runs on.
 * Beside the struct stand two tables: its schema (codec/schema.h), which names the members, and a
 * table of struct bx_metric with one row a member, which says what each is. Both together are a
 * set. A set has one source, or several that a label tells apart, such as pool="proposal".
 *
 * Nothing here is called while something is counted, but for bx_histogram_add, which does not
 * allocate. What several threads count is counted by each for itself and summed by the source's
 * read function (mem/alloc.h, mem/buf.h). The registry is used by one thread, the loop's, which is
 * also the one that counts in every source without a read function. libcore knows no clock: a
 * duration is measured by who has one, and passed in.
 *
 * Names are those of Prometheus: "blixard_", the set, the member, the unit unless the member ends
 * with it, and "_total" for a counter. A 64-bit counter that reaches its end starts again at 0,
 * which a reader takes for a restart; the sum of a histogram stays at its end. */
#ifndef BX_METRIC_H
#define BX_METRIC_H

#include "codec/schema.h"

#define BX_METRICS_MAX 64u    /* sources in a registry */
#define BX_METRICS_GROUP 16u  /* sources of one set */
#define BX_METRICS_BYTES 256u /* of the struct of a set */
#define BX_HISTOGRAM_BOUNDS 16u

enum bx_metric_type {
    BX_COUNTER,  /* only grows */
    BX_GAUGE,    /* what is, now; also what was most, and a bound */
    BX_HISTOGRAM /* how many values were how large */
};

struct bx_metric {
    const char *name; /* "blixard_pool_hits_total" */
    const char *unit; /* "bytes", "ns"; NULL: a number of things */
    enum bx_metric_type type;
    const char *help; /* one line without a full stop */
};

/* A set and its tables are static. */
struct bx_metric_set {
    const struct bx_schema *schema;  /* of BX_T_U32 and BX_T_U64 alone */
    const struct bx_metric *metrics; /* schema->n of them, in its order; counters and gauges */
    const char *label;               /* NULL: there is one source */
};

/* Fails to compile unless each member of the set's struct has its metric. */
#define BX_METRIC_EACH(fields, metrics)                                                            \
    _Static_assert(sizeof(fields) / sizeof((fields)[0]) == sizeof(metrics) / sizeof((metrics)[0]), \
                   "a member has no metric")

/* What a histogram counts, static; bounds ascend. */
struct bx_histogram_info {
    struct bx_metric metric;
    const uint64_t *bounds; /* values up to and with this one */
    uint32_t n;             /* 1 to BX_HISTOGRAM_BOUNDS */
};

struct bx_histogram {
    uint64_t counts[BX_HISTOGRAM_BOUNDS + 1]; /* the one after the last bound: all larger values */
    uint64_t sum;                             /* of the values */
};
void bx_histogram_add(struct bx_histogram *h, const struct bx_histogram_info *info, uint64_t value);
/* How many values were added. */
uint64_t bx_histogram_count(const struct bx_histogram *h);

/* Where the values of a set, or of a histogram, are now. */
struct bx_metric_source {
    const struct bx_metric_set *set;           /* NULL: a histogram */
    const struct bx_histogram_info *histogram; /* NULL: a set */
    const char *value; /* of the label: a static string; NULL when the set has none */
    /* Fill the struct, set->schema->size bytes, which are zero before. NULL: ctx is the struct, or
     * the struct bx_histogram. */
    void (*read)(const void *ctx, void *out);
    const void *ctx;
};

/* A zeroed struct is valid and empty. The sources are in ascending order of the set's name, then
 * of value, whatever the order in which they came. */
struct bx_metrics {
    struct bx_metric_source v[BX_METRICS_MAX];
    uint32_t n;
};

/* Copies *s. BX_OK; BX_EXISTS (the set has a source of that value, or another set one of its
 * names); BX_BUSY (a bound above is reached); BX_INVALID (tables that contradict the comments
 * above, no value for a label, or one for none). */
int bx_metrics_add(struct bx_metrics *m, const struct bx_metric_source *s);
/* All sources with that ctx go, because it does. */
void bx_metrics_remove(struct bx_metrics *m, const void *ctx);
/* Fill out, set->schema->size bytes, from the set's source of that value. False, and zeroes, when
 * there is none. */
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
/* Visit every metric with every source: the samples of one metric follow each other, as text for
 * Prometheus wants it. Each source is read once, so that its numbers belong together. */
void bx_metrics_each(const struct bx_metrics *m,
                     void (*visit)(void *ctx, const struct bx_metric_sample *s), void *ctx);

#endif
