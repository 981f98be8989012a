/* linear_help - histories of one name, written by hand, and what the check says of them. Each test
 * program has its own. */
#ifndef LINEAR_HELP_H
#define LINEAR_HELP_H

#include "lib/testlib.h"

#include "err.h"
#include "model/vm.h"
#include "sim/linear.h"

#include <string.h>

#define NEVER SIM_OP_UNANSWERED
#define OPS_MAX 500u

static struct sim_op ops[OPS_MAX];
static size_t n;
static bool nodes_go;

static inline int setup(void **state)
{
    (void)state;
    memset(ops, 0, sizeof ops);
    n = 0;
    nodes_go = false;
    return 0;
}

static inline struct sim_op *op(enum sim_op_kind kind, uint64_t start, uint64_t end, int code,
                                char vm)
{
    struct sim_op *o = &ops[n++];

    assert_true(n <= OPS_MAX);
    o->kind = kind;
    o->start = start;
    o->end = end;
    o->code = (uint16_t)code;
    o->uuid[0] = (uint8_t)vm;
    o->restart = BX_RESTART_ALWAYS;
    return o;
}

static inline void create(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_CREATE, start, end, BX_OK, vm);
}

static inline void create_resting(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_CREATE_STOPPED, start, end, BX_OK, vm);
}

static inline void remove_vm(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_DELETE, start, end, BX_OK, vm);
}

static inline void absent(uint64_t start, uint64_t end)
{
    op(SIM_OP_READ, start, end, BX_NOT_FOUND, 0);
}

static inline void there(uint64_t start, uint64_t end, char vm, enum bx_desired desired,
                         enum bx_phase phase)
{
    struct sim_op *o = op(SIM_OP_READ, start, end, BX_OK, vm);

    o->desired = (uint8_t)desired;
    o->phase = (uint8_t)phase;
}

static inline void runs(uint64_t start, uint64_t end, char vm)
{
    there(start, end, vm, BX_DESIRED_RUNNING, BX_PHASE_RUNNING);
}

static inline void rests(uint64_t start, uint64_t end, char vm)
{
    there(start, end, vm, BX_DESIRED_STOPPED, BX_PHASE_STOPPED);
}

static inline void good(void)
{
    size_t at = 0;

    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_GOOD);
}

static inline void bad_at(size_t where)
{
    size_t at = 0;

    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_BAD);
    assert_int_equal(at, where);
}

#endif
