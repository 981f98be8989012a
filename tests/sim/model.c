#include "sim/model.h"

#include "err.h"
#include "model/vm.h"

#include <assert.h>

#define IN(state) (1u << MODEL_##state)

struct model model_empty(bool nodes_go)
{
    return (struct model){.states = IN(ABSENT), .nodes_go = nodes_go};
}

static bool settle(struct model *m, uint8_t states)
{
    m->states = states;
    if (states == IN(ABSENT))
        *m = model_empty(m->nodes_go);
    return states != 0;
}

/* ---- what happens without anybody asking ---- */

void model_unseen(struct model *m)
{
    uint8_t states = m->states;

    if (states & IN(RESTARTING))
        states |= IN(ACTIVE);
    if ((states & IN(ACTIVE)) && m->restart == BX_RESTART_NEVER)
        states |= IN(RESTED) | IN(FAILED);
    if ((states & IN(ACTIVE)) && m->restart == BX_RESTART_ON_FAILURE)
        states |= IN(RESTED);
    if ((states & IN(ACTIVE)) && m->nodes_go)
        states |= IN(FAILED);
    if (states & (IN(STOPPING) | IN(CUTTING)))
        states |= IN(RESTED);
    if (states & IN(DELETING))
        states |= IN(ABSENT);
    settle(m, states);
}

static bool begins(uint8_t phase)
{
    return phase == BX_PHASE_STARTING || phase == BX_PHASE_RUNNING;
}

static bool next_of(unsigned state, uint8_t restart, uint8_t phase, unsigned *next)
{
    switch ((enum model_state)state) {
    case MODEL_ACTIVE:
        if (phase == BX_PHASE_STOPPED)
            *next = MODEL_RESTED;
        else if (phase == BX_PHASE_FAILED)
            *next = MODEL_FAILED;
        return begins(phase) || (phase == BX_PHASE_CREATING && restart != BX_RESTART_NEVER) ||
               (phase == BX_PHASE_STOPPED && restart != BX_RESTART_ALWAYS) ||
               (phase == BX_PHASE_FAILED && restart == BX_RESTART_NEVER);
    case MODEL_RESTARTING:
        *next = MODEL_ACTIVE;
        return phase == BX_PHASE_CREATING;
    case MODEL_STOPPING:
    case MODEL_CUTTING:
        *next = MODEL_RESTED;
        return phase == BX_PHASE_STOPPED;
    case MODEL_DELETING:
        *next = MODEL_ABSENT;
        return phase == BX__PHASES;
    case MODEL_ABSENT:
    case MODEL_FAILED:
    case MODEL_RESTED:
    case MODEL__STATES:
        break;
    }
    return false;
}

bool model_reported(struct model *m, uint8_t phase)
{
    uint8_t after = 0;

    for (unsigned state = 0; state < MODEL__STATES; state++) {
        unsigned next = state;

        if ((m->states & (1u << state)) && next_of(state, m->restart, phase, &next))
            after |= (uint8_t)(1u << next);
    }
    return settle(m, after);
}

void model_orphaned(struct model *m)
{
    static const uint8_t next[MODEL__STATES] = {
        [MODEL_ABSENT] = IN(ABSENT), [MODEL_ACTIVE] = IN(FAILED),   [MODEL_RESTARTING] = IN(FAILED),
        [MODEL_FAILED] = IN(FAILED), [MODEL_STOPPING] = IN(RESTED), [MODEL_CUTTING] = IN(RESTED),
        [MODEL_RESTED] = IN(RESTED), [MODEL_DELETING] = IN(ABSENT),
    };
    uint8_t after = 0;

    for (unsigned state = 0; state < MODEL__STATES; state++) {
        if (m->states & (1u << state))
            after |= next[state];
    }
    settle(m, after);
}

/* ---- requests ---- */

enum request { CREATE, CREATE_STOPPED, START, STOP, CUT, RESTART, DELETE, REQUESTS };

struct effect {
    uint16_t code; /* enum bx_code */
    uint8_t next;  /* with BX_OK: enum model_state; the same one says that nothing had to be done */
};

