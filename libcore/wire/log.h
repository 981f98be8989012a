/* log - parameters and reply of log.level, and the metrics of the recorder. */
#ifndef BX_WIRE_LOG_H
#define BX_WIRE_LOG_H

#include "diag/metric.h"
#include "wire/params.h"

#define BX_LOG_SPEC_MAX 4096u
#define BX_LOG_SINK_MAX 31u /* bytes of a sink's name */

struct bx_log_level_params {
    struct bx_common common;
    struct bx_str spec; /* empty: change nothing */
    struct bx_str sink; /* a sink, or "ring"; empty: those that have no filter of their own */
    struct bx_str node; /* empty: the one that is asked */
};

/* What all threads recorded since the process started. */
struct bx_recorder_counts {
    uint64_t events, overwritten, dropped, cut;
    uint64_t threads, memory_bytes, ring_used_pct, events_per_s;
};
extern const struct bx_metric_set bx_recorder_metrics;
/* struct bx_rec_latency (rec/rec.h) as a histogram. */
extern const struct bx_histogram_info bx_recorder_latency;

/* What a sink did with the events that its filter lets through. */
struct bx_sink_counts {
    uint64_t events, dropped; /* taken; not taken, or lost later */
    uint64_t bytes, errors;   /* written; attempts that failed */
    uint64_t queued_bytes;
    uint64_t serialise_ns, io_ns; /* spent on making bytes of them, and on writing these */
};
extern const struct bx_metric_set bx_sink_metrics;

struct bx_sink_reply {
    struct bx_str name, filter, state;
    struct bx_sink_counts counts;
};
struct bx_log_level_reply {
    struct bx_str node, ring; /* the filter of the recorder's rings */
    struct bx_recorder_counts recorder;
    struct bx_list sinks; /* of struct bx_sink_reply */
};
extern const struct bx_schema bx_log_level_reply_schema;

#endif
