/* raft - the Raft core between our log and our link: events in, updates out.
 *
 * libraft's raft_step() decides; this module carries out its updates. After a step, in this order:
 * term and vote are made durable, entries are handed to the log, an installed snapshot to its
 * owner, messages are sent, commit index and role are read. A step is never taken from inside a
 * step: what happens meanwhile is seen by the next pump.
 *
 * The preconditions of the core are checked here or in wire/raftmsg, because its asserts are
 * compiled out. Everything is called on the loop's thread. */
#ifndef BX_RAFT_H
#define BX_RAFT_H

#include "log/snapfile.h"
#include "log/vote.h"
#include "log/wal.h"
#include "node/ports.h"
#include "node/stats.h"

#include <raft.h>

#define BX_RAFT_INFLIGHT 32u /* unacknowledged entries to a follower; ours are batches */
/* Bytes of entries in one AppendEntries, unless a single entry is larger. */
#define BX_RAFT_BYTES_MAX (1u << 20)
/* Terms go up by one with each election. A message with one that is further ahead, or beyond
 * BX_TERM_MAX, is no member's. */
#define BX_RAFT_TERM_STEP (1ull << 32)
/* Bytes that wait on the link to a server at which entries are not sent to it again. */
#define BX_RAFT_BACKLOG (4u << 10)
#define BX_RAFT_STALL_MS 2000u  /* a leader's write may take so long before it hands over, */
#define BX_RAFT_SILENT_MS 6000u /* and so long before it falls silent */
#define BX_RAFT_SPACE_MS 200u   /* until a write that found no room is tried again */

struct bx_raft_options {
    uint64_t id;
    const char *address;
    struct bx_clock *clock;
    struct bx_disk *disk;
    struct bx_wal *wal;
    struct bx_vote *vote;
    const struct bx_snap_meta *snapshot;       /* the newest one, NULL when there is none */
    const struct raft_configuration *founding; /* entry 1 of a new cluster; NULL otherwise */
    uint32_t election_ms, heartbeat_ms;
    bool (*send)(void *ctx, uint64_t to, struct bx_buf *frame);
    bool (*reachable)(void *ctx, uint64_t to); /* false: entries need not be read */
    size_t (*queued)(void *ctx, uint64_t to);  /* bytes that wait on the link */
    /* The core wants to send a snapshot to a member: transfer the file, then call
     * bx_raft_snapshot_sent. */
    void (*send_snapshot)(void *ctx, uint64_t to, const struct raft_install_snapshot *m);
    /* The payload at p announces a snapshot that should have arrived whole. True: it is verified
     * and durable, or not newer than the one that is there. False: the core does not see the
     * message now. Once the file is verified, a copy of p is to be received again; without that
     * the leader sends all of it again. */
    bool (*received)(void *ctx, uint64_t from, const uint8_t *p, size_t len, uint64_t index,
                     uint64_t term);
    /* This snapshot, which was verified, replaces everything: restore the state and reset the log
     * before this returns. */
    int (*install)(void *ctx, uint64_t index, uint64_t term, struct bx_err *err);
    void (*role)(void *ctx, bool leader);
    /* The newest configuration, committed or not, is another one than before. Also called while the
     * core is being started. */
    void (*configuration)(void *ctx, const struct raft_configuration *c);
    /* A write of the log found no room. It is tried again when has_space says so, every
     * BX_RAFT_SPACE_MS at most. */
    void (*no_space)(void *ctx, const struct bx_err *err);
    bool (*has_space)(void *ctx);
    uint64_t (*now_ns)(void); /* monotonic, from any thread; NULL: nothing is timed */
    void (*wake)(void *ctx);
    void (*fatal)(void *ctx, const struct bx_err *err); /* does not return */
    void *ctx;
};

struct bx_raft_sent {
    uint64_t id;     /* of a server */
    uint64_t last;   /* entry that was sent to it */
    uint64_t commit; /* it was told that entries up to here are committed */
};

struct bx_raft {
    struct raft core;
    struct bx_raft_options o;
    struct bx_job job; /* the log's write under way; o.disk runs it */
    struct bx_err job_err;
    bool writing, was_leader, closed;
    bool no_space;                   /* the write under way found no room, and waits */
    uint64_t again_ms;               /* boot time when it is tried again */
    uint64_t write_ms;               /* boot time when the write under way began */
    uint64_t relieve_ms;             /* how old it has to be for the next attempt to hand over */
    uint64_t hand_over_ms;           /* boot time of the next attempt to hand over without that */
    uint64_t leader_term, leader_id; /* the newest term with a known leader, and that */
    uint64_t elections;              /* that this server has begun */
    struct bx_histogram write_ns;    /* of a write of the log, until it is synced */
    uint64_t write_took_ns;          /* of the write under way; the writer's until it is done */
    bool silent;                     /* this leader sends nothing, so that another is elected */
    struct bx_raft_sent sent[BX_MEMBERS_MAX]; /* in this leader's term */
    uint64_t configuration_index;             /* of the one that was reported last */
    bool new_configuration;                   /* an entry with one was appended since */
    bool answers_old_term;        /* what is stepped is a message of a term that is over */
    uint64_t cursor, cursor_term; /* last entry handed out by bx_raft_next */
    uint64_t leader_contact_ms;   /* boot time of the leader's last AppendEntries */
    uint64_t claim_ms;            /* boot time of a message with a commit index */
    uint64_t claim_commit;        /* that is not applied here yet */
    uint64_t fresh_ms;            /* boot time of the last one that is applied */
    struct bx_buf scratch;        /* entries read back from disk */
};

