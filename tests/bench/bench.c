/* How long a round lasts decides how often the operation runs in it: as often as fits into
 * SAMPLE_NS, at least once. It is timed in PARTS parts, of which the fastest counts: what else the
 * processor had to do makes the others slower. Odd rounds begin with the reference, so that neither
 * always comes second. Time is
 * the thread's own, so that others on the machine disturb it less; only the cold operation, too
 * short for that clock, is timed by the wall's. A value further from the median than three scaled
 * MADs, and than RESOLVED of it, is an outlier; it stays in. */
#include "bench.h"

#include "heap.h"
#include "mem/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLE_NS 4000000.0
#define PARTS 8u
#define RESOLVED 0.01          /* processors change their clock by more */
#define WARM_SAMPLES 12        /* not counted: SQLite's log is cheaper once it was filled */
#define CHEAP_OPEN_NS 20000000 /* opened anew for every cold sample when it takes no longer */
#define ROUNDS_MAX 101
#define SMOKE_SIZE 16u

struct figures {
    uint64_t n;            /* operations a round */
    double ns[ROUNDS_MAX]; /* of one operation, by round */
    double median, mad, cold;
    unsigned outliers;
    double allocations, ours, bytes, cold_allocations;
};

struct result {
    const struct bench_case *c;
    struct figures own, ref;
};

struct options {
    const char *filter, *json;
    const char *count; /* run this case alone, untimed, `operations` times */
    uint64_t operations;
    unsigned rounds;
    bool smoke;
};

_Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

void bench_make_dir(char out[BENCH_DIR_MAX])
{
    const char *under = getenv("TMPDIR");
    int n = snprintf(out, BENCH_DIR_MAX, "%s/blixard-bench-XXXXXX", under == NULL ? "/tmp" : under);

    bench_must(n < BENCH_DIR_MAX && mkdtemp(out) != NULL, "no directory to work in: see TMPDIR");
}

