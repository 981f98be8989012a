/* router_counts - what the recorder and its sinks have done, for who asks. */
#include "sys/log_threads.h"
#include "sys/rate.h"
#include "sys/router.h"

#include <string.h>
#include <uv.h>

const char *router_sink_state(const struct sink *s)
{
    return __atomic_load_n(&s->condition, __ATOMIC_RELAXED);
}

void router_sink_counts(const struct sink *s, struct bx_sink_counts *out)
{
#define COUNT(member) .member = __atomic_load_n(&s->counts.member, __ATOMIC_RELAXED)
    *out = (struct bx_sink_counts){COUNT(events), COUNT(dropped),      COUNT(bytes),
                                   COUNT(errors), COUNT(queued_bytes), COUNT(serialise_ns),
                                   COUNT(io_ns)};
#undef COUNT
}

void router_recorder_latency(struct bx_histogram *out)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    uint32_t n = log_threads(threads);
    struct bx_rec_latency sum = {0};

    for (uint32_t i = 0; i < n; i++)
        bx_rec_add_latency(threads[i], &sum);
    *out = (struct bx_histogram){.sum = sum.sum_ns};
    memcpy(out->counts, sum.counts, sizeof sum.counts);
}

static struct rate rate; /* of all events */

void router_recorder_counts(struct bx_recorder_counts *out)
{
    struct bx_rec_thread *threads[LOG_THREADS];
    struct router_report report;
    uint64_t words = 0, used = 0;

    *out = (struct bx_recorder_counts){.threads = log_threads(threads)};
    for (uint32_t i = 0; i < out->threads; i++) {
        const struct bx_rec_thread *t = threads[i];
        uint64_t lost = __atomic_load_n(&t->queue.in.lost, __ATOMIC_RELAXED);

        out->events += __atomic_load_n(&t->ring.in.records, __ATOMIC_RELAXED);
        out->overwritten += __atomic_load_n(&t->ring.in.lost, __ATOMIC_RELAXED);
        out->dropped += lost;
        out->cut += __atomic_load_n(&t->cut, __ATOMIC_RELAXED);
        words += t->ring.mask + 1;
        used += bx_ring_used(&t->ring);
        out->memory_bytes += (t->ring.mask + t->queue.mask + 2) * sizeof(uint64_t);
    }
    router_report(&report);
    for (uint32_t i = 0; i < report.n; i++)
        out->memory_bytes += report.v[i].sink->memory;
    out->ring_used_pct = words == 0 ? 0 : 100 * used / words;
    out->events_per_s = rate_of(&rate, uv_hrtime(), out->events);
}
