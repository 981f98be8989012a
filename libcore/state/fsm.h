/* fsm - the replicated state machine: applies committed entries and emits outcomes, changes and
 * events.
 *
 * apply decides on the view, journals each row it replaces, rolls back a command that fails, and
 * writes the rows of a successful one into the open SQLite transaction. commit ends the turn: it
 * commits one transaction with all rows and the applied index, and only then passes outcomes and
 * changes to the sink. A SQLite error in apply or commit ends the process; nothing is lost, because
 * the log has all entries.
 *
 * The digest is the sum (mod 2^64) of XXH3 over the canonical flat bytes of every replicated row.
 * Outcomes have a separate sum, because a refused request adds an outcome but does not change the
 * state that users see, nor its digest. The stored digest covers both sums, the applied index, the
 * revision, the times and the head of the chain of events, so a flipped bit in any of them is
 * detected at load. Events and outcomes carry a checksum per row, and event revisions have no gap.
 */
#ifndef BX_FSM_H
#define BX_FSM_H

#include "diag/metric.h"
#include "mem/buf.h"
#include "state/sched.h"
#include "state/view.h"
#include "wire/command.h"

struct bx_fsm;

struct bx_fsm_sink {
    /* The state database is unusable and the process must end with this message; must not return.
     * NULL: the message is printed to stderr. */
    void (*fatal)(void *ctx, const struct bx_err *err);
    /* The outcome of the command at `place` (from 0) of the entry at `index`. */
    void (*outcome)(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o);
    /* This object changed (struct bx_vm, struct bx_node_row ...). gone: it was deleted, and this is
     * its last state. */
    void (*changed)(void *ctx, enum bx_table kind, const void *object, bool gone);
    void (*event)(void *ctx, const struct bx_event *e);
    /* SQLite finds no room. True: there may be some now. NULL: there never is. */
    bool (*no_space)(void *ctx);
    void *ctx;
};

struct bx_fsm_options {
    const char *path;         /* of state.db; ":memory:" is allowed */
    bool trusted;             /* false: remove an existing database first */
    uint32_t events_max;      /* events that are kept; 0: 100,000 */
    uint64_t events_bytes;    /* and their bytes; 0: 32 MiB */
    uint32_t sessions_max;    /* held ones (state/session.h); 0: 65,536 */
    uint64_t session_ttl_ms;  /* time measured by leaders; 0: one hour */
    uint32_t level;           /* highest feature level this node reads; 0: BX_LEVEL */
    uint64_t configs_max;     /* bound on shared VM configurations; 0: 65,536 */
    uint64_t room;            /* bytes that the database may be copied in, if it is an old one */
    struct bx_intern *intern; /* shared */
    struct bx_fsm_sink sink;
};

/* Open the database and load the view. If the digest recomputed from the rows differs from the
 * stored one, or SQLite reports damage, the file is removed and an empty state opened:
 * bx_fsm_applied() is 0 and the caller rebuilds from snapshot and log. Damage detected later ends
 * the process and removes the file for the next start. */
int bx_fsm_open(struct bx_fsm **f, const struct bx_fsm_options *o, struct bx_err *err);
/* Was it damaged when it was opened, and removed? */
bool bx_fsm_was_damaged(const struct bx_fsm *f);
/* Checkpoint and close; NULL is allowed. */
void bx_fsm_close(struct bx_fsm *f);

/* The outcome kept for a request, whoever sent it; false if there is none. */
bool bx_fsm_kept(const struct bx_fsm *f, const uint8_t session[16], uint64_t sequence,
                 struct bx_outcome *o);
const struct bx_view *bx_fsm_view(const struct bx_fsm *f);
/* Leader time of the newest batch that is applied: what leaders have measured. 0: there is none. */
uint64_t bx_fsm_time(const struct bx_fsm *f);
uint64_t bx_fsm_applied(const struct bx_fsm *f); /* index of the last applied entry */

/* Apply the entry at index, which must be above the applied index; the caller skips lower ones.
 * data must be 8-aligned. data NULL: an entry without commands (barrier, configuration), which only
 * advances the applied index. BX_OK, or BX_UNSUPPORTED (a newer kind or level) or BX_CORRUPT, after
 * which this node must stop. */
int bx_fsm_apply(struct bx_fsm *f, uint64_t index, const uint8_t *data, size_t len,
                 struct bx_err *err);
/* Commit everything applied since the last commit, then call the sink. Does nothing if nothing was
 * applied. */
int bx_fsm_commit(struct bx_fsm *f, struct bx_err *err);

/* ---- reading data that is not in the view ---- */

/* Placements that apply has decided in this process, and what it found about each node that it
 * looked at for them. */
struct bx_placement_stats {
    uint64_t placed, unplaced;
    uint64_t nodes[BX__REJECTS]; /* by reason; BX_FITS: those that the VM fitted on */
};
void bx_fsm_placement_stats(const struct bx_fsm *f, struct bx_placement_stats *out);

/* Sessions by class (state/session.h), and the bytes of their outcomes. */
struct bx_session_stats {
    uint64_t held, spare, nodes;
    uint64_t held_bytes, spare_bytes, nodes_bytes;
    uint64_t rows; /* log entries of which an outcome is kept */
};
extern const struct bx_metric_set bx_session_metrics;
void bx_fsm_session_stats(const struct bx_fsm *f, struct bx_session_stats *out);
/* Of the kept outcomes of sessions that began at feature level 2 or above: equal on all replicas at
 * the same index whose builds word refusals alike. */
