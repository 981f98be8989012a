/* nemesis_copy - the disk of a host is replaced by an older copy of itself, as by a backup that was
 * restored.
 *
 * It is copied, and some time later the process is killed and started with the copy. A member that
 * has heard more of this node than the copy has is there, and is the first that it is connected
 * with: who goes on then does so against its word. The operator who is told puts the right disk
 * back. */
#include "sim/nemesis.h"

#include "mem/alloc.h"

#define OLDER_US (5 * SIM_S)
#define OLDER_MAX_US (20 * SIM_S)

struct copy {
    unsigned at;
    uint64_t node; /* its id, of which it is a copy */
    struct bx_stored has;
    struct memfs *fs;
};

static bool is_calm(const struct sim *s, const struct sim_host *h)
{
    return h->node != NULL && h->paused_until <= s->now && !h->damaged && !h->rotten &&
           !memfs_failing(h->fs);
}

/* A member that knows better; NULL: none. */
static struct sim_host *witness(struct sim *s, const struct copy *c)
{
    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct sim_host *h = &s->hosts[i];
        struct bx_stored heard;

        if (i == c->at || !is_calm(s, h) || !h->link.base.ops->connected(&h->link.base, c->node))
            continue;
        heard = bx_node_heard(h->node, c->node);
        if (heard.term > c->has.term || heard.index > c->has.index)
            return h;
    }
    return NULL;
}

/* The process is down. Its state.db goes with the disk that it belongs to. */
static struct memfs *exchange(struct sim_host *h, struct memfs *fs)
{
    struct memfs *before = h->fs;

    h->fs = fs;
    h->kept = 0;
    sim_db_wipe(h->db);
    return before;
}

static void start_with(struct sim_host *h, struct memfs *fs, const struct sim_host *first)
{
    struct memfs *right = exchange(h, fs);

    h->old = true;
    sim_host_start(h);
    if (h->life == SIM_UP)
        sim_net_meet(h->sim, h->at, first->at);
    if (h->life == SIM_UP)
        sim_violation(h->sim, "%s goes on with an older copy of its disk, which %s knows", h->name,
                      first->name);
    h->old = false;
    memfs_destroy(exchange(h, right));
}

static void on_replaced(struct sim *s, struct sim_host *none, void *arg)
{
    const struct copy *c = arg;
    struct sim_host *h = &s->hosts[c->at], *first = witness(s, c);

    (void)none;
    if (s->quiet || h->identity.node != c->node || !is_calm(s, h) || first == NULL) {
        memfs_destroy(c->fs);
        return;
    }
    s->stats.faults[SIM_FAULT_OLD_COPY]++;
    sim_host_kill(h, "its disk is replaced by an older copy");
    start_with(h, c->fs, first);
}

bool nemesis_old_copy(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    uint64_t after = OLDER_US + nemesis_draw(s, OLDER_MAX_US);
    struct bx_node_status st;
    struct copy *c;

    if (!is_calm(s, h))
        return false;
    bx_node_status(h->node, &st);
    c = bx_must_alloc(sizeof *c);
    *c = (struct copy){h->at, h->identity.node, {st.term, st.last_index}, memfs_clone(h->fs)};
    sim_trace(s, h, "its disk is copied");
    sim_at(s, s->now + after, NULL, on_replaced, c);
    return true;
}
