#include "sim/history.h"

#include "err.h"
#include "mem/alloc.h"
#include "model/vm.h"

#include <stdio.h>

const char *const sim_op_names[] = {"create",  "create stopped", "delete",     "start", "stop",
                                    "restart", "read",           "stale read", NULL};

void sim_history_add(struct sim_history *h, const struct sim_op *op)
{
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 1024 : h->cap * 2;
        h->ops = bx_must_realloc(h->ops, h->cap * sizeof *h->ops);
    }
    h->ops[h->n++] = *op;
}

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

void sim_history_tell(const struct sim_history *h, size_t i, char *out, size_t len)
{
    const struct sim_op *op = &h->ops[i];
    bool read = op->kind == SIM_OP_READ || op->kind == SIM_OP_STALE_READ;
    bool answered = op->end != SIM_OP_UNANSWERED;

    snprintf(
        out, len,
        "vm-%u, %.6f to %.6f s, client %u: %s%s%s: %s%s, %02x%02x%02x%02x%s%s%s%s, revision %llu",
        op->name, seconds(op->start), answered ? seconds(op->end) : 0.0, op->client,
        sim_op_names[op->kind], op->if_not_exists ? " if not exists" : "",
        op->force ? " by force" : "", answered ? bx_code_name(op->code) : "no answer",
        op->existed ? ", nothing to do" : "", op->uuid[0], op->uuid[1], op->uuid[2], op->uuid[3],
        read && op->code == BX_OK ? ", wanted " : "",
        read && op->code == BX_OK ? bx_desired_names[op->desired] : "",
        read && op->code == BX_OK ? ", " : "",
        read && op->code == BX_OK ? bx_phase_names[op->phase] : "",
        (unsigned long long)op->revision);
}
