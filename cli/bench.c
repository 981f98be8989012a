/* bench - how fast this cluster takes creates: N clients, each one request after the other.
 *
 * A client is a thread with a connection and a session of its own; it begins with another address
 * than its neighbour. The VMs are placed but not started, and deleted in the end, unless asked
 * otherwise. */
#include "command.h"

#include "mem/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLIENTS_MAX 1024u
#define COUNT_MAX 1000000u

static const struct flag bench_flags[] = {
    {"clients", "N", "how many create at the same time (16)", NULL},
    {"count", "N", "how many VMs in all (1000)", NULL},
    {"prefix", "P", "their names are P-0, P-1 ... (bench-ID)", NULL},
    {"start", NULL, "start them, too", NULL},
    {"keep", NULL, "do not delete them in the end", NULL},
    {"acked", "FILE", "write the names of those that were acknowledged", NULL},
    {"pid", "PID", "a daemon on this host, to measure its CPU; several times", NULL},
    {0},
};

struct bench {
    struct run *r;
    const char *prefix;
    unsigned clients, count;
    bool deleting;
    unsigned next;        /* VM that the next free client takes */
    uint32_t *latency_us; /* by VM; 0: not acknowledged */
    FILE *acked;
    pthread_mutex_t mutex; /* of acked */
};

struct worker {
    pthread_t thread;
    struct bench *b;
    unsigned i, done, failed;
    struct client client;
    char session[33];
    struct bx_err err; /* of the last request that failed */
};

static uint64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* ---- one client ---- */

static void put_request(struct params *p, const struct bench *b, const char *name)
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

static void acknowledged(struct bench *b, unsigned vm, const char *name, uint64_t us)
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
    put_request(&p, b, name);
    params_str(&p, "request_id", w->session);
    params_u64(&p, "sequence", sequence);
    rc = client_call(&w->client, b->deleting ? "vm.delete" : "vm.create", &p, b->r->timeout_ms,
                     &result, &w->err);
    params_close(&p);
    if (rc == BX_OK)
        acknowledged(b, vm, name, now_us() - began);
    return rc;
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
    return NULL;
}

/* ---- all of them ---- */

