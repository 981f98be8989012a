#include "wire/log.h"

#include "rec/rec.h"

/* ---- metrics ---- */

#define F(member) BX_FIELD(bx_recorder_counts, member, BX_T_U64)
static const struct bx_field recorder_fields[] = {
    F(events),  F(overwritten),  F(dropped),       F(cut),
    F(threads), F(memory_bytes), F(ring_used_pct), F(events_per_s),
};
#undef F
static const struct bx_schema recorder_schema =
    BX_SCHEMA("recorder", 0, bx_recorder_counts, recorder_fields);
static const struct bx_metric recorder_rows[] = {
    {"blixard_recorder_events_total", NULL, BX_COUNTER, "events recorded, by all threads"},
    {"blixard_recorder_overwritten_total", NULL, BX_COUNTER,
     "events that newer ones have replaced in the rings"},
    {"blixard_recorder_dropped_total", NULL, BX_COUNTER,
     "events for the sinks that found a queue full"},
    {"blixard_recorder_cut_total", NULL, BX_COUNTER, "events with a string that was too long"},
    {"blixard_recorder_threads", NULL, BX_GAUGE, "threads that record"},
    {"blixard_recorder_memory_bytes", "bytes", BX_GAUGE,
     "memory of the rings, the queues and the sinks"},
    {"blixard_recorder_ring_used_ratio", "pct", BX_GAUGE, "part of the rings that holds events"},
    {"blixard_recorder_events_per_second", "per_s", BX_GAUGE, "rate of events, of late"},
};
BX_METRIC_EACH(recorder_fields, recorder_rows);
const struct bx_metric_set bx_recorder_metrics = {&recorder_schema, recorder_rows, NULL};

_Static_assert(BX_REC_BOUNDS <= BX_HISTOGRAM_BOUNDS, "a histogram has room for them");
const struct bx_histogram_info bx_recorder_latency = {
    .metric = {"blixard_recorder_latency_seconds", "ns", BX_HISTOGRAM,
               "time that recording an event takes, of one event in 256 of each thread"},
    .bounds = bx_rec_bounds_ns,
    .n = BX_REC_BOUNDS};

#define F(at, member)                                                                              \
    {                                                                                              \
        .name = #member, .type = BX_T_U64,                                                         \
        .offset = (at) + offsetof(struct bx_sink_counts, member)                                   \
    }
#define COUNTS(at)                                                                                 \
    F(at, events), F(at, dropped), F(at, bytes), F(at, errors), F(at, queued_bytes),               \
        F(at, serialise_ns), F(at, io_ns)
static const struct bx_field counts_fields[] = {COUNTS(0)};
static const struct bx_schema counts_schema =
    BX_SCHEMA("log_sink", 0, bx_sink_counts, counts_fields);
static const struct bx_metric counts_rows[] = {
    {"blixard_log_sink_events_total", NULL, BX_COUNTER, "events that the sink has taken"},
    {"blixard_log_sink_dropped_total", NULL, BX_COUNTER, "events that the sink could not take"},
    {"blixard_log_sink_bytes_total", NULL, BX_COUNTER, "bytes written"},
    {"blixard_log_sink_errors_total", NULL, BX_COUNTER, "attempts to open or to write that failed"},
    {"blixard_log_sink_queued_bytes", "bytes", BX_GAUGE, "bytes that wait to be written"},
    {"blixard_log_sink_serialise_seconds_total", "ns", BX_COUNTER,
     "time spent on making the bytes"},
    {"blixard_log_sink_io_seconds_total", "ns", BX_COUNTER, "time spent on writing them"},
};
BX_METRIC_EACH(counts_fields, counts_rows);
const struct bx_metric_set bx_sink_metrics = {&counts_schema, counts_rows, "sink"};

/* ---- the reply ---- */

static const struct bx_field sink_fields[] = {
    BX_FIELD(bx_sink_reply, name, BX_T_STR, .max = BX_LOG_SINK_MAX),
    BX_FIELD(bx_sink_reply, filter, BX_T_STR, .max = BX_LOG_SPEC_MAX),
    BX_FIELD(bx_sink_reply, state, BX_T_STR, .max = 255),
    COUNTS(offsetof(struct bx_sink_reply, counts)),
};
static const struct bx_schema sink_schema = BX_SCHEMA("sink", 0, bx_sink_reply, sink_fields);

static const struct bx_field level_fields[] = {
    BX_FIELD(bx_log_level_reply, node, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_log_level_reply, ring, BX_T_STR, .max = BX_LOG_SPEC_MAX),
    BX_FIELD(bx_log_level_reply, recorder, BX_T_RECORD, .sub = &recorder_schema),
    BX_FIELD(bx_log_level_reply, sinks, BX_T_LIST, .sub = &sink_schema, .max = 16),
};
const struct bx_schema bx_log_level_reply_schema =
    BX_REPLY_SCHEMA("log-level", LOG_LEVEL, bx_log_level_reply, level_fields);

/* ---- the method ---- */

static const struct bx_field level_params_fields[] = {
    BX_FIELD(bx_log_level_params, spec, BX_T_STR, .max = BX_LOG_SPEC_MAX),
    BX_FIELD(bx_log_level_params, sink, BX_T_STR, .max = BX_LOG_SINK_MAX),
    BX_FIELD(bx_log_level_params, node, BX_T_STR, .max = 255), BX_PARAMS_TIMES};

BX_METHOD(LOG_LEVEL, log_level, bx_log_level_params, level_params_fields, log_level,
          .name = "log.level", .verb = "POST", .path = "/v1/log/level", .role = BX_RPC_ADMIN,
          .before_init = true, .relayed = true,
          .about = "What the recorder of a node and its sinks take, and what they did. `spec` "
                   "changes the filter of the sinks that have none of their own, or of `sink`: one "
                   "of them, or `ring`. It lasts until the daemon ends.");
