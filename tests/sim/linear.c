#include "sim/linear.h"

#include "err.h"
#include "mem/alloc.h"
#include "mem/map.h"
#include "sim/model.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- the configurations that can be ---- */

__extension__ typedef unsigned __int128 places; /* a set of LINEAR_OPEN_MAX places */

static_assert(sizeof(places) * 8 == LINEAR_OPEN_MAX, "one bit for each place");

static places place_bit(unsigned p)
{
    return (places)1 << p;
}

/* The first of a set that is not empty. */
static unsigned first_of(places set)
{
    uint64_t low = (uint64_t)set;

    return (unsigned)(low != 0 ? __builtin_ctzll(low)
                               : 64 + __builtin_ctzll((uint64_t)(set >> 64)));
}

struct config {
    places done; /* of the open requests, by place: those that took effect */
    struct model model;
};

/* In the order in which they were found, without those that another one covers: it has the same
 * model, and what it lacks of the requests that took effect has no answer. Those can still take
 * effect, or never, so whatever follows from the one follows from the other. */
struct configs {
    struct config *items;
    uint32_t *index;        /* position + 1 by hash; 0: free */
    size_t n, cap;          /* cap: a power of two; index has twice as many */
    const places *answered; /* the open requests that have an answer */
};

static bool covers(const struct configs *all, const struct config *a, const struct config *b)
{
    return (a->done & *all->answered) == (b->done & *all->answered) && (a->done & ~b->done) == 0 &&
           a->model.vm == b->model.vm && a->model.states == b->model.states &&
           a->model.restart == b->model.restart;
}

/* The place of one that covers c, or the free one where c belongs. */
static uint32_t *place(const struct configs *all, const struct config *c)
{
    places done = c->done & *all->answered;
    uint64_t words[3] = {(uint64_t)done, (uint64_t)(done >> 64),
                         (uint64_t)c->model.vm << 16 | (uint64_t)c->model.states << 8 |
                             c->model.restart};
    size_t mask = all->cap * 2 - 1, i = (size_t)bx_hash(words, sizeof words) & mask;

    while (all->index[i] != 0 && !covers(all, &all->items[all->index[i] - 1], c))
        i = (i + 1) & mask;
    return &all->index[i];
}

static void grow(struct configs *all)
{
    all->cap = all->cap == 0 ? 64 : all->cap * 2;
    all->items = bx_must_realloc(all->items, all->cap * sizeof *all->items);
    bx_free(all->index);
    all->index = bx_must_calloc(all->cap * 2, sizeof *all->index);
    for (size_t i = 0; i < all->n; i++)
        *place(all, &all->items[i]) = (uint32_t)i + 1;
}

static void add(struct configs *all, const struct config *c)
{
    uint32_t *at;

    if (all->n == all->cap)
        grow(all);
    at = place(all, c);
    if (*at != 0)
        return;
    all->items[all->n++] = *c;
    *at = (uint32_t)all->n;
}

static void empty(struct configs *all)
{
    for (size_t i = 0; i < all->n; i++)
        *place(all, &all->items[all->n - 1 - i]) = 0; /* the last first: no search crosses a gap */
    all->n = 0;
}

static void release(struct configs *all)
{
    bx_free(all->items);
    bx_free(all->index);
}

/* ---- the history of one name ---- */

struct uuid {
    uint8_t id[16];
    bool made; /* a create told of it: an unanswered one did not make it */
};

struct moment {
    uint64_t at;
    bool answer;
    uint32_t op; /* in ops */
};

struct search {
    unsigned name;
    const struct sim_op *ops;
    struct uuid *uuids;     /* VM number n is uuids[n - 1] */
    uint32_t n_uuids, *vms; /* vms: by op, the VM's number */
    struct moment *moments;
    size_t n_moments;
    uint32_t open[LINEAR_OPEN_MAX]; /* ops by place */
    places taken;                   /* places in use */
    places answered;                /* of those, the ones of requests that have an answer */
    places before[LINEAR_OPEN_MAX]; /* by place: those alike, without an answer, that lapse first */
    struct configs now, next;
};

/* VMs of creates that nobody got an answer to; their uuids become known when somebody reads them.
 */
#define UNSEEN (1u << 31)

static uint32_t number_of(struct search *s, const uint8_t uuid[16])
{
    static const uint8_t none[16];
    uint32_t i = 0;

    if (memcmp(uuid, none, 16) == 0)
        return 0;
    while (i < s->n_uuids && memcmp(s->uuids[i].id, uuid, 16) != 0)
        i++;
    if (i == s->n_uuids) {
        memcpy(s->uuids[s->n_uuids].id, uuid, 16);
        s->uuids[s->n_uuids++].made = false;
    }
    return i + 1;
}

