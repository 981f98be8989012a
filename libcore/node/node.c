#include "node/internal.h"

#include "mem/alloc.h"
#include "mutant.h"
#include "rec/rec.h"

#include <stdlib.h>
#include <string.h>

#define WAL_AGE_MS 15000u /* entries stay in memory for so long, at most for twice as long */

/* ---- accessors ---- */

uint64_t bx_node_now(const struct bx_node *n)
{
    return n->o.clock->ops->boot_ms(n->o.clock);
}

void bx_node_wake(struct bx_node *n)
{
    n->o.wake(n->o.ctx);
}

void bx_node_fatal(struct bx_node *n, const struct bx_err *err)
{
    n->o.fatal(n->o.ctx, err);
    abort(); /* fatal does not return */
}

struct bx_fsm *bx_node_fsm(struct bx_node *n)
{
    return n->fsm;
}

const struct bx_view *bx_node_view(const struct bx_node *n)
{
    return bx_fsm_view(n->fsm);
}

bool bx_node_send_raw(struct bx_node *n, uint64_t to, enum bx_frame kind, const void *p, size_t len,
                      const void *q, size_t m)
{
    struct bx_buf frame = {0};
    bool ok = bx_frame_write_raw(&frame, kind, p, len, q, m) == BX_OK &&
              n->o.link->ops->send(n->o.link, to, &frame);

    bx_buf_release(&frame);
    return ok;
}

void bx_node_send(struct bx_node *n, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                  const void *obj)
{
    struct bx_buf frame = {0};

    if (bx_frame_write(&frame, kind, s, obj) == BX_OK) {
        if (to == n->id)
            bx_node_receive(n, to, kind, frame.data + BX_HEADER_SIZE, frame.len - BX_HEADER_SIZE);
        else
            n->o.link->ops->send(n->o.link, to, &frame);
    }
    bx_buf_release(&frame);
}

/* ---- the turn ---- */

static const uint8_t *aligned(struct bx_node *n, const struct bx_wal_entry *e)
{
    if (((uintptr_t)e->data & 7) == 0)
        return e->data;
    n->aligned.len = 0;
    if (bx_buf_append(&n->aligned, e->data, e->len) != BX_OK)
        bx_oom(e->len);
    return n->aligned.data;
}

static void apply_one(struct bx_node *n, uint64_t index, const struct bx_wal_entry *e)
{
    bool command = e->type == RAFT_COMMAND;
    struct bx_err err;

    if (index <= bx_fsm_applied(n->fsm) && !BX_MUTATED(APPLY_TWICE))
        return; /* state.db had it before the restart */
    bx_node_on_committed(n, index);
    if (bx_fsm_apply(n->fsm, index, command ? aligned(n, e) : NULL, command ? e->len : 0, &err) !=
        BX_OK) {
        bx_err_wrap(&err, "entry %llu", (unsigned long long)index);
        bx_node_fatal(n, &err);
    }
}

static void apply(struct bx_node *n)
{
    struct bx_wal_entry e;
    struct bx_err err;
    size_t bytes = 0;
    uint64_t index, began = 0;

    while (bytes < BX_APPLY_BYTES && bx_ballast_may_write(n) &&
           bx_raft_next(&n->raft, &index, &e)) {
        bytes += e.len;
        began = began == 0 ? bx_node_ns(n) : began;
        apply_one(n, index, &e);
    }
    if (bytes >= BX_APPLY_BYTES)
        bx_node_wake(n);
    if (bx_fsm_commit(n->fsm, &err) != BX_OK)
        bx_node_fatal(n, &err);
    if (bytes > 0)
        BX_DEBUG("apply", "applied", "index", bx_fsm_applied(n->fsm), "bytes", bytes);
    bx_node_took(n, BX_LATENCY_APPLY, began);
    bx_time_on_applied(n);
}

