#include "node/stats.h"

#include "node/internal.h"

/* ---- raft ---- */

#define RAFT(X, at)                                                                                \
    X(at, LEVEL, leading, "1 on the leader, else 0")                                               \
    X(at, LEVEL, led, "1 while a leader is known, else 0")                                         \
    X(at, LEVEL, quorum, "1 while a leader has a majority, else 0")                                \
    X(at, LEVEL, voters, "voters of the Raft configuration")                                       \
    X(at, LEVEL, standbys, "standbys of the Raft configuration")                                   \
    X(at, LEVEL, connected, "members connected with this one, itself included")                    \
    X(at, BYTES, queued_bytes, "log that waits for the disk")                                      \
    X(at, MS, age, "how far the state here is behind the leader's")                                \
    X(at, LEVEL, term, "term")                                                                     \
    X(at, LEVEL, commit_index, "last committed entry")                                             \
    X(at, LEVEL, applied_index, "last applied entry")                                              \
    X(at, LEVEL, last_index, "last entry of the log")                                              \
    X(at, LEVEL, durable_index, "last entry that is synced to disk")                               \
    X(at, LEVEL, snapshot_index, "last entry that the newest snapshot covers")                     \
    X(at, COUNT, elections, "elections that this node has begun")                                  \
    X(at, COUNT, leader_changes, "leaders that this node has seen")
BX_METRIC_SET(bx_raft_metrics, "raft", bx_raft_stats, RAFT, NULL);

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

/* ---- the disk ---- */

#define SPACE(X, at)                                                                               \
    X(at, LEVEL, shortage, "of space: 0 there is enough, 1 it is low, 2 the disk is full")         \
    X(at, BYTES, free_bytes, "free space of the file system that the data directory is on")        \
    X(at, BYTES, ballast_bytes, "space that the ballast takes, to be given up")
BX_METRIC_SET(bx_space_metrics, "disk", bx_space_stats, SPACE, NULL);

void bx_node_space_stats(const struct bx_node *n, struct bx_space_stats *out)
{
    const struct bx_ballast *b = &n->ballast;

    *out = (struct bx_space_stats){
        .shortage = b->state, .free_bytes = b->free, .ballast_bytes = b->held ? b->bytes : 0};
}

/* ---- proposals ---- */

#define PROPOSAL(X, at)                                                                            \
    X(at, COUNT, submitted, "commands that this node has proposed")                                \
    X(at, COUNT, turned_away,                                                                      \
      "commands that were refused before, because of a bound or for want of the state")            \
    X(at, COUNT, succeeded, "commands that were carried out")                                      \
    X(at, COUNT, refused, "commands that the state refused")                                       \
    X(at, COUNT, failed, "commands without an outcome in time, or for want of a leader")           \
    X(at, LEVEL, pending, "commands without an outcome yet")                                       \
    X(at, BYTES, pending_bytes, "their size")                                                      \
    X(at, LEVEL, pending_reads, "reads that wait to be confirmed")
BX_METRIC_SET(bx_proposal_metrics, "proposal", bx_proposal_stats, PROPOSAL, NULL);

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

#define LEASE(X, at)                                                                               \
    X(at, LEVEL, requests, "VMs for which this node asks for grants")                              \
    X(at, COUNT, heartbeats, "heartbeats sent to the leader")                                      \
    X(at, COUNT, held, "grants that this node has got")                                            \
    X(at, COUNT, answered, "heartbeats answered as leader")                                        \
    X(at, COUNT, granted, "starts of VMs granted as leader")
BX_METRIC_SET(bx_lease_metrics, "lease", bx_lease_stats, LEASE, NULL);

void bx_node_lease_stats(const struct bx_node *n, struct bx_lease_stats *out)
{
    bx_lease_stats(n->lease, out);
}

/* ---- the fleet ---- */

#define FLEET(X, at)                                                                               \
    X(at, LEVEL, vms, "VMs of the cluster")                                                        \
    X(at, LEVEL, nodes, "nodes of the cluster")                                                    \
    X(at, LEVEL, nodes_up, "nodes that take VMs")                                                  \
    X(at, LEVEL, revision, "revision of the state")                                                \
    X(at, LEVEL, vcpus, "vcpus that nodes which are up offer to VMs")                              \
    X(at, BYTES, memory_bytes, "memory that they offer")                                           \
    X(at, BYTES, disk_bytes, "disk space that they offer")                                         \
    X(at, LEVEL, allocated_vcpus, "vcpus that VMs take")                                           \
    X(at, BYTES, allocated_memory_bytes, "memory that they take")                                  \
    X(at, BYTES, allocated_disk_bytes, "disk space that they take")
BX_METRIC_SET(bx_fleet_metrics, "fleet", bx_fleet_stats, FLEET, NULL);

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

static bool is_absent(const struct bx_node *n, const struct bx_node_row *row)
{
    uint64_t since;

    return row->info.state == BX_NODE_DOWN || bx_node_lost_sight(n, row->info.id, &since);
}

uint64_t bx_node_vms_in(const struct bx_node *n, uint8_t phase)
{
    const struct bx_view *v = bx_node_view(n);
    uint64_t vms = bx_view_phases(v)->present[phase];

    for (uint32_t i = 0; i < bx_view_nodes(v); i++) {
        const struct bx_node_row *row = bx_view_node_at(v, i);

        if (is_absent(n, row))
            vms = vms - row->phases.present[phase] + row->phases.absent[phase];
    }
    return vms;
}

/* ---- one number with a label ---- */

#define ONE(var, nam, member, lab, ...)                                                            \
    static const struct bx_field var##_fields[] = {                                                \
        {.name = member, .type = BX_T_U64, .offset = offsetof(struct bx_count, total)}};           \
    static const struct bx_schema var##_schema = BX_SCHEMA(nam, 0, bx_count, var##_fields);        \
    static const struct bx_metric var##_rows[] = {{__VA_ARGS__}};                                  \
    const struct bx_metric_set var = {&var##_schema, var##_rows, lab}
ONE(bx_phase_metrics, "vms", "vms", "phase", "blixard_vms", NULL, BX_GAUGE,
    "VMs of the cluster by phase, as vm list shows it: also backoff, and unknown on nodes that "
    "are down");
ONE(bx_decision_metrics, "placement_decision", "decisions", "outcome",
    "blixard_placement_decisions_total", NULL, BX_COUNTER, "placements that were decided");
ONE(bx_candidate_metrics, "placement_candidate", "candidates", "reason",
    "blixard_placement_candidates_total", NULL, BX_COUNTER,
    "nodes looked at for a placement, by what was found");

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
