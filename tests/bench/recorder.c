/* What the flight recorder takes: memory for an event, events per second of one and of two
 * producers, the latency of a single event, and how fast a thread writes events to a file in
 * compressed blocks. `recorder [RUNS] [EVENTS]`.
 *
 * Rates are per second of the producer's own processor time: others on the machine disturb them
 * less. The latency is that between two readings of the processor's counter (elsewhere: of the
 * steady clock) around an event, less the median of two readings with nothing between them. */
#include "bench.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/intern.h"
#include "rec/rec.h"
#include "rec/recfile.h"
#include "sys/clock.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define MILLION 1000000u
#define RUNS_MAX 101u
#define QUEUE (1u << 17) /* words: 1 MiB, 32,768 events without fields */
#define PARTS 10u        /* of a run that measures a rate; the fastest counts, as in bench.c */
#define RESOLVED 0.01    /* of a rate */
#define BATCH 8192u      /* words that the writer takes at a time */

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "recorder: %s\n", what);
    exit(1);
}

static uint64_t now_ns(clockid_t clock)
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

static void take(const char *ring, const char *queue)
{
    struct bx_filter f;
    const struct bx_filter *all = &f;

    bench_must(bx_filter_parse(&f, ring, NULL) == BX_OK, "filter");
    bx_rec_filter_ring(&f);
    bench_must(bx_filter_parse(&f, queue, NULL) == BX_OK, "filter");
    bx_rec_filter_queue(&all, 1);
}

static struct bx_rec_thread threads[2];

static struct bx_rec_thread *use_new(unsigned which, size_t ring, size_t queue)
{
    struct bx_rec_thread *t = &threads[which];

    bench_must(bx_rec_thread_open(t, "bench", (uint16_t)which, ring, queue, clock_wall_ns) == BX_OK,
               "memory");
    bx_rec_use(t);
    return t;
}

static void end_use(struct bx_rec_thread *t)
{
    bx_rec_use(NULL);
    bx_rec_thread_close(t);
}

static void plain(uint64_t n)
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
    struct bx_rec_thread *t = use_new(0, ring, 0);
    size_t used;

    record(MILLION);
    used = bx_ring_used(&t->ring) * sizeof(uint64_t);
    bench_must(t->ring.in.records == MILLION && t->ring.in.lost == 0, "the ring lost events");
    printf("%-28s %6.1f bytes an event, %5.1f MB resident for a million (goal %g)\n", what,
           (double)used / MILLION, (double)(resident() - before) / 1e6, goal);
    end_use(t);
}

static void measure_memory(void)
{
    take("info", "off");
    use_new(0, BX_REC_RING, 0);
    plain(1); /* the pages that the first event of all touches */
    resident();
    end_use(&threads[0]);
    memory_of("without fields", plain, 1u << 22, 32);
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
    struct bx_rec_thread *t = use_new(p->which, BX_REC_RING, 0);
    uint64_t began;

    plain(BX_REC_RING); /* the ring is in the cache, or as much of it as fits */
    p->per_s = 0;
    for (unsigned i = 0; i < PARTS; i++) {
        double per_s;

        began = now_ns(CLOCK_THREAD_CPUTIME_ID);
        plain(p->events / PARTS);
        per_s =
            (double)(p->events / PARTS) * 1e9 / (double)(now_ns(CLOCK_THREAD_CPUTIME_ID) - began);
        if (per_s > p->per_s)
            p->per_s = per_s;
    }
    end_use(t);
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
    return now_ns(CLOCK_MONOTONIC);
#endif
}

static double ns_a_count(void)
{
    uint64_t t = now_ns(CLOCK_MONOTONIC), c = counter(), end;

    while ((end = now_ns(CLOCK_MONOTONIC)) - t < 50 * MILLION)
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
    struct bx_rec_thread *t = use_new(0, BX_REC_RING, 0);

    plain(BX_REC_RING);
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
    }
    printf("%-28s %6.1f ns were subtracted for the two readings around an event\n", "",
           none * unit);
    end_use(t);
    bx_free(v);
}

/* ---- to a file ---- */

struct sink {
    pthread_t thread;
    struct bx_rec_thread *from;
    struct bx_recfile_writer w;
    int fd;
    bool done; /* nothing comes any more; atomic */
    uint64_t bytes, cpu_ns;
};

