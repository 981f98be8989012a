/* nemesis_net - what goes wrong between hosts: the network, and elections. */
#include "sim/nemesis.h"

#include "mem/alloc.h"

#define LASTS_MAX_US (25 * SIM_S)
#define USURP_US (10 * SIM_S) /* a new leader is found by then */

/* ---- the network ---- */

static void on_calm(struct sim *s, struct sim_host *none, void *arg)
{
    (void)none;
    if (*(uint32_t *)arg != nemesis_net_of(s)->number)
        return;
    sim_trace(s, NULL, "the network is well again");
    sim_net_heal(s);
}

void nemesis_calm_after(struct sim *s, uint64_t us)
{
    uint32_t *number = bx_must_alloc(sizeof *number);

    *number = ++nemesis_net_of(s)->number;
    sim_at(s, s->now + us, NULL, on_calm, number);
}

static void calm_later(struct sim *s)
{
    nemesis_calm_after(s, SIM_S + nemesis_draw(s, LASTS_MAX_US));
}

void nemesis_divide(struct sim *s, uint64_t side)
{
    for (unsigned a = 0; a < s->n_hosts; a++) {
        for (unsigned b = 0; b < s->n_hosts; b++) {
            if (a != b)
                sim_net_cut(s, a, b, ((side >> a) & 1) != ((side >> b) & 1));
        }
    }
    sim_trace(s, NULL, "partition %llx", (unsigned long long)side);
}

void nemesis_isolate(struct sim *s, const struct sim_host *h)
{
    nemesis_divide(s, 1ull << h->at);
    calm_later(s);
}

/* Any two groups; every third time one host alone. */
bool nemesis_partition(struct sim *s)
{
    if (s->n_hosts < 2)
        return false;
    if (nemesis_draw(s, 3) == 0) {
        nemesis_isolate(s, nemesis_host(s));
        return true;
    }
    nemesis_divide(s, 1 + nemesis_draw(s, (1u << s->n_hosts) - 2));
    calm_later(s);
    return true;
}

/* ---- elections ---- */

/* The leader is cut off. The first server to vote for another one dies in the moment after, and so
 * does whom it voted for, which stays away; the old leader hears the others again, and knows of no
 * newer term. Who forgets a vote now gives it twice. */
bool nemesis_usurp(struct sim *s)
{
    struct nemesis_net *net = nemesis_net_of(s);
    struct sim_host *old = nemesis_leader(s, &net->usurp_term);

    if (old == NULL || s->n_hosts < 3)
        return false;
    nemesis_isolate(s, old);
    net->usurp_until = s->now + USURP_US;
    net->usurp_away = SIM_S * 5 + nemesis_draw(s, 5 * SIM_S);
    net->usurp_back = nemesis_draw(s, SIM_S / 2);
    return true;
}

static void on_vote(struct sim *s, struct sim_host *voter, void *arg)
{
    struct sim_host *candidate = sim_host_of(s, *(uint64_t *)arg);
    struct nemesis_net *net = nemesis_net_of(s);

    if (s->quiet)
        return;
    sim_host_kill(voter, "killed when it had voted");
    voter->start_at = s->now + net->usurp_back;
    if (candidate != NULL && candidate->node != NULL) {
        sim_host_kill(candidate, "killed when it was voted for");
        candidate->start_at = s->now + net->usurp_away;
    }
    net->number++;
    sim_net_heal(s);
}

void sim_nemesis_voted(struct sim_host *h, uint64_t term, uint64_t candidate)
{
    struct nemesis_net *net = nemesis_net_of(h->sim);
    uint64_t *arg;

    if (h->sim->now >= net->usurp_until || term <= net->usurp_term)
        return;
    net->usurp_until = 0;
    arg = bx_must_alloc(sizeof *arg);
    *arg = candidate;
    sim_at(h->sim, h->sim->now + 1, h, on_vote, arg);
}

bool nemesis_one_way(struct sim *s)
{
    unsigned a = (unsigned)nemesis_draw(s, s->n_hosts), b;

    if (s->n_hosts < 2)
        return false;
    b = (a + 1 + (unsigned)nemesis_draw(s, s->n_hosts - 1)) % s->n_hosts;
    sim_net_cut(s, a, b, true);
    sim_trace(s, NULL, "%s hears %s no more", s->hosts[b].name, s->hosts[a].name);
    calm_later(s);
    return true;
}

/* Beside what ails it already. */
bool nemesis_disturb(struct sim *s, enum sim_fault fault)
{
    struct sim_net_faults *f = sim_net_faults(s);

    if (s->n_hosts < 2)
        return false;
    if (fault == SIM_FAULT_LOSS)
        f->loss_ppm = 1000 + (uint32_t)nemesis_draw(s, 200000);
    else if (fault == SIM_FAULT_DUPLICATE)
        f->duplicate_ppm = 1000 + (uint32_t)nemesis_draw(s, 300000);
    else if (fault == SIM_FAULT_REORDER)
        f->reorder_ppm = 1000 + (uint32_t)nemesis_draw(s, 300000);
    else
        f->slow_us = SIM_MS + nemesis_draw(s, SIM_S);
    calm_later(s);
    return true;
}

/* ---- a slow link ---- */

struct slow {
    unsigned at;
    uint32_t number;
};

static void on_fast(struct sim *s, struct sim_host *none, void *arg)
{
    const struct slow *l = arg;

    (void)none;
    if (l->number != nemesis_net_of(s)->slow[l->at])
        return;
    sim_trace(s, &s->hosts[l->at], "its links are fast again");
    sim_net_slow(s, l->at, 0);
}

/* A follower is away until the others have written more than a leader keeps. Its snapshot then
 * takes so long that the leader takes another one meanwhile. */
bool nemesis_slow_link(struct sim *s)
{
    uint64_t which = nemesis_draw(s, SIM_HOSTS_MAX * SIM_HOSTS_MAX);
    uint64_t rate = 300 + nemesis_draw(s, 1500), away = 20 * SIM_S + nemesis_draw(s, 25 * SIM_S);
    uint64_t lasts = 40 * SIM_S + nemesis_draw(s, 40 * SIM_S), term;
    struct sim_host *leader = nemesis_leader(s, &term), *h;
    struct slow *l;

    if (leader == NULL || s->n_hosts < 3)
        return false;
    h = &s->hosts[(leader->at + 1 + which % (s->n_hosts - 1)) % s->n_hosts];
    if (h->node == NULL)
        return false;
    sim_host_kill(h, "killed, and its links are slow");
    h->start_at = s->now + away;
    sim_net_slow(s, h->at, rate);
    l = bx_must_alloc(sizeof *l);
    *l = (struct slow){h->at, ++nemesis_net_of(s)->slow[h->at]};
    sim_at(s, s->now + away + lasts, NULL, on_fast, l);
    return true;
}
