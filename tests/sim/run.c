#include "sim/run.h"

#include "mem/alloc.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef BX_COVERAGE
#include <gcov.h>
#endif

#define TEXT_MAX (64u << 10) /* of what a history prints, the last bytes count */

/* What a child leaves for its parent, in memory they share. */
struct left {
    struct sim_stats stats;
    uint64_t now, hash;
    unsigned hosts;
    bool done;
};

struct child {
    pid_t pid; /* 0: free */
    int fd;
    uint64_t seed;
    struct left *left;
    char *text;
    size_t n;
};

/* ---- in the child ---- */

static void leave(const struct sim *s, struct left *out)
{
    out->stats = s->stats;
    out->now = s->now;
    out->hash = s->hash;
    out->hosts = s->n_hosts;
    out->done = true;
}

/* What gcov counted is otherwise written at exit, which the child does not pass through. */
static void write_coverage(void)
{
#ifdef BX_COVERAGE
    __gcov_dump();
#endif
}

static _Noreturn void be_child(const struct sim_options *o, int fd, struct left *left)
{
    static struct sim s;

    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    close(fd);
    sim_run(&s, o);
    leave(&s, left);
    fflush(stdout);
    write_coverage();
    _Exit(0);
}

/* ---- in the parent ---- */

static void start(struct child *c, const struct sim_options *o)
{
    int fds[2];

    c->left =
        mmap(NULL, sizeof *c->left, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c->left == MAP_FAILED || pipe(fds) != 0) {
        perror("blixard-sim");
        exit(70);
    }
    fflush(stdout);
    c->seed = o->seed;
    c->text = bx_must_alloc(TEXT_MAX + 1);
    c->n = 0;
    c->pid = fork();
    if (c->pid < 0) {
        perror("blixard-sim: fork");
        exit(70);
    }
    if (c->pid == 0) {
        close(fds[0]);
        be_child(o, fds[1], c->left);
    }
    close(fds[1]);
    c->fd = fds[0];
}

/* Take what it printed; false at the end of it. */
static bool listen_to(struct child *c)
{
    char buf[4096];
    ssize_t n = read(c->fd, buf, sizeof buf);

    if (n <= 0)
        return n < 0 && errno == EINTR;
    if (c->n + (size_t)n > TEXT_MAX) {
        size_t drop = c->n + (size_t)n - TEXT_MAX;

        memmove(c->text, c->text + drop, c->n - drop);
        c->n -= drop;
    }
    memcpy(c->text + c->n, buf, (size_t)n);
    c->n += (size_t)n;
    return true;
}

static void end(struct child *c, struct run_outcome *out)
{
    int status = 0;

    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    c->text[c->n] = '\0';
    *out = (struct run_outcome){.text = c->text,
                                .stats = c->left->stats,
                                .now = c->left->now,
                                .hosts = c->left->hosts,
                                .hash = c->left->hash};
    out->failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0 || !c->left->done;
    if (WIFSIGNALED(status) && c->n + 64 < TEXT_MAX)
        snprintf(c->text + c->n, 64, "violation: ended by signal %d\n", WTERMSIG(status));
    close(c->fd);
    munmap(c->left, sizeof *c->left);
    c->pid = 0;
}

void run_one(const struct sim_options *o, struct run_outcome *out)
{
    struct child c = {0};

    start(&c, o);
    while (listen_to(&c))
        continue;
    end(&c, out);
}

/* ---- lines ---- */

static double hours(uint64_t us)
{
    return (double)us / (double)SIM_S / 3600;
}

static uint64_t total_faults(const struct sim_stats *t)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < SIM__FAULTS; i++)
        n += t->faults[i];
    return n;
}

static void print_line(uint64_t seed, const struct sim_stats *t, uint64_t now, unsigned hosts,
                       uint64_t hash)
{
    printf("seed %llu: ok, %.3f h, %u hosts, %llu operations, %llu faults, %llu lives, "
           "%llu entries, %llu frames, hash %016llx\n",
           (unsigned long long)seed, hours(now), hosts, (unsigned long long)t->operations,
           (unsigned long long)total_faults(t), (unsigned long long)t->lives,
           (unsigned long long)t->entries, (unsigned long long)t->frames, (unsigned long long)hash);
}

void run_here(const struct sim_options *o)
{
    static struct sim s;

    sim_run(&s, o);
    print_line(o->seed, &s.stats, s.now, s.n_hosts, s.hash);
    fflush(stdout);
    _Exit(0);
}

struct sum {
    struct sim_stats stats; /* as many numbers, all of them sums */
    uint64_t now, seeds, failed;
    double operations, faults; /* the fewest in a seed, a second and a minute */
};

static void least(double *of, uint64_t n, double time)
{
    if (*of < 0 || (double)n / time < *of)
        *of = (double)n / time;
}

