/* client - users of the cluster: each asks for one thing at a time, of some host, and asks again
 * under the same request id until it knows what became of it. */
#include "sim/history.h"
#include "sim/linear.h"
#include "sim/sim.h"

#include "mem/alloc.h"

#include <string.h>

#define CLIENTS 6u /* on so few names that they meet; the check of histories bears eight a name */
#define NAMES 10u
#define THINK_US (8 * SIM_S)
#define PATIENCE_US (12 * SIM_S)
#define AGAIN_US (300 * SIM_MS)
#define ANSWER_US 200u

struct client {
    struct sim *sim;
    unsigned number;
    uint64_t rng;
    uint8_t session[16];
    uint64_t sequence;
    bool busy;
    struct sim_op op;
    struct sim_host *host; /* that was asked; NULL: nobody just now */
    uint32_t attempt;      /* answers to earlier ones come too late */
};

struct sim_clients {
    struct client clients[CLIENTS];
    struct sim_history history;
    bool stopped;
};

struct attempt {
    struct client *client;
    uint32_t number;
};

static void next_attempt(struct client *c, uint64_t after);

/* ---- answers ---- */

static void think(struct client *c);

/* The client knows: the operation is over. */
static void finish(struct client *c)
{
    struct sim *s = c->sim;
    bool read = c->op.kind == SIM_OP_READ || c->op.kind == SIM_OP_STALE_READ;

    c->op.end = s->now;
    c->host = NULL;
    c->busy = false;
    c->attempt++;
    s->stats.operations++;
    s->stats.reads += c->op.kind == SIM_OP_READ;
    s->stats.stale_reads += c->op.kind == SIM_OP_STALE_READ;
    if (!read)
        *(c->op.code == BX_OK ? &s->stats.ok : &s->stats.refused) += 1;
    sim_mix(s, &c->op, offsetof(struct sim_op, uuid));
    sim_trace(s, NULL, "client %u: op %d on vm-%u: %s, revision %llu", c->number, (int)c->op.kind,
              c->op.name, bx_code_name(c->op.code), (unsigned long long)c->op.revision);
    sim_history_add(&s->clients->history, &c->op);
    think(c);
}

struct reply {
    struct client *client;
    uint32_t attempt;
    bool known; /* else: ask again */
    struct sim_op op;
};

static void on_reply(struct sim *s, struct sim_host *none, void *arg)
{
    const struct reply *r = arg;
    struct client *c = r->client;

    (void)none;
    if (!c->busy || c->attempt != r->attempt)
        return;
    if (!r->known) {
        s->stats.retries++;
        next_attempt(c, rng_below(&c->rng, AGAIN_US));
        return;
    }
    c->op = r->op;
    finish(c);
}

/* From a host's code: its answer takes a moment to get here. */
static void reply(struct attempt *a, bool known, const struct sim_op *op)
{
    struct client *c = a->client;
    struct reply *r = bx_must_alloc(sizeof *r);

    *r = (struct reply){c, a->number, known, *op};
    bx_free(a);
    sim_at(c->sim, c->sim->now + ANSWER_US, NULL, on_reply, r);
}

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct attempt *a = ctx;
    struct client *c = a->client;
    struct sim_op op = c->op;

    (void)err;
    if (o != NULL) {
        sim_check_outcome(c->sim->inside, o);
        op.code = o->code;
        op.existed = o->existed;
        op.revision = o->revision;
        memcpy(op.uuid, o->object, 16);
    }
    reply(a, o != NULL, &op);
}

static void read_view(struct sim_host *h, struct sim_op *op)
{
    const struct bx_view *view = bx_node_view(h->node);
    struct bx_cluster_info cluster;
    const struct bx_vm *vm;
    char name[16];

    bx_view_cluster(view, &cluster);
    snprintf(name, sizeof name, "vm-%u", op->name);
    op->revision = cluster.revision;
    op->code = (uint16_t)bx_view_find_vm(view, bx_str(name), &vm, NULL);
    if (op->code != BX_OK)
        return;
    memcpy(op->uuid, vm->uuid, 16);
    op->desired = vm->desired;
    op->phase = vm->phase;
}

static void on_barrier(void *ctx, const struct bx_err *err)
{
    struct attempt *a = ctx;
    struct client *c = a->client;
    struct sim_op op = c->op;

    if (err == NULL)
        read_view(c->sim->inside, &op);
    reply(a, err == NULL, &op);
}