/* Have libraft's memory pooled from now on. To be called before libraft allocates anything in this
 * process; may be called again. */
void bx_raft_heap_use(void);
/* Start the core from what log, vote and snapshot hold. */
int bx_raft_open(struct bx_raft *r, const struct bx_raft_options *o, struct bx_err *err);
void bx_raft_close(struct bx_raft *r);

/* Append one entry as leader; data is copied. *index is where it will stand. BX_OK, BX_NO_LEADER
 * (also during a transfer), BX_CONFLICT (a configuration change is under way), BX_BUSY (too much
 * waits for the disk), BX_TOO_LARGE, BX_NO_MEMORY. */
int bx_raft_submit(struct bx_raft *r, uint8_t type, const void *data, size_t len, uint64_t *index);
/* The same of a whole buffer, which the core takes over when the answer is BX_OK: its heap must be
 * the buffers' (bx_raft_heap_use). */
int bx_raft_submit_taken(struct bx_raft *r, uint8_t type, struct bx_buf *data, uint64_t *index);
/* A RAFT frame's payload. A message the core could not survive is dropped with a reason in err. One
 * that is held back, see `received`, is BX_OK. */
int bx_raft_receive(struct bx_raft *r, uint64_t from, const uint8_t *p, size_t len,
                    struct bx_err *err);
/* The link to a server is another one now: nothing waits on it. */
void bx_raft_on_link(struct bx_raft *r, uint64_t id);
/* Fire the core's timeout when it is due. */
void bx_raft_tick(struct bx_raft *r);
/* Boot time of the next timeout. */
uint64_t bx_raft_deadline(const struct bx_raft *r);
/* Tell the core what became durable, start the next write. */
void bx_raft_pump(struct bx_raft *r);

/* The next committed entry in order, valid until the next call of this module; false when there is
 * none. Configuration entries are handed to the core on the way. */
bool bx_raft_next(struct bx_raft *r, uint64_t *index, struct bx_wal_entry *e);

bool bx_raft_is_leader(const struct bx_raft *r);
/* This leader has handed out an entry of its term, and so all that was committed before it. */
bool bx_raft_caught_up(const struct bx_raft *r);
uint64_t bx_raft_leader(const struct bx_raft *r); /* 0: unknown */
uint64_t bx_raft_term(const struct bx_raft *r);
uint64_t bx_raft_commit(const struct bx_raft *r);
/* The latest boot time such that all that was committed then has been handed out; 0: none in this
 * life. It does not include the time that the leader's message was under way or waited in buffers.
 */
uint64_t bx_raft_fresh(const struct bx_raft *r);
/* Entries submitted here and not yet committed. */
uint64_t bx_raft_uncommitted(const struct bx_raft *r);
/* The last entry of its log that a server has acknowledged to this leader; 0: none yet. */
uint64_t bx_raft_match(const struct bx_raft *r, uint64_t id);

/* ---- a disk that stands still ---- */
/* How long the write under way has taken so far; 0: there is none. */
uint64_t bx_raft_stalled_ms(const struct bx_raft *r);
/* To be called ten times a second. A leader whose disk stands still begins to give the lead away;
 * to whom: the id of a server, this server's own when it falls silent instead, 0: nothing began. */
uint64_t bx_raft_relieve(struct bx_raft *r);
/* A leader begins to give the lead to the voter with the most of the log of those that it reaches
 * and that `fit`, if that is nearly all, every BX_RAFT_STALL_MS at most. Its id; 0: nothing began.
 */
uint64_t bx_raft_hand_over(struct bx_raft *r, bool (*fit)(void *ctx, uint64_t id));

/* ---- membership ---- */
const struct raft_configuration *bx_raft_configuration(const struct bx_raft *r);
/* The server of this id in it; NULL: there is none. */
const struct raft_server *bx_raft_server(const struct bx_raft *r, uint64_t id);
/* True when this leader has committed an entry of its term, the newest configuration is committed,
 * and neither a catch-up nor a transfer runs. */
bool bx_raft_can_change(const struct bx_raft *r);
/* BX_OK, BX_NO_LEADER, BX_CONFLICT (not now: see above), BX_NO_MEMORY. */
int bx_raft_change(struct bx_raft *r, const struct raft_configuration *c);
void bx_raft_catch_up(struct bx_raft *r, uint64_t id);
int bx_raft_catch_up_status(const struct bx_raft *r, uint64_t id); /* RAFT_CATCH_UP_* */

/* ---- snapshots ---- */
/* A snapshot at index, which is applied, is durable: entries below `keep` are not needed any more.
 * conf is the encoded committed configuration, from bx_raft_committed_configuration. */
int bx_raft_snapshot_taken(struct bx_raft *r, const struct bx_snap_meta *meta, uint64_t keep,
                           struct bx_err *err);
/* The committed configuration, encoded with raft_malloc, and its index; false while a change is
 * uncommitted or a snapshot is being installed: no snapshot may be taken then. */
bool bx_raft_committed_configuration(const struct bx_raft *r, struct raft_buffer *out,
                                     uint64_t *index);
/* The file has been sent whole: send the message that names it. */
void bx_raft_snapshot_sent(struct bx_raft *r, uint64_t to, const struct bx_snap_meta *meta,
                           uint64_t term);

#endif
