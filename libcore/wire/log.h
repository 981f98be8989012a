/* log - the metrics of the recorder and of its sinks. */
#ifndef BX_WIRE_LOG_H
#define BX_WIRE_LOG_H

#include "diag/metric.h"

#define BX_LOG_SINK_MAX 31u /* bytes of a sink's name */

/* What all threads recorded since the process started. */
struct bx_recorder_counts {
    uint64_t events, overwritten, dropped, cut;
    uint64_t threads, memory_bytes, ring_used_pct, events_per_s;
};
extern const struct bx_metric_set bx_recorder_metrics;

/* What a sink did with the events that its filter lets through. */
struct bx_sink_counts {
    uint64_t events, dropped; /* taken; not taken, or lost later */
    uint64_t bytes, errors;   /* written; attempts that failed */
    uint64_t queued_bytes;
    uint64_t serialise_ns, io_ns; /* spent on making bytes of them, and on writing these */
};
extern const struct bx_metric_set bx_sink_metrics;

#endif