#define TO(state)                                                                                  \
    {                                                                                              \
        BX_OK, MODEL_##state                                                                       \
    }
#define NO(code)                                                                                   \
    {                                                                                              \
        BX_##code, 0                                                                               \
    }
/* Columns: ABSENT, ACTIVE, RESTARTING, FAILED, STOPPING, CUTTING, RESTED, DELETING. */
static const struct effect effects[REQUESTS][MODEL__STATES] = {
    [CREATE] = {TO(ACTIVE), NO(EXISTS), NO(EXISTS), NO(EXISTS), NO(EXISTS), NO(EXISTS), NO(EXISTS),
                NO(EXISTS)},
    [CREATE_STOPPED] = {TO(RESTED), NO(EXISTS), NO(EXISTS), NO(EXISTS), NO(EXISTS), NO(EXISTS),
                        NO(EXISTS), NO(EXISTS)},
    [START] = {NO(NOT_FOUND), TO(ACTIVE), TO(RESTARTING), TO(ACTIVE), NO(CONFLICT), NO(CONFLICT),
               TO(ACTIVE), NO(CONFLICT)},
    [STOP] = {NO(NOT_FOUND), TO(STOPPING), TO(STOPPING), TO(RESTED), TO(STOPPING), TO(CUTTING),
              TO(RESTED), NO(CONFLICT)},
    [CUT] = {NO(NOT_FOUND), TO(CUTTING), TO(CUTTING), TO(RESTED), TO(CUTTING), TO(CUTTING),
             TO(RESTED), NO(CONFLICT)},
    [RESTART] = {NO(NOT_FOUND), TO(RESTARTING), TO(RESTARTING), TO(ACTIVE), TO(RESTARTING),
                 TO(RESTARTING), TO(ACTIVE), NO(CONFLICT)},
    [DELETE] = {NO(NOT_FOUND), TO(DELETING), TO(DELETING), TO(ABSENT), TO(DELETING), TO(DELETING),
                TO(ABSENT), TO(DELETING)},
};

static enum request request_of(const struct sim_op *op)
{
    switch (op->kind) {
    case SIM_OP_CREATE:
        return CREATE;
    case SIM_OP_CREATE_STOPPED:
        return CREATE_STOPPED;
    case SIM_OP_DELETE:
        return DELETE;
    case SIM_OP_START:
        return START;
    case SIM_OP_STOP:
        return op->force ? CUT : STOP;
    case SIM_OP_RESTART:
        return RESTART;
    case SIM_OP_READ:
    case SIM_OP_LIST:
    case SIM_OP_STALE_READ:
    case SIM_OP_DRY_RUN:
    case SIM__OPS:
        break;
    }
    return REQUESTS;
}

static struct effect effect_of(const struct sim_op *op, unsigned state)
{
    enum request r = request_of(op);
    struct effect e;

    assert(r < REQUESTS);
    e = effects[r][state];
    if (sim_op_creates(op->kind) && state != MODEL_ABSENT && op->if_not_exists)
        e = (struct effect){state == MODEL_DELETING ? BX_CONFLICT : BX_OK, (uint8_t)state};
    return e;
}

/* Where something is to be placed, refusals depend on more than this name. */
static bool may_refuse_place(const struct sim_op *op)
{
    return op->code == BX_UNPLACEABLE || (op->code == BX_NOT_FOUND && (op->pinned || op->early));
}

static bool may_refuse(const struct sim_op *op, unsigned state)
{
    bool begins_again = (op->kind == SIM_OP_START || op->kind == SIM_OP_RESTART) &&
                        (state == MODEL_RESTED || state == MODEL_FAILED);

    if (op->code == BX_BUSY)
        return true;
    if (sim_op_creates(op->kind))
        return state == MODEL_ABSENT && may_refuse_place(op);
    return begins_again && op->code == BX_UNPLACEABLE; /* others have taken its room */
}

/* The state after op, answered as it was, in `state`; false when it would have been answered
 * otherwise. */
