/* router - the thread that takes events out of the queues and gives each to the sinks whose filter
 * lets it through (sink.h).
 *
 * The thread sleeps while the queues are empty; router_wake, which log_threads calls after an event
 * was queued, wakes it. It takes a batch of each queue in turn, gives it to all sinks, and lets
 * each write what it can without waiting. What a queue or a sink had to drop is told by an event
 * of the target "log", once in a while. */
#ifndef ROUTER_H
#define ROUTER_H

#include "sys/sink.h"

#define ROUTER_RING "ring" /* its name among those of the sinks */

struct router_options {
    const char *node; /* name of this node, static */
    struct bx_filter filter;
    const struct sink_spec *sinks;
    uint32_t n; /* up to SINKS_MAX */
};

/* Open the sinks and set what the sites record; log_threads_open was called. BX_OK, BX_NO_MEMORY,
 * BX_IO. */
int router_start(const struct router_options *o, struct bx_err *err);
/* Write what is queued and end. A sink that can not go on within some seconds loses the rest. */
void router_stop(void);
/* Any thread. */
void router_wake(void);
/* Wait until what was queued is written as far as it can be, for ns at most. */
void router_drain(uint64_t ns);

/* ---- while it runs; one thread, which is not the router's ---- */

/* Change the filter of a sink, or of the rings; "": of the sinks that follow --log. BX_OK, or
 * BX_NOT_FOUND with a hint. */
int router_set_filter(const char *name, const struct bx_filter *f, struct bx_err *err);
/* What is recorded, and by whom. */
struct router_report {
    struct bx_filter ring;
    uint32_t n;
    struct {
        const struct sink *sink; /* valid until router_stop; the counters: router_sink_counts */
        struct bx_filter filter;
    } v[SINKS_MAX];
};
void router_report(struct router_report *out);
/* A word or some, for people. */
const char *router_sink_state(const struct sink *s);
void router_sink_counts(const struct sink *s, struct bx_sink_counts *out);
void router_recorder_counts(struct bx_recorder_counts *out);
/* Of all threads. */
void router_recorder_latency(struct bx_histogram *out);

#endif
