/* stats - what keeping errors and crashes costs: memory, allocations, and the time of making
 * envelopes.
 *
 * What the fast writer of reports saves is measured on one in MEASURED of the events that it makes:
 * both writers make it once more, and the difference counts for that event and the next ones. */
#include "diagnose/priv.h"

#include "sys/clock.h"

#define MEASURED 16u
#define SECOND_NS 1000000000u

/* ---- the metrics ---- */

#define DIAG(X, at)                                                                                \
    X(at, COUNT, stored, "envelopes written to the spool")                                         \
    X(at, COUNT, failed, "envelopes that could not be written")                                    \
    X(at, COUNT, dropped, "reports dropped before they were sent")                                 \
    X(at, COUNT, sent, "envelopes that the service took")                                          \
    X(at, COUNT, refused, "envelopes that the service refused")                                    \
    X(at, COUNT, limited, "answers that asked to wait")                                            \
    X(at, COUNT, fast, "events that the fast writer made")                                         \
    X(at, NS_TOTAL, saved,                                                                         \
      "time that the fast writer saved: the full one's less its own, measured on one event in 16") \
    X(at, COUNT, allocations, "times that scopes, breadcrumbs and envelopes took memory")          \
    X(at, COUNT, avoided, "allocations avoided: scopes and collections taken from those kept")     \
    X(at, PER_S, allocations, "rate of allocations, of late")                                      \
    X(at, PCT, pool_hit, "part of scopes and collections that were taken from those kept")         \
    X(at, BYTES, memory_bytes, "memory of scopes, breadcrumbs and envelopes on their way")         \
    X(at, BYTES, memory_peak_bytes, "maximum of it: the sum of the maximum of each kind")          \
    X(at, BYTES, memory_average_bytes, "mean of it since the start, of one reading a second")
BX_METRIC_SET(diag_metrics, "diag", diag_stats, DIAG, NULL);

#define US 1000u
#define MS 1000000u
static const uint64_t bounds[] = {US,       5 * US / 2, 5 * US,   10 * US, 25 * US,    50 * US,
                                  100 * US, 250 * US,   500 * US, MS,      5 * MS / 2, 5 * MS,
                                  10 * MS,  25 * MS,    50 * MS,  100 * MS};
const struct bx_histogram_info diag_serialise_histogram = {
    .metric = {"blixard_diag_serialise_seconds", "ns", BX_HISTOGRAM,
               "time of making the envelope of a report"},
    .bounds = bounds,
    .n = sizeof bounds / sizeof bounds[0]};

/* ---- counting ---- */

static uint64_t time_of(void (*write)(struct bx_buf *, const struct bx_report *),
                        struct bx_buf *out, const struct bx_report *r)
{
    uint64_t began = clock_wall_ns();

    out->len = 0;
    write(out, r);
    return clock_wall_ns() - began;
}

static void write_fast(struct bx_buf *out, const struct bx_report *r)
{
    bx_report_write_fast(out, r);
}

/* The buffer has its memory before the time counts. */
static uint64_t measure(const struct bx_report *r)
{
    struct bx_buf out = {0};
    uint64_t fast, full;

    bx_report_write_full(&out, r);
    fast = time_of(write_fast, &out, r);
    full = time_of(bx_report_write_full, &out, r);
    bx_buf_release(&out);
    return full > fast ? full - fast : 0;
}

void diag_stats_made(struct diag *d, const struct bx_report *r, uint64_t ns)
{
    const struct bx_envelope *e = &d->envelope;

    bx_histogram_add(&d->serialise, &diag_serialise_histogram, ns);
    bx_weigh(&d->weight, &d->envelope_weighed, e->out.cap + e->item.cap);
    if (!bx_report_is_plain(r))
        return;
    if (d->until_measured-- == 0) {
        d->until_measured = MEASURED - 1;
        d->saves_ns = measure(r);
    }
    d->stats.fast++;
    d->stats.saved_ns += d->saves_ns;
}

static uint64_t memory_of(const struct diag *d, const struct bx_scopes_counts *c)
{
    return c->weight.bytes + d->weight.bytes;
}

static uint64_t allocations_of(const struct diag *d, const struct bx_scopes_counts *c)
{
    return c->weight.grown + d->weight.grown;
}

void diag_stats_tick(struct diag *d)
{
    struct bx_scopes_counts c;

    bx_scopes_counts(&d->scopes, &c);
    d->memory_sum += memory_of(d, &c);
    d->memory_n++;
    rate_of(&d->allocations, uv_now(d->o.loop) * (SECOND_NS / 1000), allocations_of(d, &c));
}

void diag_stats(const struct diag *d, struct diag_stats *out)
{
    struct bx_scopes_counts c;

    bx_scopes_counts(&d->scopes, &c);
    *out = d->stats;
    out->allocations = allocations_of(d, &c);
    out->avoided = c.hits;
    out->allocations_per_s = d->allocations.per_s;
    out->pool_hit_pct = c.hits + c.misses == 0 ? 0 : 100 * c.hits / (c.hits + c.misses);
    out->memory_bytes = memory_of(d, &c);
    out->memory_peak_bytes = c.weight.peak + d->weight.peak;
    out->memory_average_bytes = d->memory_n == 0 ? out->memory_bytes : d->memory_sum / d->memory_n;
}

void diag_serialise(const struct diag *d, struct bx_histogram *out)
{
    *out = d->serialise;
}