void bx_node_turn(struct bx_node *n)
{
    if (bx_removed_turn(n))
        return;
    bx_propose_turn(n);
    bx_reads_turn(n);
    bx_raft_pump(&n->raft);
    apply(n);
    bx_reads_answer(n);
    if (bx_removed_turn(n)) /* before what was applied ends the runs of VMs that were moved away */
        return;
    bx_member_update_peers(n);
    bx_snapshots_turn(n);
    bx_shrink_turn(n);
    n->reconcile_at = bx_reconcile_tick(n->reconcile);
    /* After reconcile: its new requests leave with this heartbeat. */
    n->lease_at = bx_lease_tick(n->lease);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

uint64_t bx_node_deadline(const struct bx_node *n)
{
    uint64_t at = earlier(n->lease_at, n->reconcile_at);

    if (n->removed)
        return UINT64_MAX;
    if (bx_snapshots_sending(n))
        at = earlier(at, bx_node_now(n) + 10);
    return earlier(at, earlier(n->housekeeping + BX_HOUSEKEEPING_MS, bx_raft_deadline(&n->raft)));
}

static void relieve(struct bx_node *n)
{
    uint64_t to = bx_raft_relieve(&n->raft);

    if (to == n->id)
        BX_WARNING("raft", "stepping down: a write of the log does not complete", "ms",
                   bx_raft_stalled_ms(&n->raft));
    else if (to != 0)
        BX_WARNING("raft", "handing leadership over: a write of the log does not complete", "ms",
                   bx_raft_stalled_ms(&n->raft), "to", to);
}

void bx_node_tick(struct bx_node *n)
{
    uint64_t now = bx_node_now(n);

    if (n->removed)
        return;
    bx_raft_tick(&n->raft);
    if (now >= n->housekeeping + BX_HOUSEKEEPING_MS) {
        n->housekeeping = now;
        bx_propose_expire(n);
        bx_ends_tick(n);
        bx_heard_tick(n);
        bx_repairs_tick(n);
        bx_reads_expire(n);
        bx_member_tick(n);
        relieve(n);
        bx_ballast_tick(n);
        bx_ballast_relieve(n);
        if (bx_wal_high_water_behind(n->wal))
            bx_wal_raise_high_water(n->wal);
        if (now >= n->wal_aged_ms + WAL_AGE_MS) {
            n->wal_aged_ms = now;
            bx_wal_age(n->wal);
        }
    }
    bx_node_wake(n);
}

/* ---- peers ---- */

void bx_node_on_peer(struct bx_node *n, uint64_t id, bool up)
{
    if (up)
        BX_INFO("node", "connected", "node", id);
    else
        BX_INFO("node", "disconnected", "node", id);
    bx_peers_on_connection(&n->peers, id, up);
    bx_raft_on_link(&n->raft, id);
    /* What was relayed over it may be lost: it is sent again, under the same ids. */
    if (id == n->propose.sent_to)
        n->propose.resend = true;
    if (id == n->reads.asked_of)
        n->reads.asked_term = 0;
    if (up)
        bx_heard_on_peer(n, id);
    bx_node_wake(n);
}

bool bx_node_admits(const struct bx_node *n, uint64_t id)
{
    return !n->removed && bx_peers_admits(&n->peers, id);
}

/* ---- status ---- */

void bx_node_memory(const struct bx_node *n, struct bx_node_memory *out)
{
    out->proposals = n->propose.pool.stats;
    out->reads = n->reads.pool.stats;
    bx_intern_stats(n->intern, &out->intern);
    bx_view_memory(bx_node_view(n), &out->state);
    bx_wal_stats(n->wal, &out->log);
    bx_wal_chunks(n->wal, &out->log_chunks);
}

static void build_of(const struct bx_node *n, uint64_t id, struct bx_build *out)
{
    if (id == n->id) {
        out->level = n->o.level;
        snprintf(out->version, sizeof out->version, "%s", n->o.version == NULL ? "" : n->o.version);
    } else if (!n->o.link->ops->build(n->o.link, id, out)) {
        memset(out, 0, sizeof *out);
    }
}

static void member_status(const struct bx_node *n, struct bx_node_status *out)
{
    const struct raft_configuration *c = bx_raft_configuration(&n->raft);

    for (unsigned i = 0; i < c->n; i++) {
        struct bx_member *m = &out->members[out->n_members++];

        m->id = c->servers[i].id;
        snprintf(m->address, sizeof m->address, "%s", c->servers[i].address);
        m->voter = c->servers[i].role == RAFT_VOTER;
        m->connected = m->id == n->id || n->o.link->ops->connected(n->o.link, m->id);
        build_of(n, m->id, &m->build);
    }
}

/* The age is not that of the leader's last message: what it has committed must be applied, too. */
uint64_t bx_node_age(const struct bx_node *n, bool *known)
{
    uint64_t fresh =
        BX_MUTATED(AGE_BY_HEARTBEAT) ? n->raft.leader_contact_ms : bx_raft_fresh(&n->raft);
    uint64_t wall = n->o.clock->ops->wall_ms(n->o.clock);
    struct bx_cluster_info info;

    *known = fresh != 0;
    if (*known)
        return bx_node_now(n) - fresh;
    bx_view_cluster(bx_node_view(n), &info);
    return wall > info.time_ms ? wall - info.time_ms : 0;
}

void bx_node_status(const struct bx_node *n, struct bx_node_status *out)
{
    memset(out, 0, sizeof *out);
    out->id = n->id;
    out->removed = n->removed;
    out->leader = n->removed ? 0 : bx_raft_leader(&n->raft);
    out->is_leader = !n->removed && bx_raft_is_leader(&n->raft);
    out->quorum = bx_node_has_quorum(n);
    out->age_ms = bx_node_age(n, &out->age_known);
    out->term = bx_raft_term(&n->raft);
    out->commit_index = bx_raft_commit(&n->raft);
    out->applied_index = bx_fsm_applied(n->fsm);
    out->last_index = bx_wal_last(n->wal);
    out->durable_index = bx_wal_durable(n->wal);
    out->snapshot_index = n->snapshots.index;
    out->pending = n->propose.n;
    out->reads = n->reads.n;
    out->level = bx_node_level(n);
    out->level_max = n->o.level;
    member_status(n, out);
}
