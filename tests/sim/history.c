#include "sim/history.h"

#include "err.h"
#include "mem/alloc.h"
#include "model/vm.h"
#include "sim/model.h"
#include "wire/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const sim_op_names[] = {"create",     "create stopped", "delete", "start",
                                    "stop",       "restart",        "read",   "list",
                                    "stale read", "dry run",        NULL};

bool sim_op_creates(enum sim_op_kind kind)
{
    return kind == SIM_OP_CREATE || kind == SIM_OP_CREATE_STOPPED;
}

bool sim_op_reads(enum sim_op_kind kind)
{
    return kind == SIM_OP_READ || kind == SIM_OP_LIST || sim_op_is_local(kind);
}

bool sim_op_is_local(enum sim_op_kind kind)
{
    return kind == SIM_OP_STALE_READ || kind == SIM_OP_DRY_RUN;
}

bool sim_op_changed(const struct sim_op *op)
{
    return op->end != SIM_OP_UNANSWERED && !sim_op_reads(op->kind) && op->code == BX_OK &&
           !op->existed;
}

void sim_history_add(struct sim_history *h, const struct sim_op *op)
{
    if (h->n == h->cap) {
        h->cap = h->cap == 0 ? 1024 : h->cap * 2;
        h->ops = bx_must_realloc(h->ops, h->cap * sizeof *h->ops);
    }
    h->ops[h->n++] = *op;
}

void sim_history_change(struct sim_history *h, const struct sim_change *c)
{
    if (h->n_changes == h->changes_cap) {
        h->changes_cap = h->changes_cap == 0 ? 1024 : h->changes_cap * 2;
        h->changes = bx_must_realloc(h->changes, h->changes_cap * sizeof *h->changes);
    }
    h->changes[h->n_changes++] = *c;
    h->nodes_go = h->nodes_go || c->type == BX_EVENT_NODE_REMOVED;
}

static double seconds(uint64_t us)
{
    return (double)us / 1e6;
}

void sim_history_tell(const struct sim_op *op, char *out, size_t len)
{
    bool answered = op->end != SIM_OP_UNANSWERED;
    int n =
        snprintf(out, len, "client %u, vm-%u, %.6f s", op->client, op->name, seconds(op->start));
    size_t at = (size_t)n;

    if (answered)
        at += (size_t)snprintf(out + at, len - at, " to %.6f s", seconds(op->end));
    at += (size_t)snprintf(out + at, len - at, ": %s%s%s%s%s: %s%s", sim_op_names[op->kind],
                           op->if_not_exists ? " if not exists" : "", op->force ? " by force" : "",
                           op->pinned ? " on a node" : "", op->invalid ? " of nonsense" : "",
                           answered ? bx_code_name(op->code) : "no answer",
                           op->existed ? ", nothing to do" : "");
    if (answered && op->code == BX_OK && op->kind != SIM_OP_DRY_RUN)
        at += (size_t)snprintf(out + at, len - at, ", %02x%02x%02x%02x", op->uuid[0], op->uuid[1],
                               op->uuid[2], op->uuid[3]);
    if (answered && op->code == BX_OK && sim_op_reads(op->kind) && op->kind != SIM_OP_DRY_RUN)
        at += (size_t)snprintf(out + at, len - at, ", wanted %s, %s", bx_desired_names[op->desired],
                               bx_phase_names[op->phase]);
    if (answered)
        snprintf(out + at, len - at, ", revision %llu", (unsigned long long)op->revision);
}

/* ---- one name, revision by revision ---- */

struct replay {
    const struct sim_history *h;
    struct sim_wrong *wrong;
    unsigned name;
    size_t change;    /* the next one */
    struct model now; /* one state, but where requests without an answer can explain a change */
    uint8_t uuid[16]; /* of the VM that is there, once somebody told it */
    bool named;
    const char *node;
};

static bool refuse(struct replay *r, const char *what, size_t op, uint64_t revision)
{
    *r->wrong = (struct sim_wrong){what, op, revision};
    return false;
}

