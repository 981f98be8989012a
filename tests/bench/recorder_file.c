/* How fast events get into files: by a thread that does nothing else, and as the daemon does it,
 * with its queues, its router and its sink. */
#include "recorder.h"

#include "mem/alloc.h"
#include "rec/recfile.h"
#include "sys/log.h"
#include "sys/router.h"
#include "sys/sink_file.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE (1u << 17) /* words: 1 MiB, 32,768 events without fields */
#define BATCH 8192u      /* words that the writer takes at a time */
#define DRAIN_NS UINT64_C(20000000000)

static void make_path(char out[BENCH_DIR_MAX])
{
    const char *under = getenv("TMPDIR");

    snprintf(out, BENCH_DIR_MAX, "%s/blixard-recorder-XXXXXX", under == NULL ? "/tmp" : under);
}

/* ---- a thread that does nothing else ---- */

struct writer {
    pthread_t thread;
    struct bx_rec_thread *from;
    struct bx_recfile_writer w;
    int fd;
    bool done; /* nothing comes any more; atomic */
    uint64_t bytes, cpu_ns;
};

static int write_block(void *ctx, const void *p, size_t n)
{
    struct writer *s = ctx;

    s->bytes += n;
    return write(s->fd, p, n) == (ssize_t)n ? BX_OK : BX_IO;
}

static void *write_file(void *arg)
{
    static const struct bx_recfile_meta meta = {.program = {"bench", 5}};
    struct writer *s = arg;
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
    s->cpu_ns = recorder_now_ns(CLOCK_THREAD_CPUTIME_ID);
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
    uint64_t began = recorder_now_ns(CLOCK_MONOTONIC), burst = 256;

    for (uint64_t i = 0; i < events; i += burst) {
        if (per_s > 0)
            while ((recorder_now_ns(CLOCK_MONOTONIC) - began) * (per_s / MILLION) < i * 1000)
                ;
        else
            while (bx_ring_used(&t->queue) > (t->queue.mask + 1) / 2)
                sched_yield();
        recorder_plain(burst);
    }
}

static void measure_file(const char *what, uint64_t events, uint64_t per_s)
{
    static struct writer s;
    char path[BENCH_DIR_MAX], name[64];
    uint64_t began, wall, dropped;

    make_path(path);
    s = (struct writer){.w = {.write = write_block, .ctx = &s, .form = BX_RECFILE_PACKED}};
    s.fd = mkstemp(path);
    bench_must(s.fd >= 0, path);
    s.from = recorder_use(0, BX_REC_RING, QUEUE);
    began = recorder_now_ns(CLOCK_MONOTONIC);
    bench_must(pthread_create(&s.thread, NULL, write_file, &s) == 0, "thread");
    feed(s.from, events, per_s);
    __atomic_store_n(&s.done, true, __ATOMIC_RELEASE);
    pthread_join(s.thread, NULL);
    wall = recorder_now_ns(CLOCK_MONOTONIC) - began;
    dropped = s.from->queue.in.lost;
    close(s.fd);
    bench_must(events_in(path) == s.from->queue.in.records, "events are missing");
    printf("%-28s %6.1f million a second, %.1f a second of the writer's processor time, "
           "%.1f bytes an event, %llu dropped\n",
           what, (double)events * 1e3 / (double)wall, (double)events * 1e3 / (double)s.cpu_ns,
           (double)s.bytes / (double)events, (unsigned long long)dropped);
    recorder_figure(what, (double)events * 1e9 / (double)wall, "events a second", 5e6, 0);
    snprintf(name, sizeof name, "%s, dropped", what);
    recorder_figure(name, (double)dropped, "events", 0, 0);
    recorder_end(s.from);
    unlink(path);
}

/* ---- as blixardd --log-sink file does it ---- */

static void open_log(const char *data)
{
    struct sink_spec sink;
    struct log_options o = {.thread = "bench", .node = "n1", .sinks = &sink, .n_sinks = 1};
    struct bx_err err = {0};

    /* One file, so that none is removed before its events are counted. */
    bench_must(sink_spec_parse(&sink, "file,size=1GiB,total=4GiB", &err) == BX_OK, err.msg);
    bench_must(bx_filter_parse(&o.filter, "info", &err) == BX_OK, err.msg);
    bench_must(log_open(&o, &err) == BX_OK, err.msg);
    sink_file_directory(data);
}

/* The events of all files below data, which are removed. */
static uint64_t take_files(const char *data)
{
    char dir[BENCH_DIR_MAX + 16], path[BENCH_DIR_MAX + 300];
    const struct dirent *e;
    uint64_t n = 0;
    DIR *d;

    snprintf(dir, sizeof dir, "%s/recorder", data);
    d = opendir(dir);
    bench_must(d != NULL, dir);
    while ((e = readdir(d)) != NULL) {
        if (e->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        n += events_in(path);
        unlink(path);
    }
    closedir(d);
    rmdir(dir);
    rmdir(data);
    return n;
}

/* Processor time of all threads but this one: of the router, and of what it asks for. */
static uint64_t others_ns(void)
{
    return recorder_now_ns(CLOCK_PROCESS_CPUTIME_ID) - recorder_now_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* What became of the events: those that the sink wrote, and those that no queue had room for. */
static void count(struct bx_sink_counts *sink, struct bx_recorder_counts *all)
{
    struct router_report report;

    router_report(&report);
    bench_must(report.n == 1, "another sink");
    router_sink_counts(report.v[0].sink, sink);
    router_recorder_counts(all);
}

static void measure_router(const char *what, uint64_t events, uint64_t per_s)
{
    char data[BENCH_DIR_MAX], name[64];
    struct bx_recorder_counts all;
    struct bx_sink_counts sink;
    uint64_t began, wall, cpu, lost;

    make_path(data);
    bench_must(mkdtemp(data) != NULL, data);
    open_log(data);
    cpu = others_ns();
    began = recorder_now_ns(CLOCK_MONOTONIC);
    feed(bx_rec_used(), events, per_s);
    router_drain(DRAIN_NS);
    wall = recorder_now_ns(CLOCK_MONOTONIC) - began;
    cpu = others_ns() - cpu;
    count(&sink, &all);
    log_close();
    lost = all.dropped + sink.dropped;
    bench_must(sink.errors == 0 && all.events >= events && sink.events + lost >= events,
               "events are missing");
    bench_must(take_files(data) >= sink.events, "events are not in the files");
    printf("%-28s %6.1f million a second, %.1f a second of the router's processor time, "
           "%.1f bytes an event, %llu dropped by the queue, %llu by the sink\n",
           what, (double)sink.events * 1e3 / (double)wall, (double)sink.events * 1e3 / (double)cpu,
           (double)sink.bytes / (double)sink.events, (unsigned long long)all.dropped,
           (unsigned long long)sink.dropped);
    recorder_figure(what, (double)sink.events * 1e9 / (double)wall, "events a second", 5e6, 0);
    snprintf(name, sizeof name, "%s, dropped", what);
    recorder_figure(name, (double)lost, "events", 0, 0);
}

void recorder_files(uint64_t events)
{
    recorder_take("info", "info");
    measure_file("file, as fast as it goes", events, 0);
    measure_file("file, at 5 million a second", events, 5 * MILLION);
    measure_router("daemon, as fast as it goes", events, 0);
    measure_router("daemon, at 1 million a second", events, 1 * MILLION);
    measure_router("daemon, at 5 million a second", events, 5 * MILLION);
}
