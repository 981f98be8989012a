/* internal - what the files of the node share. Nobody else includes it. */
#ifndef BX_NODE_INTERNAL_H
#define BX_NODE_INTERNAL_H

#include "codec/count.h"
#include "log/dualcopy.h"
#include "node/lease.h"
#include "node/node.h"
#include "node/peers.h"
#include "node/raft.h"
#include "node/reconcile.h"
#include "node/stats.h"
#include "node/ballast.h"
#include "rec/rec.h"

#include <sys/queue.h>

#define BX_INFLIGHT_BATCHES                                                                        \
    4u /* uncommitted entries of this leader; the next batch fills meanwhile */
#define BX_HOUSEKEEPING_MS 100u
#define BX_RESEND_MS 5000u /* a proposal without an outcome is sent again */
#define BX_READ_AGAIN_MS 1000u
#define BX_SNAP_PIECE (256u << 10)
#define BX_SNAP_QUEUED (1u << 20) /* bytes of a snapshot queued to one peer */
#define BX_APPLY_BYTES (4u << 20) /* applied in one turn of the loop */

/* ---- stats.c: what is measured ---- */

#define BX_SEALED_KEPT 16u /* entries of this leader whose commit is timed */

struct bx_sealed { /* at index % BX_SEALED_KEPT */
    uint64_t index, ns;
};

/* 0 when nothing is timed. */
uint64_t bx_node_ns(const struct bx_node *n);
/* Add the time since `began`, unless that is 0. */
void bx_node_took(struct bx_node *n, enum bx_latency what, uint64_t began);
/* This leader has submitted an entry; it is committed, as this node is about to apply it. */
void bx_node_on_sealed(struct bx_node *n, uint64_t index);
void bx_node_on_committed(struct bx_node *n, uint64_t index);

/* ---- propose.c: commands until their outcome ---- */

struct bx_proposal {
    TAILQ_ENTRY(bx_proposal) link; /* in queued or sent */
    TAILQ_ENTRY(bx_proposal) own;  /* in `own`, when it is of one of this node's sessions */
    bool foreign;                  /* relayed by a follower, which waits for it; not in the map */
    bool is_own;                   /* of one of this node's sessions */
    bool is_sent;                  /* in the list `sent`; else in `queued` */
    bool copied;                   /* it was sent before, and may arrive twice */
    uint8_t session[16];
    uint64_t sequence;
    uint64_t body_hash, principal_hash; /* tell its outcome from another request's under its id */
    struct bx_buf command;              /* encoded */
    uint64_t deadline, sent_ms;
    uint64_t began_ns; /* when it was submitted here; 0: not timed */
    uint64_t until;    /* the latest deadline of what was sent, by leader time; UINT64_MAX: none */
    void (*done)(void *ctx, const struct bx_outcome *o, const struct bx_err *err);
    void *ctx;
};
TAILQ_HEAD(bx_proposals, bx_proposal);

struct bx_proposal_counts {
    uint64_t submitted, turned_away; /* accepted here, and refused at once */
    uint64_t succeeded, refused, failed;
};

struct bx_own_kind { /* of commands that this node sends by itself */
    struct bx_node *node;
    uint16_t kind;
    uint64_t logged_ms; /* when a refusal was logged last, 0: never */
    uint32_t unlogged;  /* refusals since then */
};

#define BX_RELAY_HEAD 8u /* bytes of a RELAY before its commands */

struct bx_propose {
    struct bx_pool pool;
    struct bx_proposals queued; /* not sent, or to be sent again */
    struct bx_proposals sent;   /* in an entry of ours or relayed; oldest first */
    struct bx_proposals own;    /* of the node's sessions, which share the sequence; by it */
    struct bx_map waiting;      /* by (session, sequence): all that are not foreign */
    uint32_t n;                 /* all of them */
    size_t bytes;               /* of their commands */
    uint8_t session[16];
    uint64_t sequence;
    uint64_t sent_to, sent_term; /* leader and term that those in `sent` went to */
    bool resend;                 /* the connection to it broke: what was sent may be lost */
    uint64_t earliest;           /* no deadline of those in `sent` is before this leader time */
    bool tell_time;              /* as leader: the next batch is made even if it has no command */
    uint64_t sealed_ms;          /* as leader: when the newest batch was made, or the term began */
    struct bx_buf batch;         /* being filled; not in use between turns */
    struct bx_histogram batches; /* how many commands they had */
    struct bx_sealed sealed[BX_SEALED_KEPT];
    struct bx_proposal_counts counts;
    struct bx_own_kind own_kinds[BX__CMDS];
};

