/* fsm_priv - internal declarations of the state machine's files. */
#ifndef BX_FSM_PRIV_H
#define BX_FSM_PRIV_H

#include "state/fsm.h"
#include "state/rows.h"
#include "state/session.h"
#include "state/store.h"

#define BX_DECISIONS_KEPT 256u

struct bx_change { /* changes of the current command: undo journal and write set */
    struct bx_row *before, *after;
};
BX_VEC(bx_changes, struct bx_change, 8);

struct bx_written { /* of the turn: rows that COMMIT will write, each object once */
    struct bx_row *row;
    bool gone;
    uint64_t trace; /* of the last command that changed it */
};
BX_VEC(bx_write_set, struct bx_written, 64);
BX_VEC(bx_graveyard, struct bx_row *, 64);

struct bx_result { /* of the turn: passed to the sink after COMMIT */
    uint64_t index;
    uint64_t trace; /* of the command */
    uint32_t place;
    struct bx_outcome outcome; /* views into the turn's arena */
};
BX_VEC(bx_results, struct bx_result, 64);
BX_VEC(bx_event_list, struct bx_event, 64);
BX_VEC(bx_call_events, struct bx_event, 4); /* of the current command */

/* Bound on the bytes of one entry's events. A command with several events that would exceed it is
 * refused; a command with one event is always accepted. */
#define BX_EVENTS_BYTES_MAX (512u << 10)
#define BX_EVENTS_BYTES_CHAINED (352u << 10) /* the same, from the level of the chain on */

struct bx_kept_decision {
    uint8_t vm[16];
    struct bx_decision decision;
    struct bx_candidate *candidates;
    uint32_t n, cap; /* of candidates; the memory is reused for the next decision in this slot */
};

struct bx_call;
/* Applies a command: BX_OK with its changes, or a refusal with a message; changes of a refused
 * command are rolled back. */
typedef int (*bx_command_fn)(struct bx_fsm *f, struct bx_call *c);

struct bx_fsm {
    struct bx_fsm_options o;
    const bx_command_fn *commands; /* by kind; tests replace it */
    char *path;
    bool was_damaged; /* the database, when it was opened */
    struct bx_store *store;
    struct bx_view view;
    struct bx_sessions sessions;
    uint64_t session_ms; /* the clock of sessions: time measured by leaders */
    uint64_t
        sessions_digest; /* separate from the digest of rows: a refusal changes only outcomes */
    uint64_t applied;
    uint64_t events_oldest, events_newest; /* revisions; 0: no event is kept */
    uint64_t events_bytes;                 /* of the stored blobs */
    uint8_t chain[BX_SHA256]; /* of the newest event's record; zero: it is not in the chain */
    bool dirty;               /* there are uncommitted changes */
    uint64_t restored_events,
        restored_outcomes;      /* last entry of the restored events and outcomes */
    uint64_t restored_sessions; /* the digest that a dump told, if it did */
    bool checks_sessions;
    uint8_t restored_chain[BX_SHA256]; /* the same, of the chain */
    bool checks_chain;
    /* ---- of the turn ---- */
    struct bx_write_set writes;
    struct bx_graveyard dead; /* replaced rows, valid until the sink has been called */
    struct bx_results results;
    struct bx_event_list events;
    struct bx_arena turn; /* memory of results and events */
    /* ---- of the entry ---- */
    struct bx_arena scratch;
    struct bx_buf events_blob, outcomes_row;
    /* ---- of the command ---- */
    struct bx_changes changes;
    struct bx_call_events told;
    struct bx_candidates candidates;
    struct bx_kept_decision decisions[BX_DECISIONS_KEPT];
    uint32_t next_decision;
    struct bx_placement_stats placements;
};

/* The command being applied. */
struct bx_call {
    const struct bx_cmd_header *head;
    const union bx_cmd_body *body;
    const struct bx_batch *batch;
    uint32_t place;
    struct bx_outcome *out;
    struct bx_err *err;
};

/* Replace a row and journal it. Either may be NULL. */
void bx_fsm_change(struct bx_fsm *f, struct bx_row *before, struct bx_row *after);
/* The feature level in force. A command that does more, or refuses more, than it did in the release
 * before does so from the level of its release on. */
uint32_t bx_fsm_level(const struct bx_fsm *f);
/* The digest as it is stored and checked at load. It covers rows, outcomes and the counters that
 * change with every entry, in which SQLite would not detect a flipped bit. */
uint64_t bx_fsm_seal(const struct bx_fsm *f);
/* The revision of this command's next event: the modified_index of an object changed with it, and
 * the created_index of a new one. */
