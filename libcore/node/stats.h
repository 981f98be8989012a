/* stats - what a node counts and how long things take, for the registry of metrics.
 *
 * Everything is of this node and since its start, unless a member says otherwise. Latencies are
 * measured with bx_node_options.now_ns; without it their histograms stay empty. */
#ifndef BX_STATS_H
#define BX_STATS_H

#include "diag/metric.h"

struct bx_node;

/* Current values, but for the last two. */
struct bx_raft_stats {
    uint32_t leading;          /* 1: this node is the leader */
    uint32_t led;              /* 1: a leader is known */
    uint32_t quorum;           /* 1: as bx_node_has_quorum */
    uint32_t voters, standbys; /* of the Raft configuration */
    uint32_t connected;        /* of those, this node counted */
    uint64_t queued_bytes;     /* of the log, which wait for the disk */
    uint64_t age_ms;           /* all that was committed so long ago is applied here */
    uint64_t term, commit_index, applied_index, last_index, durable_index, snapshot_index;
    uint64_t elections;      /* that this node has begun */
    uint64_t leader_changes; /* that this node has seen */
};
extern const struct bx_metric_set bx_raft_metrics;
void bx_node_raft_stats(const struct bx_node *n, struct bx_raft_stats *out);

/* The disk that DATA is on. */
struct bx_space_stats {
    uint32_t shortage;      /* enum bx_disk_space: 0, 1 or 2 */
    uint64_t free_bytes;    /* when it was last looked at; 0: nobody looks */
    uint64_t ballast_bytes; /* taken besides, to be given up; 0: it is, or there is none */
};
extern const struct bx_metric_set bx_space_metrics;
void bx_node_space_stats(const struct bx_node *n, struct bx_space_stats *out);

/* Commands that clients of this node, and the node itself, have asked for. */
struct bx_proposal_stats {
    uint64_t submitted, turned_away; /* accepted, and refused before that: a bound, no state yet */
    uint64_t succeeded, refused;     /* by the state machine */
    uint64_t failed;                 /* without an outcome: too late, no leader, shutdown */
    uint64_t pending, pending_bytes; /* now, relayed ones included */
    uint64_t pending_reads;          /* now, which wait for a barrier */
};
extern const struct bx_metric_set bx_proposal_metrics;
void bx_node_proposal_stats(const struct bx_node *n, struct bx_proposal_stats *out);

struct bx_lease_stats;
extern const struct bx_metric_set bx_lease_metrics;
void bx_node_lease_stats(const struct bx_node *n, struct bx_lease_stats *out);

/* What the state holds, of the whole cluster: no names, and as many numbers for one VM as for a
 * million. Nodes are looked at one by one, VMs are not. */
struct bx_fleet_stats {
    uint64_t vms, nodes;
    uint64_t nodes_up;
    uint64_t revision;
    uint64_t vcpus, memory_bytes, disk_bytes; /* that nodes which are up offer to VMs */
    uint64_t allocated_vcpus, allocated_memory_bytes, allocated_disk_bytes; /* of all nodes */
};
extern const struct bx_metric_set bx_fleet_metrics;
void bx_node_fleet_stats(const struct bx_node *n, struct bx_fleet_stats *out);

/* VMs that are shown in this phase (wire/vm.h) here, of BX__SHOWN. Nodes are looked at one by one,
 * VMs are not. */
uint64_t bx_node_vms_in(const struct bx_node *n, uint8_t phase);

struct bx_count {
    uint64_t total; /* or the current number */
};
extern const struct bx_metric_set bx_phase_metrics;     /* by "phase" that is shown: VMs now */
extern const struct bx_metric_set bx_decision_metrics;  /* by "outcome": placements */
extern const struct bx_metric_set bx_candidate_metrics; /* by "reason": nodes looked at for them */

enum bx_latency {
    BX_LATENCY_PROPOSAL, /* from a command's submission here to its outcome */
    BX_LATENCY_COMMIT,   /* as leader: from an entry's submission to its commit */
    BX_LATENCY_APPLY,    /* of the entries of one turn, with their SQLite transaction */
    BX_LATENCY_WRITE,    /* of a write of the log, until it is synced */
    BX__LATENCIES
};
extern const struct bx_histogram_info bx_latencies[BX__LATENCIES];
void bx_node_latency(const struct bx_node *n, enum bx_latency what, struct bx_histogram *out);
/* By bx_node_options.now_ns, when the entry that was applied last was found to be committed; 0: not
 * timed. In the callback of a command that is its own entry. */
uint64_t bx_node_committed_ns(const struct bx_node *n);

#endif
