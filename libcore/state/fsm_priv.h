/* fsm_priv - what the files of the state machine share. */
#ifndef BX_FSM_PRIV_H
#define BX_FSM_PRIV_H

#include "state/fsm.h"
#include "state/rows.h"
#include "state/session.h"
#include "state/store.h"

#define BX_DECISIONS_KEPT 256u

struct bx_change { /* of the command under way: undo journal and write set in one */
    struct bx_row *before, *after;
};
BX_VEC(bx_changes, struct bx_change, 8);

struct bx_written { /* of the turn: what COMMIT will write, each object once */
    struct bx_row *row;
    bool gone;
};
BX_VEC(bx_write_set, struct bx_written, 64);
BX_VEC(bx_graveyard, struct bx_row *, 64);

struct bx_result { /* of the turn: handed out after COMMIT */
    uint64_t index;
    uint32_t place;
    struct bx_outcome outcome; /* views into the turn's arena */
};
BX_VEC(bx_results, struct bx_result, 64);
BX_VEC(bx_event_list, struct bx_event, 64);
BX_VEC(bx_call_events, struct bx_event, 4); /* of the command under way */

/* Bytes of one entry's events, unless each of its commands has one: a command with several that
 * would go beyond is refused. */
#define BX_EVENTS_BYTES_MAX (512u << 10)

struct bx_kept_decision {
    uint8_t vm[16];
    struct bx_decision decision;
    struct bx_candidate *candidates;
    uint32_t n, cap; /* of candidates; the room is kept for the decision that comes next here */
};

struct bx_call;
/* A command: BX_OK and what it changed, or a refusal with words, which is undone. */
typedef int (*bx_command_fn)(struct bx_fsm *f, struct bx_call *c);

struct bx_fsm {
    struct bx_fsm_options o;
    const bx_command_fn *commands; /* by kind; tests put in their own */
    char *path;
    struct bx_store *store;
    struct bx_view view;
    struct bx_sessions sessions;
    uint64_t session_ms;      /* what sessions expire by: time that passed for leaders */
    uint64_t sessions_digest; /* apart from the rows': a refusal leaves just an outcome */
    uint64_t applied;
    uint32_t events_kept;
    uint64_t events_oldest, events_newest;       /* revisions; 0: none is kept */
    bool dirty;                                  /* something to commit */
    uint64_t restored_events, restored_outcomes; /* entries they were of, the last of each */
    /* ---- of the turn ---- */
    struct bx_write_set writes;
    struct bx_graveyard dead; /* replaced rows, good until after the sink was called */
    struct bx_results results;
    struct bx_event_list events;
    struct bx_arena turn; /* what results and events point to */
    /* ---- of the entry ---- */
    struct bx_arena scratch;
    struct bx_buf events_blob, outcomes_blob;
    /* ---- of the command ---- */
    struct bx_changes changes;
    struct bx_call_events told;
    struct bx_candidates candidates;
    struct bx_kept_decision decisions[BX_DECISIONS_KEPT];
    uint32_t next_decision;
};

/* One command on its way through apply. */
struct bx_call {
    const struct bx_cmd_header *head;
    const union bx_cmd_body *body;
    const struct bx_batch *batch;
    uint32_t place;
    struct bx_outcome *out;
    struct bx_err *err;
};

/* Replace a row, journalled. Either may be NULL. */
void bx_fsm_change(struct bx_fsm *f, struct bx_row *before, struct bx_row *after);
/* What is stored as the digest, and must come out when the state is loaded: rows, outcomes, and the
 * numbers that move with every entry, of which SQLite itself would not notice a flipped bit. */
uint64_t bx_fsm_seal(const struct bx_fsm *f);
/* The revision that the next event of this command will have: what an object that is changed with
 * it takes as its modified_index, a new one as its created_index. */
uint64_t bx_call_revision(const struct bx_fsm *f);
/* Tell of a change that the command made; one event each. The strings are good until the turn ends:
 * an object's own, constants, or of f->scratch. */
void bx_call_event(struct bx_fsm *f, enum bx_event_type type, struct bx_str object,
                   struct bx_str node, struct bx_str detail);

/* ---- the commands ---- */

#define BX_FSM_COMMAND(number, upper, lower, type)                                                 \
    int bx_fsm_##lower(struct bx_fsm *f, struct bx_call *c);
BX_COMMANDS(BX_FSM_COMMAND)

/* ---- fsm_place.c ---- */
/* Decide where a VM of this configuration goes, in apply. Out of memory ends the process: a refusal
 * for it would be this replica's alone. BX_OK, BX_NOT_FOUND (the node it names), or BX_UNPLACEABLE
 * with the reasons. */
int bx_fsm_place(struct bx_fsm *f, const struct bx_vm_config *c, struct bx_decision *d,
                 struct bx_err *err);
/* Keep the decision with all its candidates for explain: in memory only, the last 256. */
void bx_fsm_remember(struct bx_fsm *f, const uint8_t vm[16], const struct bx_decision *d);
/* "" when there is no such node. */
const char *bx_fsm_node_name(const struct bx_view *v, uint64_t id);

/* The node of these VMs is gone for good, and nothing of it runs: those that were being deleted go,
 * the others rest without a node until they are started. */
void bx_fsm_vms_orphan(struct bx_fsm *f, const struct bx_node_row *node);

/* ---- fsm_events.c ---- */
/* Those of one more entry are stored. */
void bx_fsm_count_events(struct bx_fsm *f, uint64_t first, uint64_t last);
/* Forget the oldest when there are too many. */
void bx_fsm_trim_events(struct bx_fsm *f);
/* As count, of a row that was read or dumped: BX_CORRUPT when it is not what was written or the
 * next. */
int bx_fsm_known_events(struct bx_fsm *f, const struct bx_blob *stored);
/* They go as far as the revision. */
bool bx_fsm_events_whole(const struct bx_fsm *f);

/* ---- load.c ---- */
/* Fill view and sessions from the store; BX_CORRUPT when the digest does not come out. */
int bx_fsm_load(struct bx_fsm *f, struct bx_err *err);
int bx_fsm_keep_outcomes(struct bx_fsm *f, const struct bx_blob *stored);
void bx_fsm_reset(struct bx_fsm *f);
/* Nothing of this entry's outcomes is kept any more: its row goes too. */
void bx_fsm_outcomes_unused(void *ctx, uint64_t entry);

#endif
