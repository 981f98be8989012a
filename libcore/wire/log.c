#include "wire/log.h"

#include "rec/rec.h"

/* ---- metrics ---- */

#define RECORDER(X, at)                                                                            \
    X(at, COUNT, events, "events recorded, by all threads")                                        \
    X(at, COUNT, overwritten, "events that newer ones have replaced in the rings")                 \
    X(at, COUNT, dropped, "events for the sinks that found a queue full")                          \
    X(at, COUNT, cut, "events with a string that was too long")                                    \
    X(at, LEVEL, threads, "threads that record")                                                   \
    X(at, BYTES, memory_bytes, "memory of the rings, the queues and the sinks")                    \
    X(at, PCT, ring_used, "part of the rings that holds events")                                   \
    X(at, PER_S, events, "rate of events, of late")
BX_METRIC_SET(bx_recorder_metrics, "recorder", bx_recorder_counts, RECORDER, NULL);

_Static_assert(BX_REC_BOUNDS <= BX_HISTOGRAM_BOUNDS, "a histogram has room for them");
const struct bx_histogram_info bx_recorder_latency = {
    .metric = {"blixard_recorder_latency_seconds", "ns", BX_HISTOGRAM,
               "time that recording an event takes, of one event in 256 of each thread"},
    .bounds = bx_rec_bounds_ns,
    .n = BX_REC_BOUNDS};

#define SINK(X, at)                                                                                \
    X(at, COUNT, events, "events that the sink has taken")                                         \
    X(at, COUNT, dropped, "events that the sink could not take")                                   \
    X(at, BYTES_TOTAL, bytes, "bytes written")                                                     \
    X(at, COUNT, errors, "attempts to open or to write that failed")                               \
    X(at, BYTES, queued_bytes, "bytes that wait to be written")                                    \
    X(at, NS_TOTAL, serialise, "time spent on making the bytes")                                   \
    X(at, NS_TOTAL, io, "time spent on writing them")
BX_METRIC_SET(bx_sink_metrics, "log_sink", bx_sink_counts, SINK, "sink");

/* ---- the reply ---- */

/* The counts lie in the reply as a struct, and are members of their own for its readers. */
#define COUNT(at, kind, member, help) COUNT_OF(at, BX_METRIC_MEMBER_##kind(member)),
#define COUNT_OF(at, member)                                                                       \
    {                                                                                              \
        .name = STRING(member), .type = BX_T_U64,                                                  \
        .offset = (at) + offsetof(struct bx_sink_counts, member)                                   \
    }
#define STRING(member) #member
static const struct bx_field sink_fields[] = {
    BX_FIELD(bx_sink_reply, name, BX_T_STR, .max = BX_LOG_SINK_MAX),
    BX_FIELD(bx_sink_reply, filter, BX_T_STR, .max = BX_LOG_SPEC_MAX),
    BX_FIELD(bx_sink_reply, state, BX_T_STR, .max = 255),
    SINK(COUNT, offsetof(struct bx_sink_reply, counts))};
static const struct bx_schema sink_schema = BX_SCHEMA("sink", 0, bx_sink_reply, sink_fields);

static const struct bx_field level_fields[] = {
    BX_FIELD(bx_log_level_reply, node, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_log_level_reply, ring, BX_T_STR, .max = BX_LOG_SPEC_MAX),
    BX_FIELD(bx_log_level_reply, recorder, BX_T_RECORD, .sub = &bx_recorder_metrics_schema),
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
