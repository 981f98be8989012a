/* node - one member of the cluster: log, Raft core, state machine, leases, reconciliation.
 *
 * It is driven from the loop's thread by receive (a frame has arrived), tick (the deadline has
 * passed), turn (at the end of each turn of the loop) and the ports' callbacks. The others only
 * queue work, which turn does:
 *
 *   turn:  close the open batch and submit it -> step the core with what is queued -> start the
 *          log's next write -> apply what is committed -> one SQLite transaction -> outcomes,
 *          events, assignments -> reconcile
 *
 * A request is one proposal. On the leader its command joins the open batch; on a follower it is
 * relayed to the leader. Either way its outcome is found by (session, sequence) when this node
 * applies the entry. So the answer already holds in the state here when it is given, and a command
 * that was sent twice because a leader died has one outcome. When leadership moves, every proposal
 * without an outcome is sent again under the same ids. */
#ifndef BX_NODE_H
#define BX_NODE_H

#include "diag/metric.h"
#include "log/wal.h"
#include "mem/fifo.h"
#include "mem/pool.h"
#include "node/identity.h"
#include "node/ports.h"
#include "state/fsm.h"
#include "state/token.h"
#include "wire/frame.h"

#define BX_PENDING_MAX 65536u            /* proposals without an outcome; more are BX_BUSY */
#define BX_READS_MAX 65536u              /* reads that wait for a barrier; more are BX_BUSY */
#define BX_PENDING_BYTES_MAX (64u << 20) /* of proposals without an outcome; more are BX_BUSY */

struct bx_node;

struct bx_node_options {
    struct bx_clock *clock;
    struct bx_disk *disk;
    struct bx_link *link;
    struct bx_driver *driver;
    const char *state_path; /* of state.db */
    struct bx_identity identity;
    struct bx_node_info self;      /* what this host is and offers; id and state are ignored */
    uint8_t boot_id[16];           /* of the kernel: state.db is trusted only within one boot */
    uint32_t election_ms;          /* 0: 1000 */
    uint32_t heartbeat_ms;         /* 0: 100 */
    uint64_t snapshot_bytes;       /* take one after so much log; 0: 32 MiB */
    uint64_t trailing_bytes;       /* and keep so much behind it; 0: half of snapshot_bytes */
    uint64_t state_log_bytes;      /* of SQLite's log, see bx_node_state_log_full; 0: 16 MiB */
    uint64_t hold_bytes;           /* or for followers that are behind; 0: 4 snapshot_bytes */
    struct bx_pool_size proposals; /* kept for reuse; max 0: 1000, 100 of them made ahead */
    struct bx_pool_size reads;     /* that wait; max 0: 1000, none of them made ahead */
    struct bx_intern *intern;      /* table of names, borrowed; NULL: one of its own */
    uint64_t log_cache_bytes;      /* of entries in memory; 0: 16 MiB */
    uint64_t shared_configs;       /* as in fsm.h */
    size_t segment_bytes;          /* of a file of the log; 0: 8 MiB */
    size_t log_queue_bytes;        /* of the log that waits for the disk; 0: 64 MiB */
    uint64_t ballast_bytes;        /* as in ballast.h; 0: none */
    const char *version;           /* of this build, for people; outlives the node; NULL: "" */
    uint32_t
        level; /* highest feature level to read and to say so; 0: BX_LEVEL, that of the build */
    uint32_t sessions_max;   /* as in fsm.h; the same on every member, never changed; 0: 65,536 */
    uint64_t session_ttl_ms; /* as in fsm.h; the same on every member, never changed; 0: one hour */
    uint32_t events_max;     /* as in fsm.h; the same on every member, never changed; 0: 100,000 */
    uint64_t (*now_ns)(void); /* monotonic, from any thread, for latencies; NULL: none measured */
    /* ---- callbacks, all with ctx ---- */
    void (*wake)(void *ctx); /* something is queued: call turn before the loop blocks */
    void (*event)(void *ctx, const struct bx_event *e);
    void (*vm)(void *ctx, const struct bx_vm *vm, bool gone);
    /* A QUERY or ANSWER has arrived: the payload after the header. */
    void (*frame)(void *ctx, uint64_t from, enum bx_frame kind, const uint8_t *p, size_t n);
    /* A step of a VM begins ("reconcile.start"), and ends in the same call of tick; err NULL: it
     * was taken, else what kept the node from it. Both NULL: nobody asks. */
    void (*action)(void *ctx, const char *name, const uint8_t vm[16]);
    void (*action_ended)(void *ctx, const struct bx_err *err);
    /* A snapshot was taken, or was not, in so much time. NULL: nobody asks. */
    void (*snapshot_done)(void *ctx, bool ok, uint64_t ms);
    /* The node can not continue; the process must end with this message. Does not return. */
    void (*fatal)(void *ctx, const struct bx_err *err);
    void *ctx;
};

