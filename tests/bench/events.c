/* events - a large file of recorded events, and how fast it is read in two ways.
 *
 *     tests/bench/events make FILE COUNT    a file of COUNT events of six kinds, as a log has them
 *     tests/bench/events map FILE           decode all events, of the mapped file
 *     tests/bench/events read FILE          the same, of the file read into memory */
#include "lib/rng.h"

#include "mem/alloc.h"
#include "mem/buf.h"
#include "rec/recfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 8192u                     /* words of events of an item */
#define BEGIN_NS 1795953600000000000ull /* 2026-11-29T12:00:00Z */
#define STEP_NS 40000u

static uint64_t now_ns = BEGIN_NS, seed = 1;

static uint64_t clock_ns(void)
{
    return now_ns;
}

static uint64_t any(uint64_t n)
{
    return rng_next(&seed) % n;
}

_Noreturn static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ---- make ---- */

/* One of six kinds; a duration is mostly short, and at times a hundred times as long. */
static void record(void)
{
    static const char *const methods[] = {"vm.list", "vm.create", "vm.show", "cluster.status"};
    uint64_t us = 50 + any(200) + (any(100) == 0 ? any(20000) : 0);
    uint64_t kind = any(100);
    char vm[16];

    now_ns += any(STEP_NS);
    snprintf(vm, sizeof vm, "web-%u", (unsigned)any(500));
    if (kind < 40)
        BX_DEBUG("raft", "entry applied", "index", now_ns / 1000, "us", us);
    else if (kind < 65)
        BX_INFO("api", "request", "method", methods[any(4)], "us", us, "code", kind % 3);
    else if (kind < 80)
        BX_DEBUG("node", "heartbeat", "peer", any(3) + 1, "rtt_us", us);
    else if (kind < 92)
        BX_DEBUG("disk", "fsync", "us", us * 4);
    else if (kind < 99)
        BX_INFO("vm", "started", "vm", vm, "ms", us / 4);
    else
        BX_WARNING("vm", "slow to start", "vm", vm, "ms", us * 10);
}

static int write_file(void *ctx, const void *p, size_t n)
{
    return fwrite(p, 1, n, ctx) == n ? BX_OK : BX_IO;
}

static void make(const char *path, uint64_t count)
{
    static struct bx_rec_thread thread;
    static struct bx_recfile_writer w;
    static uint64_t words[BX_REC_QUEUE];
    struct bx_recfile_meta meta = {.program = bx_str("events"), .reason = bx_str("a benchmark")};
    struct bx_filter none, all;
    const struct bx_filter *queue = &all;
    FILE *out = fopen(path, "w");

    if (out == NULL)
        die(path);
    bx_filter_parse(&none, "off", NULL);
    bx_filter_parse(&all, "trace", NULL);
    bx_must_ok(bx_rec_thread_open(&thread, "bench", 0, 1024, BX_REC_QUEUE, clock_ns));
    bx_rec_filter_ring(&none);
    bx_rec_filter_queue(&queue, 1);
    bx_rec_use(&thread);
    w = (struct bx_recfile_writer){.write = write_file, .ctx = out, .form = BX_RECFILE_PACKED};
    bx_recfile_begin(&w, &meta);
    for (uint64_t i = 0; i < count;) {
        for (unsigned k = 0; k < 1000 && i < count; k++, i++) {
            thread.trace = any(50) == 0 ? i : 0;
            record();
        }
        bx_recfile_put_events(&w, 0, words, bx_ring_take(&thread.queue, words, BX_REC_QUEUE));
    }
    if (bx_recfile_end(&w) != BX_OK || fclose(out) != 0)
        die(path);
    bx_rec_use(NULL);
    bx_rec_thread_close(&thread);
}

/* ---- reading ---- */

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint8_t *whole(const char *path, bool mapped, size_t *n)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    uint8_t *p;

    if (fd < 0 || fstat(fd, &st) != 0)
        die(path);
    *n = (size_t)st.st_size;
    if (mapped) {
        p = mmap(NULL, *n, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            die(path);
    } else {
        p = bx_must_alloc(*n);
        for (size_t at = 0; at < *n;) {
            ssize_t got = read(fd, p + at, *n - at);

            if (got <= 0)
                die(path);
            at += (size_t)got;
        }
    }
    close(fd);
    return p;
}

static void measure(const char *path, bool mapped)
{
    static struct bx_recfile f;
    double began = seconds(), in_memory;
    struct bx_recevent e;
    struct bx_err err;
    uint64_t sum = 0;
    size_t n;
    uint8_t *p = whole(path, mapped, &n);

    in_memory = seconds();
    if (bx_recfile_open(&f, p, n, &err) != BX_OK)
        die(path);
    while (bx_recfile_next(&f, &e, &err) == BX_OK)
        sum += e.time_ns;
    printf("%s: %.3f s, of which %.3f s until it is in memory; %llu events, %zu bytes (%llx)\n",
           mapped ? "map" : "read", seconds() - began, in_memory - began,
           (unsigned long long)f.events, n, (unsigned long long)sum);
    bx_recfile_close(&f);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "make") == 0)
        make(argv[2], strtoull(argv[3], NULL, 10));
    else if (argc == 3 && (strcmp(argv[1], "map") == 0 || strcmp(argv[1], "read") == 0))
        measure(argv[2], argv[1][0] == 'm');
    else
        return 2;
    return 0;
}
