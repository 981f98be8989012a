/* net - the link port: frames take a time of their own, get lost, come twice and out of order.
 *
 * A connection is between two hosts that both want it. It comes up after a pause, and goes when a
 * process ends (at once), when a host loses power or a direction is cut (after its silence was
 * noticed). What is under way then is lost, as it is with a socket. Faults on single frames are
 * harsher than TCP is: nothing above may depend on what a link does for it. */
#include "sim/sim.h"

#include "mem/alloc.h"

#include <string.h>

#define WIRE_BYTES_PER_US 100u
#define LATENCY_US 100u
#define SMALL 256u /* bytes of a frame that overtakes larger ones on a slow link */
#define JITTER_US 400u
#define DEAF_US (3 * SIM_S)
#define REDIAL_US (500 * SIM_MS)
#define DIALS_US (11 * SIM_S) /* a node that hears of nobody with a larger id */

struct direction {
    bool cut;
    uint64_t busy_until, last_at;
    uint64_t rate, slow_until; /* of a slow link, in bytes a second: see sim_net_slow */
};

struct connection {
    bool up, broken, planned, planned_up;
    uint64_t number, plan;
    uint64_t ids[2]; /* of the nodes it is between, while it is up */
};

struct sim_net {
    struct sim_net_faults faults;
    struct direction directions[SIM_HOSTS_MAX][SIM_HOSTS_MAX];
    struct connection connections[SIM_HOSTS_MAX][SIM_HOSTS_MAX];
    uint64_t rng;
};

static struct connection *between(struct sim *s, unsigned a, unsigned b)
{
    return a < b ? &s->net->connections[a][b] : &s->net->connections[b][a];
}

/* ---- connections ---- */

/* As daemon/link judges a hello: a peer, or one that dials us and is admitted. */
static bool listed(const struct sim_host *h, const struct sim_host *other)
{
    if (other->identity.node > h->identity.node && bx_node_admits(h->node, other->identity.node))
        return true;
    for (unsigned i = 0; i < h->link.n_peers; i++) {
        if (h->link.peers[i] == other->identity.node)
            return true;
    }
    return false;
}

static bool wanted(struct sim *s, unsigned a, unsigned b)
{
    const struct sim_host *x = &s->hosts[a], *y = &s->hosts[b];

    return x->node != NULL && y->node != NULL && listed(x, y) && listed(y, x);
}

static bool heard(struct sim *s, unsigned a, unsigned b)
{
    return !s->net->directions[a][b].cut && !s->net->directions[b][a].cut;
}

static void look(struct sim *s, unsigned a, unsigned b, uint64_t down_us);

static void be_refused(struct sim_host *h, void *arg)
{
    (void)arg;
    bx_node_on_removed(h->node);
}

static void on_refused(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s, (void)arg;
    if (h->node != NULL && sim_enter(h, be_refused, NULL))
        sim_host_wake(h);
}

/* The answer to the hello of a node that was removed; any node dials now and then to hear it. */
static void refuse_removed(struct sim *s, const struct sim_host *member, struct sim_host *h)
{
    if (member->node == NULL || h->node == NULL || bx_node_was_removed(h->node, h->identity.node) ||
        !bx_node_was_removed(member->node, h->identity.node))
        return;
    sim_at(s, s->now + rng_between(&s->net->rng, SIM_S / 100, DIALS_US), h, on_refused, NULL);
}

struct plan {
    unsigned a, b; /* a below b */
    uint64_t plan;
};

struct told {
    uint64_t peer;
    bool up;
};

static void tell_node(struct sim_host *h, void *arg)
{
    const struct told *t = arg;

    bx_node_on_peer(h->node, t->peer, t->up);
}

static void tell(struct sim_host *h, uint64_t self, uint64_t peer, bool up)
{
    struct told t = {peer, up};

    if (h->node == NULL || h->identity.node != self)
        return;
    if (sim_enter(h, tell_node, &t))
        sim_host_wake(h);
}

struct hello {
    uint64_t from;
    struct bx_stored heard;
};

static void hear(struct sim_host *h, void *arg)
{
    const struct hello *hello = arg;
    struct bx_err err;

    if (bx_node_check_heard(h->node, hello->from, &hello->heard, &err) == BX_OK)
        return;
    if (!h->old)
        sim_violation(h->sim, "%s takes its disk for an older copy: %s", h->name, err.msg);
    sim_trace(h->sim, h, "gave up: %s", err.msg);
    sim_die(h, "its disk is an older copy");
}

/* Each repeats what it has heard of the other; false: one of them ended. */
static bool exchange_hellos(struct sim_host *a, struct sim_host *b)
{
    struct hello to_a = {b->identity.node, bx_node_heard(b->node, a->identity.node)};
    struct hello to_b = {a->identity.node, bx_node_heard(a->node, b->identity.node)};

    return sim_enter(a, hear, &to_a) && sim_enter(b, hear, &to_b);
}

