/* bench - how fast the cluster takes creates: N clients, each one request after the other.
 *
 * A client is a thread with a connection and a session of its own; each begins with another
 * address. All are connected before the clock starts. The VMs are placed but not started, and
 * deleted at the end, unless asked otherwise. */
#include "result.h"

#include "build.h"
#include "mem/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int bench(struct run *r);

static const struct flag bench_flags[] = {
    {.name = "clients", .value = "N", .help = "concurrent clients (16)"},
    {.name = "count", .value = "N", .help = "VMs in total (1000)"},
    {.name = "prefix", .value = "P", .help = "name the VMs P-0, P-1 ... (bench-ID)"},
    {.name = "start", .help = "start the VMs as well"},
    {.name = "keep", .help = "do not delete the VMs at the end"},
    {.name = "acked", .value = "FILE", .help = "write the names of the acknowledged VMs"},
    {.name = "pid", .value = "PID", .help = "measure the CPU time of this daemon; may be repeated"},
    {0},
};

const struct command bench_commands[] = {
    {.name = "bench",
     .help = "measure how many VMs a second can be created",
     .flags = bench_flags,
     .run = bench},
    {0},
};

#define CLIENTS_MAX 1024u
#define COUNT_MAX 1000000u
#define TIMEOUT_MS 30000u /* long enough for an election */
#define CONNECT_MS 5000u

struct bench {
    struct run *r;
    const char *prefix;
    unsigned clients, count;
    bool deleting;
    unsigned next;        /* VM that the next idle client takes */
    uint32_t *latency_us; /* by VM; 0: not acknowledged */
    uint64_t began;       /* when all clients were connected */
    double cpu_s;         /* of the daemons until then */
    FILE *acked;
    pthread_mutex_t mutex; /* of acked */
};

struct worker {
    pthread_t thread;
    struct bench *b;
    unsigned i, done, failed;
    struct client client;
    char session[REQUEST_ID_SIZE];
    bool repeated;     /* a request was sent more than once */
    struct bx_err err; /* of the last request that failed */
};

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- one client ---- */

static void add_request(struct params *p, const struct bench *b, const char *name)
{
    if (b->deleting) {
        params_str(p, "vm", name);
        return;
    }
    params_str(p, "name", name);
    params_u64(p, "memory_mib", 128);
    params_u64(p, "disk_gib", 0);
    params_bool(p, "stopped", !args_has(&b->r->args, "start"));
}

static void record_ack(struct bench *b, unsigned vm, const char *name, uint64_t us)
{
    if (b->deleting)
        return;
    b->latency_us[vm] = us == 0 ? 1 : us > UINT32_MAX ? UINT32_MAX : (uint32_t)us;
    if (b->acked == NULL)
        return;
    pthread_mutex_lock(&b->mutex);
    fprintf(b->acked, "%s\n", name);
    pthread_mutex_unlock(&b->mutex);
}

static int request(struct worker *w, unsigned vm, uint64_t sequence)
{
    struct bench *b = w->b;
    uint64_t began = now_us();
    struct params p = {0};
    char name[128];
    bx_val result;
    int rc;

    snprintf(name, sizeof name, "%s-%u", b->prefix, vm);
    add_request(&p, b, name);
    params_request_id(&p, w->session);
    params_u64(&p, "sequence", sequence);
    rc = client_call(&w->client, b->deleting ? "vm.delete" : "vm.create", &p, b->r->timeout_ms,
                     &result, &w->err);
    params_close(&p);
    w->repeated = w->repeated || w->client.sent > 1 || bx_code_retryable(rc);
    if (rc == BX_OK)
        record_ack(b, vm, name, now_us() - began);
    return rc;
}

/* The worker's requests are answered: their session need not be kept. */
static void end_session(struct worker *w)
{
    struct params p = {0};

    if (w->repeated || client_interrupted)
        return;
    params_request_id(&p, w->session);
    client_post(&w->client, "sys.done", &p);
    params_close(&p);
}

static void *work(void *arg)
{
    struct worker *w = arg;
    struct bench *b = w->b;
    uint64_t sequence = 0;

    while (!client_interrupted) {
        unsigned vm = __atomic_fetch_add(&b->next, 1, __ATOMIC_RELAXED);

        if (vm >= b->count)
            break;
        if (b->deleting && b->latency_us[vm] == 0)
            continue;
        if (request(w, vm, ++sequence) == BX_OK)
            w->done++;
        else
            w->failed++;
    }
    end_session(w);
    return NULL;
}

