/* nemesis_conf - two leaders that change the configuration, each without having heard of the
 * other's change.
 *
 * With an even number of voters, two changes of one configuration can each have a majority that
 * has no server in common with the other's (Ongaro, "bug in single-server membership changes",
 * raft-dev, 2015). So hosts join until the voters are even in number, then two more: one that only
 * the leader hears, and one that all hear. When the leader makes the first a voter, both are cut
 * off from the others. These elect a leader, which can make but the second a voter; half of the
 * servers that elected it change sides at once, and hear the old leader alone. */
#include "sim/nemesis.h"

#define STEP_US (25 * SIM_S) /* each step is reached within, or it all ends */
#define LASTS_MIN_US (5 * SIM_S)
#define LASTS_MAX_US (25 * SIM_S)
#define VOTERS_MIN 3u

static void enter(struct sim *s, enum nemesis_rivals_step step)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);

    r->step = step;
    r->until = s->now + STEP_US;
    nemesis_calm_after(s, STEP_US);
}

static unsigned count_voters(const struct bx_node_status *st)
{
    unsigned n = 0;

    for (uint32_t i = 0; i < st->n_members; i++)
        n += st->members[i].voter;
    return n;
}

static bool is_voter(const struct bx_node_status *st, const struct sim_host *h)
{
    for (uint32_t i = 0; i < st->n_members; i++) {
        if (st->members[i].id == h->identity.node)
            return st->members[i].voter;
    }
    return false;
}

static void cut(struct sim *s, unsigned a, unsigned b, bool apart)
{
    sim_net_cut(s, a, b, apart);
    sim_net_cut(s, b, a, apart);
}

/* ---- beginning ---- */

/* Another host joins that nobody hears yet. */
static struct sim_host *silent_host(struct sim *s)
{
    struct sim_host *h = sim_new_host(s);

    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (i != h->at)
            cut(s, i, h->at, true);
    }
    return h;
}

bool nemesis_rivals(struct sim *s)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);
    struct bx_node_status st;
    uint64_t term;
    struct sim_host *h = nemesis_leader(s, &term);
    unsigned voters;

    if (h == NULL || r->step != RIVALS_NONE || s->removals > 0)
        return false;
    bx_node_status(h->node, &st);
    voters = count_voters(&st);
    if (voters < VOTERS_MIN || voters != st.n_members ||
        s->n_hosts + 2 + voters % 2 > SIM_HOSTS_MAX)
        return false;
    if (voters % 2 != 0)
        (void)sim_new_host(s);
    r->lasts = LASTS_MIN_US + nemesis_draw(s, LASTS_MAX_US - LASTS_MIN_US);
    enter(s, RIVALS_EVEN);
    return true;
}

/* ---- steps ---- */

/* The leader's rows name both: from now on they are heard. */
static void let_in(struct sim *s, struct sim_host *h)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);
    const struct bx_view *view = bx_node_view(h->node);

    for (unsigned i = 0; i < 2; i++) {
        if (r->joiners[i]->node == NULL || bx_view_node(view, r->joiners[i]->identity.node) == NULL)
            return;
    }
    if (r->joiners[1]->identity.node < r->joiners[0]->identity.node) {
        struct sim_host *first = r->joiners[1]; /* the leader goes by the order of ids */

        r->joiners[1] = r->joiners[0];
        r->joiners[0] = first;
    }
    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (&s->hosts[i] != r->joiners[1] && &s->hosts[i] != r->joiners[0])
            cut(s, i, r->joiners[1]->at, false);
    }
    cut(s, h->at, r->joiners[0]->at, false);
    enter(s, RIVALS_CHANGE);
}

static void invite(struct sim *s, const struct bx_node_status *st)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);

    if (count_voters(st) % 2 != 0 || st->n_members != count_voters(st))
        return;
    r->joiners[0] = silent_host(s);
    r->joiners[1] = silent_host(s);
    enter(s, RIVALS_ROWS);
}

/* The change has been proposed, and what was sent is under way. */
static void divide(struct sim *s, struct sim_host *h, const struct bx_node_status *st)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);

    if (!is_voter(st, r->joiners[0]) || is_voter(st, r->joiners[1]))
        return;
    r->old = h;
    r->term = st->term;
    nemesis_divide(s, 1ull << h->at | 1ull << r->joiners[0]->at);
    enter(s, RIVALS_ELECTION);
}

/* As many stay with the new leader as it needs, with the host that it will make a voter. */
static void change_sides(struct sim *s, struct sim_host *h, const struct bx_node_status *st)
{
    struct nemesis_rivals *r = nemesis_rivals_of(s);
    uint64_t side = 1ull << r->old->at | 1ull << r->joiners[0]->at;
    unsigned move = count_voters(st) / 2 - 1;

    for (unsigned i = 0; i < s->n_hosts && move > 0; i++) {
        if (&s->hosts[i] == h || &s->hosts[i] == r->old || !is_voter(st, &s->hosts[i]))
            continue;
        side |= 1ull << i;
        move--;
    }
    nemesis_divide(s, side);
    nemesis_calm_after(s, r->lasts);
    r->step = RIVALS_NONE;
}

void sim_nemesis_turn(struct sim_host *h)
{
    struct sim *s = h->sim;
    struct nemesis_rivals *r = nemesis_rivals_of(s);
    struct bx_node_status st;

    if (r->step == RIVALS_NONE || h->node == NULL)
        return;
    if (s->quiet || s->now > r->until) {
        r->step = RIVALS_NONE;
        return;
    }
    bx_node_status(h->node, &st);
    if (!st.is_leader)
        return;
    if (r->step == RIVALS_EVEN)
        invite(s, &st);
    else if (r->step == RIVALS_ROWS)
        let_in(s, h);
    else if (r->step == RIVALS_CHANGE)
        divide(s, h, &st);
    else if (h != r->old && st.term > r->term)
        change_sides(s, h, &st);
}