uint64_t bx_fsm_sessions_digest(const struct bx_fsm *f);

/* The head of the chain of events: BX_SHA256 bytes, the hash of the newest one's record; zero below
 * the feature level of the chain. Equal on all replicas at the same index. */
const uint8_t *bx_fsm_chain(const struct bx_fsm *f);
/* Call each for the events with index > since, in order, at most max. */
int bx_fsm_events(struct bx_fsm *f, uint64_t since, uint32_t max,
                  void (*each)(void *ctx, const struct bx_event *e), void *ctx, uint32_t *n,
                  struct bx_err *err);
/* The oldest revision whose event is kept. Events beyond either bound are deleted, the oldest first
 * and those of one entry together; at most 1/64 more than the bound and the newest entry's are
 * kept. */
uint64_t bx_fsm_events_oldest(const struct bx_fsm *f);
/* The placement of a VM: the recorded decision if it is among the last 256, otherwise (recorded
 * false) a new decision on the current view without the VM itself. */
int bx_fsm_explain(struct bx_fsm *f, const struct bx_vm *vm, struct bx_candidates *c,
                   struct bx_decision *d, bool *recorded);
/* Run the placement of create on the current view without changing anything: BX_OK, BX_UNPLACEABLE
 * with the reasons, BX_EXISTS, BX_NOT_FOUND (the pinned node), BX_INVALID. */
int bx_fsm_dry_run(struct bx_fsm *f, const struct bx_vm_config *config, struct bx_candidates *c,
                   struct bx_decision *d, struct bx_err *err);

/* ---- SQLite's log, which grows with commits until a checkpoint writes it back ---- */

/* Bytes of it that may have to be written back. Readers that overlap keep it from beginning anew:
 * let no new one begin when it is large. */
uint64_t bx_fsm_log_bytes(const struct bx_fsm *f);
/* Write back what readers allow, on any thread; path is that of the options. *left: bytes that it
 * had to leave. BX_OK, BX_BUSY (somebody else writes back), BX_CORRUPT, BX_IO. */
int bx_fsm_checkpoint_apart(const char *path, uint64_t *left);
/* The same here, when little is left; after bx_fsm_commit. */
void bx_fsm_checkpoint(struct bx_fsm *f);

/* Give some of the free pages of the database back to the file system, if there are many; after
 * bx_fsm_commit. True: it has, so that the file gets smaller with the next checkpoint; call it
 * again after a while. */
bool bx_fsm_give_back(struct bx_fsm *f);

/* Nodes of which nothing is known, besides those that are down. */
struct bx_sql_absent {
    const uint64_t *ids; /* ascending */
    uint32_t n;
};
/* Run a read-only SQL query on a separate connection with an authorizer: SELECT only, no secrets,
 * no pragma, no attach. Runs on any thread, within max_bytes of result and until `end`, which
 * SQLite's progress handler calls, returns BX_TIMEOUT or, because the state changes too much for
 * the query, BX_BUSY. Appends MessagePack {columns: [...], rows: [[...]...]} to out. */
struct bx_sql_options {
    int (*end)(void *ctx); /* BX_OK: go on */
    void *ctx;
    size_t max_bytes;
    struct bx_sql_absent absent;
    /* For whoever is no administrator of the cluster: nothing that only these see, and if a tenant
     * is given, of VMs and tenants that one's alone. */
    bool limited;
    struct bx_str tenant;
};
int bx_fsm_sql(const char *path, struct bx_str query, const struct bx_sql_options *o,
               struct bx_buf *out, struct bx_err *err);

/* Call this when stored data fails a check: removes the database and ends the process. */
_Noreturn void bx_fsm_damaged(struct bx_fsm *f);

/* ---- snapshots: a logical dump with identical bytes on every replica ---- */

struct bx_dump; /* a read transaction on its own connection; usable from any thread after open */
/* Call bx_fsm_commit first: a dump contains exactly the committed state. */
int bx_dump_open(struct bx_dump **d, struct bx_fsm *f, struct bx_err *err);
/* Read the next chunk of rows (at most 1 MiB) into buf, which is cleared first; an empty chunk is
 * the end. BX_CORRUPT: stored data fails a check; discard the whole dump. */
int bx_dump_next(struct bx_dump *d, struct bx_buf *buf, struct bx_err *err);
bool bx_dump_damaged(const struct bx_dump *d);
void bx_dump_close(struct bx_dump *d);

/* Replace the whole state: begin, then every chunk, then finish with the index and the expected
 * digest. On failure the state is empty (applied 0) and the caller must stop or begin again. finish
 * rebuilds the view. A chunk is 8-aligned. */
int bx_fsm_restore_begin(struct bx_fsm *f, struct bx_err *err);
int bx_fsm_restore_chunk(struct bx_fsm *f, const uint8_t *p, size_t n, struct bx_err *err);
int bx_fsm_restore_finish(struct bx_fsm *f, uint64_t index, uint64_t digest, struct bx_err *err);

#endif
