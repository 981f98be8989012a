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

/* Of the voters that this one reaches, the one with the most of the log. 0: none has more on its
 * disk than this server, or they are no majority without it. */
static uint64_t find_successor(struct bx_raft *r)
{
    const struct raft_configuration *c = &r->core.configuration;
    unsigned voters = 0, others = 0;
    raft_index best = r->core.last_stored, match;
    uint64_t id = 0;

    for (unsigned i = 0; i < c->n; i++) {
        const struct raft_server *s = &c->servers[i];

        voters += s->role == RAFT_VOTER;
        if (s->role != RAFT_VOTER || s->id == r->o.id || !r->o.reachable(r->o.ctx, s->id) ||
            raft_match_index(&r->core, s->id, &match) != 0)
            continue;
        others++;
        if (match > best) {
            id = s->id;
            best = match;
        }
    }
    return others > voters / 2 ? id : 0;
}

/* The core gives up a transfer by itself after an election timeout. */
uint64_t bx_raft_relieve(struct bx_raft *r)
{
    uint64_t stalled = bx_raft_stalled_ms(r), to;
    struct raft_event e = {.type = RAFT_TRANSFER};

    if (stalled < BX_RAFT_STALL_MS || !bx_raft_is_leader(r) || r->silent ||
        r->core.leader_state.transferee != 0 || stalled < r->relieve_ms)
        return 0;
    to = find_successor(r);
    if (to == 0)
        return 0;
    r->relieve_ms = stalled + BX_RAFT_STALL_MS;
    if (stalled >= BX_RAFT_SILENT_MS) {
        r->silent = true;
        return r->o.id;
    }
    e.transfer.server_id = to;
    bx_raft_step(r, &e);
    return to;
}