uint64_t bench_random(uint64_t *seed)
{
    uint64_t z = (*seed += 0x9e3779b97f4a7c15u);

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* ---- measuring ---- */

static uint64_t now_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

typedef void (*operation)(void *ctx, uint64_t n);

static uint64_t time_of(operation op, void *ctx, uint64_t n)
{
    uint64_t began = now_ns(CLOCK_THREAD_CPUTIME_ID);

    op(ctx, n);
    return now_ns(CLOCK_THREAD_CPUTIME_ID) - began;
}

static uint64_t calibrate(operation op, void *ctx)
{
    uint64_t n = 1, ns = time_of(op, ctx, 1);

    while ((double)ns < SAMPLE_NS / 8 && n < (uint64_t)1 << 40) {
        n *= 2;
        ns = time_of(op, ctx, n);
    }
    n = (uint64_t)((double)n * SAMPLE_NS / (double)(ns + 1));
    if (n == 0)
        return 1; /* that long is warm enough */
    op(ctx, WARM_SAMPLES * n);
    return n;
}

/* Of one operation, in the fastest part of n; an operation that takes long is a part. */
static double time_of_one(operation op, void *ctx, uint64_t n)
{
    uint64_t parts = n < PARTS ? n : PARTS;
    double least = 0;

    for (uint64_t i = 0; i < parts; i++) {
        uint64_t share = n / parts + (i < n % parts);
        double ns = (double)time_of(op, ctx, share) / (double)share;

        if (i == 0 || ns < least)
            least = ns;
    }
    return least;
}

static void sample(struct figures *f, operation op, void *ctx, unsigned round)
{
    struct heap_count before = heap_count(), after;

    f->ns[round] = time_of_one(op, ctx, f->n);
    after = heap_count();
    f->allocations = (double)(after.allocations - before.allocations) / (double)f->n;
    f->ours = (double)(after.ours - before.ours) / (double)f->n;
    f->bytes = (double)(after.bytes - before.bytes) / (double)f->n;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v, unsigned n)
{
    qsort(v, n, sizeof *v, by_value);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2;
}

static double distance(double a, double b)
{
    return a > b ? a - b : b - a;
}

static void summarise(struct figures *f, unsigned rounds)
{
    double off[ROUNDS_MAX];

    f->median = median(f->ns, rounds);
    for (unsigned i = 0; i < rounds; i++)
        off[i] = distance(f->ns[i], f->median);
    f->mad = median(off, rounds);
    f->outliers = 0;
    for (unsigned i = 0; i < rounds; i++)
        f->outliers += distance(f->ns[i], f->median) > 3 * 1.4826 * f->mad &&
                       distance(f->ns[i], f->median) > RESOLVED * f->median;
}

/* The first operation after opening, with nothing kept from before. */
static void cold(const struct bench_case *c, struct figures *f, operation op, unsigned rounds)
{
    double ns[ROUNDS_MAX];
    unsigned done = 0;
    uint64_t spent;

    do {
        struct heap_count before;
        uint64_t began = now_ns(CLOCK_MONOTONIC);
        void *ctx;

        bx_buf_thread_close();
        ctx = c->open(c, c->size);
        spent = now_ns(CLOCK_MONOTONIC) - began;
        before = heap_count();
        began = now_ns(CLOCK_MONOTONIC);
        op(ctx, 1);
        ns[done] = (double)(now_ns(CLOCK_MONOTONIC) - began);
        f->cold_allocations = (double)(heap_count().allocations - before.allocations);
        c->close(ctx);
    } while (++done < rounds && spent < CHEAP_OPEN_NS);
    f->cold = median(ns, done);
}

static void measure(const struct bench_case *c, unsigned rounds, struct result *r)
{
    void *ctx;

    memset(r, 0, sizeof *r);
    r->c = c;
    cold(c, &r->own, c->run, rounds);
    cold(c, &r->ref, c->refer, rounds);
    ctx = c->open(c, c->size);
    if (!c->same(ctx))
        bench_die(c->name);
    r->own.n = calibrate(c->run, ctx);
    r->ref.n = calibrate(c->refer, ctx);
    for (unsigned i = 0; i < rounds; i++) {
        if (i % 2 == 0)
            sample(&r->own, c->run, ctx, i);
        sample(&r->ref, c->refer, ctx, i);
        if (i % 2 == 1)
            sample(&r->own, c->run, ctx, i);
    }
    c->close(ctx);
    summarise(&r->own, rounds);
    summarise(&r->ref, rounds);
}

/* ---- telling ---- */

static const char *span(double ns, char out[16])
{
    const char *unit = "ns";

    if (ns >= 1e6) {
        ns /= 1e6;
        unit = "ms";
    } else if (ns >= 1e3) {
        ns /= 1e3;
        unit = "us";
    }
    snprintf(out, 16, "%.*f %s", ns < 10 ? 2 : ns < 100 ? 1 : 0, ns, unit);
    return out;
}

static void table_foot(unsigned outliers, unsigned rounds)
{
    printf("%.1f %% of our rounds are outliers\n", 100.0 * outliers / rounds);
}

static void table_head(unsigned rounds)
{
    double load = 0;

    getloadavg(&load, 1);
    printf("load average %.2f, %u rounds of either\n", load, rounds);
    printf("%-34s %9s %5s %9s  %-22s %9s %5s %7s %5s  %s\n", "case", "median", "mad", "cold",
           "reference", "median", "mad", "ratio", "goal",
           "allocations cold, warm (of ours), bytes | reference");
}

static void row(const struct result *r)
{
    const struct figures *o = &r->own, *f = &r->ref;
    char a[16], b[16], c[16], goal[16] = "-";

    if (r->c->goal > 0)
        snprintf(goal, sizeof goal, "%g", r->c->goal);
    printf("%-34s %9s %4.1f%% %9s  %-22s %9s %4.1f%% %6.2fx %5s  %.0f, %.4g (%.3g), %.4g | %.0f, "
           "%.4g, %.4g\n",
           r->c->name, span(o->median, a), 100 * o->mad / o->median, span(o->cold, b),
           r->c->reference, span(f->median, c), 100 * f->mad / f->median, f->median / o->median,
           goal, o->cold_allocations, o->allocations, o->ours, o->bytes, f->cold_allocations,
           f->allocations, f->bytes);
    fflush(stdout);
}

static void json_figures(FILE *f, const char *name, const struct figures *s)
{
    fprintf(f,
            "\"%s\": {\"n\": %llu, \"median_ns\": %.3f, \"mad_ns\": %.3f, \"cold_ns\": %.0f, "
            "\"outliers\": %u, \"allocations\": %.4f, \"ours\": %.4f, \"bytes\": %.1f, "
            "\"cold_allocations\": %.0f}",
            name, (unsigned long long)s->n, s->median, s->mad, s->cold, s->outliers, s->allocations,
            s->ours, s->bytes, s->cold_allocations);
}

static void json_row(FILE *f, const struct result *r, unsigned rounds, bool first)
{
    fprintf(f, "%s{\"name\": \"%s\", \"reference_name\": \"%s\", \"rounds\": %u, \"ratio\": %.3f, ",
            first ? "" : ",\n ", r->c->name, r->c->reference, rounds,
            r->ref.median / r->own.median);
    if (r->c->goal > 0)
        fprintf(f, "\"goal\": %g, ", r->c->goal);
    json_figures(f, "own", &r->own);
    fprintf(f, ", ");
    json_figures(f, "reference", &r->ref);
    fprintf(f, "}");
}

/* ---- the run ---- */

static const struct bench_group *const groups[] = {&bench_mem,   &bench_names, &bench_codec,
                                                   &bench_frame, &bench_sched, &bench_state,
                                                   &bench_diag,  &bench_rec,   &bench_metrics};

typedef void (*visit)(void *ctx, const struct bench_case *c);

static void each(const struct options *o, visit fn, void *ctx)
{
    for (size_t g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (size_t i = 0; i < groups[g]->n; i++) {
            const struct bench_case *c = &groups[g]->cases[i];

            if (o->filter == NULL || strstr(c->name, o->filter) != NULL)
                fn(ctx, c);
        }
    }
}

struct run {
    unsigned outliers; /* of our rounds */
    const struct options *o;
    FILE *json;
    unsigned done, failed;
};

static void timed(void *ctx, const struct bench_case *c)
{
    struct run *run = ctx;
    struct result r;

    measure(c, run->o->rounds, &r);
    row(&r);
    run->outliers += r.own.outliers;
    if (run->json != NULL)
        json_row(run->json, &r, run->o->rounds, run->done == 0);
    run->done++;
}

/* Does it still run, and do both ways agree? Prints TAP. */
static void smoke(void *ctx, const struct bench_case *c)
{
    struct run *run = ctx;
    unsigned size = c->size < SMOKE_SIZE ? c->size : SMOKE_SIZE;
    void *state = c->open(c, size);
    bool ok = c->same(state);

    c->run(state, 2);
    c->refer(state, 2);
    ok = ok && c->same(state);
    c->close(state);
    printf("%sok %u - %s\n", ok ? "" : "not ", ++run->done, c->name);
    run->failed += !ok;
}

/* Something that counts instructions looks on. One operation is not counted, as it fills caches. */
static void counted(void *ctx, const struct bench_case *c)
{
    struct run *run = ctx;
    void *state;

    /* One that is measured against two references is listed twice. */
    if (run->done > 0 || strcmp(c->name, run->o->count) != 0)
        return;
    state = c->open(c, c->size);
    c->run(state, 1);
    c->run(state, run->o->operations);
    c->close(state);
    run->done++;
}

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        int left = argc - 1 - i;

        if (strcmp(argv[i], "--smoke") == 0) {
            o->smoke = true;
        } else if (strcmp(argv[i], "--count") == 0 && left >= 2) {
            o->count = argv[++i];
            o->operations = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--filter") == 0 && left >= 1) {
            o->filter = argv[++i];
        } else if (strcmp(argv[i], "--json") == 0 && left >= 1) {
            o->json = argv[++i];
        } else if (strcmp(argv[i], "--rounds") == 0 && left >= 1) {
            o->rounds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return o->rounds >= 5 && o->rounds <= ROUNDS_MAX;
}

int main(int argc, char **argv)
{
    struct options o = {.rounds = 21};
    struct run run = {.o = &o};

    if (!parse(argc, argv, &o)) {
        fprintf(stderr,
                "usage: bench [--filter TEXT] [--rounds 5..%d] [--json FILE]\n"
                "       bench --count CASE N\n"
                "       bench --smoke\n",
                ROUNDS_MAX);
        return 2;
    }
    if (o.count != NULL) {
        each(&o, counted, &run);
        return run.done != 1;
    }
    if (o.smoke) {
        each(&o, smoke, &run);
        printf("1..%u\n", run.done);
        return run.failed > 0;
    }
    if (o.json != NULL && (run.json = fopen(o.json, "w")) == NULL)
        bench_die(o.json);
    table_head(o.rounds);
    if (run.json != NULL)
        fprintf(run.json, "[");
    each(&o, timed, &run);
    table_foot(run.outliers, run.done * o.rounds);
    if (run.json != NULL) {
        fprintf(run.json, "]\n");
        fclose(run.json);
    }
    return 0;
}
