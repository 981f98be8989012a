/* client - users of the cluster. Each has a session and some requests under way in it, asks any
 * host, and asks another one under the same request id until it knows what became of it; seldom it
 * gives up. Seldom, too, it asks once more for what was answered already, or uses an id again for
 * something else; never so late that the answer may be forgotten. From time to time it takes a new
 * session, as a command line does for each request, and its old one is left to expire. How many
 * clients there are, on how many names, and what they like to do, the seed says. */
#include "sim/client.h"

#include "mem/alloc.h"

#include <string.h>

#define LANES_MAX 8u /* of all clients: so many ask for one name at a time */
#define PATIENCE_US (12 * SIM_S)
#define AGAIN_US (300 * SIM_MS)
#define GIVES_UP 12u /* one in so many who got no answer */
#define REPEATS 10u  /* one in so many who got an answer */
#define MISUSES 30u
/* Before the answer may be forgotten: for what is under way, and drift. */
#define LATE_US (60 * SIM_S)
#define DAWDLE_US (3 * SIM_S)

struct sim_clients {
    struct client clients[SIM_CLIENTS_MAX];
    unsigned n, names;
    uint64_t think; /* us between two requests of a lane, on average */
    uint32_t weights[SIM__OPS], all_weights;
    struct sim_history history;
    bool stopped;
    uint64_t crowd_until; /* all ask for one name until then */
    unsigned crowd_name;
};

static void next_attempt(struct lane *l, uint64_t after);
static void no_answer(struct lane *l);
static void think(struct lane *l);

unsigned sim_client_names(const struct sim *s)
{
    return s->clients->names;
}

/* ---- answers ---- */

static void mix_op(struct sim *s, const struct sim_op *op)
{
    uint64_t words[] = {(uint64_t)op->kind << 32 | op->client << 16 | op->name, op->start, op->end,
                        op->revision, (uint64_t)op->code << 1 | op->existed};

    sim_mix(s, words, sizeof words);
}

static void count(struct sim *s, const struct sim_op *op)
{
    s->stats.operations++;
    if (op->end == SIM_OP_UNANSWERED)
        s->stats.unknown++;
    else if (sim_op_is_local(op->kind))
        s->stats.stale_reads++;
    else if (sim_op_reads(op->kind))
        s->stats.reads++;
    else
        *(op->code == BX_OK ? &s->stats.ok : &s->stats.refused) += 1;
}

static void record(struct lane *l, const struct sim_op *op)
{
    struct sim *s = l->client->sim;
    char text[256];

    sim_history_add(&s->clients->history, op);
    if (!s->o.trace)
        return;
    sim_history_tell(op, text, sizeof text);
    sim_trace(s, NULL, "%s", text);
}

static void conclude(struct lane *l, const struct answer *a)
{
    struct sim *s = l->client->sim;

    count(s, &l->op);
    mix_op(s, &l->op);
    if (a == NULL || a->n_rows == 0)
        record(l, &l->op);
    for (size_t i = 0; a != NULL && i < a->n_rows; i++) {
        struct sim_op row = a->rows[i];

        row.end = s->now;
        record(l, &row);
    }
}

/* It waits for nothing more. */
static void rest(struct lane *l)
{
    l->doing = LANE_IDLE;
    l->sequence = 0;
    l->host = NULL;
    l->attempt++;
    think(l);
}

static void finish(struct lane *l, const struct answer *a)
{
    struct client *c = l->client;
    uint64_t luck = rng_next(&c->rng);

    l->op = a->op;
    l->op.end = c->sim->now;
    conclude(l, a);
    if (a->unsent)
        l->doing = LANE_IDLE; /* nothing is known under this id */
    else if (l->sequence != 0 && luck % REPEATS == 0)
        l->doing = LANE_REPEATS;
    else if (l->sequence != 0 && luck % MISUSES == 1)
        l->doing = LANE_MISUSES;
    else
        l->doing = LANE_IDLE;
    if (l->doing == LANE_IDLE)
        rest(l);
    else
        next_attempt(l, rng_below(&c->rng, 2 * SIM_S));
}