/* All clients until every VM had its turn. *done is how many were acknowledged; the first error. */
static int run_clients(struct bench *b, unsigned *done)
{
    struct worker *all = bx_must_calloc(b->clients, sizeof *all);
    unsigned started = 0;
    int rc = BX_OK;

    b->next = 0;
    *done = 0;
    while (started < b->clients && rc == BX_OK) {
        struct worker *w = &all[started];

        w->b = b;
        w->i = started;
        rc = client_init(&w->client, b->r->addr, &b->r->err);
        if (rc != BX_OK)
            break;
        run_random_id(w->session);
        w->client.current = w->i % w->client.n;
        if (pthread_create(&w->thread, NULL, work, w) != 0)
            rc = bx_err_set(&b->r->err, BX_FAILED, "can not start client %u", started);
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

static int check_pids(struct run *r)
{
    unsigned long ticks;
    const char *pid;

    for (unsigned i = 0; (pid = args_nth(&r->args, "pid", i)) != NULL; i++) {
        if (cpu_ticks(pid, &ticks))
            continue;
        bx_err_set(&r->err, BX_INVALID, "--pid: \"%.20s\" is no process of this host", pid);
        bx_err_hint(&r->err, "pgrep blixardd shows them");
        return BX_INVALID;
    }
    return BX_OK;
}

static int by_value(const void *a, const void *b)
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
    qsort(sorted, n, sizeof *sorted, by_value);
    if (n > 0) {
        f->p50_ms = sorted[n / 2] / 1000.0;
        f->p99_ms = sorted[(uint64_t)n * 99 / 100] / 1000.0;
    }
    bx_free(sorted);
}

static void put_figure(struct bx_buf *b, const char *key, uint64_t n)
{
    if (bx_pw_str(b, key) != BX_OK || bx_pw_u64(b, n) != BX_OK)
        bx_oom(0);
}

static int print_figures(struct bench *b, const struct figures *f)
{
    double rate = f->seconds > 0 ? f->created / f->seconds : 0;
    bool cpu = args_has(&b->r->args, "pid") && f->created > 0;
    struct bx_buf json = {0};
    struct bx_pack *pack;
    int code;

    if (result_is_for_people(b->r)) {
        printf("%u clients: %u created, %.0f/s, p50 %.2f ms, p99 %.2f ms", b->clients, f->created,
               rate, f->p50_ms, f->p99_ms);
        if (cpu)
            printf(", %.3f s CPU per 1000", f->cpu_s * 1000 / f->created);
        printf("\n");
        return 0;
    }
    pack = bx_pack_create();
    if (pack == NULL || bx_pw_map(&json, cpu ? 7 : 6) != BX_OK)
        bx_oom(0);
    put_figure(&json, "clients", b->clients);
    put_figure(&json, "created", f->created);
    put_figure(&json, "elapsed_ms", (uint64_t)(f->seconds * 1000));
    put_figure(&json, "per_second", (uint64_t)rate);
    put_figure(&json, "p50_us", (uint64_t)(f->p50_ms * 1000));
    put_figure(&json, "p99_us", (uint64_t)(f->p99_ms * 1000));
    if (cpu)
        put_figure(&json, "cpu_ms_per_1000", (uint64_t)(f->cpu_s * 1e6) / f->created);
    code = result_print(b->r, bx_pack_parse(pack, json.data, json.len, SIZE_MAX, NULL));
    bx_buf_release(&json);
    bx_pack_destroy(pack);
    return code;
}

/* ---- the command ---- */

static int remove_all(struct bench *b)
{
    unsigned done;
    int rc;

    client_interrupted = 0; /* a second Ctrl-C ends this, too */
    b->deleting = true;
    rc = run_clients(b, &done);
    if (rc != BX_OK)
        bx_err_hint(&b->r->err, "the VMs named %s-... that are left are not needed any more",
                    b->prefix);
    return rc;
}

static int measure(struct bench *b)
{
    struct figures f = {0};
    double cpu = cpu_seconds(b->r);
    uint64_t began = now_us();
    struct bx_err first;
    bool interrupted;
    int rc = run_clients(b, &f.created), code;

    f.seconds = (double)(now_us() - began) / 1e6;
    f.cpu_s = cpu_seconds(b->r) - cpu;
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
        return 130;
    return rc == BX_OK ? code : run_fail(b->r);
}

static int number(struct run *r, const char *flag, const char *what, unsigned max, unsigned *out)
{
    const char *text = args_get(&r->args, flag, NULL);
    uint64_t n = *out;
    int rc = text == NULL ? BX_OK : parse_number(text, what, max, &n, &r->err);

    if (rc == BX_OK && n == 0) {
        rc = bx_err_set(&r->err, BX_INVALID, "%s: must be at least 1", what);
        bx_err_hint(&r->err, "choose a larger value");
    }
    *out = (unsigned)n;
    return rc;
}

static int bench(struct run *r)
{
    struct bench b = {.r = r, .clients = 16, .count = 1000, .mutex = PTHREAD_MUTEX_INITIALIZER};
    const char *acked = args_get(&r->args, "acked", NULL);
    char id[33], prefix[64];
    int rc = number(r, "clients", "--clients", CLIENTS_MAX, &b.clients), code;

    if (rc == BX_OK)
        rc = number(r, "count", "--count", COUNT_MAX, &b.count);
    if (rc == BX_OK)
        rc = check_pids(r);
    if (rc != BX_OK)
        return run_fail(r);
    run_random_id(id);
    snprintf(prefix, sizeof prefix, "bench-%.8s", id);
    b.prefix = args_get(&r->args, "prefix", prefix);
    if (acked != NULL && (b.acked = fopen(acked, "we")) == NULL)
        return run_fail_with(r, BX_IO, "choose another file", "--acked: can not write %s", acked);
    if (!args_has(&r->args, "timeout"))
        r->timeout_ms = 30000; /* a new leader, if that is what it takes */
    b.latency_us = bx_must_calloc(b.count, sizeof *b.latency_us);
    code = measure(&b);
    if (b.acked != NULL && fclose(b.acked) != 0 && code == 0)
        code = run_fail_with(r, BX_IO, "is the disk full?", "--acked: can not write %s", acked);
    bx_free(b.latency_us);
    return code;
}

const struct command bench_commands[] = {
    {"bench", "", "", 0, 0, "how many creates a second this cluster takes", bench_flags, bench,
     NULL},
    {0},
};
