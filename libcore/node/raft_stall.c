/* raft_stall - a leader whose disk stands still. Others commit without it, so it would lead on, and
 * its log's queue would fill. It submits nothing while a quarter of that is used (propose.c), and
 * after BX_RAFT_STALL_MS gives the lead to the server that has come furthest. When that does not
 * help it falls silent: the others elect a leader, and it steps down as it hears from no majority.
 */
#include "node/raft_priv.h"

uint64_t bx_raft_stalled_ms(const struct bx_raft *r)
{
    return r->writing ? bx_raft_now(r) - r->write_ms : 0;
}

struct successor {
    uint64_t id; /* 0: there is none */
    raft_index match;
    unsigned voters, others; /* all, and those that are reached */
};

/* Of the voters that this one reaches and that fit, the one with the most of the log. */
static struct successor find_successor(struct bx_raft *r, bool (*fit)(void *ctx, uint64_t id))
{
    const struct raft_configuration *c = &r->core.configuration;
    struct successor best = {0};
    raft_index match;

    for (unsigned i = 0; i < c->n; i++) {
        const struct raft_server *s = &c->servers[i];

        best.voters += s->role == RAFT_VOTER;
        if (s->role != RAFT_VOTER || s->id == r->o.id || !r->o.reachable(r->o.ctx, s->id) ||
            raft_match_index(&r->core, s->id, &match) != 0)
            continue;
        best.others++;
        if ((fit == NULL || fit(r->o.ctx, s->id)) && (best.id == 0 || match > best.match)) {
            best.id = s->id;
            best.match = match;
        }
    }
    return best;
}

/* The core gives up a transfer by itself after an election timeout. */
static void transfer(struct bx_raft *r, uint64_t to)
{
    struct raft_event e = {.type = RAFT_TRANSFER};

    e.transfer.server_id = to;
    bx_raft_step(r, &e);
}

static bool may_transfer(const struct bx_raft *r)
{
    return bx_raft_is_leader(r) && !r->silent && r->core.leader_state.transferee == 0;
}

/* The successor has more on its disk than this server, and the others are a majority without it. */
uint64_t bx_raft_relieve(struct bx_raft *r)
{
    uint64_t stalled = bx_raft_stalled_ms(r);
    struct successor to;

    if (stalled < BX_RAFT_STALL_MS || !may_transfer(r) || stalled < r->relieve_ms)
        return 0;
    to = find_successor(r, NULL);
    if (to.id == 0 || to.match <= r->core.last_stored || to.others <= to.voters / 2)
        return 0;
    r->relieve_ms = stalled + BX_RAFT_STALL_MS;
    if (stalled >= BX_RAFT_SILENT_MS) {
        r->silent = true;
        return r->o.id;
    }
    transfer(r, to.id);
    return to.id;
}

uint64_t bx_raft_hand_over(struct bx_raft *r, bool (*fit)(void *ctx, uint64_t id))
{
    uint64_t now = bx_raft_now(r);
    struct successor to;

    if (!may_transfer(r) || now < r->hand_over_ms)
        return 0;
    to = find_successor(r, fit);
    if (to.id == 0 || to.match + BX_RAFT_INFLIGHT < bx_wal_last(r->o.wal))
        return 0; /* nothing is committed while it catches up */
    r->hand_over_ms = now + BX_RAFT_STALL_MS;
    transfer(r, to.id);
    return to.id;
}