/* ---- questions ---- */

static struct attempt *new_attempt(struct client *c)
{
    struct attempt *a = bx_must_alloc(sizeof *a);

    *a = (struct attempt){c, c->attempt};
    return a;
}

static void again(struct attempt *a)
{
    struct sim_op op = a->client->op;

    reply(a, false, &op);
}

static void submit(struct sim_host *h, struct client *c, struct bx_submit *s)
{
    s->principal = bx_str("user");
    memcpy(s->session, c->session, 16);
    s->sequence = s->floor = c->sequence;
    s->deadline = sim_boot_ms(h) + 10000;
    s->done = on_outcome;
    s->ctx = new_attempt(c);
    if (bx_node_submit(h->node, s, NULL) != BX_OK)
        again(s->ctx);
}

static void submit_create(struct sim_host *h, struct client *c, const char *name)
{
    struct bx_cmd_vm_create b = {.if_not_exists = c->op.if_not_exists};
    struct bx_submit s = {.kind = BX_CMD_VM_CREATE, .body = &b};
    uint64_t shape = c->sequence * 2654435761u;

    bx_vm_config_init(&b.config);
    b.config.name = bx_str(name);
    b.config.vcpus = 1 + (uint32_t)(shape % 6);
    b.config.memory_mib = 256 << (shape / 8 % 5);
    b.config.disk_gib = 1 + shape / 64 % 50;
    b.config.strategy = (uint8_t)(shape / 7 % 2);
    b.config.restart = c->op.restart;
    b.config.stopped = c->op.kind == SIM_OP_CREATE_STOPPED;
    submit(h, c, &s);
}

static void submit_desire(struct sim_host *h, struct client *c, const char *name)
{
    bool stop = c->op.kind == SIM_OP_STOP;
    struct bx_cmd_vm_desire b = {.vm = bx_str(name),
                                 .desired = stop ? BX_DESIRED_STOPPED : BX_DESIRED_RUNNING,
                                 .restart = c->op.kind == SIM_OP_RESTART,
                                 .force = c->op.force,
                                 .timeout_s = 5};
    struct bx_submit s = {.kind = BX_CMD_VM_DESIRE, .body = &b};

    submit(h, c, &s);
}

static void submit_delete(struct sim_host *h, struct client *c, const char *name)
{
    struct bx_cmd_vm_delete b = {.vm = bx_str(name)};
    struct bx_submit s = {.kind = BX_CMD_VM_DELETE, .body = &b};

    submit(h, c, &s);
}

static void ask(struct sim_host *h, void *arg)
{
    struct client *c = arg;
    struct attempt *a;
    char name[16];

    snprintf(name, sizeof name, "vm-%u", c->op.name);
    switch (c->op.kind) {
    case SIM_OP_CREATE:
    case SIM_OP_CREATE_STOPPED:
        submit_create(h, c, name);
        break;
    case SIM_OP_DELETE:
        submit_delete(h, c, name);
        break;
    case SIM_OP_START:
    case SIM_OP_STOP:
    case SIM_OP_RESTART:
        submit_desire(h, c, name);
        break;
    case SIM_OP_READ:
        a = new_attempt(c);
        if (bx_node_barrier(h->node, sim_boot_ms(h) + 5000, on_barrier, a, NULL) != BX_OK)
            again(a);
        break;
    case SIM_OP_STALE_READ:
        read_view(h, &c->op);
        reply(new_attempt(c), true, &c->op);
        break;
    case SIM__OPS:
        break;
    }
}

/* ---- attempts ---- */

static void on_impatient(struct sim *s, struct sim_host *none, void *arg)
{
    const struct attempt *a = arg;
    struct client *c = a->client;

    (void)none;
    if (!c->busy || c->attempt != a->number)
        return;
    s->stats.retries++;
    next_attempt(c, 0);
}

static void on_attempt(struct sim *s, struct sim_host *none, void *arg)
{
    struct client *c = *(struct client **)arg;
    struct sim_host *h = &s->hosts[rng_below(&c->rng, s->n_hosts)];
    struct attempt *a;

    (void)none;
    if (!c->busy || c->host != NULL)
        return;
    if (h->node == NULL || h->paused_until > s->now) {
        next_attempt(c, rng_below(&c->rng, AGAIN_US));
        return;
    }
    c->host = h;
    a = new_attempt(c);
    sim_at(s, s->now + PATIENCE_US, NULL, on_impatient, a);
    if (sim_enter(h, ask, c))
        sim_host_wake(h);
}

