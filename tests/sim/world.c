#include "sim/sim.h"

#include "mem/alloc.h"
#include "mem/map.h"
#ifdef BX_MUTANTS
#include "sim/mutants.h"
#endif

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define QUIET_US (180 * SIM_S) /* after the last fault everything must be well within this */
#define IDLE_US (60 * SIM_S)
#define STARTS_US (5 * SIM_S)
#define ANSWERS_US (5 * SIM_S)
#define SPIN_MAX 200000u /* steps without any time passing */

const char *const sim_fault_names[] = {
    "kill",       "crash",      "write-kill", "torn",       "partition",   "one-way",   "loss",
    "duplicate",  "reorder",    "slow-net",   "pause",      "clock",       "slow-disk", "disk-full",
    "disk-error", "read-error", "rot",        "lost-write", "misdirected", "guest",     "no-start",
    "wipe",       "join",       "usurp",      "state-db",   "stall",       "forge",     "rivals",
    "build",      "flood",      "full-table", "slow-link",  "odd-ids",     "heirs",     "remove",
    "old-copy",   NULL,
};

/* ---- telling ---- */

static void line(const struct sim *s, const struct sim_host *h, const char *fmt, va_list args)
{
    printf("%11.6f %-6s ", (double)s->now / (double)SIM_S, h == NULL ? "-" : h->name);
    vprintf(fmt, args);
    putchar('\n');
}

void sim_trace(struct sim *s, const struct sim_host *host, const char *fmt, ...)
{
    va_list args;

    if (!s->o.trace || (s->o.brief && (host != NULL || strncmp(fmt, "fault", 5) != 0)))
        return;
    va_start(args, fmt);
    line(s, host, fmt, args);
    va_end(args);
}

_Noreturn void sim_violation(struct sim *s, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    printf("violation at %.6f s: ", (double)s->now / (double)SIM_S);
    vprintf(fmt, args);
    putchar('\n');
    va_end(args);
    fflush(stdout);
    sim_record_write();
    _Exit(SIM_EXIT_VIOLATION);
}

void sim_mix(struct sim *s, const void *p, size_t n)
{
    uint64_t words[3] = {s->hash, bx_hash(p, n), s->now};

    s->hash = bx_hash(words, sizeof words);
}

uint64_t sim_stream(struct sim *s)
{
    return rng_next(&s->rng);
}

/* ---- events ---- */

void sim_at(struct sim *s, uint64_t at, struct sim_host *host,
            void (*fire)(struct sim *s, struct sim_host *host, void *arg), void *arg)
{
    struct sim_event e = {
        .at = at, .host = host, .lives = host == NULL ? 0 : host->lives, .fire = fire, .arg = arg};

    sim_queue_push(&s->queue, &e);
}

static void fire(struct sim *s)
{
    struct sim_event e = sim_queue_pop(&s->queue);
    struct sim_host *h = e.host;

    if (h != NULL && h->lives == e.lives && h->paused_until > s->now) {
        e.at = h->paused_until;
        sim_queue_push(&s->queue, &e);
        return;
    }
    if (h == NULL || h->lives == e.lives)
        e.fire(s, h, e.arg);
    bx_free(e.arg);
}

/* When the host's process next wants to run. */
static uint64_t due(const struct sim_host *h)
{
    uint64_t at = h->turn_at < h->tick_at ? h->turn_at : h->tick_at;

    if (h->life == SIM_DOWN)
        return h->start_at;
    if (h->node == NULL || at == SIM_NEVER)
        return SIM_NEVER;
    return at < h->paused_until ? h->paused_until : at;
}

static void run_host(struct sim_host *h)
{
    if (h->life == SIM_DOWN)
        sim_host_start(h);
    else if (h->turn_at <= h->sim->now)
        sim_host_turn(h);
    else
        sim_host_tick(h);
}