static int write_block(void *ctx, const void *p, size_t n)
{
    struct sink *s = ctx;

    s->bytes += n;
    return write(s->fd, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

static void *write_file(void *arg)
{
    static const struct bx_recfile_meta meta = {.program = {"bench", 5}};
    struct sink *s = arg;
    uint64_t *words = bx_must_calloc(BATCH, sizeof *words);
    bool last = false;

    bench_must(bx_recfile_begin(&s->w, &meta) == BX_OK, "the file's beginning");
    while (!last) {
        size_t n;

        last = __atomic_load_n(&s->done, __ATOMIC_ACQUIRE);
        while ((n = bx_ring_take(&s->from->queue, words, BATCH)) > 0)
            bench_must(bx_recfile_put_events(&s->w, 0, words, n) == BX_OK, "writing events");
        sched_yield();
    }
    bench_must(bx_recfile_end(&s->w) == BX_OK, "the file's end");
    s->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
    bx_free(words);
    bx_buf_thread_close();
    return NULL;
}

static uint64_t events_in(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *p;
    static struct bx_recfile f;
    struct bx_recevent e;
    uint64_t n = 0;

    bench_must(fd >= 0 && fstat(fd, &st) == 0, path);
    p = bx_must_alloc((size_t)st.st_size);
    bench_must(read(fd, p, (size_t)st.st_size) == st.st_size, "reading the file");
    close(fd);
    bench_must(bx_recfile_open(&f, p, (size_t)st.st_size, NULL) == BX_OK, "opening the file");
    while (bx_recfile_next(&f, &e, NULL) == BX_OK)
        n++;
    bench_must(f.complete && f.damaged == 0, "the file is damaged");
    bx_recfile_close(&f);
    bx_free(p);
    return n;
}

/* At most so many events a second; 0: as many as the queue has room for. */
static void feed(struct bx_rec_thread *t, uint64_t events, uint64_t per_s)
{
    uint64_t began = now_ns(CLOCK_MONOTONIC), burst = 256;

    for (uint64_t i = 0; i < events; i += burst) {
        if (per_s > 0)
            while ((now_ns(CLOCK_MONOTONIC) - began) * (per_s / MILLION) < i * 1000)
                ;
        else
            while (bx_ring_used(&t->queue) > QUEUE / 2)
                sched_yield();
        plain(burst);
    }
}

static void measure_file(const char *what, uint64_t events, uint64_t per_s)
{
    static struct sink s;
    const char *under = getenv("TMPDIR");
    char path[BENCH_DIR_MAX];
    uint64_t began, wall, dropped;

    snprintf(path, sizeof path, "%s/blixard-recorder-XXXXXX", under == NULL ? "/tmp" : under);
    s = (struct sink){.w = {.write = write_block, .ctx = &s, .form = BX_RECFILE_PACKED}};
    s.fd = mkstemp(path);
    bench_must(s.fd >= 0, path);
    s.from = use_new(0, BX_REC_RING, QUEUE);
    began = now_ns(CLOCK_MONOTONIC);
    bench_must(pthread_create(&s.thread, NULL, write_file, &s) == 0, "thread");
    feed(s.from, events, per_s);
    __atomic_store_n(&s.done, true, __ATOMIC_RELEASE);
    pthread_join(s.thread, NULL);
    wall = now_ns(CLOCK_MONOTONIC) - began;
    dropped = s.from->queue.in.lost;
    close(s.fd);
    bench_must(events_in(path) == s.from->queue.in.records, "events are missing");
    printf("%-28s %6.1f million a second, %.1f a second of the writer's processor time, "
           "%.1f bytes an event, %llu dropped\n",
           what, (double)events * 1e3 / (double)wall, (double)events * 1e3 / (double)s.cpu_ns,
           (double)s.bytes / (double)events, (unsigned long long)dropped);
    end_use(s.from);
    unlink(path);
}

int main(int argc, char **argv)
{
    unsigned runs = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 30;
    uint64_t events = argc > 2 ? strtoull(argv[2], NULL, 10) : 500000;
    double load = 0;

    if (runs < 1 || runs > RUNS_MAX || events < 1000) {
        fprintf(stderr, "usage: recorder [RUNS [EVENTS]], at most %u runs\n", RUNS_MAX);
        return 2;
    }
    getloadavg(&load, 1);
    printf("load average %.2f, %u runs of %llu events, medians\n", load, runs,
           (unsigned long long)events);
    measure_memory();
    measure_rate(1, runs, events);
    measure_rate(2, runs, events);
    measure_latency(runs, events);
    take("info", "info");
    measure_file("file, as fast as it goes", 10 * events, 0);
    measure_file("file, at 5 million a second", 10 * events, 5 * MILLION);
    return 0;
}
