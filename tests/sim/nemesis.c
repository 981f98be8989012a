/* nemesis - what goes wrong, and when: a plan made before the beginning, so that leaving out one
 * fault does not move the others. */
#include "sim/nemesis.h"

#include "mem/alloc.h"
#include "node/driver_sim.h"

#define FIRST_US (8 * SIM_S) /* the cluster forms in peace */
#define PAUSE_MIN_US (5 * SIM_S)
#define PAUSE_MAX_US (45 * SIM_S) /* so at least one a minute, also with the quiet end */
#define TRIES 64u                 /* to find a fault that can happen just now */
#define LASTS_MAX_US (25 * SIM_S)
#define LONG_US (90 * SIM_S) /* no pause is longer by more than the others last */

struct planned {
    uint64_t at, seed;
    enum sim_fault fault;
};

struct sim_nemesis {
    struct planned *plan;
    unsigned n, cap;
    uint64_t seed; /* of the fault that happens now */
    struct nemesis_net net;
    struct nemesis_rivals rivals;
};

uint64_t nemesis_draw(struct sim *s, uint64_t n)
{
    return rng_below(&s->nemesis->seed, n);
}

struct nemesis_net *nemesis_net_of(struct sim *s)
{
    return &s->nemesis->net;
}

struct nemesis_rivals *nemesis_rivals_of(struct sim *s)
{
    return &s->nemesis->rivals;
}

struct sim_host *nemesis_leader(struct sim *s, uint64_t *term)
{
    struct sim_host *found = NULL;

    *term = 0;
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct bx_node_status st;

        if (s->hosts[i].node == NULL)
            continue;
        bx_node_status(s->hosts[i].node, &st);
        if (!st.is_leader || st.term <= *term)
            continue;
        found = &s->hosts[i];
        *term = st.term;
    }
    return found;
}

/* Every third time the one that matters most. */
struct sim_host *nemesis_host(struct sim *s)
{
    struct sim_host *any = &s->hosts[nemesis_draw(s, s->n_hosts)], *first;
    bool aim = nemesis_draw(s, 3) == 0;
    uint64_t term;

    first = aim ? nemesis_leader(s, &term) : NULL;
    return first != NULL ? first : any;
}

/* ---- processes and hosts ---- */

static bool kill_one(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);

    if (h->life == SIM_DOWN)
        return false;
    sim_host_kill(h, "killed");
    return true;
}

static bool crash_one(struct sim *s)
{
    unsigned n = nemesis_draw(s, 4) == 0 ? s->n_hosts : 1; /* or all at once */
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        struct sim_host *h = n == 1 ? nemesis_host(s) : &s->hosts[i];

        if (h->life == SIM_DOWN)
            continue;
        sim_host_crash(h, "power lost");
        any = true;
    }
    return any;
}

static bool die_at_write(struct sim *s, bool power)
{
    struct sim_host *h = nemesis_host(s);

    if (h->node == NULL)
        return false;
    sim_host_plan(h, !power && nemesis_draw(s, 2) == 0, 1 + nemesis_draw(s, 60),
                  nemesis_draw(s, 2) == 0, power);
    return true;
}

/* What SQLite has is found to be damaged at the next start, or its absence, and is made anew:
 * meanwhile VMs run that the host knows nothing of. */
static bool lose_state(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t seed = nemesis_draw(s, UINT64_MAX);

    if (h->node == NULL)
        return false;
    sim_host_kill(h, "killed, and its state.db is damaged");
    h->kept = 0;
    if (seed % 3 == 0) {
        sim_db_wipe(h->db);
    } else {
        sim_db_damage(h->db, seed);
        h->rotten = 2;
    }
    return true;
}

static void freeze(struct sim *s, struct sim_host *h, uint64_t us)
{
    if (h->paused_until <= s->now)
        h->paused_from = s->now;
    if (h->paused_until < s->now + us)
        h->paused_until = s->now + us;
    sim_trace(s, h, "paused until %.3f", (double)h->paused_until / (double)SIM_S);
}

/* Now and then for longer than outcomes are kept, where that is not long. */
static bool pause_one(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t us = SIM_S / 2 + nemesis_draw(s, LASTS_MAX_US);

    if (h->node == NULL)
        return false;
    if (nemesis_draw(s, 4) == 0 && s->session_ttl <= LONG_US)
        us += s->session_ttl;
    freeze(s, h, us);
    return true;
}

static bool move_clock(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    int64_t by = (int64_t)nemesis_draw(s, 7200000) - 3600000;

    h->clock.wall_ms += by;
    sim_trace(s, h, "wall time moves by %lld ms", (long long)by);
    return true;
}

/* ---- guests ---- */

static bool end_guest(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint8_t vm[16];

    if (h->node == NULL || !sim_check_some_run(h, nemesis_draw(s, 1000), vm))
        return false;
    sim_host_end_guest(h, vm);
    sim_host_wake(h);
    return true;
}

static void on_freeze(struct sim *s, struct sim_host *h, void *arg)
{
    bx_driver_sim_fail(h->driver, 0);
    if (!s->quiet && h->node != NULL)
        freeze(s, h, *(uint64_t *)arg);
}