int bx_propose_init(struct bx_node *n);
void bx_propose_close(struct bx_node *n);
void bx_propose_turn(struct bx_node *n);
void bx_propose_expire(struct bx_node *n);
/* Free it; the caller has removed it from queued or sent. */
void bx_propose_release(struct bx_propose *pr, struct bx_proposal *p);
/* What was sent is sent again, under the same ids. */
void bx_propose_requeue(struct bx_propose *pr);
/* A batch was applied, with its time: what was sent and is over by it is sent again. */
void bx_propose_on_time(struct bx_node *n);
/* Nothing of it is under way: it never left, or every batch to come is later than its deadlines. */
bool bx_propose_settled(const struct bx_node *n, const struct bx_proposal *p);
/* Queue a relayed command, which is copied. False: there is no room. */
bool bx_propose_relayed(struct bx_node *n, const uint8_t *command, size_t len);
void bx_propose_on_outcome(struct bx_node *n, const struct bx_outcome *o);
/* Each request that waits here ends with this error. */
void bx_propose_fail_all(struct bx_node *n, const struct bx_err *err);

/* ---- session_end.c: sessions whose clients have their answers ---- */

struct bx_answered;
TAILQ_HEAD(bx_answered_list, bx_answered);

struct bx_ends {
    struct bx_slab slab;
    struct bx_map by_session;
    struct bx_answered_list answered; /* here, oldest first */
    struct bx_answered_list ended;    /* to be in the next command */
    uint32_t n;                       /* of those */
    uint64_t due;                     /* boot time of the next command */
};

void bx_ends_init(struct bx_node *n);
void bx_ends_close(struct bx_node *n);
/* A request of this session was answered here, or given up. copied: it may be carried out yet. */
void bx_ends_note(struct bx_node *n, const uint8_t session[16], uint64_t principal_hash,
                  bool copied);
void bx_ends_tick(struct bx_node *n);

/* ---- propose_own.c: commands of the node itself ---- */

void bx_own_init(struct bx_node *n);
/* A command without an answer. One that is refused is logged and dropped: whatever caused it causes
 * it again. */
void bx_propose_internal(struct bx_node *n, uint16_t kind, const void *body);
/* The same, ahead of everything that is queued. */
void bx_propose_internal_first(struct bx_node *n, uint16_t kind, const void *body);

/* ---- deadline.c: leader time, and until when a command may enter the log ---- */

#define BX_DEADLINE_MAX_MS 600000u /* from its sending; much less than outcomes are kept */

struct bx_leader_time {
    uint64_t applied;      /* of the newest batch that is applied here; 0: none */
    uint64_t applied_at;   /* boot time when it was */
    uint64_t leader_since; /* boot time since when leader and term are these */
    bool known;            /* see bx_time_known */
    uint64_t sealed; /* as leader: of the newest batch of all; 0: not known, or there is none */
    uint64_t latest; /* the latest time that was told here */
};

/* Leader or term are others than before. */
void bx_time_on_leader(struct bx_node *n);
void bx_time_on_applied(struct bx_node *n);
/* This leader has made a batch, so long after the one before. */
void bx_time_on_sealed(struct bx_node *n, uint32_t elapsed_ms);
/* Commands may be sent: until when they may be carried out can be said. */
bool bx_time_known(struct bx_node *n);
/* What boot time is in leader time, for a command; 0: no deadline. */
uint64_t bx_time_deadline(const struct bx_node *n, uint64_t boot_ms);