static void check_repeat(struct lane *l, const struct sim_op *op)
{
    struct sim *s = l->client->sim;
    char text[256];

    s->stats.repeats++;
    if (op->code == l->op.code && op->revision == l->op.revision && op->existed == l->op.existed &&
        memcmp(op->uuid, l->op.uuid, 16) == 0)
        return;
    sim_history_tell(&l->op, text, sizeof text);
    sim_violation(s, "asked again, this got another answer (%s, revision %llu): %s",
                  bx_code_name(op->code), (unsigned long long)op->revision, text);
}

static void check_misuse(struct lane *l, const struct sim_op *op)
{
    struct sim *s = l->client->sim;
    char text[256];

    s->stats.misuses++;
    if (op->code == BX_CONFLICT)
        return;
    sim_history_tell(&l->op, text, sizeof text);
    sim_violation(s, "another request got %s under the id of: %s", bx_code_name(op->code), text);
}

static void note_answer(struct lane *l)
{
    struct client *c = l->client;

    if (l->sequence == 0)
        return;
    c->spread = c->spread || (c->answered != NULL && c->answered != l->host);
    c->answered = l->host;
    c->life = l->host->lives;
}

static void on_answer(struct sim *s, struct sim_host *none, void *arg)
{
    const struct answer *a = arg;
    struct lane *l = a->lane;

    (void)s;
    (void)none;
    if (l->doing == LANE_IDLE || l->attempt != a->attempt)
        return;
    if (!a->known) {
        no_answer(l);
        return;
    }
    note_answer(l);
    if (l->doing == LANE_ASKS) {
        finish(l, a);
        return;
    }
    if (l->doing == LANE_REPEATS)
        check_repeat(l, &a->op);
    else if (!a->unsent)
        check_misuse(l, &a->op);
    rest(l);
}

void sim_client_answer(struct sim *s, struct answer *a)
{
    sim_at(s, s->now + SIM_ANSWER_US, NULL, on_answer, a);
}

/* ---- attempts ---- */

struct attempt {
    struct lane *lane;
    uint32_t number;
};

static void later(struct lane *l, uint64_t after,
                  void (*fire)(struct sim *s, struct sim_host *none, void *arg))
{
    struct attempt *a = bx_must_alloc(sizeof *a);

    *a = (struct attempt){l, l->attempt};
    sim_at(l->client->sim, l->client->sim->now + after, NULL, fire, a);
}

static void give_up(struct lane *l)
{
    l->client->spread = true;
    if (l->doing == LANE_ASKS) {
        l->op.end = SIM_OP_UNANSWERED;
        l->op.given_up = l->client->sim->now;
        conclude(l, NULL);
    }
    rest(l);
}

static bool too_late(const struct lane *l)
{
    const struct sim *s = l->client->sim;

    return l->sequence != 0 && s->now - l->op.start > s->session_ttl - LATE_US;
}

/* There was no answer: most try again. */
static void no_answer(struct lane *l)
{
    struct client *c = l->client;

    c->sim->stats.retries++;
    c->spread = c->spread || l->sequence != 0;
    if (rng_below(&c->rng, GIVES_UP) == 0 || too_late(l))
        give_up(l);
    else
        next_attempt(l, rng_below(&c->rng, AGAIN_US));
}

static void on_impatient(struct sim *s, struct sim_host *none, void *arg)
{
    const struct attempt *a = arg;

    (void)s;
    (void)none;
    if (a->lane->doing != LANE_IDLE && a->lane->attempt == a->number)
        no_answer(a->lane);
}

/* Any; but a stale read tells most of one that has just begun. */
static struct sim_host *some_host(struct sim *s, struct lane *l)
{
    struct sim_host *h = &s->hosts[rng_below(&l->client->rng, s->n_hosts)];

