/* Opens what keeps errors and crashes, and registers its metrics. */
#include "daemon.h"

#include "diag/memory.h"
#include "diagnose/diag.h"
#include "vmdir/file.h"
#include "vmdir/record.h"

#include <assert.h>
#include <string.h>

#ifdef BX_DIAGNOSTICS

static void read_diag(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->diag != NULL)
        diag_stats(d->diag, out);
}

static void read_scopes(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->diag != NULL)
        memcpy(out, &diag_scopes(d->diag)->stats, sizeof(struct bx_pool_stats));
}

static void read_crumbs(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->diag != NULL)
        memcpy(out, &diag_scopes(d->diag)->crumbs.stats, sizeof(struct bx_pool_stats));
}

static void read_serialise(const void *ctx, void *out)
{
    const struct daemon *d = ctx;

    if (d->diag != NULL)
        diag_serialise(d->diag, out);
}

static void add_metrics(struct daemon *d)
{
    const struct bx_metric_source sources[] = {
        {.set = &diag_metrics, .read = read_diag, .ctx = d},
        {.histogram = &diag_serialise_histogram, .read = read_serialise, .ctx = d},
        {.set = &bx_pool_metrics, .value = "request_scope", .read = read_scopes, .ctx = d},
        {.set = &bx_pool_metrics, .value = "breadcrumbs", .read = read_crumbs, .ctx = d}};

    for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
        int rc = bx_metrics_add(&d->metrics, &sources[i]);

        assert(rc == BX_OK);
    }
}

static uint64_t revision(void *ctx)
{
    const struct daemon *d = ctx;
    struct bx_cluster_info cluster = {.revision = 0};

    if (d->node != NULL)
        bx_view_cluster(bx_node_view(d->node), &cluster);
    return cluster.revision;
}

int daemon_open_diag(struct daemon *d, struct bx_err *err)
{
    struct diag_options o = {.loop = &d->loop.uv,
                             .clock = d->clock,
                             .data = d->options.data,
                             .about = {.node = d->options.name,
                                       .environment = d->options.diag_environment,
                                       .nameless = !d->options.diag_names,
                                       .max_crumbs = d->options.diag_crumbs},
                             .dsn = d->options.diag_dsn,
                             .sample = d->options.diag_sample,
                             .recorder_every_s = d->options.log_snapshot_every_s,
                             .spool_bytes = d->options.diag_spool,
                             .vms = {vm_crash_names, VM_CRASHES, vm_file_open},
                             .revision = revision,
                             .ctx = d};

    if (d->options.diag == 0)
        return BX_OK;
    add_metrics(d);
    return diag_open(&d->diag, &o, err);
}

void daemon_close_diag(struct daemon *d)
{
    diag_close(d->diag);
    d->diag = NULL;
}

#else

int daemon_open_diag(struct daemon *d, struct bx_err *err)
{
    (void)d, (void)err;
    return BX_OK;
}

void daemon_close_diag(struct daemon *d)
{
    (void)d;
}

#endif
