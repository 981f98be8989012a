/* What the flight recorder takes: memory for an event, events per second of one and of two
 * producers, the latency of a single event, and how fast a thread writes events to a file in
 * compressed blocks, alone and as the daemon does it.
 *
 *     recorder [--json FILE] [RUNS [EVENTS]]
 *
 * Rates are per second of the producer's own processor time: others on the machine disturb them
 * less. The latency is that between two readings of the processor's counter (elsewhere: of the
 * steady clock) around an event, less the median of two readings with nothing between them. */
#include "recorder.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/intern.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define RUNS_MAX 101u
#define PARTS 10u     /* of a run that measures a rate; the fastest counts, as in bench.c */
#define RESOLVED 0.01 /* of a rate */

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "recorder: %s\n", what);
    exit(1);
}

/* ---- figures ---- */

static FILE *json; /* NULL: nobody wants it */
static unsigned figures;

void recorder_figure(const char *name, double value, const char *unit, double goal,
                     unsigned outliers)
{
    if (json == NULL)
        return;
    fprintf(
        json,
        "%s\n{\"name\":\"recorder/%s\",\"value\":%.6g,\"unit\":\"%s\",\"outliers\":%u,\"goal\":",
        figures++ > 0 ? "," : "[", name, value, unit, outliers);
    if (goal > 0)
        fprintf(json, "%g}", goal);
    else
        fprintf(json, "null}");
}

uint64_t recorder_now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double at_rank(double *sorted, size_t n, double rank)
{
    size_t i = (size_t)(rank * (double)n);

    return sorted[i < n ? i : n - 1];
}

static double distance(double a, double b)
{
    return a > b ? a - b : b - a;
}

/* Median of the runs, and how many are further from it than three scaled MADs, and than what is
 * resolved: a share of a rate, or the step of a clock. */
struct summary {
    double median;
    unsigned outliers;
};

static struct summary summarise(const double *v, unsigned n, double share, double step)
{
    double sorted[RUNS_MAX], off[RUNS_MAX];
    struct summary s = {0};

    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, by_value);
    s.median = at_rank(sorted, n, 0.5);
    for (unsigned i = 0; i < n; i++)
        off[i] = distance(v[i], s.median);
    qsort(off, n, sizeof *off, by_value);
    for (unsigned i = 0; i < n; i++)
        s.outliers += distance(v[i], s.median) > 3 * 1.4826 * at_rank(off, n, 0.5) &&
                      distance(v[i], s.median) > share * s.median + step;
    return s;
}

/* ---- the recorder of a thread ---- */

void recorder_take(const char *ring, const char *queue)
{
    struct bx_filter f;
    const struct bx_filter *all = &f;

    bench_must(bx_filter_parse(&f, ring, NULL) == BX_OK, "filter");
    bx_rec_filter_ring(&f);
    bench_must(bx_filter_parse(&f, queue, NULL) == BX_OK, "filter");
    bx_rec_filter_queue(&all, 1);
}

static struct bx_rec_thread threads[2];

struct bx_rec_thread *recorder_use(unsigned which, size_t ring, size_t queue)
{
    struct bx_rec_thread *t = &threads[which];

    bench_must(bx_rec_thread_open(t, "bench", (uint16_t)which, ring, queue, clock_wall_ns) == BX_OK,
               "memory");
    bx_rec_use(t);
    return t;
}

void recorder_end(struct bx_rec_thread *t)
{
    bx_rec_use(NULL);
    bx_rec_thread_close(t);
}

void recorder_plain(uint64_t n)
{
    while (n-- > 0)
        BX_INFO("raft", "entry applied");
}

static void numbers(uint64_t n)
{
    while (n-- > 0)
        BX_INFO("raft", "entry applied", "index", n, "term", 7u, "bytes", 512u, "peer", 3u);
}

/* ---- memory ---- */

