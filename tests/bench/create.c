/* create - N clients create VMs, each one after the other; prints rate, p50, p99 and the CPU that the
 * daemons took. Every acknowledged name goes to a file, for those who check that none is lost.
 *
 *   create --addr A[,B...] --clients N --count TOTAL [--prefix P] [--acked FILE] [--pid PID]...
 *
 * A client is a thread with a connection and a session of its own; it begins with another address
 * than its neighbour and goes on to the next when one fails. Exit code 1 when any request ended with
 * an error that is not marked as one to try again. */
#include "client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define CLIENTS_MAX 1024
#define PIDS_MAX 16
#define TIMEOUT_MS 30000

struct worker {
    pthread_t thread;
    unsigned i;
    unsigned done, failed;
    struct bx_err err;
};

static const char *addr, *prefix = "vm";
static unsigned clients = 1, total = 1000;
static unsigned next_vm;
static uint64_t *latency_us;
static FILE *acked;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct worker workers[CLIENTS_MAX];

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void session(char out[33])
{
    uint8_t r[16];

    if (getrandom(r, sizeof r, 0) != (ssize_t)sizeof r)
        abort();
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", r[i]);
}

static void acknowledge(const char *name, unsigned vm, uint64_t us)
{
    pthread_mutex_lock(&mutex);
    latency_us[vm] = us;
    if (acked != NULL)
        fprintf(acked, "%s\n", name);
    pthread_mutex_unlock(&mutex);
}

static int create(struct worker *w, struct client *c, const char *id, uint64_t sequence,
                  unsigned vm)
{
    uint64_t began = now_us();
    struct params p = {0};
    char name[64];
    bx_val result;
    int rc;

    snprintf(name, sizeof name, "%s-%u", prefix, vm);
    params_str(&p, "name", name);
    params_u64(&p, "memory_mib", 128);
    params_u64(&p, "disk_gib", 0);
    params_str(&p, "request_id", id);
    params_u64(&p, "sequence", sequence);
    rc = client_call(c, "vm.create", &p, TIMEOUT_MS, &result, &w->err);
    params_close(&p);
    if (rc == BX_OK)
        acknowledge(name, vm, now_us() - began);
    return rc;
}

static void *run(void *arg)
{
    struct worker *w = arg;
    uint64_t sequence = 0;
    struct client c;
    char id[33];

    session(id);
    if (client_init(&c, addr, &w->err) != BX_OK) {
        w->failed++;
        return NULL;
    }
    c.current = w->i % c.n;
    for (;;) {
        unsigned vm = __atomic_fetch_add(&next_vm, 1, __ATOMIC_RELAXED);

        if (vm >= total)
            break;
        if (create(w, &c, id, ++sequence, vm) == BX_OK)
            w->done++;
        else
            w->failed++;
    }
    client_close(&c);
    return NULL;
}

/* ---- figures ---- */

static double cpu_seconds(const char *pid)
{
    unsigned long user = 0, sys = 0;
    char path[64], text[1024];
    FILE *f;
    char *p;

    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return 0;
    if (fgets(text, sizeof text, f) != NULL && (p = strrchr(text, ')')) != NULL)
        sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void report(unsigned done, uint64_t us, double cpu)
{
    unsigned n = 0;

    for (unsigned i = 0; i < total; i++) {
        if (latency_us[i] != 0)
            latency_us[n++] = latency_us[i];
    }
    qsort(latency_us, n, sizeof *latency_us, by_value);
    if (n == 0)
        return;
    printf("%u clients: %u created, %.0f/s, p50 %.2f ms, p99 %.2f ms, %.3f s CPU per 1000\n",
           clients, done, done / ((double)us / 1e6), (double)latency_us[n / 2] / 1000,
           (double)latency_us[(uint64_t)n * 99 / 100] / 1000, cpu * 1000 / done);
}

static int finish(uint64_t began, const char *const *pids, unsigned n_pids, double cpu_before)
{
    unsigned done = 0, failed = 0;
    double cpu = -cpu_before;
    int code = 0;

    for (unsigned i = 0; i < n_pids; i++)
        cpu += cpu_seconds(pids[i]);
    for (unsigned i = 0; i < clients; i++) {
        done += workers[i].done;
        failed += workers[i].failed;
        if (workers[i].failed > 0 && !bx_code_retryable(workers[i].err.code)) {
            fprintf(stderr, "client %u: %s: %s\n", i, bx_code_name(workers[i].err.code),
                    workers[i].err.msg);
            code = 1;
        }
    }
    report(done, now_us() - began, cpu);
    if (failed > 0)
        printf("%u not acknowledged\n", failed);
    return code;
}

int main(int argc, char **argv)
{
    const char *pids[PIDS_MAX];
    unsigned n_pids = 0;
    double cpu = 0;
    uint64_t began;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--addr") == 0)
            addr = argv[i + 1];
        else if (strcmp(argv[i], "--clients") == 0)
            clients = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--count") == 0)
            total = (unsigned)strtoul(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--prefix") == 0)
            prefix = argv[i + 1];
        else if (strcmp(argv[i], "--acked") == 0)
            acked = fopen(argv[i + 1], "w");
        else if (strcmp(argv[i], "--pid") == 0 && n_pids < PIDS_MAX)
            pids[n_pids++] = argv[i + 1];
    }
    if (addr == NULL || clients == 0 || clients > CLIENTS_MAX || total == 0 ||
        (latency_us = calloc(total, sizeof *latency_us)) == NULL) {
        fprintf(stderr, "usage: create --addr A --clients N --count TOTAL [--prefix P] "
                        "[--acked FILE] [--pid PID]...\n");
        return 2;
    }
    for (unsigned i = 0; i < n_pids; i++)
        cpu += cpu_seconds(pids[i]);
    began = now_us();
    for (unsigned i = 0; i < clients; i++) {
        workers[i].i = i;
        if (pthread_create(&workers[i].thread, NULL, run, &workers[i]) != 0)
            abort();
    }
    for (unsigned i = 0; i < clients; i++)
        pthread_join(workers[i].thread, NULL);
    if (acked != NULL)
        fclose(acked);
    return finish(began, pids, n_pids, cpu);
}