static void carry_out(struct sim *s, unsigned at, unsigned bt, bool up)
{
    struct sim_host *a = &s->hosts[at], *b = &s->hosts[bt];
    struct connection *c = between(s, at, bt);

    c->planned = false;
    if (up && !exchange_hellos(a, b))
        return;
    c->up = up;
    c->broken = false;
    c->number++;
    if (c->up) {
        c->ids[0] = a->identity.node;
        c->ids[1] = b->identity.node;
    }
    tell(a, c->ids[0], c->ids[1], c->up);
    tell(b, c->ids[1], c->ids[0], c->up);
    look(s, at, bt, DEAF_US);
}

static void on_plan(struct sim *s, struct sim_host *none, void *arg)
{
    const struct plan *p = arg;
    struct connection *c = between(s, p->a, p->b);

    (void)none;
    if (c->planned && c->plan == p->plan)
        carry_out(s, p->a, p->b, c->planned_up);
}

void sim_net_meet(struct sim *s, unsigned a, unsigned b)
{
    carry_out(s, a < b ? a : b, a < b ? b : a, true);
}

/* Plan what the connection needs, unless that is planned already. */
static void look(struct sim *s, unsigned a, unsigned b, uint64_t down_us)
{
    struct connection *c = between(s, a, b);
    bool want = wanted(s, a, b) && heard(s, a, b) && !c->broken;
    struct plan *p;
    uint64_t after;

    if (heard(s, a, b)) {
        refuse_removed(s, &s->hosts[a], &s->hosts[b]);
        refuse_removed(s, &s->hosts[b], &s->hosts[a]);
    }
    if (want == c->up) {
        c->planned = false;
        return;
    }
    if (c->planned && c->planned_up == want)
        return;
    c->planned = true;
    c->planned_up = want;
    after = want ? 10 * SIM_MS + rng_below(&s->net->rng, REDIAL_US) : down_us;
    p = bx_must_alloc(sizeof *p);
    *p = (struct plan){a < b ? a : b, a < b ? b : a, ++c->plan};
    sim_at(s, s->now + after, NULL, on_plan, p);
}

static void check_all_connections(struct sim_host *h, uint64_t down_us)
{
    for (unsigned i = 0; i < h->sim->n_hosts; i++) {
        if (i != h->at)
            look(h->sim, i, h->at, down_us);
    }
}

void sim_net_life(struct sim_host *h, bool loud)
{
    if (h->node == NULL) {
        h->link.n_peers = 0;
        for (unsigned i = 0; i < h->sim->n_hosts; i++) {
            struct connection *c = between(h->sim, i, h->at);

            if (i != h->at && c->up)
                c->broken = true;
        }
    }
    check_all_connections(h, loud ? SIM_MS : DEAF_US);
}

void sim_net_cut(struct sim *s, unsigned from, unsigned to, bool cut)
{
    s->net->directions[from][to].cut = cut;
    look(s, from, to, DEAF_US);
}

void sim_net_heal(struct sim *s)
{
    memset(&s->net->faults, 0, sizeof s->net->faults);
    for (unsigned a = 0; a < s->n_hosts; a++) {
        for (unsigned b = 0; b < s->n_hosts; b++) {
            if (a != b && s->net->directions[a][b].cut)
                sim_net_cut(s, a, b, false);
        }
    }
}

void sim_net_slow(struct sim *s, unsigned at, uint64_t rate)
{
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct direction *d[] = {&s->net->directions[i][at], &s->net->directions[at][i]};

        for (unsigned j = 0; j < 2; j++) {
            d[j]->rate = rate;
            d[j]->slow_until = 0; /* what waits arrives when it would have */
        }
    }
}

struct sim_net_faults *sim_net_faults(struct sim *s)
{
    return &s->net->faults;
}

/* ---- frames ---- */

struct flying {
    unsigned from;
    uint64_t connection;
    uint64_t sender; /* its id when it sent */
    size_t n;
    _Alignas(16) uint8_t frame[];
};

static void receive(struct sim_host *h, void *arg)
{
    const struct flying *f = arg;
    struct bx_header head;

    if (f->n < BX_HEADER_SIZE || bx_header_read(f->frame, &head) != BX_OK)
        sim_violation(h->sim, "%s sent what is no frame", h->sim->hosts[f->from].name);
    bx_node_receive(h->node, f->sender, (enum bx_frame)(head.kind - BX_KIND_FRAME),
                    f->frame + BX_HEADER_SIZE, f->n - BX_HEADER_SIZE);
}

static void on_arrival(struct sim *s, struct sim_host *h, void *arg)
{
    const struct flying *f = arg;
    const struct connection *c = between(s, f->from, h->at);

    if (h->node == NULL || !c->up || c->broken || c->number != f->connection ||
        s->net->directions[f->from][h->at].cut) {
        s->stats.lost++;
        return;
    }
    sim_mix(s, f->frame, f->n < 64 ? f->n : 64);
    s->stats.frames++;
    if (sim_enter(h, receive, arg))
        sim_host_wake(h);
}

