/* Registers the metrics of this process except the API's: memory, the node and the link. The node's
 * sources are registered before the node exists and are zero until then. */
#include "daemon.h"

#include "diag/memory.h"
#include "http/http.h"
#include "link/link.h"
#include "sys/router.h"
#include "node/lease.h"
#include "sys/process.h"
#include "wire/cluster.h"

#include <assert.h>

static void read_link(const void *ctx, void *out)
{
    const struct daemon *d = ctx;
    struct bx_link_reply *reply = out;
    struct link_stats s;

    if (d->link == NULL)
        return;
    link_stats(d->link, &s);
    *reply = (struct bx_link_reply){.connections = s.connections,
                                    .refused = s.refused,
                                    .malformed = s.malformed,
                                    .turned_away = s.turned_away};
}

static void read_frames(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->link != NULL)
        link_frame_stats(d->link, out);
}

static struct bx_node_memory memory_of(const struct daemon *d)
{
    struct bx_node_memory m = {.proposals = {.size = d->options.proposal_pool},
                               .reads = {.size = d->options.read_pool}};

    if (d->node != NULL)
        bx_node_memory(d->node, &m);
    return m;
}

/* One function per member, because the registry copies each separately. */
#define READ(name, member)                                                                         \
    static void read_##name(const void *ctx, void *out)                                            \
    {                                                                                              \
        struct bx_node_memory m = memory_of(ctx);                                                  \
                                                                                                   \
        memcpy(out, &m.member, sizeof m.member);                                                   \
    }
READ(proposals, proposals)
READ(reads, reads)
READ(intern, intern)
READ(rows, state.rows)
READ(configs, state.configs)
READ(log, log)
READ(log_chunks, log_chunks)
#undef READ

static void read_sessions(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->node != NULL)
        bx_fsm_session_stats(bx_node_fsm(d->node), out);
}

static void read_batches(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->node != NULL)
        bx_node_batches(d->node, out);
}

#define READ(name, function)                                                                       \
    static void read_##name(const void *ctx, void *out)                                            \
    {                                                                                              \
        const struct daemon *d = ctx;                                                              \
                                                                                                   \
        if (d->node != NULL)                                                                       \
            function(d->node, out);                                                                \
    }
READ(raft, bx_node_raft_stats)
READ(space, bx_node_space_stats)
READ(proposal_counts, bx_node_proposal_stats)
READ(leases, bx_node_lease_stats)
READ(fleet, bx_node_fleet_stats)
#undef READ

static void read_process(const void *ctx, void *out)
{
    (void)ctx;
    process_stats(out);
}

#ifdef BX_HTTP
static void read_http(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->http != NULL)
        http_stats(d->http, out);
}
#endif

static void read_build(const void *ctx, void *out)
{
    struct build_stats *b = out;

    (void)ctx;
    b->info = 1;
}

/* ---- sources of which there is one for each value of a label ---- */

static void read_phase(const void *ctx, void *out)
{
    const struct daemon_place *at = ctx;
    struct bx_count *count = out;

    if (at->d->node != NULL)
        count->total = bx_node_vms_in(at->d->node, (uint8_t)at->which);
}

static struct bx_placement_stats placements(const struct daemon *d)
{
    struct bx_placement_stats s = {0};

    if (d->node != NULL)
        bx_fsm_placement_stats(bx_node_fsm(d->node), &s);
    return s;
}

static void read_decision(const void *ctx, void *out)
{
    const struct daemon_place *at = ctx;
    struct bx_placement_stats s = placements(at->d);
    struct bx_count *count = out;

    count->total = at->which == 0 ? s.placed : s.unplaced;
}

static void read_candidate(const void *ctx, void *out)
{
    const struct daemon_place *at = ctx;
    struct bx_count *count = out;

    count->total = placements(at->d).nodes[at->which];
}

static void read_latency(const void *ctx, void *out)
{
    const struct daemon_place *at = ctx;

    if (at->d->node != NULL)
        bx_node_latency(at->d->node, (enum bx_latency)at->which, out);
}

