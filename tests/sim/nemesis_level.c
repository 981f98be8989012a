/* nemesis_level - builds of two feature levels in one cluster.
 *
 * In some histories all hosts begin with a build of level 1, in others with one of level 2. A fault
 * stops the daemon of one, and starts it with the other build. An operator tries to raise the level
 * from time to time, on any host, and asks for what a later level has. No host may ever find an
 * entry that its build does not read. Once an attempt to raise the level was accepted, nobody
 * installs the older build again. */
#include "sim/nemesis.h"

#include "mem/alloc.h"

#define ASK_US (4 * SIM_S)
#define RAISE 5u /* one in so many times, instead of asking for what is new */
#define NAMES 4u

/* Of an older build in three histories of eight. */
uint32_t sim_first_level(const struct sim *s)
{
    return s->o.seed % 4 == 3 ? 1 : s->o.seed % 8 == 4 ? 2 : BX_LEVEL;
}

/* The build that a host is started with. */
uint32_t sim_level_to_start(const struct sim_host *h)
{
    return h->sim->raising ? BX_LEVEL : h->level;
}

bool nemesis_build(struct sim *s)
{
    struct sim_host *h = nemesis_host(s);

    if (sim_first_level(s) == BX_LEVEL || s->raising || h->node == NULL)
        return false;
    h->level = h->level == BX_LEVEL ? sim_first_level(s) : BX_LEVEL;
    sim_trace(s, h, "gets a build of level %u", h->level);
    sim_host_kill(h, "stopped for another build");
    return true;
}

/* ---- the operator ---- */

static void on_done(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    (void)ctx, (void)o, (void)err; /* what it does to the hosts is what matters */
}

struct question {
    uint64_t luck;
};

static void ask(struct sim_host *h, void *arg)
{
    uint64_t luck = ((struct question *)arg)->luck;
    bool raise = luck % RAISE == 0, tenants = sim_first_level(h->sim) == 1;
    char text[16];
    int n = snprintf(text, sizeof text, "t%u", (unsigned)(luck / RAISE % NAMES));
    struct bx_str name = {text, (uint32_t)n};
    struct bx_cmd_tenant_create tenant = {.name = name}; /* of level 2 */
    struct bx_cmd_user_create user = {.name = name};     /* of level 3 */
    struct bx_cmd_cluster_upgrade upgrade = {BX_LEVEL};
    struct bx_submit s = {.kind = raise     ? BX_CMD_CLUSTER_UPGRADE
                                  : tenants ? BX_CMD_TENANT_CREATE
                                            : BX_CMD_USER_CREATE,
                          .body = raise     ? (const void *)&upgrade
                                  : tenants ? (const void *)&tenant
                                            : &user,
                          .principal = bx_str("operator"),
                          .deadline = sim_boot_ms(h) + 5000,
                          .done = on_done};

    if (bx_node_submit(h->node, &s, NULL) == BX_OK && raise && !h->sim->raising) {
        h->sim->raising = true;
        sim_trace(h->sim, h, "raises the level");
    }
}

static void on_ask(struct sim *s, struct sim_host *none, void *arg)
{
    struct question q = {rng_next(arg)};
    struct sim_host *h = &s->hosts[q.luck / 1000 % s->n_hosts];
    uint64_t *rng;

    (void)none;
    if (s->quiet)
        return;
    if (h->node != NULL && h->paused_until <= s->now && sim_enter(h, ask, &q))
        sim_host_wake(h);
    rng = bx_must_alloc(sizeof *rng);
    *rng = *(uint64_t *)arg;
    sim_at(s, s->now + rng_between(rng, ASK_US / 2, 2 * ASK_US), NULL, on_ask, rng);
}

void sim_levels_start(struct sim *s)
{
    uint64_t *rng;

    if (sim_first_level(s) == BX_LEVEL)
        return;
    rng = bx_must_alloc(sizeof *rng);
    *rng = sim_stream(s);
    sim_at(s, 3 * ASK_US, NULL, on_ask, rng);
}
