/* nemesis - what goes wrong, and when: a plan made before the beginning, so that leaving out one
 * fault does not move the others. */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "node/driver_sim.h"

#include <errno.h>

#define PLAN_MAX 4096u
#define FIRST_US (8 * SIM_S) /* the cluster forms in peace */
#define PAUSE_MIN_US (5 * SIM_S)
#define PAUSE_MAX_US (55 * SIM_S)
#define LASTS_MAX_US (25 * SIM_S)

struct planned {
    uint64_t at, seed;
    enum sim_fault fault;
};

struct sim_nemesis {
    struct planned plan[PLAN_MAX];
    unsigned n;
    uint64_t seed; /* of the fault that happens now */
    uint32_t number; /* of network faults: an older one's end does not end a newer one */
};

static uint64_t draw(struct sim *s, uint64_t n)
{
    return rng_below(&s->nemesis->seed, n);
}

static struct sim_host *some_host(struct sim *s)
{
    return &s->hosts[draw(s, s->n_hosts)];
}

/* ---- processes and hosts ---- */

static bool kill_one(struct sim *s)
{
    struct sim_host *h = some_host(s);

    if (h->life == SIM_DOWN)
        return false;
    sim_host_kill(h, "killed");
    return true;
}

static bool crash_one(struct sim *s)
{
    unsigned n = draw(s, 4) == 0 ? s->n_hosts : 1; /* or all at once */
    bool any = false;

    for (unsigned i = 0; i < n; i++) {
        struct sim_host *h = n == 1 ? some_host(s) : &s->hosts[i];

        if (h->life == SIM_DOWN)
            continue;
        sim_host_crash(h, "power lost");
        any = true;
    }
    return any;
}

static bool die_at_write(struct sim *s, bool power)
{
    struct sim_host *h = some_host(s);

    if (h->node == NULL)
        return false;
    sim_host_plan(h, !power && draw(s, 2) == 0, 1 + draw(s, 60), draw(s, 2) == 0, power);
    return true;
}

static bool pause_one(struct sim *s)
{
    struct sim_host *h = some_host(s);

    if (h->node == NULL)
        return false;
    h->paused_until = s->now + SIM_S / 2 + draw(s, LASTS_MAX_US);
    sim_trace(s, h, "paused until %.3f", (double)h->paused_until / (double)SIM_S);
    return true;
}

static bool move_clock(struct sim *s)
{
    struct sim_host *h = some_host(s);
    int64_t by = (int64_t)draw(s, 7200000) - 3600000;

    h->clock.wall_ms += by;
    sim_trace(s, h, "wall time moves by %lld ms", (long long)by);
    return true;
}

/* ---- disks ---- */

static void on_fast_again(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    (void)arg;
    h->disk.slow_us = 0;
}

static bool slow_disk(struct sim *s)
{
    struct sim_host *h = some_host(s);

    if (h->life == SIM_DOWN)
        return false;
    h->disk.slow_us = 10 * SIM_MS + draw(s, 2 * SIM_S);
    sim_trace(s, h, "disk is slow, up to %llu us", (unsigned long long)h->disk.slow_us);
    sim_at(s, s->now + draw(s, LASTS_MAX_US), h, on_fast_again, NULL);
    return true;
}

static bool fail_change(struct sim *s, int error)
{
    struct sim_host *h = some_host(s);

    if (h->node == NULL)
        return false;
    h->excused = true;
    memfs_plan(h->fs, MEMFS_FAIL, memfs_changes(h->fs) + draw(s, 20), error);
    sim_trace(s, h, "a change of its disk will fail with %d", error);
    return true;
}

/* ---- the network ---- */

static void on_calm(struct sim *s, struct sim_host *none, void *arg)
{
    (void)none;
    if (*(uint32_t *)arg != s->nemesis->number)
        return;
    sim_trace(s, NULL, "the network is well again");
    sim_net_heal(s);
}

static void calm_later(struct sim *s)
{
    uint32_t *number = bx_must_alloc(sizeof *number);

    *number = ++s->nemesis->number;
    sim_at(s, s->now + SIM_S + draw(s, LASTS_MAX_US), NULL, on_calm, number);
}

static bool partition(struct sim *s)
{
    uint64_t side = draw(s, 1u << s->n_hosts);

    sim_net_heal(s);
    for (unsigned a = 0; a < s->n_hosts; a++) {
        for (unsigned b = 0; b < s->n_hosts; b++) {
            if (((side >> a) & 1) != ((side >> b) & 1))
                sim_net_cut(s, a, b, true);
        }
    }
    sim_trace(s, NULL, "partition %llx", (unsigned long long)side);
    calm_later(s);
    return s->n_hosts > 1;
}

static bool one_way(struct sim *s)
{
    unsigned a = (unsigned)draw(s, s->n_hosts), b = (unsigned)draw(s, s->n_hosts);

    if (a == b)
        return false;
    sim_net_cut(s, a, b, true);
    sim_trace(s, NULL, "%s hears %s no more", s->hosts[b].name, s->hosts[a].name);
    calm_later(s);
    return true;
}