static bool wanted(const struct sim_op *op, unsigned name)
{
    return op->name == name && !sim_op_is_local(op->kind);
}

static void add_op(struct search *s, uint32_t i)
{
    const struct sim_op *op = &s->ops[i];
    bool answered = op->end != SIM_OP_UNANSWERED;

    if (!answered && (sim_op_reads(op->kind) || op->invalid))
        return; /* it changed nothing, and nobody knows what it saw */

    s->vms[i] = answered ? number_of(s, op->uuid) : UNSEEN | i;
    if (sim_op_creates(op->kind) && sim_op_changed(op) && s->vms[i] != 0)
        s->uuids[s->vms[i] - 1].made = true;
    s->moments[s->n_moments++] = (struct moment){op->start, false, i};
    if (answered)
        s->moments[s->n_moments++] = (struct moment){op->end, true, i};
}

/* By time; of two at one time the beginning first: the two may overlap. */
static int order(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->answer != y->answer)
        return x->answer ? 1 : -1;
    return x->op < y->op ? -1 : x->op > y->op;
}

static void begin(struct search *s, const struct sim_history *h, unsigned name)
{
    struct config c = {0, model_empty(h->nodes_go)};

    memset(s, 0, sizeof *s);
    s->now.answered = s->next.answered = &s->answered;
    s->name = name;
    s->ops = h->ops;
    s->uuids = bx_must_calloc(h->n + 1, sizeof *s->uuids);
    s->vms = bx_must_calloc(h->n + 1, sizeof *s->vms);
    s->moments = bx_must_calloc(h->n + 1, 2 * sizeof *s->moments);
    assert(h->n < UNSEEN);
    for (size_t i = 0; i < h->n; i++) {
        if (wanted(&h->ops[i], name))
            add_op(s, (uint32_t)i);
        else if (sim_op_changed(&h->ops[i])) /* of another name: something lapses */
            s->moments[s->n_moments++] = (struct moment){h->ops[i].end, true, (uint32_t)i};
    }
    qsort(s->moments, s->n_moments, sizeof *s->moments, order);
    add(&s->now, &c);
}

static void end(struct search *s)
{
    bx_free(s->uuids);
    bx_free(s->vms);
    bx_free(s->moments);
    release(&s->now);
    release(&s->next);
}

/* ---- steps ---- */

/* The request at `p` takes effect now. */
static bool apply(const struct search *s, const struct config *c, unsigned p, struct config *out)
{
    uint32_t i = s->open[p];
    struct model m = c->model;
    uint32_t vm = s->vms[i];
    bool can;

    out->done = c->done | place_bit(p);
    if (s->ops[i].end == SIM_OP_UNANSWERED) {
        can = model_unanswered(&m, &s->ops[i], vm, &out->model);
    } else {
        if ((m.vm & UNSEEN) && vm != 0 && !s->uuids[vm - 1].made)
            m.vm = vm; /* so that is the uuid it got */
        can = model_answered(&m, &s->ops[i], vm, &out->model);
    }
    model_unseen(&out->model);
    return can;
}

/* What it was told was that nothing is changed. */
static bool only_looks(const struct sim_op *op)
{
    return op->end != SIM_OP_UNANSWERED && !sim_op_changed(op);
}

/* What only looks, and learns nothing that is not known already, has looked. What changes something
 * is another matter, even where as much is known afterwards as before. */
static void settle(const struct search *s, struct config *c)
{
    for (places left = s->taken & ~c->done; left != 0; left &= left - 1) {
        unsigned p = first_of(left);
        struct config after;

        if (only_looks(&s->ops[s->open[p]]) && apply(s, c, p, &after) &&
            after.model.vm == c->model.vm && after.model.states == c->model.states)
            c->done = after.done;
    }
}

/* Every way on from c in which one more request has taken effect. Of those that are alike and have
 * no answer, it is the one that lapses first: the others can do later what it can. */
static void branch(struct search *s, const struct config *c)
{
    places all = s->taken & ~c->done;

    for (places left = all; left != 0; left &= left - 1) {
        unsigned p = first_of(left);
        struct config after;

        if ((s->before[p] & all) != 0 || !apply(s, c, p, &after))
            continue;
        settle(s, &after);
        add(&s->now, &after);
    }
}

static void swap(struct search *s)
{
    struct configs used = s->now;

    empty(&used);
    s->now = s->next;
    s->next = used;
}

/* The request at `p` is answered: what can not have done it by now can not be. */
static enum linear_verdict answer(struct search *s, unsigned p)
{
    places bit = place_bit(p);