/* VMs end on the leader and fail to start again, so that it has some it will start later. Then it
 * stands still until others have decided about them, and goes on as if it still were leader. */
static bool depose(struct sim *s, struct sim_host *h)
{
    uint64_t *us = bx_must_alloc(sizeof *us);
    uint8_t vm[16];

    bx_driver_sim_fail(h->driver, 64);
    for (unsigned i = 0; i < 8 && sim_check_some_run(h, i, vm); i++)
        sim_host_end_guest(h, vm);
    sim_host_wake(h);
    *us = 16 * SIM_S + nemesis_draw(s, 10 * SIM_S);
    sim_at(s, s->now + 3 * SIM_S + nemesis_draw(s, 6 * SIM_S), h, on_freeze, us);
    return true;
}

static void on_loop_kill(struct sim *s, struct sim_host *h, void *arg)
{
    (void)arg;
    if (!s->quiet && h->life == SIM_UP)
        sim_host_kill(h, "killed while its VMs fail to start");
}

/* VMs fail to start again and again, and the daemon that counts that is killed meanwhile. */
static bool loop(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t after = SIM_S + nemesis_draw(s, 9 * SIM_S);
    uint8_t vm[16];

    bx_driver_sim_fail(h->driver, 12);
    if (h->node == NULL)
        return true;
    for (unsigned i = 0; i < 2 && sim_check_some_run(h, i, vm); i++)
        sim_host_end_guest(h, vm);
    sim_host_wake(h);
    sim_at(s, s->now + after, h, on_loop_kill, NULL);
    return true;
}

/* A few starts fail. */
static bool fail_starts(struct sim *s)
{
    uint64_t way = nemesis_draw(s, 4), term;
    struct sim_host *h = way > 1 ? nemesis_leader(s, &term) : NULL;

    if (h != NULL && h->node != NULL)
        return depose(s, h);
    if (way == 1)
        return loop(s);
    bx_driver_sim_fail(nemesis_host(s)->driver, 1 + (uint32_t)nemesis_draw(s, 3));
    return true;
}

/* ---- members ---- */

bool nemesis_may_lose_one(struct sim *s)
{
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct bx_node_status st;
        unsigned voters = 0, dead = 0;

        if (s->hosts[i].node == NULL)
            continue;
        bx_node_status(s->hosts[i].node, &st);
        if (!st.is_leader)
            continue;
        for (unsigned m = 0; m < st.n_members; m++) {
            const struct sim_host *h = sim_host_of(s, st.members[m].id);

            voters += st.members[m].voter;
            dead += st.members[m].voter && (h == NULL || h->damaged);
        }
        return (dead + 1) * 2 < voters;
    }
    return false;
}

/* A host loses everything; an operator takes its node out, and it joins as another one. Two at a
 * time would be more than three voters can lose. */
static bool wipe_one(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);

    if (s->removals > 0 || h->identity.node == 0 || !nemesis_may_lose_one(s))
        return false;
    if (h->life == SIM_UP)
        sim_host_crash(h, "its disk is gone");
    sim_remove(s, h->name);
    sim_host_wipe(h);
    return true;
}

static bool join_one(struct sim *s)
{
    return s->n_hosts > 1 && sim_new_host(s) != NULL;
}

/* ---- all of them ---- */

static bool kill_at_write(struct sim *s)
{
    return die_at_write(s, false);
}

static bool crash_at_write(struct sim *s)
{
    return die_at_write(s, true);
}

static bool lose_frames(struct sim *s)
{
    return nemesis_disturb(s, SIM_FAULT_LOSS);
}

static bool duplicate_frames(struct sim *s)
{
    return nemesis_disturb(s, SIM_FAULT_DUPLICATE);
}

static bool reorder_frames(struct sim *s)
{
    return nemesis_disturb(s, SIM_FAULT_REORDER);
}

static bool slow_frames(struct sim *s)
{
    return nemesis_disturb(s, SIM_FAULT_SLOW_NET);
}

static bool lose_write(struct sim *s)
{
    return nemesis_lost_write(s, false);
}

static bool misdirect_write(struct sim *s)
{
    return nemesis_lost_write(s, true);
}

