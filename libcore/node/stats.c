#include "node/stats.h"

#include "node/internal.h"

#define SET(nam, strukt, fields, rows, lab)                                                        \
    {                                                                                              \
        .schema = &(const struct bx_schema)BX_SCHEMA(nam, 0, strukt, fields), .metrics = (rows),   \
        .label = (lab)                                                                             \
    }

/* ---- raft ---- */

#define F(member, typ) BX_FIELD(bx_raft_stats, member, BX_T_##typ)
static const struct bx_field raft_fields[] = {
    F(leading, U32),       F(led, U32),
    F(quorum, U32),        F(voters, U32),
    F(standbys, U32),      F(connected, U32),
    F(queued_bytes, U64),  F(age_ms, U64),
    F(term, U64),          F(commit_index, U64),
    F(applied_index, U64), F(last_index, U64),
    F(durable_index, U64), F(snapshot_index, U64),
    F(elections, U64),     F(leader_changes, U64),
};
#undef F
static const struct bx_metric raft_rows[] = {
    {"blixard_raft_leading", NULL, BX_GAUGE, "1 on the leader, else 0"},
    {"blixard_raft_led", NULL, BX_GAUGE, "1 while a leader is known, else 0"},
    {"blixard_raft_quorum", NULL, BX_GAUGE, "1 while a leader has a majority, else 0"},
    {"blixard_raft_voters", NULL, BX_GAUGE, "voters of the Raft configuration"},
    {"blixard_raft_standbys", NULL, BX_GAUGE, "standbys of the Raft configuration"},
    {"blixard_raft_connected", NULL, BX_GAUGE, "members connected with this one, itself included"},
    {"blixard_raft_queued_bytes", "bytes", BX_GAUGE, "log that waits for the disk"},
    {"blixard_raft_age_seconds", "ms", BX_GAUGE, "how far the state here is behind the leader's"},
    {"blixard_raft_term", NULL, BX_GAUGE, "term"},
    {"blixard_raft_commit_index", NULL, BX_GAUGE, "last committed entry"},
    {"blixard_raft_applied_index", NULL, BX_GAUGE, "last applied entry"},
    {"blixard_raft_last_index", NULL, BX_GAUGE, "last entry of the log"},
    {"blixard_raft_durable_index", NULL, BX_GAUGE, "last entry that is synced to disk"},
    {"blixard_raft_snapshot_index", NULL, BX_GAUGE, "last entry that the newest snapshot covers"},
    {"blixard_raft_elections_total", NULL, BX_COUNTER, "elections that this node has begun"},
    {"blixard_raft_leader_changes_total", NULL, BX_COUNTER, "leaders that this node has seen"},
};
BX_METRIC_EACH(raft_fields, raft_rows);
const struct bx_metric_set bx_raft_metrics =
    SET("raft", bx_raft_stats, raft_fields, raft_rows, NULL);

void bx_node_raft_stats(const struct bx_node *n, struct bx_raft_stats *out)
{
    struct bx_node_status st;

    bx_node_status(n, &st);
    *out = (struct bx_raft_stats){.leading = st.is_leader,
                                  .led = st.leader != 0,
                                  .quorum = st.quorum,
                                  .queued_bytes = bx_wal_queued(n->wal),
                                  .age_ms = st.age_ms,
                                  .term = st.term,
                                  .commit_index = st.commit_index,
                                  .applied_index = st.applied_index,
                                  .last_index = st.last_index,
                                  .durable_index = st.durable_index,
                                  .snapshot_index = st.snapshot_index,
                                  .elections = n->raft.elections,
                                  .leader_changes = n->leader_changes};
    for (uint32_t i = 0; i < st.n_members; i++) {
        out->voters += st.members[i].voter;
        out->standbys += !st.members[i].voter;
        out->connected += st.members[i].connected;
    }
}

/* ---- proposals ---- */

#define F(member) BX_FIELD(bx_proposal_stats, member, BX_T_U64)
static const struct bx_field proposal_fields[] = {
    F(submitted), F(turned_away), F(succeeded),     F(refused),
    F(failed),    F(pending),     F(pending_bytes), F(pending_reads),
};
#undef F
static const struct bx_metric proposal_rows[] = {
    {"blixard_proposal_submitted_total", NULL, BX_COUNTER, "commands that this node has proposed"},
    {"blixard_proposal_turned_away_total", NULL, BX_COUNTER,
     "commands that were refused before, because of a bound or for want of the state"},
    {"blixard_proposal_succeeded_total", NULL, BX_COUNTER, "commands that were carried out"},
    {"blixard_proposal_refused_total", NULL, BX_COUNTER, "commands that the state refused"},
    {"blixard_proposal_failed_total", NULL, BX_COUNTER,
     "commands without an outcome in time, or for want of a leader"},
    {"blixard_proposal_pending", NULL, BX_GAUGE, "commands without an outcome yet"},
    {"blixard_proposal_pending_bytes", "bytes", BX_GAUGE, "their size"},
    {"blixard_proposal_pending_reads", NULL, BX_GAUGE, "reads that wait to be confirmed"},
};
BX_METRIC_EACH(proposal_fields, proposal_rows);
const struct bx_metric_set bx_proposal_metrics =
    SET("proposal", bx_proposal_stats, proposal_fields, proposal_rows, NULL);

