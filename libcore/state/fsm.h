/* fsm - the replicated state machine: committed entries in, state, outcomes and changes out.
 *
 * apply decides on the view, journals each row it replaces, undoes a command that fails, and writes
 * the rows of one that succeeds into the open SQLite transaction. commit ends the turn: one
 * transaction with everything and the applied index, and only then are outcomes and changes handed
 * out. A SQLite error in apply or commit ends the process: the log still has it all.
 *
 * The digest is the sum (mod 2^64) of XXH3 over the canonical flat bytes of every replicated row.
 * The outcomes of requests have a sum of their own: a refusal leaves an outcome, but the state that
 * users see is the same, and so is its digest. What is stored covers both, and the applied index,
 * the revision and the times, so that no flipped bit in them passes for a state. Events and
 * outcomes are sealed, a row each, and events are without a gap. */
#ifndef BX_FSM_H
#define BX_FSM_H

#include "mem/buf.h"
#include "state/sched.h"
#include "state/view.h"
#include "wire/command.h"

struct bx_fsm;

struct bx_fsm_sink {
    /* The state database can not be used any more, and the process must end with this message: does
     * not return. NULL: it goes to stderr. */
    void (*fatal)(void *ctx, const struct bx_err *err);
    /* The command at `place` (0 and up) of the entry at `index` was decided. */
    void (*outcome)(void *ctx, uint64_t index, uint32_t place, const struct bx_outcome *o);
    /* This object changed (struct bx_vm, struct bx_node_row ...); gone: it was deleted, and this is
     * its last state. */
    void (*changed)(void *ctx, enum bx_table kind, const void *object, bool gone);
    void (*event)(void *ctx, const struct bx_event *e);
    void *ctx;
};

struct bx_fsm_options {
    const char *path;         /* of state.db; ":memory:" is allowed */
    bool trusted;             /* false: whatever is there is removed first */
    uint32_t events_max;      /* log entries whose events are kept; 0: 100,000 */
    uint32_t sessions_max;    /* 0: 65,536 */
    uint64_t session_ttl_ms;  /* of time that leaders measured; 0: one hour */
    uint64_t configs_max;     /* configurations that VMs can share; 0: 65,536 */
    struct bx_intern *intern; /* shared */
    struct bx_fsm_sink sink;
};

/* Open the database and load the view. When the digest recomputed from the rows differs from the
 * stored one, or SQLite finds the file damaged, the file is removed and an empty state opened:
 * the caller sees bx_fsm_applied() == 0 and rebuilds from snapshot and log. Damage that shows only
 * later ends the process and removes the file, for the next start. */
int bx_fsm_open(struct bx_fsm **f, const struct bx_fsm_options *o, struct bx_err *err);
/* Checkpoints and closes; NULL is allowed. */
void bx_fsm_close(struct bx_fsm *f);

const struct bx_view *bx_fsm_view(const struct bx_fsm *f);
uint64_t bx_fsm_applied(const struct bx_fsm *f); /* index of the last applied entry */

/* Apply the entry at index, which must be above the applied one (entries at or below it are the
 * caller's to skip). data NULL: an entry that is none of ours (barrier, configuration), which only
 * moves the applied index. BX_OK, or BX_UNSUPPORTED/BX_CORRUPT: this node must stop. data must be
 * 8-aligned. */
int bx_fsm_apply(struct bx_fsm *f, uint64_t index, const uint8_t *data, size_t len,
                 struct bx_err *err);
/* Commit what was applied since the last commit, then call the sink. Nothing to do is fine. */
int bx_fsm_commit(struct bx_fsm *f, struct bx_err *err);

/* ---- reading what is not in the view ---- */

/* Events with index > since in order, at most max; calls each. */
int bx_fsm_events(struct bx_fsm *f, uint64_t since, uint32_t max,
                  void (*each)(void *ctx, const struct bx_event *e), void *ctx, uint32_t *n,
                  struct bx_err *err);
/* Oldest revision whose event is still kept. */
uint64_t bx_fsm_events_oldest(const struct bx_fsm *f);
/* Placement of a VM: the recorded decision when it is among the last 256, else (recorded false)
 * one made now, on the view without the VM itself. */
int bx_fsm_explain(struct bx_fsm *f, const struct bx_vm *vm, struct bx_candidates *c,
                   struct bx_decision *d, bool *recorded);
/* The same code as create, on the view as it is, changing nothing: BX_OK, BX_UNPLACEABLE with the
 * reasons, BX_EXISTS, BX_NOT_FOUND (the pinned node), BX_INVALID. */
int bx_fsm_dry_run(struct bx_fsm *f, const struct bx_vm_config *config, struct bx_candidates *c,
                   struct bx_decision *d, struct bx_err *err);

/* Read-only SQL on a connection of its own with an authorizer: SELECT only, no secrets, no pragma,
 * no attach; runs on any thread, at most timeout_ms and max_bytes of result. Appends MessagePack
 * {columns: [...], rows: [[...]...]} to out. deadline is enforced by counting in SQLite's progress
 * handler against `expired`, which the caller answers. */
struct bx_sql_limits {
    bool (*expired)(void *ctx);
    void *ctx;
    size_t max_bytes;
};
int bx_fsm_sql(const char *path, struct bx_str query, const struct bx_sql_limits *limits,
               struct bx_buf *out, struct bx_err *err);

/* What is stored is not what was written, as somebody found: it goes, and the process ends. */
_Noreturn void bx_fsm_damaged(struct bx_fsm *f);

/* ---- snapshots: a logical dump, the same bytes on every replica ---- */

struct bx_dump; /* a read transaction on a connection of its own: any thread after open */
/* Commit first: a dump sees exactly what is committed. */
int bx_dump_open(struct bx_dump **d, struct bx_fsm *f, struct bx_err *err);
/* Next chunk of rows (at most 1 MiB) into buf, cleared first; an empty one is the end. BX_CORRUPT:
 * what was read is not what was written, and nothing of this dump may be used. */
int bx_dump_next(struct bx_dump *d, struct bx_buf *buf, struct bx_err *err);
bool bx_dump_damaged(const struct bx_dump *d);
void bx_dump_close(struct bx_dump *d);

/* Replace the whole state: begin, then every chunk, then finish with the index and the digest that
 * must come out. On failure the state is empty (applied 0) and the caller must stop or begin again.
 * finish rebuilds the view. A chunk is 8-aligned. */
int bx_fsm_restore_begin(struct bx_fsm *f, struct bx_err *err);
int bx_fsm_restore_chunk(struct bx_fsm *f, const uint8_t *p, size_t n, struct bx_err *err);
int bx_fsm_restore_finish(struct bx_fsm *f, uint64_t index, uint64_t digest, struct bx_err *err);

#endif