static bool (*const faults[SIM__FAULTS])(struct sim *s) = {
    [SIM_FAULT_KILL] = kill_one,
    [SIM_FAULT_CRASH] = crash_one,
    [SIM_FAULT_WRITE_KILL] = kill_at_write,
    [SIM_FAULT_TORN] = crash_at_write,
    [SIM_FAULT_PARTITION] = nemesis_partition,
    [SIM_FAULT_ONE_WAY] = nemesis_one_way,
    [SIM_FAULT_LOSS] = lose_frames,
    [SIM_FAULT_DUPLICATE] = duplicate_frames,
    [SIM_FAULT_REORDER] = reorder_frames,
    [SIM_FAULT_SLOW_NET] = slow_frames,
    [SIM_FAULT_PAUSE] = pause_one,
    [SIM_FAULT_CLOCK] = move_clock,
    [SIM_FAULT_SLOW_DISK] = nemesis_slow_disk,
    [SIM_FAULT_DISK_FULL] = nemesis_disk_full,
    [SIM_FAULT_DISK_ERROR] = nemesis_disk_error,
    [SIM_FAULT_READ_ERROR] = nemesis_read_error,
    [SIM_FAULT_ROT] = nemesis_rot,
    [SIM_FAULT_LOST_WRITE] = lose_write,
    [SIM_FAULT_MISDIRECTED] = misdirect_write,
    [SIM_FAULT_GUEST] = end_guest,
    [SIM_FAULT_NO_START] = fail_starts,
    [SIM_FAULT_WIPE] = wipe_one,
    [SIM_FAULT_JOIN] = join_one,
    [SIM_FAULT_REMOVE] = nemesis_remove,
    [SIM_FAULT_ODD_IDS] = nemesis_odd_ids,
    [SIM_FAULT_HEIRS] = nemesis_heirs,
    [SIM_FAULT_USURP] = nemesis_usurp,
    [SIM_FAULT_STATE] = lose_state,
    [SIM_FAULT_STALL] = nemesis_stall,
    [SIM_FAULT_FORGE] = nemesis_forge,
    [SIM_FAULT_RIVALS] = nemesis_rivals,
    [SIM_FAULT_BUILD] = nemesis_build,
    [SIM_FAULT_FLOOD] = nemesis_flood,
    [SIM_FAULT_FULL_TABLE] = nemesis_full_table,
    [SIM_FAULT_SLOW_LINK] = nemesis_slow_link,
    [SIM_FAULT_OLD_COPY] = nemesis_old_copy,
};

/* ---- the plan ---- */

static bool wanted(const struct sim *s, unsigned number)
{
    if (!s->o.only_set)
        return true;
    for (unsigned i = 0; i < s->o.n_only; i++) {
        if (s->o.only[i] == number)
            return true;
    }
    return false;
}

/* It has happened, or will: disks that lie count themselves then. */
static bool attempt(struct sim *s, enum sim_fault fault)
{
    bool happens = faults[fault](s);

    if (happens && fault != SIM_FAULT_ROT && fault != SIM_FAULT_LOST_WRITE &&
        fault != SIM_FAULT_MISDIRECTED && fault != SIM_FAULT_OLD_COPY)
        s->stats.faults[fault]++;
    return happens;
}

/* What was planned is not wanted, or can not happen: there is no second host, or nothing more may
 * be lost. */
static enum sim_fault another(struct sim *s)
{
    enum sim_fault fault;

    do {
        fault = (enum sim_fault)nemesis_draw(s, SIM__FAULTS);
    } while (!(s->o.faults & (1ull << fault)));
    return fault;
}

static void on_fault(struct sim *s, struct sim_host *none, void *arg)
{
    unsigned number = *(unsigned *)arg;
    const struct planned *p = &s->nemesis->plan[number];
    enum sim_fault fault = p->fault;
    unsigned tries = 0;

    (void)none;
    if (s->quiet)
        return;
    s->nemesis->seed = p->seed;
    sim_trace(s, NULL, "fault %u: %s", number, sim_fault_names[p->fault]);
    while (!(s->o.faults & (1ull << fault)) || !attempt(s, fault)) {
        if (++tries > TRIES)
            return;
        fault = another(s);
        sim_trace(s, NULL, "instead: %s", sim_fault_names[fault]);
    }
}

void sim_nemesis_start(struct sim *s)
{
    struct sim_nemesis *m = bx_must_calloc(1, sizeof *m);
    uint64_t rng = sim_stream(s), at = FIRST_US;

    s->nemesis = m;
    for (;;) {
        struct planned p = {.fault = (enum sim_fault)rng_below(&rng, SIM__FAULTS)};
        unsigned *number;

        at += rng_between(&rng, PAUSE_MIN_US, PAUSE_MAX_US);
        p.at = at;
        p.seed = rng_next(&rng);
        if (at >= s->o.duration)
            return;
        if (m->n == m->cap) {
            m->cap = m->cap * 2 + 64;
            m->plan = bx_must_realloc(m->plan, m->cap * sizeof *m->plan);
        }
        m->plan[m->n] = p;
        if (s->o.faults != 0 && wanted(s, m->n)) {
            number = bx_must_alloc(sizeof *number);
            *number = m->n;
            sim_at(s, at, NULL, on_fault, number);
        }
        m->n++;
    }
}

void sim_nemesis_stop(struct sim *s)
{
    sim_net_heal(s);
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct sim_host *h = &s->hosts[i];

        nemesis_disk_stop(h);
        sim_net_slow(s, i, 0);
        if (h->paused_until > s->now)
            h->paused_until = s->now;
        bx_driver_sim_fail(h->driver, 0);
        if (h->life == SIM_DOWN && h->start_at != SIM_NEVER && h->start_at > s->now + SIM_S)
            h->start_at = s->now + SIM_S;
    }
}