/* ---- level.c: the feature level in force ---- */

/* Nothing can be submitted before. */
bool bx_level_known(const struct bx_node *n);
/* BX_UNSUPPORTED: the state is of a level that this node does not read. */
int bx_level_check(const struct bx_node *n, struct bx_err *err);
/* A submitted body at the level in force: s->body, or a copy of it in `copy` without the fields
 * that may be dropped. NULL, with BX_UNSUPPORTED or BX_CONFLICT in err, when the command must not
 * be submitted. */
#define BX_BODY_MAX 1024u
const void *bx_level_lower(const struct bx_node *n, const struct bx_submit *s,
                           uint8_t copy[BX_BODY_MAX], struct bx_err *err);
/* A command that another node relays, which has been checked: BX_OK, or BX_UNSUPPORTED or
 * BX_CONFLICT as above. A node that applies the rule at submit never relays such a one. */
int bx_level_check_relayed(const struct bx_node *n, const uint8_t *command, size_t len,
                           struct bx_err *err);

/* ---- heard.c: what the others hold, and what they have heard this node to hold ---- */

#define BX_HEARD_MAX (2u * BX_MEMBERS_MAX)

struct bx_heard_of {
    uint64_t id;
    struct bx_stored stored; /* the highest it has told in this life of ours */
};
struct bx_heard {
    struct bx_heard_of of[BX_HEARD_MAX];
    uint32_t n;
    struct bx_stored told; /* by this node, last */
    uint64_t told_ms;
};

void bx_heard_tick(struct bx_node *n);
/* A connection came up. */
void bx_heard_on_peer(struct bx_node *n, uint64_t id);
void bx_heard_on_stored(struct bx_node *n, uint64_t from, const struct bx_stored *s);

/* ---- repairs.c: damage that was found at the start and mended ---- */

enum bx_repair_told { BX_REPAIR_NONE, BX_REPAIR_UNTOLD, BX_REPAIR_ASKED };

struct bx_repairs {
    uint64_t next_ms;
    enum bx_repair_told told[BX__REPAIRS]; /* the cluster */
};

void bx_repairs_note(struct bx_node *n, enum bx_repair what);
void bx_repairs_tick(struct bx_node *n);

/* ---- removed.c: this node is a member no more ---- */

/* BX_UNREACHABLE, so that a client asks another node. */
int bx_removed_error(struct bx_err *err);
/* The state says so: the id was assigned, and has no row. */
bool bx_removed_by_state(const struct bx_node *n);
/* True when it was removed; what waits here has ended then. */
bool bx_removed_turn(struct bx_node *n);

/* ---- reads.c: linearizable reads ---- */

struct bx_waiting_read {
    TAILQ_ENTRY(bx_waiting_read) link;
    uint64_t from, from_id; /* asked by another node, which gets READ_OK */
    uint64_t leader_term;   /* good only while this node leads in this term; 0: under any leader */
    uint64_t deadline;
    void (*done)(void *ctx, const struct bx_err *err);
    void (*done_code)(void *ctx, int code);
    void *ctx;
};
TAILQ_HEAD(bx_waiting_reads, bx_waiting_read);

struct bx_reads {
    struct bx_pool pool;
    struct bx_waiting_reads fresh; /* arrived since the last barrier was submitted */
    struct bx_waiting_reads asked; /* served by the barrier under way */
    uint32_t n;
    uint64_t id; /* of the READ under way, on a follower; begins at random, so that an answer
                  * to a READ of an earlier life of this node is not taken for one of now */
    uint64_t leading_term; /* as leader, at the last turn; 0: not leader */
    uint64_t index;        /* to be applied before the answer; 0: not known yet */
    uint64_t asked_ms, asked_of, asked_term;
};