static bool chance(struct sim *s, uint32_t ppm)
{
    return ppm > 0 && rng_below(&s->net->rng, 1000000) < ppm;
}

/* Larger frames keep their order, and smaller ones do not wait for them. */
static uint64_t slow_arrival(const struct sim *s, struct direction *d, size_t n)
{
    if (d->slow_until < s->now)
        d->slow_until = s->now;
    d->slow_until += n * SIM_S / d->rate;
    return d->slow_until + LATENCY_US;
}

static void fly(struct sim_host *from, struct sim_host *to, const struct bx_buf *frame)
{
    struct sim *s = from->sim;
    struct direction *d = &s->net->directions[from->at][to->at];
    struct flying *f = bx_must_alloc(sizeof *f + frame->len);
    uint64_t at;

    f->from = from->at;
    f->connection = between(s, from->at, to->at)->number;
    f->sender = from->identity.node;
    f->n = frame->len;
    memcpy(f->frame, frame->data, frame->len);
    if (d->rate > 0 && frame->len > SMALL) {
        sim_at(s, slow_arrival(s, d, frame->len), to, on_arrival, f);
        return;
    }
    if (d->busy_until < s->now)
        d->busy_until = s->now;
    d->busy_until += frame->len / WIRE_BYTES_PER_US;
    at = d->busy_until + LATENCY_US + rng_below(&s->net->rng, JITTER_US);
    if (s->net->faults.slow_us > 0)
        at += rng_below(&s->net->rng, s->net->faults.slow_us);
    if (at <= d->last_at && !chance(s, s->net->faults.reorder_ppm))
        at = d->last_at + 1;
    else if (chance(s, s->net->faults.reorder_ppm))
        at += rng_below(&s->net->rng, 50 * SIM_MS);
    else
        d->last_at = at;
    sim_at(s, at, to, on_arrival, f);
}

static bool link_connected(struct bx_link *base, uint64_t id)
{
    struct sim_host *h = ((struct sim_link *)base)->host, *to = sim_host_of(h->sim, id);

    return to != NULL && to != h && between(h->sim, h->at, to->at)->up;
}

static size_t link_queued(struct bx_link *base, uint64_t id)
{
    struct sim_host *h = ((struct sim_link *)base)->host, *to = sim_host_of(h->sim, id);
    const struct direction *d;

    if (to == NULL)
        return 0;
    d = &h->sim->net->directions[h->at][to->at];
    if (d->slow_until > h->sim->now)
        return 1 + (d->slow_until - h->sim->now) * d->rate / SIM_S;
    return d->busy_until <= h->sim->now ? 0 : (d->busy_until - h->sim->now) * WIRE_BYTES_PER_US;
}

static bool link_send(struct bx_link *base, uint64_t id, struct bx_buf *frame)
{
    struct sim_host *h = ((struct sim_link *)base)->host, *to = sim_host_of(h->sim, id);
    struct sim *s = h->sim;

    sim_safety_sent(h, id, frame);
    if (to == NULL || to == h || !between(s, h->at, to->at)->up) {
        bx_buf_release(frame);
        return false;
    }
    sim_catchup_sent(h, to, between(s, h->at, to->at)->number, link_queued(base, id), frame);
    if (chance(s, s->net->faults.loss_ppm)) {
        s->stats.lost++;
    } else {
        fly(h, to, frame);
        if (chance(s, s->net->faults.duplicate_ppm))
            fly(h, to, frame);
    }
    bx_buf_release(frame);
    return true;
}

static uint32_t link_codecs(struct bx_link *base, uint64_t id)
{
    return link_connected(base, id) ? UINT32_MAX : 0;
}

static bool link_build(struct bx_link *base, uint64_t id, struct bx_build *out)
{
    struct sim_host *h = ((struct sim_link *)base)->host, *to = sim_host_of(h->sim, id);

    if (to == NULL || !link_connected(base, id))
        return false;
    *out = (struct bx_build){.level = to->level, .version = "sim"};
    return true;
}

static void on_peers(struct sim *s, struct sim_host *h, void *arg)
{
    (void)s;
    (void)arg;
    check_all_connections(h, SIM_MS);
}

static void link_set_peers(struct bx_link *base, const struct bx_peer *peers, uint32_t n)
{
    struct sim_link *l = (struct sim_link *)base;

    l->n_peers = 0;
    for (uint32_t i = 0; i < n && l->n_peers < sizeof l->peers / sizeof *l->peers; i++)
        l->peers[l->n_peers++] = peers[i].id;
    sim_at(l->host->sim, l->host->sim->now, l->host, on_peers, NULL);
}

/* ---- life ---- */

void sim_net_init(struct sim *s)
{
    s->net = bx_must_calloc(1, sizeof *s->net);
    s->net->rng = sim_stream(s);
}

void sim_link_init(struct sim_host *h)
{
    static const struct bx_link_ops ops = {link_send,  link_connected, link_codecs,
                                           link_build, link_queued,    link_set_peers};

    h->link = (struct sim_link){.base = {&ops}, .host = h};
}