static bool is_of(const struct replay *r, const struct sim_change *c)
{
    if (c->type == BX_EVENT_NODE_REMOVED)
        return r->now.vm != 0 && strcmp(r->node, c->node) == 0;
    return c->name == r->name;
}

static const struct sim_change *next_change(struct replay *r)
{
    while (r->change < r->h->n_changes && !is_of(r, &r->h->changes[r->change]))
        r->change++;
    return r->change < r->h->n_changes ? &r->h->changes[r->change] : NULL;
}

/* After a change: what it says of itself is so. */
static bool agrees(struct replay *r, const struct sim_change *c)
{
    r->node = c->node;
    return model_has_phase(&r->now, c->phase) &&
           (c->type == BX_EVENT_VM_DELETED) == (r->now.vm == 0);
}

/* Somebody who got no answer asked for it; when it can have been several, any of them. */
static bool by_unanswered(struct replay *r, const struct sim_change *c)
{
    struct model before = r->now;
    uint8_t states = 0;

    for (size_t i = 0; i < r->h->n; i++) {
        const struct sim_op *op = &r->h->ops[i];

        if (op->name != r->name || op->end != SIM_OP_UNANSWERED ||
            sim_op_creates(op->kind) != (c->type == BX_EVENT_VM_CREATED) ||
            !model_unanswered(&before, op, (uint32_t)i + 1, &r->now) || !agrees(r, c))
            continue;
        states |= r->now.states;
        if (c->type != BX_EVENT_VM_CREATED)
            continue;
        r->named = false;
        return true;
    }
    if (states == 0 || c->type == BX_EVENT_VM_DELETED) {
        r->now = states == 0 ? before : model_empty(before.nodes_go);
        return states != 0;
    }
    r->now = before;
    r->now.states = states;
    return true;
}

/* A change that no answer told of. */
static bool unasked(struct replay *r, const struct sim_change *c)
{
    bool gone = c->type == BX_EVENT_VM_DELETED;
    struct model before = r->now;

    r->change++;
    if (c->type == BX_EVENT_NODE_REMOVED) {
        model_orphaned(&r->now);
        r->node = "";
        return true;
    }
    if ((gone || c->type == BX_EVENT_VM_PHASE) && model_reported(&r->now, c->phase) && agrees(r, c))
        return true;
    r->now = before;
    return by_unanswered(r, c) ||
           refuse(r, "nobody asked for this change, or it is none", SIZE_MAX, c->revision);
}

/* The number of the VM that an op speaks of. A create's is its place in the history; that of one
 * without an answer is learned from the first who saw it. */
static uint32_t number_of(struct replay *r, const struct sim_op *op)
{
    static const uint8_t none[16];

    if (memcmp(op->uuid, none, sizeof none) == 0)
        return 0;
    if (sim_op_creates(op->kind) && sim_op_changed(op))
        return (uint32_t)(op - r->h->ops) + 1;
    if (r->now.vm != 0 && !r->named) {
        memcpy(r->uuid, op->uuid, sizeof r->uuid);
        r->named = true;
    }
    return memcmp(r->uuid, op->uuid, sizeof r->uuid) == 0 ? r->now.vm : UINT32_MAX;
}

static bool answered_here(struct replay *r, const struct sim_op *op)
{
    struct model before = r->now;

    return model_answered(&before, op, number_of(r, op), &r->now);
}

static bool change_was_made(struct replay *r, const struct sim_op *op, const struct sim_change *c)
{
    if (c == NULL || c->revision != op->revision || c->type == BX_EVENT_NODE_REMOVED)
        return refuse(r, "this acknowledged change was not made", (size_t)(op - r->h->ops), 0);
    r->change++;
    if (!answered_here(r, op) || !agrees(r, c) ||
        sim_op_creates(op->kind) != (c->type == BX_EVENT_VM_CREATED))
        return refuse(r, "this change was another one", (size_t)(op - r->h->ops), 0);
    if (sim_op_creates(op->kind)) {
        memcpy(r->uuid, op->uuid, sizeof r->uuid);
        r->named = true;
    }
    return true;
}

