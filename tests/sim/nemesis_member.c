/* nemesis_member - a node is removed while its host is down, and comes back with its disk. */
#include "sim/nemesis.h"

#include "mem/alloc.h"

#define LOOK_US SIM_S /* whether its node is removed, and whether it has learned it */

struct removed {
    struct sim_host *host;
    uint64_t node; /* that it was */
};

static void look_again(struct sim *s, const struct removed *r,
                       void (*fire)(struct sim *s, struct sim_host *none, void *arg))
{
    struct removed *again = bx_must_alloc(sizeof *again);

    *again = *r;
    sim_at(s, s->now + LOOK_US, NULL, fire, again);
}

/* An operator forgets the cluster on a host whose node says that it was removed; it joins again. */
static void on_back(struct sim *s, struct sim_host *none, void *arg)
{
    const struct removed *r = arg;
    struct sim_host *h = r->host;
    struct bx_node_status st = {.removed = false};

    (void)none;
    if (h->identity.node != r->node)
        return;
    if (h->node != NULL)
        bx_node_status(h->node, &st);
    if (!st.removed) {
        look_again(s, r, on_back);
        return;
    }
    sim_host_kill(h, "its node was removed");
    sim_host_wipe(h);
}

static void on_away(struct sim *s, struct sim_host *none, void *arg)
{
    const struct removed *r = arg;

    (void)none;
    if (s->removals > 0) {
        look_again(s, r, on_away);
        return;
    }
    if (r->host->life == SIM_DOWN)
        sim_host_start(r->host);
    look_again(s, r, on_back);
}

/* Its disk is whole, and it knows of nothing when it is back. */
bool nemesis_remove(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);
    struct removed r = {h, h->identity.node};

    if (s->removals > 0 || r.node == 0 || h->damaged || !nemesis_may_lose_one(s))
        return false;
    sim_host_crash(h, "power lost, for long"); /* also if only its daemon is down: its VMs end */
    h->start_at = SIM_NEVER;
    sim_remove(s, h->name);
    look_again(s, &r, on_away);
    return true;
}
