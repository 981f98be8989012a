#include "sim/model.h"

#include "err.h"
#include "model/vm.h"

#include <assert.h>

#define IN(state) (1u << MODEL_##state)

/* ---- what happens unseen ---- */

static uint8_t closed(uint8_t states, uint8_t restart)
{
    if (states & IN(RESTARTING))
        states |= IN(ACTIVE);
    if ((states & IN(ACTIVE)) && restart == BX_RESTART_NEVER)
        states |= IN(RESTED) | IN(FAILED);
    if ((states & IN(ACTIVE)) && restart == BX_RESTART_ON_FAILURE)
        states |= IN(RESTED);
    if (states & (IN(STOPPING) | IN(CUTTING)))
        states |= IN(RESTED);
    if (states & IN(DELETING))
        states |= IN(ABSENT);
    return states;
}

struct model model_empty(void)
{
    return (struct model){0, IN(ABSENT), 0};
}

static bool settle(struct model *m, uint8_t states)
{
    m->states = closed(states, m->restart);
    if (m->states == IN(ABSENT))
        *m = model_empty();
    return states != 0;
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

static bool is_create(const struct sim_op *op)
{
    return op->kind == SIM_OP_CREATE || op->kind == SIM_OP_CREATE_STOPPED;
}

static bool is_read(const struct sim_op *op)
{
    return op->kind == SIM_OP_READ || op->kind == SIM_OP_STALE_READ;
}

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
    case SIM_OP_STALE_READ:
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
    if (is_create(op) && state != MODEL_ABSENT && op->if_not_exists)
        e = (struct effect){BX_OK, (uint8_t)state};
    return e;
}

/* Refusals that change nothing and depend on more than this name. */
static bool may_refuse(const struct sim_op *op, unsigned state)
{
    return op->code == BX_BUSY ||
           (op->code == BX_UNPLACEABLE && is_create(op) && state == MODEL_ABSENT);
}

/* The state after op, answered as it was, in `state`; false when it would have been answered
 * otherwise. */
static bool move(const struct sim_op *op, unsigned state, unsigned *next)
{
    struct effect e = effect_of(op, state);

    *next = op->code == BX_OK ? e.next : state;
    if (may_refuse(op, state))
        return true;
    return e.code == op->code && (e.code != BX_OK || op->existed == (e.next == state));
}

/* ---- reads ---- */

static bool starts_or_runs(uint8_t phase)
{
    return phase == BX_PHASE_CREATING || phase == BX_PHASE_STARTING || phase == BX_PHASE_RUNNING;
}

static bool shows(const struct sim_op *op, unsigned state)
{
    if (op->code != BX_OK)
        return op->code == BX_NOT_FOUND && state == MODEL_ABSENT;
    switch ((enum model_state)state) {
    case MODEL_ACTIVE:
        return op->desired == BX_DESIRED_RUNNING && starts_or_runs(op->phase);
    case MODEL_RESTARTING:
        return op->desired == BX_DESIRED_RUNNING && op->phase == BX_PHASE_STOPPING;
    case MODEL_FAILED:
        return op->desired == BX_DESIRED_RUNNING && op->phase == BX_PHASE_FAILED;
    case MODEL_STOPPING:
    case MODEL_CUTTING:
        return op->desired == BX_DESIRED_STOPPED && op->phase == BX_PHASE_STOPPING;
    case MODEL_RESTED:
        return op->desired == BX_DESIRED_STOPPED && op->phase == BX_PHASE_STOPPED;
    case MODEL_DELETING:
        return op->desired == BX_DESIRED_DELETED && op->phase == BX_PHASE_STOPPING;
    case MODEL_ABSENT:
    case MODEL__STATES:
        break;
    }
    return false;
}

/* ---- steps ---- */

static uint8_t step(const struct model *m, const struct sim_op *op, uint32_t vm)
{
    uint8_t after = 0;

    for (unsigned state = 0; state < MODEL__STATES; state++) {
        bool makes = is_create(op) && state == MODEL_ABSENT;
        unsigned next = state;

        if (!(m->states & (1u << state)))
            continue;
        if (op->code == BX_OK && !makes && (state == MODEL_ABSENT || vm != m->vm))
            continue; /* it speaks of another VM */
        if (is_read(op) ? shows(op, state) : move(op, state, &next))
            after |= (uint8_t)(1u << next);
    }
    return after;
}

bool model_answered(const struct model *before, const struct sim_op *op, uint32_t vm,
                    struct model *after)
{
    uint8_t states = step(before, op, vm);

    *after = *before;
    if (is_create(op) && op->code == BX_OK && !op->existed) {
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
    if (is_read(op))
        return false;
    for (unsigned state = 0; state < MODEL__STATES; state++) {
        struct effect e = effect_of(op, state);

        if ((before->states & (1u << state)) && e.code == BX_OK && e.next != state)
            states |= (uint8_t)(1u << e.next);
    }
    if (is_create(op)) {
        after->vm = vm;
        after->restart = op->restart;
    }
    return settle(after, states);
}