/* ---- processor time ---- */

/* User and system time of a process in ticks; false when there is none. */
static bool cpu_ticks(const char *pid, unsigned long *ticks)
{
    unsigned long user = 0, sys = 0;
    char path[64], text[1024] = "", *p;
    FILE *f;

    if (pid[strspn(pid, "0123456789")] != '\0')
        return false;
    snprintf(path, sizeof path, "/proc/%.20s/stat", pid);
    f = fopen(path, "r");
    if (f == NULL)
        return false;
    if (fgets(text, sizeof text, f) != NULL && (p = strrchr(text, ')')) != NULL)
        sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    fclose(f);
    *ticks = user + sys;
    return true;
}

/* Of the daemons named by --pid. */
static double cpu_seconds(const struct run *r)
{
    unsigned long sum = 0, ticks;
    const char *pid;

    for (unsigned i = 0; (pid = args_nth(&r->args, "pid", i)) != NULL; i++)
        sum += cpu_ticks(pid, &ticks) ? ticks : 0;
    return (double)sum / (double)sysconf(_SC_CLK_TCK);
}

/* ---- all clients ---- */

/* What fails here fails again with the first request, or does not. */
static void connect_worker(struct worker *w)
{
    struct params p = {0};
    struct bx_err err;
    bx_val hello;

    if (!client_interrupted)
        (void)client_call(&w->client, "sys.hello", &p, CONNECT_MS, &hello, &err);
    params_close(&p);
}

static int prepare(struct bench *b, struct worker *all)
{
    int rc = BX_OK;

    for (unsigned i = 0; i < b->clients && rc == BX_OK; i++) {
        struct worker *w = &all[i];

        w->b = b;
        w->i = i;
        rc = run_client(b->r, &w->client, b->r->addr, &b->r->err);
        if (rc != BX_OK)
            break;
        run_random_id(w->session);
        w->client.current = w->i % w->client.n;
        connect_worker(w);
    }
    return rc;
}

/* Run all clients until each VM was asked for once. *done is how many were acknowledged; returns
 * the first error. */
static int run_clients(struct bench *b, unsigned *done)
{
    struct worker *all = bx_must_calloc(b->clients, sizeof *all);
    unsigned started = 0;
    int rc = prepare(b, all);

    b->next = 0;
    *done = 0;
    b->cpu_s = cpu_seconds(b->r);
    b->began = now_us();
    while (started < b->clients && rc == BX_OK) {
        struct worker *w = &all[started];

        if (pthread_create(&w->thread, NULL, work, w) != 0)
            rc = bx_err_set(&b->r->err, BX_FAILED, "cannot start the thread of client %u", started);
        else
            started++;
    }
    for (unsigned i = 0; i < started; i++) {
        pthread_join(all[i].thread, NULL);
        *done += all[i].done;
        if (rc == BX_OK && all[i].failed > 0) {
            b->r->err = all[i].err;
            rc = all[i].err.code;
        }
    }
    for (unsigned i = 0; i < b->clients; i++) {
        if (all[i].client.n > 0)
            client_close(&all[i].client);
    }
    bx_free(all);
    return rc;
}

/* ---- figures ---- */

static int check_pids(struct run *r)
{
    unsigned long ticks;
    const char *pid;

    for (unsigned i = 0; (pid = args_nth(&r->args, "pid", i)) != NULL; i++) {
        if (cpu_ticks(pid, &ticks))
            continue;
        bx_err_set(&r->err, BX_INVALID, "--pid: no process \"%.20s\" on this host", pid);
        bx_err_hint(&r->err, "pgrep blixardd lists them");
        return BX_INVALID;
    }
    return BX_OK;
}