/* The earliest thing there is; false when it lies after `end`. */
static bool step(struct sim *s, uint64_t end)
{
    uint64_t next = sim_queue_next(&s->queue);
    struct sim_host *who = NULL;

    for (unsigned i = 0; i < s->n_hosts; i++) {
        uint64_t at = due(&s->hosts[i]);

        if (at < next) {
            next = at;
            who = &s->hosts[i];
        }
    }
    if (next > end)
        return false;
    s->spins = next == s->now ? s->spins + 1 : 0;
    if (s->spins > SPIN_MAX)
        sim_violation(s, "%s turns without end", who == NULL ? "the world" : who->name);
    s->now = next > s->now ? next : s->now;
    if (who == NULL)
        fire(s);
    else
        run_host(who);
    return true;
}

static void run_until(struct sim *s, uint64_t end)
{
    while (step(s, end))
        continue;
    s->now = end;
}

/* ---- a whole history ---- */

static void begin(struct sim *s, const struct sim_options *o)
{
    uint64_t seed = o->seed;

    memset(s, 0, sizeof *s);
    s->o = *o;
#ifdef BX_MUTANTS
    mutant_begin(s);
#endif
    s->rng = rng_next(&seed);
    s->hash = o->seed;
    for (size_t i = 0; i < 16; i++) {
        s->cluster[i] = (uint8_t)rng_next(&s->rng);
        s->history[i] = (uint8_t)rng_next(&s->rng);
        s->secret[i] = (uint8_t)rng_next(&s->rng);
    }
    sim_db_register();
    sim_net_init(s);
    sim_check_init(s);
    sim_safety_init(s);
    sim_catchup_init(s);
    s->n_hosts = o->hosts;
    if (s->n_hosts == 0) { /* most have three, some five, few another number */
        static const unsigned sizes[] = {3, 3, 3, 3, 3, 3, 3, 3, 5, 5, 5, 1, 2, 4, 7, 9};

        s->n_hosts = sizes[rng_below(&s->rng, sizeof sizes / sizeof *sizes)];
    }
    for (unsigned i = 0; i < s->n_hosts; i++)
        sim_host_init(s, &s->hosts[i], i);
}

/* A new host, which will join. NULL when there is no room. */
struct sim_host *sim_new_host(struct sim *s)
{
    struct sim_host *h;

    if (s->n_hosts == SIM_HOSTS_MAX)
        return NULL;
    h = &s->hosts[s->n_hosts];
    sim_host_init(s, h, s->n_hosts++);
    h->start_at = s->now;
    return h;
}

/* A cluster that has been idle takes requests, also at a host that has just started. */
static void check_idle(struct sim *s)
{
    struct sim_host *h;
    const bool *answered;

    run_until(s, s->now + IDLE_US);
    h = sim_idle_restart(s);
    run_until(s, s->now + STARTS_US);
    answered = sim_idle_ask(h);
    run_until(s, s->now + ANSWERS_US);
    if (!*answered)
        sim_violation(s, "%s has no answer on an idle cluster", h->name);
}

void sim_run(struct sim *s, const struct sim_options *o)
{
    static const uint64_t ttls[] = {90 * SIM_S, 600 * SIM_S, 3600 * SIM_S};
    uint64_t end;

    begin(s, o);
    sim_record_open(s);
    s->session_ttl = ttls[o->seed % (sizeof ttls / sizeof ttls[0])];
    /* The table has so few places that the ids of an hour would fill it for good. */
    if (o->duration >= 3600 * SIM_S && s->session_ttl > ttls[1])
        s->session_ttl = ttls[1];
    sim_found(&s->hosts[0]);
    for (unsigned i = 1; i < s->n_hosts; i++)
        s->hosts[i].start_at = rng_below(&s->rng, 2 * SIM_S);
    sim_clients_start(s);
    sim_nemesis_start(s);
    sim_levels_start(s);
    sim_guests_start(s);
    run_until(s, o->duration);

    s->quiet = true;
    sim_trace(s, NULL, "no more faults");
    sim_nemesis_stop(s);
    sim_clients_stop(s);
    for (end = s->now + QUIET_US; !sim_clients_idle(s) || !sim_check_settled(s);) {
        if (s->now >= end)
            sim_check_unsettled(s);
        run_until(s, s->now + SIM_S);
    }
    sim_safety_end(s);
    sim_clients_check(s);
    check_idle(s);
    sim_record_close();
}