static void add(struct sum *sum, const struct run_outcome *r)
{
    const uint64_t *from = (const uint64_t *)(const void *)&r->stats;
    uint64_t *to = (uint64_t *)(void *)&sum->stats;

    _Static_assert(sizeof(struct sim_stats) % sizeof(uint64_t) == 0, "counters and nothing else");
    for (size_t i = 0; i < sizeof r->stats / sizeof *to; i++)
        to[i] += from[i];
    sum->now += r->now;
    sum->seeds++;
    sum->failed += r->failed;
    if (r->failed)
        return;
    least(&sum->operations, r->stats.operations, (double)r->now / (double)SIM_S);
    least(&sum->faults, total_faults(&r->stats), (double)r->now / (double)(60 * SIM_S));
}

static void print_sum(const struct sum *sum)
{
    const struct sim_stats *t = &sum->stats;

    printf(
        "%llu seeds, %llu failed, %.1f h, %llu operations (%llu ok, %llu refused, %llu reads, "
        "%llu stale, %llu without an answer), %llu tries more, %llu asked again, %llu misused ids, "
        "%llu sessions ended, "
        "%llu runs of VMs, %llu snapshots taken or installed\n",
        (unsigned long long)sum->seeds, (unsigned long long)sum->failed, hours(sum->now),
        (unsigned long long)t->operations, (unsigned long long)t->ok,
        (unsigned long long)t->refused, (unsigned long long)t->reads,
        (unsigned long long)t->stale_reads, (unsigned long long)t->unknown,
        (unsigned long long)t->retries, (unsigned long long)t->repeats,
        (unsigned long long)t->misuses, (unsigned long long)t->ended, (unsigned long long)t->runs,
        (unsigned long long)t->snapshots);
    printf("%llu faults:", (unsigned long long)total_faults(t));
    for (unsigned i = 0; i < SIM__FAULTS; i++)
        printf(" %s %llu", sim_fault_names[i], (unsigned long long)t->faults[i]);
    printf("\nleast in a seed: %.2f operations a second, %.2f faults a minute\n", sum->operations,
           sum->faults);
}

/* ---- many ---- */

static void show(const struct sim_options *o, uint64_t seed, struct run_outcome *r, struct sum *sum)
{
    struct sim_options failed = *o;

    if (!r->failed) {
        print_line(seed, &r->stats, r->now, r->hosts, r->hash);
    } else {
        failed.seed = seed;
        printf("seed %llu: FAILED\n%s", (unsigned long long)seed, r->text);
        if (sum->failed == 0 && !o->no_shrink)
            run_shrink(&failed);
    }
    add(sum, r);
    bx_free(r->text);
    r->text = NULL;
    fflush(stdout);
}

/* Wait until one of the children has printed or ended. */
static void wait_for(struct child *children, unsigned jobs, struct run_outcome *results,
                     uint64_t first)
{
    struct pollfd fds[RUN_JOBS_MAX];

    for (unsigned i = 0; i < jobs; i++)
        fds[i] =
            (struct pollfd){.fd = children[i].pid == 0 ? -1 : children[i].fd, .events = POLLIN};
    if (poll(fds, jobs, -1) < 0)
        return;
    for (unsigned i = 0; i < jobs; i++) {
        if (fds[i].revents != 0 && !listen_to(&children[i]))
            end(&children[i], &results[children[i].seed - first]);
    }
}

/* Those that still run, and what they said, are of no interest any more. */
static void stop_all(struct child *children, unsigned jobs, struct run_outcome *results,
                     uint64_t first)
{
    for (unsigned i = 0; i < jobs; i++) {
        if (children[i].pid == 0)
            continue;
        kill(children[i].pid, SIGKILL);
        end(&children[i], &results[children[i].seed - first]);
    }
}

uint64_t run_seeds(const struct sim_options *o, uint64_t seeds, unsigned jobs)
{
    struct run_outcome *results = bx_must_calloc(seeds, sizeof *results);
    struct child children[RUN_JOBS_MAX] = {0};
    uint64_t next = 0, shown = 0;
    struct sum sum = {.operations = -1, .faults = -1};

    while (shown < seeds) {
        for (unsigned i = 0; i < jobs && next < seeds; i++) {
            struct sim_options one = *o;

            if (children[i].pid != 0)
                continue;
            one.seed = o->seed + next++;
            start(&children[i], &one);
        }
        wait_for(children, jobs, results, o->seed);
        for (; shown < seeds && results[shown].text != NULL; shown++) {
            show(o, o->seed + shown, &results[shown], &sum);
            if (o->until_failure && sum.failed > 0)
                seeds = shown + 1;
        }
    }
    stop_all(children, jobs, results, o->seed);
    for (; shown < next; shown++)
        bx_free(results[shown].text);
    print_sum(&sum);
    bx_free(results);
    return sum.failed;
}
