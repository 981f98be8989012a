/* Registers the metrics of this process except the API's: memory, the node and the link. The node's
 * sources are registered before the node exists and are zero until then. */
#include "daemon.h"

#include "diag/memory.h"
#include "link/link.h"
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
        {.set = &bx_session_metrics, .read = read_sessions},
        {.set = &bx_fifo_metrics, .value = "log_chunk", .read = read_log_chunks},
    };
    int rc = bx_memory_metrics(&d->metrics);

    for (size_t i = 0; rc == BX_OK && i < sizeof sources / sizeof sources[0]; i++) {
        struct bx_metric_source s = sources[i];

        s.ctx = d;
        rc = bx_metrics_add(&d->metrics, &s);
    }
    assert(rc == BX_OK); /* names and bounds are fixed at compile time */
    (void)rc;
}
