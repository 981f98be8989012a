/* history - what clients asked and what they were told, what the cluster says it changed, and
 * whether the one is explained by the other. */
#ifndef HISTORY_H
#define HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_op_kind {
    SIM_OP_CREATE,
    SIM_OP_CREATE_STOPPED,
    SIM_OP_DELETE,
    SIM_OP_START,
    SIM_OP_STOP,
    SIM_OP_RESTART,
    SIM_OP_READ, /* linearizable */
    SIM_OP_LIST, /* linearizable, of all names: in the history it is a read of each */
    SIM_OP_STALE_READ,
    SIM_OP_DRY_RUN, /* of a create, on what one host has */
    SIM__OPS
};
extern const char *const sim_op_names[]; /* in the enum's order */

#define SIM_OP_UNANSWERED UINT64_MAX

struct sim_op {
    enum sim_op_kind kind;
    unsigned client, name; /* the VM's name is one of few */
    bool if_not_exists;    /* of a create */
    bool invalid;          /* of a create or dry run: its configuration is none */
    bool pinned;           /* of a create or dry run: to a node, which may not be there */
    bool force;            /* of a stop or restart */
    uint8_t restart;       /* of a create: enum bx_restart */
    uint64_t start, end;   /* virtual times; SIM_OP_UNANSWERED: it may have happened, and may yet */
    uint64_t given_up;     /* unanswered: it was sent until then */
    uint64_t knows;        /* of a stale read: it claims to know of all answers before this time */
    uint16_t code;         /* enum bx_code */
    bool existed;          /* nothing had to be done */
    bool gone;             /* BX_NOT_FOUND: the VM that had the name before was gone */
    bool early;            /* BX_NOT_FOUND: of a create or dry run, before there was its tenant */
    uint8_t uuid[16];      /* of the VM concerned, or zero */
    uint64_t revision;     /* of the outcome, or of the state that was read */
    uint8_t desired, phase; /* of a VM that was read; code BX_NOT_FOUND when there was none */
};

bool sim_op_creates(enum sim_op_kind kind);
/* It asks, and is never carried out. */
bool sim_op_reads(enum sim_op_kind kind);
/* Answered from what one host has, which may be old. */
bool sim_op_is_local(enum sim_op_kind kind);
/* Answered, and something is another way since. */
bool sim_op_changed(const struct sim_op *op);

/* One revision, of those that concern VMs: of one, or of all that were on a node. */
struct sim_change {
    uint64_t revision;
    uint8_t type;  /* enum bx_event_type */
    uint8_t phase; /* of the VM since then; BX__PHASES: it has none */
    unsigned name; /* of the VM, unless the node was removed */
    char node[32]; /* where the VM is, or the node's own name */
};

struct sim_history {
    struct sim_op *ops; /* in the order of answers */
    size_t n, cap;
    struct sim_change *changes; /* in the order of revisions */
    size_t n_changes, changes_cap;
    bool nodes_go; /* nodes were removed, with the VMs on them */
};

void sim_history_add(struct sim_history *h, const struct sim_op *op);
void sim_history_change(struct sim_history *h, const struct sim_change *c);
/* One line of text about an op. */
void sim_history_tell(const struct sim_op *op, char *out, size_t len);

struct sim_wrong {
    const char *what;
    size_t op;         /* in ops; SIZE_MAX: it is about a change that nobody asked for, */
    uint64_t revision; /* this one */
};
/* Every op in the order of revisions, against the changes: what changed something is there, once,
 * as it was acknowledged; everything else, stale reads too, saw exactly what was there at its
 * revision; and whoever asked after an answer saw no older revision. False: *wrong is set. */
bool sim_history_good(const struct sim_history *h, unsigned names, struct sim_wrong *wrong);

#endif