/* Recover from the disk and start. On BX_CORRUPT and others the hint tells what to do. */
int bx_node_open(struct bx_node **n, const struct bx_node_options *o, struct bx_err *err);
/* Stop cleanly: waiting requests get BX_SHUTDOWN, state.db is checkpointed and marked clean. The
 * disk port must have no job under way. NULL is allowed. */
void bx_node_close(struct bx_node *n);

void bx_node_turn(struct bx_node *n);
/* Boot time at which tick must be called; changes with every turn and tick. */
uint64_t bx_node_deadline(const struct bx_node *n);
void bx_node_tick(struct bx_node *n);
/* One whole frame from a member, whose header, checksum and sender the link has checked. p is the
 * payload, 8-aligned, valid during the call. */
void bx_node_receive(struct bx_node *n, uint64_t from, enum bx_frame kind, const uint8_t *p,
                     size_t len);
/* May a node that dialled this one and says that it has this id be a peer? It need not be in the
 * list that the link was given: see node/peers.h. */
bool bx_node_admits(const struct bx_node *n, uint64_t id);
/* Was the node of this id removed from the cluster? */
bool bx_node_was_removed(const struct bx_node *n, uint64_t id);
/* A member has refused this node because it was removed. */
void bx_node_on_removed(struct bx_node *n);
/* The name, or else the uuid, of each VM that runs on this host. */
void bx_node_runs(const struct bx_node *n, void (*fn)(void *ctx, const char *name), void *ctx);
/* What that node has told to hold since this one was started, for the hello of a connection with
 * it; zero: nothing. */
struct bx_stored bx_node_heard(const struct bx_node *n, uint64_t id);
/* The hello of a peer has repeated what it has heard of this node; to be called before the peer is
 * told to be up. BX_CORRUPT: the data directory is an older copy, and the process must end with
 * this message. An agent is not believed. */
int bx_node_check_heard(const struct bx_node *n, uint64_t from, const struct bx_stored *heard,
                        struct bx_err *err);
/* A connection to a peer came up or went down. */
void bx_node_on_peer(struct bx_node *n, uint64_t id, bool up);

/* Statistics of its memory. */
struct bx_node_memory {
    struct bx_pool_stats proposals, reads;
    struct bx_intern_stats intern;
    struct bx_view_memory state;
    struct bx_wal_stats log;
    struct bx_fifo_stats log_chunks;
};
void bx_node_memory(const struct bx_node *n, struct bx_node_memory *out);
/* How many commands the entries had that this node submitted as leader. */
extern const struct bx_histogram_info bx_batch_histogram;
void bx_node_batches(const struct bx_node *n, struct bx_histogram *out);

struct bx_submit {
    uint16_t kind;       /* enum bx_cmd_kind */
    const void *body;    /* copied before submit returns */
    uint8_t session[16]; /* zero: the node's own session */
    uint64_t sequence, floor;
    uint8_t trace[16];
    struct bx_str principal, tenant;
    struct bx_str source; /* where it is from, at most BX_SOURCE_MAX bytes; empty: this node */
    uint64_t deadline;    /* boot time when the caller gives up; the command may still be
                           * carried out, and the error says so */
    /* Called exactly once, from turn, tick or close, never from submit. o is NULL when err tells
     * why there is no outcome (BX_NO_LEADER, BX_TIMEOUT, BX_SHUTDOWN); else o->code is the result.
     */
    void (*done)(void *ctx, const struct bx_outcome *o, const struct bx_err *err);
    void *ctx;
};
/* An eighth of the bounds is there beyond them for the principal BX_PRINCIPAL_NODE.
 * BX_OK, BX_BUSY, BX_NO_LEADER (the state is not here yet, or as much as is allowed waits for a
 * quorum), BX_NO_SPACE (ballast.h), BX_TOO_LARGE, BX_NO_MEMORY, BX_SHUTDOWN, or BX_UNSUPPORTED for
 * what needs a feature level above the cluster's.
 * A second submit under a (session, sequence) that waits here is BX_BUSY. */
int bx_node_submit(struct bx_node *n, const struct bx_submit *s, struct bx_err *err);

/* The client has the answers to all requests of this session, and sent none of them elsewhere: end
 * it soon. False: it keeps its outcomes for their hour, because it was not answered here lately, is
 * another's, or a copy of a request may be under way. */