static size_t resident(void)
{
    char line[128] = "";
    unsigned long long size, pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    bench_must(f != NULL && fgets(line, sizeof line, f) != NULL &&
                   sscanf(line, "%llu %llu", &size, &pages) == 2,
               "/proc/self/statm");
    fclose(f);
    return (size_t)pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A million events in a ring that holds them all, and the names that they have in common. */
static void memory_of(const char *what, void (*record)(uint64_t), size_t ring, double goal)
{
    size_t before = resident();
    struct bx_rec_thread *t = recorder_use(0, ring, 0);
    size_t used;

    record(MILLION);
    used = bx_ring_used(&t->ring) * sizeof(uint64_t);
    bench_must(t->ring.in.records == MILLION && t->ring.in.lost == 0, "the ring lost events");
    printf("%-28s %6.1f bytes an event, %5.1f MB resident for a million (goal %g)\n", what,
           (double)used / MILLION, (double)(resident() - before) / 1e6, goal);
    recorder_figure(what, (double)used / MILLION, "bytes an event", goal, 0);
    recorder_end(t);
}

static void measure_memory(void)
{
    recorder_take("info", "off");
    recorder_use(0, BX_REC_RING, 0);
    recorder_plain(1); /* the pages that the first event of all touches */
    resident();
    recorder_end(&threads[0]);
    memory_of("without fields", recorder_plain, 1u << 22, 32);
    memory_of("four numbers", numbers, 1u << 23, 64);
}

/* ---- events per second ---- */

struct producer {
    pthread_t thread;
    unsigned which;
    uint64_t events;
    double per_s;
};

static void *produce(void *arg)
{
    struct producer *p = arg;
    struct bx_rec_thread *t = recorder_use(p->which, BX_REC_RING, 0);
    uint64_t began;

    recorder_plain(BX_REC_RING); /* the ring is in the cache, or as much of it as fits */
    p->per_s = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        double per_s;

        began = recorder_now_ns(CLOCK_THREAD_CPUTIME_ID);
        recorder_plain(p->events / PARTS);
        per_s = (double)(p->events / PARTS) * 1e9 /
                (double)(recorder_now_ns(CLOCK_THREAD_CPUTIME_ID) - began);
        if (per_s > p->per_s)
            p->per_s = per_s;
    }
    recorder_end(t);
    bx_buf_thread_close();
    return NULL;
}

/* Of one of them. */
static double rate_of(unsigned producers, uint64_t events)
{
    struct producer p[2] = {{.which = 0, .events = events}, {.which = 1, .events = events}};
    double per_s = 0;

    for (unsigned i = 0; i < producers; i++)
        bench_must(pthread_create(&p[i].thread, NULL, produce, &p[i]) == 0, "thread");
    for (unsigned i = 0; i < producers; i++) {
        pthread_join(p[i].thread, NULL);
        per_s += p[i].per_s / producers;
    }
    return per_s;
}

static void measure_rate(unsigned producers, unsigned runs, uint64_t events)
{
    double per_s[RUNS_MAX];
    struct summary s;

    for (unsigned run = 0; run < runs; run++)
        per_s[run] = rate_of(producers, events);
    s = summarise(per_s, runs, RESOLVED, 0);
    printf("%u producer%-18s %6.1f million a second and thread (goal 20), %u of %u outliers\n",
           producers, producers == 1 ? "" : "s", s.median / 1e6, s.outliers, runs);
    recorder_figure(producers == 1 ? "one producer" : "two producers", s.median,
                    "events a second and thread", 20e6, s.outliers);
}

/* ---- latency ---- */

static inline uint64_t counter(void)
{
#if defined(__x86_64__)
    unsigned core;
    uint64_t t;

    __asm__ volatile("" : : : "memory");
    t = __rdtscp(&core); /* waits for what comes before it, the event included */
    __asm__ volatile("" : : : "memory");
    return t;
#else
    return recorder_now_ns(CLOCK_MONOTONIC);
#endif
}