int bx_reads_init(struct bx_node *n);
void bx_reads_close(struct bx_node *n);
void bx_reads_turn(struct bx_node *n);   /* ask */
void bx_reads_answer(struct bx_node *n); /* after apply and commit */
void bx_reads_expire(struct bx_node *n);
void bx_reads_fail_all(struct bx_node *n, const struct bx_err *err);
void bx_reads_on_read(struct bx_node *n, uint64_t from, const struct bx_read *m);
void bx_reads_on_ok(struct bx_node *n, uint64_t from, const struct bx_read *m);
/* For grants: done(arg, BX_OK) only when this node has led all the time, in one term. */
void bx_reads_as_leader(struct bx_node *n, void (*done)(void *arg, int code), void *arg);

/* ---- member.c: the Raft configuration that the rows ask for, and the states of nodes ---- */

struct bx_member_loop {
    uint64_t leader_since;
    uint32_t nodes;       /* rows there were when somebody was last looked for */
    uint64_t grown_ms;    /* when there were more than before */
    bool rows_changed;    /* the peers that rows name have to be fed again */
    uint64_t catching_up; /* id of the standby being promoted */
    uint64_t retry_ms;
};

void bx_member_on_role(struct bx_node *n, bool leader);
void bx_member_tick(struct bx_node *n);
/* This node was elected: the leader before it, and every node that is not connected, is suspect, so
 * that no command that waits places a VM there. Their next heartbeat reverts it. */
void bx_member_on_elected(struct bx_node *n, uint64_t leader_before);
/* The rows of nodes changed. */
void bx_member_on_rows(struct bx_node *n);
void bx_member_on_configuration(struct bx_node *n, const struct raft_configuration *c);
/* Give the link its peers when they are others than before. */
void bx_member_update_peers(struct bx_node *n);

/* ---- snapshot.c: taking and sending; snapshot_receive.c: receiving ---- */

struct bx_transfer {
    uint64_t to; /* 0: free */
    uint64_t term, offset;
    uint64_t sent_ms; /* when all of it was sent; waits for the answer since */
    struct bx_snap_reader *reader;
    struct bx_job job; /* opens the file and verifies it */
    bool opening;
    struct bx_node *node;
    struct bx_fs *fs;
    struct bx_codec_counts counts; /* of the thread that ran the job */
    struct bx_err err;
};
struct bx_taking {
    struct bx_job job;
    bool busy;
    uint64_t began_ms;
    uint64_t retry_ms; /* earliest next attempt, after one that could not be made */
    struct bx_dump *dump;
    struct bx_snap_writer *writer;
    struct bx_snap_meta meta;
    struct raft_buffer conf;
    struct bx_fs *fs;
    struct bx_codec_counts counts; /* of the thread that ran the job */
    struct bx_err err;
};
struct bx_arrival {
    struct bx_job job;    /* verifies the file that was received, and makes it durable */
    bool busy;            /* the job is under way: the file is its own */
    uint64_t index, term; /* that were announced */
    uint64_t from;
    struct bx_buf message;         /* that announced it, held back until the job is done */
    struct bx_snap_reader *reader; /* of the file, while the core is given the message */
    struct bx_fs *fs;
    struct bx_codec_counts counts; /* of the thread that ran the job */
    struct bx_err err;
};
struct bx_snapshots {
    uint64_t index; /* of the newest one that the core knows */
    struct bx_taking taking;
    struct bx_arrival arrival;
    struct bx_transfer transfers[BX_MEMBERS_MAX];
};

void bx_snapshots_close(struct bx_node *n);
void bx_snapshots_turn(struct bx_node *n);
bool bx_snapshots_sending(const struct bx_node *n);
void bx_snapshots_send(struct bx_node *n, uint64_t to, const struct raft_install_snapshot *m);
void bx_snapshots_on_data(struct bx_node *n, const uint8_t *p, size_t len);
/* As `received` and `install` of raft.h. */
bool bx_snapshots_received(struct bx_node *n, uint64_t from, const uint8_t *p, size_t len,
                           uint64_t index, uint64_t term);