static bool one_op(struct replay *r, const struct sim_op *op)
{
    const struct sim_change *c;

    while ((c = next_change(r)) != NULL && c->revision < op->revision + !sim_op_changed(op)) {
        if (!unasked(r, c))
            return false;
    }
    if (sim_op_changed(op))
        return change_was_made(r, op, c);
    /* The name may be another VM's by then: that it was nobody's in between, linear.c checks. */
    return op->gone || answered_here(r, op) ||
           refuse(r, "this is not what there was at its revision", (size_t)(op - r->h->ops), 0);
}

/* By revision; a change before those who saw it. */
static int by_revision(const void *a, const void *b)
{
    const struct sim_op *x = *(const struct sim_op *const *)a,
                        *y = *(const struct sim_op *const *)b;

    if (x->revision != y->revision)
        return x->revision < y->revision ? -1 : 1;
    if (sim_op_changed(x) != sim_op_changed(y))
        return sim_op_changed(x) ? -1 : 1;
    return x < y ? -1 : x > y;
}

static bool name_good(const struct sim_history *h, unsigned name, const struct sim_op **order,
                      struct sim_wrong *wrong)
{
    struct replay r = {.h = h, .wrong = wrong, .name = name, .node = ""};
    const struct sim_change *c;
    size_t n = 0;

    r.now = model_empty(h->nodes_go);
    for (size_t i = 0; i < h->n; i++) {
        if (h->ops[i].name == name && h->ops[i].end != SIM_OP_UNANSWERED)
            order[n++] = &h->ops[i];
    }
    qsort(order, n, sizeof *order, by_revision);
    for (size_t i = 0; i < n; i++) {
        if (!one_op(&r, order[i]))
            return false;
    }
    while ((c = next_change(&r)) != NULL) {
        if (!unasked(&r, c))
            return false;
    }
    return true;
}

/* ---- revisions and time ---- */

/* All answers before then are known to it. */
static uint64_t knows(const struct sim_op *op)
{
    return sim_op_is_local(op->kind) ? op->knows : op->start;
}

static int by_knowledge(const void *a, const void *b)
{
    const struct sim_op *x = *(const struct sim_op *const *)a,
                        *y = *(const struct sim_op *const *)b;

    if (knows(x) != knows(y))
        return knows(x) < knows(y) ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Whoever asks after an answer, or claims to know what was answered until then, sees at least its
 * revision, and a change is newer than it. The history is in the order of answers. */
static bool time_good(const struct sim_history *h, const struct sim_op **order,
                      struct sim_wrong *wrong)
{
    uint64_t newest = 0;
    size_t n = 0, ended = 0;

    for (size_t i = 0; i < h->n; i++) {
        if (h->ops[i].end != SIM_OP_UNANSWERED)
            order[n++] = &h->ops[i];
    }
    qsort(order, n, sizeof *order, by_knowledge);
    for (size_t i = 0; i < n; i++) {
        const struct sim_op *op = order[i];

        for (; ended < h->n &&
               (h->ops[ended].end == SIM_OP_UNANSWERED || h->ops[ended].end < knows(op));
             ended++) {
            if (h->ops[ended].end != SIM_OP_UNANSWERED && h->ops[ended].revision > newest)
                newest = h->ops[ended].revision;
        }
        if (op->revision >= newest + sim_op_changed(op))
            continue;
        *wrong = (struct sim_wrong){"an older answer was newer", (size_t)(op - h->ops), newest};
        return false;
    }
    return true;
}

bool sim_history_good(const struct sim_history *h, unsigned names, struct sim_wrong *wrong)
{
    const struct sim_op **order = bx_must_calloc(h->n + 1, sizeof(struct sim_op *));
    bool good = time_good(h, order, wrong);

    for (unsigned name = 0; name < names && good; name++)
        good = name_good(h, name, order, wrong);
    bx_free(order);
    return good;
}