void bx_node_proposal_stats(const struct bx_node *n, struct bx_proposal_stats *out)
{
    const struct bx_proposal_counts *c = &n->propose.counts;

    *out = (struct bx_proposal_stats){.submitted = c->submitted,
                                      .turned_away = c->turned_away,
                                      .succeeded = c->succeeded,
                                      .refused = c->refused,
                                      .failed = c->failed,
                                      .pending = n->propose.n,
                                      .pending_bytes = n->propose.bytes,
                                      .pending_reads = n->reads.n};
}

/* ---- leases ---- */

#define F(member) BX_FIELD(bx_lease_stats, member, BX_T_U64)
static const struct bx_field lease_fields[] = {
    F(requests), F(heartbeats), F(held), F(answered), F(granted),
};
#undef F
static const struct bx_metric lease_rows[] = {
    {"blixard_lease_requests", NULL, BX_GAUGE, "VMs for which this node asks for grants"},
    {"blixard_lease_heartbeats_total", NULL, BX_COUNTER, "heartbeats sent to the leader"},
    {"blixard_lease_held_total", NULL, BX_COUNTER, "grants that this node has got"},
    {"blixard_lease_answered_total", NULL, BX_COUNTER, "heartbeats answered as leader"},
    {"blixard_lease_granted_total", NULL, BX_COUNTER, "starts of VMs granted as leader"},
};
BX_METRIC_EACH(lease_fields, lease_rows);
const struct bx_metric_set bx_lease_metrics =
    SET("lease", bx_lease_stats, lease_fields, lease_rows, NULL);

void bx_node_lease_stats(const struct bx_node *n, struct bx_lease_stats *out)
{
    bx_lease_stats(n->lease, out);
}

/* ---- the fleet ---- */

#define F(member) BX_FIELD(bx_fleet_stats, member, BX_T_U64)
static const struct bx_field fleet_fields[] = {
    F(vms),
    F(nodes),
    F(nodes_up),
    F(revision),
    F(vcpus),
    F(memory_bytes),
    F(disk_bytes),
    F(allocated_vcpus),
    F(allocated_memory_bytes),
    F(allocated_disk_bytes),
};
#undef F
static const struct bx_metric fleet_rows[] = {
    {"blixard_fleet_vms", NULL, BX_GAUGE, "VMs of the cluster"},
    {"blixard_fleet_nodes", NULL, BX_GAUGE, "nodes of the cluster"},
    {"blixard_fleet_nodes_up", NULL, BX_GAUGE, "nodes that take VMs"},
    {"blixard_fleet_revision", NULL, BX_GAUGE, "revision of the state"},
    {"blixard_fleet_vcpus", NULL, BX_GAUGE, "vcpus that nodes which are up offer to VMs"},
    {"blixard_fleet_memory_bytes", "bytes", BX_GAUGE, "memory that they offer"},
    {"blixard_fleet_disk_bytes", "bytes", BX_GAUGE, "disk space that they offer"},
    {"blixard_fleet_allocated_vcpus", NULL, BX_GAUGE, "vcpus that VMs take"},
    {"blixard_fleet_allocated_memory_bytes", "bytes", BX_GAUGE, "memory that they take"},
    {"blixard_fleet_allocated_disk_bytes", "bytes", BX_GAUGE, "disk space that they take"},
};
BX_METRIC_EACH(fleet_fields, fleet_rows);
const struct bx_metric_set bx_fleet_metrics =
    SET("fleet", bx_fleet_stats, fleet_fields, fleet_rows, NULL);

static void add_node(struct bx_fleet_stats *out, const struct bx_node_columns *c, uint32_t i,
                     const struct bx_node_row *row)
{
    bool up = row->info.state == BX_NODE_UP;

    out->nodes_up += up;
    if (up) {
        out->vcpus += (uint64_t)c->total_vcpus[i];
        out->memory_bytes += (uint64_t)c->total_memory_mib[i] << 20;
        out->disk_bytes += (uint64_t)c->total_disk_gib[i] << 30;
    }
    out->allocated_vcpus += row->allocated_vcpus;
    out->allocated_memory_bytes += row->allocated_memory_mib << 20;
    out->allocated_disk_bytes += row->allocated_disk_gib << 30;
}

