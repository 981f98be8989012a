/* history - what clients asked and what they were told, for the checks at the end. */
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
    SIM_OP_STALE_READ,
    SIM__OPS
};
extern const char *const sim_op_names[]; /* in the enum's order */

#define SIM_OP_UNANSWERED UINT64_MAX

struct sim_op {
    enum sim_op_kind kind;
    unsigned client, name; /* the VM's name is one of few */
    bool if_not_exists;    /* of a create */
    bool force;            /* of a stop or restart */
    uint8_t restart;       /* of a create: enum bx_restart */
    uint64_t start, end;   /* virtual times; SIM_OP_UNANSWERED: it may have happened, and may yet */
    uint16_t code;         /* enum bx_code */
    bool existed;          /* nothing had to be done */
    uint8_t uuid[16];      /* of the VM concerned, or zero */
    uint64_t revision;     /* of the outcome, or of the state that was read */
    uint8_t desired, phase; /* of a VM that was read; code BX_NOT_FOUND when there was none */
};

struct sim_history { /* in the order of answers */
    struct sim_op *ops;
    size_t n, cap;
};

void sim_history_add(struct sim_history *h, const struct sim_op *op);
/* One line of text about ops[i]. */
void sim_history_tell(const struct sim_history *h, size_t i, char *out, size_t len);

#endif