static bool move(const struct sim_op *op, unsigned state, unsigned *next)
{
    struct effect e = effect_of(op, state);

    *next = op->code == BX_OK ? e.next : state;
    if (op->invalid || op->code == BX_INVALID)
        return op->invalid && op->code == BX_INVALID;
    if (may_refuse(op, state))
        return true;
    return e.code == op->code && (e.code != BX_OK || op->existed == (e.next == state));
}

/* ---- reads ---- */

static bool phase_of(unsigned state, uint8_t phase)
{
    switch ((enum model_state)state) {
    case MODEL_ACTIVE:
        return phase == BX_PHASE_CREATING || begins(phase);
    case MODEL_FAILED:
        return phase == BX_PHASE_FAILED;
    case MODEL_RESTARTING:
    case MODEL_STOPPING:
    case MODEL_CUTTING:
    case MODEL_DELETING:
        return phase == BX_PHASE_STOPPING;
    case MODEL_RESTED:
        return phase == BX_PHASE_STOPPED;
    case MODEL_ABSENT:
        return phase == BX__PHASES;
    case MODEL__STATES:
        break;
    }
    return false;
}

bool model_has_phase(const struct model *m, uint8_t phase)
{
    for (unsigned state = 0; state < MODEL__STATES; state++) {
        if ((m->states & (1u << state)) && phase_of(state, phase))
            return true;
    }
    return false;
}

static uint8_t desired_of(unsigned state)
{
    if (state == MODEL_DELETING)
        return BX_DESIRED_DELETED;
    return state == MODEL_ACTIVE || state == MODEL_RESTARTING || state == MODEL_FAILED
               ? BX_DESIRED_RUNNING
               : BX_DESIRED_STOPPED;
}

static bool shows(const struct model *m, const struct sim_op *op, uint32_t vm, unsigned state)
{
    if (op->kind == SIM_OP_DRY_RUN && (op->invalid || op->code == BX_INVALID))
        return op->invalid && op->code == BX_INVALID;
    if (op->kind == SIM_OP_DRY_RUN)
        return state == MODEL_ABSENT ? op->code == BX_OK || may_refuse_place(op)
                                     : op->code == BX_EXISTS;
    if (op->code != BX_OK)
        return op->code == BX_NOT_FOUND && state == MODEL_ABSENT;
    return state != MODEL_ABSENT && vm == m->vm && op->desired == desired_of(state) &&
           phase_of(state, op->phase);
}

/* ---- steps ---- */

/* A request was about the VM that is there, or made it. */
static bool concerns(const struct model *m, const struct sim_op *op, uint32_t vm, unsigned state)
{
    return op->code != BX_OK || (state == MODEL_ABSENT ? sim_op_creates(op->kind) : vm == m->vm);
}

static uint8_t step(const struct model *m, const struct sim_op *op, uint32_t vm)
{
    uint8_t after = 0;

    for (unsigned state = 0; state < MODEL__STATES; state++) {
        unsigned next = state;

        if (!(m->states & (1u << state)))
            continue;
        if (sim_op_reads(op->kind) ? shows(m, op, vm, state)
                                   : concerns(m, op, vm, state) && move(op, state, &next))
            after |= (uint8_t)(1u << next);
    }
    return after;
}

bool model_answered(const struct model *before, const struct sim_op *op, uint32_t vm,
                    struct model *after)
{
    uint8_t states = step(before, op, vm);

    *after = *before;
    if (sim_op_creates(op->kind) && sim_op_changed(op)) {
        after->vm = vm;
        after->restart = op->restart;
    }
    return settle(after, states);
}

bool model_unanswered(const struct model *before, const struct sim_op *op, uint32_t vm,
                      struct model *after)
{
    uint8_t states = 0;

    *after = *before;
    if (sim_op_reads(op->kind) || op->invalid)
        return false;
    for (unsigned state = 0; state < MODEL__STATES; state++) {
        struct effect e = effect_of(op, state);

        if ((before->states & (1u << state)) && e.code == BX_OK && e.next != state)
            states |= (uint8_t)(1u << e.next);
    }
    if (sim_op_creates(op->kind)) {
        after->vm = vm;
        after->restart = op->restart;
    }
    return settle(after, states);
}