void bx_node_fleet_stats(const struct bx_node *n, struct bx_fleet_stats *out)
{
    const struct bx_view *v = bx_node_view(n);
    struct bx_cluster_info info;
    struct bx_node_columns c;

    bx_view_cluster(v, &info);
    bx_view_columns(v, &c);
    *out = (struct bx_fleet_stats){
        .vms = bx_view_vms(v), .nodes = bx_view_nodes(v), .revision = info.revision};
    for (uint32_t i = 0; i < c.n; i++)
        add_node(out, &c, i, bx_view_node_at(v, i));
}

/* ---- one number with a label ---- */

#define COUNT_FIELD(member)                                                                        \
    {                                                                                              \
        .name = member, .type = BX_T_U64, .offset = offsetof(struct bx_count, total)               \
    }
static const struct bx_field phase_fields[] = {COUNT_FIELD("vms")};
static const struct bx_metric phase_rows[] = {
    {"blixard_vms", NULL, BX_GAUGE, "VMs of the cluster in each phase"}};
const struct bx_metric_set bx_phase_metrics =
    SET("vms", bx_count, phase_fields, phase_rows, "phase");

static const struct bx_field decision_fields[] = {COUNT_FIELD("decisions")};
static const struct bx_metric decision_rows[] = {
    {"blixard_placement_decisions_total", NULL, BX_COUNTER, "placements that were decided"}};
const struct bx_metric_set bx_decision_metrics =
    SET("placement_decision", bx_count, decision_fields, decision_rows, "outcome");

static const struct bx_field candidate_fields[] = {COUNT_FIELD("candidates")};
static const struct bx_metric candidate_rows[] = {
    {"blixard_placement_candidates_total", NULL, BX_COUNTER,
     "nodes looked at for a placement, by what was found"}};
const struct bx_metric_set bx_candidate_metrics =
    SET("placement_candidate", bx_count, candidate_fields, candidate_rows, "reason");

/* ---- latencies ---- */

#define US 1000u
#define MS 1000000u
#define S 1000000000ull
static const uint64_t bounds[] = {100 * US, 250 * US,  500 * US, MS,       5 * MS / 2, 5 * MS,
                                  10 * MS,  25 * MS,   50 * MS,  100 * MS, 250 * MS,   500 * MS,
                                  S,        5 * S / 2, 5 * S,    10 * S};
#define LATENCY(nam, hlp)                                                                          \
    {                                                                                              \
        .metric = {nam, "ns", BX_HISTOGRAM, hlp}, .bounds = bounds,                                \
        .n = sizeof bounds / sizeof bounds[0]                                                      \
    }
const struct bx_histogram_info bx_latencies[BX__LATENCIES] = {
    [BX_LATENCY_PROPOSAL] = LATENCY("blixard_proposal_latency_seconds",
                                    "time from a command's submission to its outcome"),
    [BX_LATENCY_COMMIT] = LATENCY("blixard_commit_latency_seconds",
                                  "time from an entry's submission by this leader to its commit"),
    [BX_LATENCY_APPLY] = LATENCY("blixard_apply_latency_seconds",
                                 "time of applying the entries of one turn, SQLite included"),
    [BX_LATENCY_WRITE] = LATENCY("blixard_wal_write_latency_seconds",
                                 "time of a write of the log, until it is synced"),
};

void bx_node_latency(const struct bx_node *n, enum bx_latency what, struct bx_histogram *out)
{
    *out = what == BX_LATENCY_WRITE ? n->raft.write_ns : n->latencies[what];
}

uint64_t bx_node_ns(const struct bx_node *n)
{
    return n->o.now_ns == NULL ? 0 : n->o.now_ns();
}

void bx_node_took(struct bx_node *n, enum bx_latency what, uint64_t began)
{
    if (began != 0)
        bx_histogram_add(&n->latencies[what], &bx_latencies[what], bx_node_ns(n) - began);
}

void bx_node_on_sealed(struct bx_node *n, uint64_t index)
{
    n->propose.sealed[index % BX_SEALED_KEPT] = (struct bx_sealed){index, bx_node_ns(n)};
}

uint64_t bx_node_committed_ns(const struct bx_node *n)
{
    return n->committed_ns;
}

void bx_node_on_committed(struct bx_node *n, uint64_t index)
{
    struct bx_sealed *s = &n->propose.sealed[index % BX_SEALED_KEPT];

    n->committed_ns = bx_node_ns(n);
    if (s->index != index)
        return;
    bx_node_took(n, BX_LATENCY_COMMIT, s->ns);
    *s = (struct bx_sealed){0};
}