    if (l->op.kind != SIM_OP_STALE_READ || rng_below(&l->client->rng, 2) == 0)
        return h;
    for (unsigned i = 0; i < s->n_hosts; i++) {
        if (s->hosts[i].node != NULL && s->hosts[i].started > h->started)
            h = &s->hosts[i];
    }
    return h;
}

static void on_attempt(struct sim *s, struct sim_host *none, void *arg)
{
    const struct attempt *a = arg;
    struct lane *l = a->lane;
    struct sim_host *h = some_host(s, l);

    (void)none;
    if (l->doing == LANE_IDLE || l->attempt != a->number)
        return;
    if (too_late(l)) {
        give_up(l);
        return;
    }
    if (h->node == NULL || h->paused_until > s->now) {
        next_attempt(l, rng_below(&l->client->rng, AGAIN_US));
        return;
    }
    l->host = h;
    later(l, PATIENCE_US, on_impatient);
    if (sim_enter(h, sim_request, l))
        sim_host_wake(h);
}

static void next_attempt(struct lane *l, uint64_t after)
{
    l->host = NULL;
    l->attempt++;
    later(l, after, on_attempt);
}

void sim_clients_lost(struct sim_host *h)
{
    struct sim_clients *all = h->sim->clients;

    for (unsigned i = 0; all != NULL && i < all->n; i++) {
        for (unsigned j = 0; j < all->clients[i].n_lanes; j++) {
            struct lane *l = &all->clients[i].lanes[j];

            if (l->doing != LANE_IDLE && l->host == h)
                no_answer(l);
        }
    }
}

/* ---- what is asked ---- */

static enum sim_op_kind some_kind(struct sim_clients *all, uint64_t *rng)
{
    uint64_t n = rng_below(rng, all->all_weights);
    unsigned kind = 0;

    while (n >= all->weights[kind])
        n -= all->weights[kind++];
    return (enum sim_op_kind)kind;
}

/* Most often to a host that is there. */
static void pin(struct lane *l)
{
    struct sim *s = l->client->sim;
    uint64_t n = rng_below(&l->client->rng, s->n_hosts + 1);

    snprintf(l->pin, sizeof l->pin, "%s", n == s->n_hosts ? "nowhere" : s->hosts[n].name);
}

/* Who asks for the one name of all. */
static enum sim_op_kind some_change(uint64_t *rng)
{
    static const enum sim_op_kind kinds[] = {SIM_OP_CREATE_STOPPED, SIM_OP_DELETE, SIM_OP_STOP};

    return kinds[rng_below(rng, sizeof kinds / sizeof kinds[0])];
}

void sim_clients_crowd(struct sim *s, uint64_t number, uint64_t until)
{
    s->clients->crowd_name = (unsigned)(number % s->clients->names);
    s->clients->crowd_until = until;
}

static bool are_crowd(const struct sim *s)
{
    return s->now < s->clients->crowd_until && !s->quiet;
}

uint64_t sim_clients_dawdle(struct sim *s)
{
    return are_crowd(s) && rng_below(&s->rng, 2) == 0 ? rng_below(&s->rng, DAWDLE_US) : 0;
}

static void choose(struct lane *l)
{
    struct client *c = l->client;
    struct sim_op *op = &l->op;
    bool makes;

    memset(op, 0, sizeof *op);
    op->kind = some_kind(c->sim->clients, &c->rng);
    op->client = c->number;
    op->name = (unsigned)rng_below(&c->rng, c->sim->clients->names);
    op->start = c->sim->now;
    if (are_crowd(c->sim)) {
        op->kind = some_change(&c->rng);
        op->name = c->sim->clients->crowd_name;
    }
    l->n_vms = 0;
    l->shape = rng_next(&c->rng);
    makes = sim_op_creates(op->kind) || op->kind == SIM_OP_DRY_RUN;
    op->if_not_exists = sim_op_creates(op->kind) && rng_below(&c->rng, 5) == 0;
    op->invalid = makes && rng_below(&c->rng, 16) == 0;
    op->pinned = makes && rng_below(&c->rng, 6) == 0;
    op->restart = makes ? (uint8_t)rng_below(&c->rng, 3) : 0;
    op->force =
        (op->kind == SIM_OP_STOP || op->kind == SIM_OP_RESTART) && rng_below(&c->rng, 3) == 0;
    if (op->pinned)
        pin(l);
}