static bool disturb(struct sim *s, enum sim_fault fault)
{
    struct sim_net_faults f = {0};

    if (fault == SIM_FAULT_LOSS)
        f.loss_ppm = 1000 + (uint32_t)draw(s, 200000);
    else if (fault == SIM_FAULT_DUPLICATE)
        f.duplicate_ppm = 1000 + (uint32_t)draw(s, 300000);
    else if (fault == SIM_FAULT_REORDER)
        f.reorder_ppm = 1000 + (uint32_t)draw(s, 300000);
    else
        f.slow_us = SIM_MS + draw(s, SIM_S);
    sim_net_faults(s, &f);
    sim_trace(s, NULL, "network: %s", sim_fault_names[fault]);
    calm_later(s);
    return s->n_hosts > 1;
}

/* ---- guests ---- */

static bool end_guest(struct sim *s)
{
    struct sim_host *h = some_host(s);
    uint8_t vm[16];

    if (h->node == NULL || !sim_check_some_run(h, draw(s, 1000), vm))
        return false;
    h->driver->ops->kill(h->driver, vm);
    sim_host_wake(h);
    return true;
}

static bool fail_starts(struct sim *s)
{
    bx_driver_sim_fail(some_host(s)->driver, 1 + (uint32_t)draw(s, 3));
    return true;
}

/* ---- members ---- */

/* How many of the voters a leader knows have lost everything for good. */
static bool may_lose_one(struct sim *s)
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
            voters += st.members[m].voter;
            dead += st.members[m].voter && sim_host_of(s, st.members[m].id) == NULL;
        }
        return (dead + 1) * 2 < voters;
    }
    return false;
}

/* A host loses everything; an operator takes its node out, and it joins as another one. Two at a
 * time would be more than three voters can lose. */
static bool wipe_one(struct sim *s)
{
    struct sim_host *h = some_host(s);

    if (s->removals > 0 || h->identity.node == 0 || !may_lose_one(s))
        return false;
    if (h->life == SIM_UP)
        sim_host_crash(h, "its disk is gone");
    sim_remove(s, h->name);
    sim_host_wipe(h);
    return true;
}

static bool join_one(struct sim *s)
{
    return s->n_hosts < BX_MEMBERS_MAX && s->n_hosts > 1 && sim_new_host(s) != NULL;
}

static bool happen(struct sim *s, enum sim_fault fault)
{
    switch (fault) {
    case SIM_FAULT_KILL:
        return kill_one(s);
    case SIM_FAULT_CRASH:
        return crash_one(s);
    case SIM_FAULT_WRITE_KILL:
        return die_at_write(s, false);
    case SIM_FAULT_TORN:
        return die_at_write(s, true);
    case SIM_FAULT_PARTITION:
        return partition(s);
    case SIM_FAULT_ONE_WAY:
        return one_way(s);
    case SIM_FAULT_LOSS:
    case SIM_FAULT_DUPLICATE:
    case SIM_FAULT_REORDER:
    case SIM_FAULT_SLOW_NET:
        return disturb(s, fault);
    case SIM_FAULT_PAUSE:
        return pause_one(s);
    case SIM_FAULT_CLOCK:
        return move_clock(s);
    case SIM_FAULT_SLOW_DISK:
        return slow_disk(s);
    case SIM_FAULT_DISK_FULL:
        return fail_change(s, -ENOSPC);
    case SIM_FAULT_DISK_ERROR:
        return fail_change(s, -EIO);
    case SIM_FAULT_GUEST:
        return end_guest(s);
    case SIM_FAULT_NO_START:
        return fail_starts(s);
    case SIM_FAULT_JOIN:
        return join_one(s);
    case SIM_FAULT_WIPE:
        return wipe_one(s);
    case SIM__FAULTS:
        return false;
    }
    return false;
}

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

static void on_fault(struct sim *s, struct sim_host *none, void *arg)
{
    unsigned number = *(unsigned *)arg;
    const struct planned *p = &s->nemesis->plan[number];

    (void)none;
    if (s->quiet)
        return;
    s->nemesis->seed = p->seed;
    sim_trace(s, NULL, "fault %u: %s", number, sim_fault_names[p->fault]);
    if (happen(s, p->fault))
        s->stats.faults[p->fault]++;
}

void sim_nemesis_start(struct sim *s)
{
    struct sim_nemesis *m = bx_must_calloc(1, sizeof *m);
    uint64_t rng = sim_stream(s), at = FIRST_US;

    s->nemesis = m;
    while (m->n < PLAN_MAX) {
        struct planned p = {.fault = (enum sim_fault)rng_below(&rng, SIM__FAULTS)};
        unsigned *number;

        at += rng_between(&rng, PAUSE_MIN_US, PAUSE_MAX_US);
        p.at = at;
        p.seed = rng_next(&rng);
        if (at >= s->o.duration)
            return;
        m->plan[m->n] = p;
        if ((s->o.faults & (1u << p.fault)) && wanted(s, m->n)) {
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

        h->disk.slow_us = 0;
        h->paused_until = 0;
        bx_driver_sim_fail(h->driver, 0);
        if (h->life == SIM_DOWN && h->start_at > s->now + SIM_S)
            h->start_at = s->now + SIM_S;
    }
}