int bx_snapshots_install(struct bx_node *n, uint64_t index, uint64_t term, struct bx_err *err);
/* Remove what was received of a snapshot, unless it is complete and being verified. */
void bx_snapshots_drop(struct bx_node *n);
void bx_snapshots_close_arrival(struct bx_node *n);
/* Restore the state from this snapshot. */
int bx_snapshots_restore(struct bx_node *n, struct bx_snap_reader *reader, struct bx_err *err);

/* ---- shrink.c: the files of the state database ---- */

struct bx_shrink {
    struct bx_job job;
    bool busy;
    const char *path;   /* of state.db */
    uint64_t log_bytes; /* of SQLite's log, when the job began */
    uint64_t left;      /* of those, what readers kept it from writing back */
    uint64_t next_ms;
    uint64_t give_back_ms; /* when free pages are looked for next */
    bool giving_back;      /* there were some */
    bool gave_back;        /* all of them, and the file is not smaller yet */
    bool shrunk;           /* the state has, since the last snapshot */
};

void bx_shrink_turn(struct bx_node *n);

/* ---- ballast.c: see ballast.h ---- */

int bx_ballast_open(struct bx_node *n, struct bx_err *err);
/* Bytes that something large may take now, so that as much as the ballast takes is left beside it.
 */
uint64_t bx_ballast_room(const struct bx_node *n);
/* To be called ten times a second. */
void bx_ballast_tick(struct bx_node *n);
/* A write found no room. True: there may be some now, because the ballast is gone. */
bool bx_ballast_met(struct bx_node *n);
/* There is room for what the log and SQLite write for what is under way. */
bool bx_ballast_may_write(const struct bx_node *n);
/* BX_OK, or BX_NO_SPACE: the command is not to be proposed now. */
int bx_ballast_admit(const struct bx_node *n, const struct bx_submit *s, struct bx_err *err);
/* A leader that is not ok gives the lead to a voter that is. */
void bx_ballast_relieve(struct bx_node *n);

/* ---- receive.c ---- */

struct bx_refusals { /* of frames */
    uint64_t logged_ms;
    uint32_t left_out; /* of the log since */
};

/* Leaders do not take some kinds of commands from other nodes. */
bool bx_may_be_relayed(uint16_t kind);
/* A node keeps its role, so that a row here that says agent is true however old it is. */
bool bx_node_is_no_agent(const struct bx_node *n, uint64_t id);

/* ---- node.c ---- */

struct bx_node {
    struct bx_node_options o;
    uint64_t id;
    struct bx_intern *intern;
    struct bx_vote vote;
    struct bx_dualcopy trust;
    struct bx_wal *wal;
    struct bx_fsm *fsm;
    struct bx_raft raft;
    bool raft_open, closing;
    bool told_removed, removed; /* a member said so; it takes no part any more */
    struct bx_lease *lease;
    struct bx_reconcile *reconcile;
    struct bx_propose propose;
    struct bx_ends ends;
    struct bx_leader_time time;
    struct bx_reads reads;
    struct bx_member_loop member;
    struct bx_peers peers;
    struct bx_heard heard;
    struct bx_repairs repairs;
    struct bx_snapshots snapshots;
    struct bx_shrink shrink;
    uint64_t housekeeping, wal_aged_ms, lease_at, reconcile_at; /* boot times */
    struct bx_ballast ballast;
    struct bx_refusals refusals;
    struct bx_histogram latencies[BX__LATENCIES];
    uint64_t leader_changes;
    uint64_t committed_ns; /* when the entry applied last was found committed; 0: not timed */
    struct bx_buf aligned; /* an entry that did not lie 8-aligned */
};

uint64_t bx_node_now(const struct bx_node *n);
/* age_ms and age_known of its status. */
uint64_t bx_node_age(const struct bx_node *n, bool *known);
void bx_node_wake(struct bx_node *n);
_Noreturn void bx_node_fatal(struct bx_node *n, const struct bx_err *err);
/* Send a record; one to this node itself is received from inside the call. */
void bx_node_send(struct bx_node *n, uint64_t to, enum bx_frame kind, const struct bx_schema *s,
                  const void *obj);

#endif