/* Add one source for each name, or n without. */
static int add_group(struct daemon *d, uint32_t *place, struct bx_metric_source s,
                     const char *const *names, uint32_t n)
{
    int rc = BX_OK;

    for (uint32_t i = 0; rc == BX_OK && i < n; i++) {
        struct daemon_place *at = &d->places[(*place)++];

        *at = (struct daemon_place){d, i};
        s.ctx = at;
        if (names == NULL)
            s.histogram = &bx_latencies[i];
        else
            s.value = names[i];
        rc = bx_metrics_add(&d->metrics, &s);
    }
    return rc;
}

static int add_groups(struct daemon *d)
{
    static const char *const outcomes[] = {"placed", "unplaced"};
    uint32_t place = 0;
    int rc = add_group(d, &place,
                       (struct bx_metric_source){.set = &bx_phase_metrics, .read = read_phase},
                       bx_shown_phase_names, BX__SHOWN);

    if (rc == BX_OK)
        rc =
            add_group(d, &place,
                      (struct bx_metric_source){.set = &bx_decision_metrics, .read = read_decision},
                      outcomes, 2);
    if (rc == BX_OK)
        rc = add_group(
            d, &place,
            (struct bx_metric_source){.set = &bx_candidate_metrics, .read = read_candidate},
            bx_reject_names, BX__REJECTS);
    if (rc == BX_OK)
        rc = add_group(d, &place, (struct bx_metric_source){.read = read_latency}, NULL,
                       BX__LATENCIES);
    return rc;
}

static void read_recorder(const void *ctx, void *out)
{
    (void)ctx;
    router_recorder_counts(out);
}

static void read_recorder_latency(const void *ctx, void *out)
{
    (void)ctx;
    router_recorder_latency(out);
}

static void read_sink(const void *ctx, void *out)
{
    router_sink_counts(ctx, out);
}

/* The log is open; its sinks are there until the process ends. */
static int add_sinks(struct bx_metrics *m)
{
    struct router_report report;
    int rc = BX_OK;

    router_report(&report);
    for (uint32_t i = 0; i < report.n && rc == BX_OK; i++) {
        const struct sink *sink = report.v[i].sink;
        const struct bx_metric_source s = {
            .set = &bx_sink_metrics, .value = sink->name, .read = read_sink, .ctx = sink};

        rc = bx_metrics_add(m, &s);
    }
    return rc;
}

void daemon_metrics_open(struct daemon *d)
{
    const struct bx_metric_source sources[] = {
        {.set = &bx_link_metrics, .read = read_link},
        {.histogram = &bx_batch_histogram, .read = read_batches},
        {.set = &bx_pool_metrics, .value = "frame", .read = read_frames},
        {.set = &bx_pool_metrics, .value = "proposal", .read = read_proposals},
        {.set = &bx_pool_metrics, .value = "read", .read = read_reads},
        {.set = &bx_intern_metrics, .read = read_intern},
        {.set = &bx_slab_metrics, .value = "row", .read = read_rows},
        {.set = &bx_rc_metrics, .value = "shared_config", .read = read_configs},
        {.set = &bx_wal_metrics, .read = read_log},
        {.set = &bx_recorder_metrics, .read = read_recorder},
        {.histogram = &bx_recorder_latency, .read = read_recorder_latency},
        {.set = &bx_session_metrics, .read = read_sessions},
        {.set = &bx_raft_metrics, .read = read_raft},
        {.set = &bx_space_metrics, .read = read_space},
        {.set = &bx_proposal_metrics, .read = read_proposal_counts},
        {.set = &bx_lease_metrics, .read = read_leases},
        {.set = &bx_fleet_metrics, .read = read_fleet},
#ifdef BX_HTTP
        {.set = &http_stats_metrics, .read = read_http},
#endif
        {.set = &process_metrics, .read = read_process},
        {.set = &build_metrics, .value = PACKAGE_VERSION, .read = read_build},
        {.set = &bx_fifo_metrics, .value = "log_chunk", .read = read_log_chunks},
    };
    int rc = bx_memory_metrics(&d->metrics);

    if (rc == BX_OK)
        rc = add_sinks(&d->metrics);

    for (size_t i = 0; rc == BX_OK && i < sizeof sources / sizeof sources[0]; i++) {
        struct bx_metric_source s = sources[i];

        s.ctx = d;
        rc = bx_metrics_add(&d->metrics, &s);
    }
    if (rc == BX_OK)
        rc = add_groups(d);
    assert(rc == BX_OK); /* names and bounds are fixed at compile time */
    (void)rc;
}