static double ns_a_count(void)
{
    uint64_t t = recorder_now_ns(CLOCK_MONOTONIC), c = counter(), end;

    while ((end = recorder_now_ns(CLOCK_MONOTONIC)) - t < 50 * MILLION)
        ;
    return (double)(end - t) / (double)(counter() - c);
}

/* The median of two readings with nothing between them, in counts; *step: by how much readings
 * differ at least. */
static double empty_pair(double *v, uint64_t n, double *step)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t before = counter();

        v[i] = (double)(counter() - before);
    }
    qsort(v, n, sizeof *v, by_value);
    *step = v[n - 1];
    for (uint64_t i = 1; i < n; i++)
        if (v[i] > v[i - 1] && v[i] - v[i - 1] < *step)
            *step = v[i] - v[i - 1];
    return at_rank(v, n, 0.5);
}

static void one_latency(double *v, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint64_t before = counter();

        BX_INFO("raft", "entry applied");
        v[i] = (double)(counter() - before);
    }
    qsort(v, n, sizeof *v, by_value);
}

static void measure_latency(unsigned runs, uint64_t events)
{
    static const struct {
        const char *name;
        double rank, goal;
    } ranks[] = {{"p50", 0.5, 25}, {"p95", 0.95, 0}, {"p99", 0.99, 100}, {"p99.9", 0.999, 0}};
    enum { RANKS = sizeof ranks / sizeof ranks[0] };
    static double at[RANKS][RUNS_MAX];
    double *v = bx_must_calloc(events, sizeof *v), unit = ns_a_count(), none, step;
    struct bx_rec_thread *t = recorder_use(0, BX_REC_RING, 0);
    char name[24];

    recorder_plain(BX_REC_RING);
    none = empty_pair(v, events, &step);
    step *= unit;
    for (unsigned run = 0; run < runs; run++) {
        one_latency(v, events);
        for (unsigned r = 0; r < RANKS; r++)
            at[r][run] = (at_rank(v, events, ranks[r].rank) - none) * unit;
    }
    for (unsigned r = 0; r < RANKS; r++) {
        struct summary s = summarise(at[r], runs, 0, step);

        printf("latency %-20s %6.1f ns", ranks[r].name, s.median);
        if (ranks[r].goal > 0)
            printf(" (goal %g)", ranks[r].goal);
        printf(", %u of %u outliers\n", s.outliers, runs);
        snprintf(name, sizeof name, "latency %s", ranks[r].name);
        recorder_figure(name, s.median, "ns", ranks[r].goal, s.outliers);
    }
    printf("%-28s %6.1f ns were subtracted for the two readings around an event\n", "",
           none * unit);
    recorder_end(t);
    bx_free(v);
}

static void measure(unsigned runs, uint64_t events)
{
    measure_memory();
    measure_rate(1, runs, events);
    measure_rate(2, runs, events);
    measure_latency(runs, events);
    recorder_files(10 * events);
}

int main(int argc, char **argv)
{
    bool wants = argc > 2 && strcmp(argv[1], "--json") == 0;
    char **rest = argv + (wants ? 3 : 1), **end = argv + argc;
    unsigned runs = rest < end ? (unsigned)strtoul(rest[0], NULL, 10) : 30;
    uint64_t events = rest + 1 < end ? strtoull(rest[1], NULL, 10) : 500000;
    double load = 0;

    if (runs < 1 || runs > RUNS_MAX || events < 1000) {
        fprintf(stderr, "usage: recorder [--json FILE] [RUNS [EVENTS]], at most %u runs\n",
                RUNS_MAX);
        return 2;
    }
    if (wants && (json = fopen(argv[2], "w")) == NULL)
        bench_die(argv[2]);
    getloadavg(&load, 1);
    printf("load average %.2f, %u runs of %llu events, medians\n", load, runs,
           (unsigned long long)events);
    measure(runs, events);
    if (json != NULL) {
        fprintf(json, "]\n");
        bench_must(fclose(json) == 0, argv[2]);
    }
    return 0;
}