uint64_t bx_call_revision(const struct bx_fsm *f);
/* A text of the current command, valid until its end. */
struct bx_str bx_call_text(struct bx_fsm *f, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Record an event of the current command; one revision each. The strings must be valid until the
 * turn ends: members of an object, constants, or allocated from f->scratch. */
void bx_call_event(struct bx_fsm *f, enum bx_event_type type, struct bx_str object,
                   struct bx_str node, struct bx_str detail);
/* The same for an event that a tenant may see; from feature level 3 on the event tells which. */
void bx_call_event_of(struct bx_fsm *f, struct bx_str tenant, enum bx_event_type type,
                      struct bx_str object, struct bx_str node, struct bx_str detail);

/* ---- the commands ---- */

#define BX_FSM_COMMAND(number, level, upper, lower, type)                                          \
    int bx_fsm_##lower(struct bx_fsm *f, struct bx_call *c);
BX_COMMANDS(BX_FSM_COMMAND)

/* ---- reference.c ---- */
/* The VM of a command, which carries the reference and the uuid that it meant: it must still mean
 * it. The outcome is about that VM, also if the command is refused. BX_OK, BX_NOT_FOUND or
 * BX_CONFLICT. */
int bx_fsm_vm_of(struct bx_fsm *f, struct bx_call *c, struct bx_str ref, const uint8_t uuid[16],
                 const struct bx_vm **vm);
/* The same for a node and its id. */
int bx_fsm_node_of(struct bx_fsm *f, struct bx_call *c, struct bx_str ref, uint64_t id,
                   const struct bx_node_row **node);

/* ---- fsm_token.c ---- */
/* The token of a join: BX_OK and its row, or BX_DENIED. */
int bx_fsm_token_check(struct bx_fsm *f, const uint8_t hash[16], struct bx_row **token,
                       struct bx_err *err);
/* The host joins: a token that admits one is used up. */
void bx_fsm_token_use(struct bx_fsm *f, struct bx_row *token);

/* ---- fsm_ca.c ---- */
/* A node has told something, or was removed: go on with replacing the CA, if that was waited for.
 */
void bx_fsm_ca_step(struct bx_fsm *f);

/* ---- fsm_user_token.c ---- */
/* Delete the tokens of a user. */
void bx_fsm_user_tokens_drop(struct bx_fsm *f, struct bx_str user);

/* ---- fsm_place.c ---- */
/* Choose the node for a VM of this configuration, in apply. Out of memory ends the process, because
 * a refusal on this replica alone would make replicas diverge. BX_OK, BX_NOT_FOUND (the pinned
 * node), or BX_UNPLACEABLE with the reasons. */
int bx_fsm_place(struct bx_fsm *f, const struct bx_vm_config *c, struct bx_decision *d,
                 struct bx_err *err);
/* Where a VM that has a node and takes no room there starts: there, or, if it has no data and there
 * is no room, or the node is not up, elsewhere. d->placed: elsewhere. BX_OK, or as bx_fsm_place. */
int bx_fsm_place_to_start(struct bx_fsm *f, const struct bx_vm *vm, struct bx_decision *d,
                          struct bx_err *err);
/* Keep the decision and its candidates for explain: in memory only, the last 256. */
void bx_fsm_remember(struct bx_fsm *f, const uint8_t vm[16], const struct bx_decision *d);
/* "" if there is no such node. */
const char *bx_fsm_node_name(const struct bx_view *v, uint64_t id);

/* ---- fsm_vm.c ---- */
/* The VM that has this name: from feature level 3 on in the tenant, before in the cluster. NULL:
 * none has. */
const struct bx_vm *bx_fsm_vm_named(const struct bx_fsm *f, struct bx_str tenant,
                                    struct bx_str name);
/* Replace a VM's row by the draft, with an event. The row before may be NULL. */
void bx_fsm_vm_put(struct bx_fsm *f, struct bx_call *c, struct bx_row *before, struct bx_vm *draft,
                   enum bx_event_type type, struct bx_str detail);
void bx_fsm_vm_remove(struct bx_fsm *f, struct bx_call *c, struct bx_row *row);
/* The draft is to be started: in a new epoch. */
void bx_fsm_vm_order_start(struct bx_vm *d);
/* The outcome of a command that has nothing to do. */
int bx_fsm_vm_unchanged(struct bx_call *c, const struct bx_vm *vm);
/* Give the draft a configuration of its own, which becomes *config, instead of the shared one. */
void bx_fsm_own_config(struct bx_vm *draft, struct bx_vm_config *config);

/* ---- fsm_orphan.c ---- */
/* The node was removed and none of its VMs runs any more: VMs that were being deleted are removed;
 * the others have no node until they are started. */
void bx_fsm_vms_orphan(struct bx_fsm *f, const struct bx_node_row *node);

/* ---- fsm_events.c ---- */
/* Store the events of an entry, and delete the oldest ones beyond the bounds. */
void bx_fsm_keep_events(struct bx_fsm *f, const struct bx_blob *b);
/* Like count, for a row that was loaded or dumped: BX_CORRUPT if it fails its check or is not the
 * next one. */
int bx_fsm_known_events(struct bx_fsm *f, const struct bx_blob *stored);
/* True if the events reach the current revision. */
bool bx_fsm_events_whole(const struct bx_fsm *f);

/* ---- fsm_chain.c ---- */
/* Whether events are a chain, at the feature level in force. */
bool bx_fsm_chains(const struct bx_fsm *f);
/* The events of this command are to be kept: tell who it is from. */
void bx_fsm_chain_sign(struct bx_fsm *f, const struct bx_cmd_header *head);
/* This is the record of the newest event. */
void bx_fsm_chain_add(struct bx_fsm *f, const uint8_t *record, size_t n);
/* Find the head of the chain, after the events were loaded or restored. BX_OK or BX_CORRUPT. */
int bx_fsm_chain_load(struct bx_fsm *f, struct bx_err *err);

/* ---- load.c ---- */
/* Load view and sessions from the store; BX_CORRUPT on a digest mismatch. */
int bx_fsm_load(struct bx_fsm *f, struct bx_err *err);
int bx_fsm_keep_outcomes(struct bx_fsm *f, const struct bx_blob *stored);
void bx_fsm_reset(struct bx_fsm *f);
/* No outcome of this entry is kept any more: delete its row. */
void bx_fsm_outcomes_unused(void *ctx, uint64_t entry);

#endif