bool bx_node_end_session(struct bx_node *n, const uint8_t session[16], struct bx_str principal);

/* The feature level in force: what commands may need. The founder's before it has made the
 * cluster, and 1 where nothing is known of the cluster yet. */
uint32_t bx_node_level(const struct bx_node *n);
/* May the cluster's level be raised to this one? BX_OK, or BX_CONFLICT: a member does not read it
 * or is not connected, as err tells. */
int bx_node_may_upgrade(const struct bx_node *n, uint32_t level, struct bx_err *err);

/* Call done once this node has applied everything that was committed before now: one barrier
 * serves all that arrived before it was submitted. err NULL: go ahead. Exactly once, never from
 * here. BX_OK, BX_BUSY, or BX_NO_LEADER when as much as is allowed waits for a quorum. */
int bx_node_barrier(struct bx_node *n, uint64_t deadline,
                    void (*done)(void *ctx, const struct bx_err *err), void *ctx,
                    struct bx_err *err);

/* A leader is known, and its last message is not older than two election timeouts. */
bool bx_node_has_quorum(const struct bx_node *n);
/* Leader time: at most what a batch made now would have, exactly that on the leader. It passes also
 * when there is nothing to apply. 0: no batch yet. */
uint64_t bx_node_time(const struct bx_node *n);
/* How much leader time has passed since the newest batch that is applied here, as far as it is
 * known. What has expired stays so: with this, no time goes back that was told here before. */
uint64_t bx_node_idle_ms(struct bx_node *n);
/* The time that is left of a join token, also in a cluster in which nothing happens; 0: it has
 * expired. */
uint64_t bx_node_token_left_ms(struct bx_node *n, const struct bx_token *t);
/* This node has no quorum and is not connected to that one, so how it is can not be told here.
 * *since_ms is the wall time up to which the state here is known to be complete. */
bool bx_node_lost_sight(const struct bx_node *n, uint64_t id, uint64_t *since_ms);
/* Most voters are connected, this node counted if it is one. */
bool bx_node_hears_majority(const struct bx_node *n);
/* BX_NO_LEADER for what ("read", "request") was not confirmed, with the names of the members that
 * do not answer, and the rest of the sentence, which may be empty. */
int bx_node_no_leader(const struct bx_node *n, const char *what, const char *rest,
                      struct bx_err *err);

/* True when there is no quorum and members do not answer; err tells so as above. For what is
 * refused at once because of it. */
bool bx_node_lacks_members(const struct bx_node *n, const char *what, const char *rest,
                           struct bx_err *err);

/* SQLite's log of state.db has reached its bound: let no query of a user begin, and end those that
 * take long, so that the log can begin anew. */
bool bx_node_state_log_full(const struct bx_node *n);

/* The space on the disk of a node, as far as it is known here. */
enum bx_disk_space bx_node_space(const struct bx_node *n, uint64_t id);

struct bx_fsm *bx_node_fsm(struct bx_node *n);
const struct bx_view *bx_node_view(const struct bx_node *n);
/* Send an API query to another member, or answer one. False: not connected, or the link is full. */
bool bx_node_send_raw(struct bx_node *n, uint64_t to, enum bx_frame kind, const void *p, size_t len,
                      const void *q, size_t m);
/* A host that is not a member yet has sent a JOIN, in which secret_hash is set: done gets the
 * answer to send, without a certificate. pin: of the key that it has proven to have, see
 * model/node.h; may be empty. */
int bx_node_join(struct bx_node *n, const struct bx_join *join, struct bx_str pin,
                 void (*done)(void *ctx, const struct bx_joined *answer), void *ctx,
                 struct bx_err *err);

struct bx_member {
    uint64_t id;
    char address[256];
    bool voter; /* else standby */
    bool connected;
    struct bx_build build; /* level 0: not connected */
};
struct bx_node_status {
    uint64_t id, leader;    /* leader 0: none known */
    bool removed;           /* from the cluster: it takes no part any more */
    bool is_leader, quorum; /* quorum: bx_node_has_quorum */
    uint64_t term, commit_index, applied_index, last_index, durable_index, snapshot_index;
    uint64_t age_ms;           /* all that was committed this long ago is applied here */
    bool age_known;            /* else age_ms is the age of the newest entry, by the wall clock */
    uint32_t pending, reads;   /* waiting here */
    uint32_t level, level_max; /* feature levels: in force, and the highest read here */
    uint32_t n_members;
    struct bx_member members[BX_MEMBERS_MAX];
};
void bx_node_status(const struct bx_node *n, struct bx_node_status *out);

#endif