static int compare_values(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

struct figures {
    unsigned created;
    double seconds, p50_ms, p99_ms, cpu_s;
};

static void percentiles(const struct bench *b, struct figures *f)
{
    uint32_t *sorted = bx_must_calloc(b->count, sizeof *sorted);
    unsigned n = 0;

    for (unsigned i = 0; i < b->count; i++) {
        if (b->latency_us[i] != 0)
            sorted[n++] = b->latency_us[i];
    }
    qsort(sorted, n, sizeof *sorted, compare_values);
    if (n > 0) {
        f->p50_ms = sorted[n / 2] / 1000.0;
        f->p99_ms = sorted[(uint64_t)n * 99 / 100] / 1000.0;
    }
    bx_free(sorted);
}

static int print_figures(struct bench *b, const struct figures *f)
{
    double rate = f->seconds > 0 ? f->created / f->seconds : 0;
    bool cpu = args_has(&b->r->args, "pid") && f->created > 0;
    struct bx_buf map = {0};

    if (result_is_for_people(b->r)) {
        printf("%u clients: %u created, %.0f/s, p50 %.2f ms, p99 %.2f ms", b->clients, f->created,
               rate, f->p50_ms, f->p99_ms);
        if (cpu)
            printf(", %.3f s CPU per 1000", f->cpu_s * 1000 / f->created);
        printf("\n");
        return 0;
    }
    build_map(&map, cpu ? 7 : 6);
    build_pair_u64(&map, "clients", b->clients);
    build_pair_u64(&map, "created", f->created);
    build_pair_u64(&map, "elapsed_ms", (uint64_t)(f->seconds * 1000));
    build_pair_u64(&map, "per_second", (uint64_t)rate);
    build_pair_u64(&map, "p50_us", (uint64_t)(f->p50_ms * 1000));
    build_pair_u64(&map, "p99_us", (uint64_t)(f->p99_ms * 1000));
    if (cpu)
        build_pair_u64(&map, "cpu_ms_per_1000", (uint64_t)(f->cpu_s * 1e6) / f->created);
    return result_print_built(b->r, &map);
}

/* ---- the command ---- */

static int remove_all(struct bench *b)
{
    unsigned done;
    int rc;

    client_interrupted = 0; /* a second Ctrl-C ends this as well */
    b->deleting = true;
    rc = run_clients(b, &done);
    if (rc != BX_OK)
        bx_err_hint(&b->r->err, "delete the remaining VMs named %s-...", b->prefix);
    return rc;
}

static int measure(struct bench *b)
{
    struct figures f = {0};
    struct bx_err first;
    bool interrupted;
    int rc = run_clients(b, &f.created), code;

    f.seconds = (double)(now_us() - b->began) / 1e6;
    f.cpu_s = cpu_seconds(b->r) - b->cpu_s;
    first = b->r->err;
    interrupted = client_interrupted;
    percentiles(b, &f);
    code = print_figures(b, &f);
    if (!args_has(&b->r->args, "keep")) {
        int removed = remove_all(b);

        if (rc == BX_OK)
            rc = removed;
        else
            b->r->err = first;
    }
    if (interrupted)
        return bx_code_exit(BX_INTERRUPTED);
    return rc == BX_OK ? code : run_fail(b->r);
}

static int open_acked(struct bench *b, const char *path)
{
    if (path != NULL && (b->acked = fopen(path, "we")) == NULL)
        return run_fail_with(b->r, BX_IO, "choose another file", "--acked: cannot write %s", path);
    return 0;
}

static int close_acked(struct bench *b, const char *path, int code)
{
    if (b->acked != NULL && fclose(b->acked) != 0 && code == 0)
        return run_fail_with(b->r, BX_IO, "check that the disk is not full",
                             "--acked: cannot write %s", path);
    return code;
}

static int bench(struct run *r)
{
    struct bench b = {.r = r, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const char *acked = args_get(&r->args, "acked", NULL);
    uint64_t clients = 16, count = 1000;
    char id[REQUEST_ID_SIZE], prefix[64];
    int rc = args_number(&r->args, "clients", 1, CLIENTS_MAX, &clients, &r->err), code;

    if (rc == BX_OK)
        rc = args_number(&r->args, "count", 1, COUNT_MAX, &count, &r->err);
    if (rc == BX_OK)
        rc = check_pids(r);
    if (rc != BX_OK)
        return run_fail(r);
    b.clients = (unsigned)clients;
    b.count = (unsigned)count;
    run_random_id(id);
    snprintf(prefix, sizeof prefix, "bench-%.8s", id);
    b.prefix = args_get(&r->args, "prefix", prefix);
    code = open_acked(&b, acked);
    if (code != 0)
        return code;
    if (!args_has(&r->args, "timeout"))
        r->timeout_ms = TIMEOUT_MS;
    b.latency_us = bx_must_calloc(b.count, sizeof *b.latency_us);
    code = close_acked(&b, acked, measure(&b));
    bx_free(b.latency_us);
    return code;
}