static void on_begin(struct sim *s, struct sim_host *none, void *arg)
{
    struct lane *l = ((const struct attempt *)arg)->lane;

    (void)none;
    if (s->clients->stopped)
        return;
    sim_client_move_on(l->client);
    choose(l);
    l->doing = LANE_ASKS;
    l->sequence = sim_op_reads(l->op.kind) ? 0 : ++l->client->sequence;
    next_attempt(l, 0);
}

static void think(struct lane *l)
{
    uint64_t us = rng_below(&l->client->rng, 2 * l->client->sim->clients->think);

    later(l, are_crowd(l->client->sim) ? us / 2 : us, on_begin);
}

/* ---- beginning and end ---- */

/* Every history has its own mix; none is without creates. */
static void draw_weights(struct sim_clients *all, uint64_t *rng)
{
    for (unsigned i = 0; i < SIM__OPS; i++) {
        all->weights[i] = rng_below(rng, 5) == 0 ? 0 : 1 + (uint32_t)rng_below(rng, 8);
        if (i == SIM_OP_CREATE)
            all->weights[i] = 6 + (uint32_t)rng_below(rng, 12);
        else if (i == SIM_OP_LIST)
            all->weights[i] = (all->weights[i] + 3) / 4;
        all->all_weights += all->weights[i];
    }
}

static void init_client(struct sim *s, struct client *c, unsigned number)
{
    c->sim = s;
    c->number = number;
    c->rng = sim_stream(s);
    c->brief = number % 3 == 2;
    sim_client_draw_session(c, &c->rng);
    memcpy(&c->sessions, c->session, sizeof c->sessions);
    for (unsigned i = 0; i < c->n_lanes; i++) {
        c->lanes[i].client = c;
        think(&c->lanes[i]);
    }
}

void sim_clients_start(struct sim *s)
{
    struct sim_clients *all = bx_must_calloc(1, sizeof *all);
    uint64_t rng = sim_stream(s);
    unsigned lanes = 0;

    s->clients = all;
    all->n = 1 + (unsigned)rng_below(&rng, SIM_CLIENTS_MAX);
    all->names = 2 + (unsigned)rng_below(&rng, SIM_NAMES_MAX - 1);
    for (unsigned i = 0; i < all->n; i++) {
        unsigned left = LANES_MAX - lanes - (all->n - i - 1),
                 most = 1 + (unsigned)rng_below(&rng, 3);

        all->clients[i].n_lanes = most < left ? most : left;
        lanes += all->clients[i].n_lanes;
    }
    all->think = lanes * SIM_S / rng_between(&rng, 3, 5);
    draw_weights(all, &rng);
    for (unsigned i = 0; i < all->n; i++)
        init_client(s, &all->clients[i], i);
}

void sim_clients_stop(struct sim *s)
{
    s->clients->stopped = true;
}

bool sim_clients_idle(const struct sim *s)
{
    for (unsigned i = 0; i < s->clients->n; i++) {
        for (unsigned j = 0; j < s->clients->clients[i].n_lanes; j++) {
            if (s->clients->clients[i].lanes[j].doing != LANE_IDLE)
                return false;
        }
    }
    return true;
}

void sim_clients_check(struct sim *s)
{
    sim_client_verdict(s, &s->clients->history, s->clients->names);
}