static void next_attempt(struct client *c, uint64_t after)
{
    struct client **arg = bx_must_alloc(sizeof(struct client *));

    *arg = c;
    c->host = NULL;
    c->attempt++;
    sim_at(c->sim, c->sim->now + after, NULL, on_attempt, arg);
}

void sim_clients_lost(struct sim_host *h)
{
    struct sim_clients *all = h->sim->clients;

    for (unsigned i = 0; all != NULL && i < CLIENTS; i++) {
        struct client *c = &all->clients[i];

        if (c->busy && c->host == h)
            next_attempt(c, rng_below(&c->rng, AGAIN_US));
    }
}

/* ---- operations ---- */

static bool is_create(enum sim_op_kind kind)
{
    return kind == SIM_OP_CREATE || kind == SIM_OP_CREATE_STOPPED;
}

static void on_begin(struct sim *s, struct sim_host *none, void *arg)
{
    static const enum sim_op_kind wheel[] = {
        SIM_OP_CREATE, SIM_OP_CREATE, SIM_OP_CREATE_STOPPED, SIM_OP_DELETE, SIM_OP_DELETE,
        SIM_OP_START,  SIM_OP_STOP,   SIM_OP_RESTART,        SIM_OP_READ,   SIM_OP_READ,
        SIM_OP_STALE_READ,
    };
    struct client *c = *(struct client **)arg;

    (void)none;
    if (s->clients->stopped)
        return;
    c->busy = true;
    c->sequence++;
    memset(&c->op, 0, sizeof c->op);
    c->op.kind = wheel[rng_below(&c->rng, sizeof wheel / sizeof *wheel)];
    c->op.client = c->number;
    c->op.name = (unsigned)rng_below(&c->rng, NAMES);
    c->op.if_not_exists = is_create(c->op.kind) && rng_below(&c->rng, 5) == 0;
    c->op.force = (c->op.kind == SIM_OP_STOP || c->op.kind == SIM_OP_RESTART) &&
                  rng_below(&c->rng, 3) == 0;
    c->op.restart = is_create(c->op.kind) ? (uint8_t)rng_below(&c->rng, 3) : 0;
    c->op.start = s->now;
    next_attempt(c, 0);
}

static void think(struct client *c)
{
    struct client **arg = bx_must_alloc(sizeof(struct client *));

    *arg = c;
    sim_at(c->sim, c->sim->now + rng_below(&c->rng, THINK_US), NULL, on_begin, arg);
}

void sim_clients_start(struct sim *s)
{
    struct sim_clients *all = bx_must_calloc(1, sizeof *all);

    s->clients = all;
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *c = &all->clients[i];

        c->sim = s;
        c->number = i;
        c->rng = sim_stream(s);
        for (size_t j = 0; j < sizeof c->session; j++)
            c->session[j] = (uint8_t)rng_next(&c->rng);
        think(c);
    }
}

void sim_clients_stop(struct sim *s)
{
    s->clients->stopped = true;
}

bool sim_clients_idle(const struct sim *s)
{
    for (unsigned i = 0; i < CLIENTS; i++) {
        if (s->clients->clients[i].busy)
            return false;
    }
    return true;
}

/* ---- the end ---- */

/* What nothing explains, after what else was done to that name. */
static _Noreturn void unexplained(struct sim *s, size_t at, const char *what)
{
    const struct sim_history *h = &s->clients->history;
    char text[256];

    for (size_t i = 0; i < h->n; i++) {
        if (h->ops[i].name != h->ops[at].name || i == at || h->ops[i].start > h->ops[at].end)
            continue;
        sim_history_tell(h, i, text, sizeof text);
        printf("%s\n", text);
    }
    sim_history_tell(h, at, text, sizeof text);
    sim_violation(s, "%s: %s", what, text);
}

void sim_clients_check(struct sim *s)
{
    const struct sim_history *h = &s->clients->history;

    for (unsigned name = 0; name < NAMES; name++) {
        size_t at = 0;
        enum linear_verdict v = linear_check(h->ops, h->n, name, &at);

        if (v != LINEAR_GOOD)
            unexplained(s, at,
                        v == LINEAR_BAD ? "no order of the requests explains this answer"
                                        : "too many requests on one name to look through");
    }
}