    for (size_t i = 0; i < s->now.n; i++) { /* branch adds to it */
        struct config c = s->now.items[i];

        if (s->now.n > LINEAR_ORDERS_MAX)
            return LINEAR_TOO_WIDE;
        settle(s, &c);
        if (!(c.done & bit)) {
            branch(s, &c);
            continue;
        }
        c.done &= ~bit;
        add(&s->next, &c);
    }
    swap(s);
    s->taken &= ~bit;
    s->answered &= ~bit;
    return s->now.n > 0 ? LINEAR_GOOD : LINEAR_BAD;
}

/* `op` was acknowledged: what could take effect only before it was asked for is over. It has taken
 * effect by now, before or after others that are open, or never will. */
static enum linear_verdict lapse(struct search *s, const struct sim_op *op)
{
    places over = 0;

    for (places left = s->taken; left != 0; left &= left - 1) {
        unsigned p = first_of(left);
        const struct sim_op *o = &s->ops[s->open[p]];

        if (o->end == SIM_OP_UNANSWERED && o->given_up + LINEAR_LAPSE_US <= op->start)
            over |= place_bit(p);
    }
    if (over == 0)
        return LINEAR_GOOD;
    for (size_t i = 0; i < s->now.n; i++) { /* branch adds to it */
        struct config c = s->now.items[i];

        if (s->now.n > LINEAR_ORDERS_MAX)
            return LINEAR_TOO_WIDE;
        if ((over & ~c.done) != 0)
            branch(s, &c);
        c.done &= ~over;
        add(&s->next, &c);
    }
    s->taken &= ~over;
    for (unsigned p = 0; p < LINEAR_OPEN_MAX; p++)
        s->before[p] &= ~over;
    swap(s);
    return LINEAR_GOOD;
}

static unsigned place_of(const struct search *s, uint32_t op)
{
    unsigned p = 0;

    while (!(s->taken & place_bit(p)) || s->open[p] != op)
        p++;
    return p;
}

static bool alike(const struct sim_op *a, const struct sim_op *b)
{
    return a->kind == b->kind && a->restart == b->restart && a->force == b->force &&
           a->pinned == b->pinned && a->if_not_exists == b->if_not_exists;
}

/* Those without an answer that ask for the same as op. */
static places alike_open(const struct search *s, const struct sim_op *op)
{
    places found = 0;

    for (places left = s->taken & ~s->answered; left != 0; left &= left - 1)
        if (alike(&s->ops[s->open[first_of(left)]], op))
            found |= place_bit(first_of(left));
    return found;
}

static unsigned count_of(places set)
{
    unsigned n = 0;

    for (; set != 0; set &= set - 1)
        n++;
    return n;
}

/* A request without an answer is asked for. Beyond so many that are alike, it explains nothing
 * more.
 */
static bool is_needless(const struct search *s, const struct sim_op *op)
{
    return op->end == SIM_OP_UNANSWERED && count_of(alike_open(s, op)) >= LINEAR_ALIKE_MAX;
}

static void open_at(struct search *s, unsigned p, uint32_t i)
{
    const struct sim_op *op = &s->ops[i];

    s->open[p] = i;
    s->before[p] = 0;
    if (op->end != SIM_OP_UNANSWERED) {
        s->answered |= place_bit(p);
    } else {
        for (places left = alike_open(s, op); left != 0; left &= left - 1) {
            unsigned other = first_of(left);

            if (s->ops[s->open[other]].given_up <= op->given_up)
                s->before[p] |= place_bit(other);
            else
                s->before[other] |= place_bit(p);
        }
    }
    s->taken |= place_bit(p);
}

static enum linear_verdict look(struct search *s, const struct moment *m)
{
    if (m->answer) {
        const struct sim_op *op = &s->ops[m->op];
        enum linear_verdict v = wanted(op, s->name) ? answer(s, place_of(s, m->op)) : LINEAR_GOOD;

        return v == LINEAR_GOOD && sim_op_changed(op) ? lapse(s, op) : v;
    }
    if (is_needless(s, &s->ops[m->op]))
        return LINEAR_GOOD;
    if (~s->taken == 0)
        return LINEAR_TOO_WIDE;
    open_at(s, first_of(~s->taken), m->op);
    return LINEAR_GOOD;
}

enum linear_verdict linear_check(const struct sim_history *h, unsigned name, size_t *at)
{
    enum linear_verdict v = LINEAR_GOOD;
    struct search s;

    begin(&s, h, name);
    for (size_t i = 0; i < s.n_moments && v == LINEAR_GOOD; i++) {
        v = look(&s, &s.moments[i]);
        *at = s.moments[i].op;
    }
    end(&s);
    return v;
}
