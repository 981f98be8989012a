/* member - becoming a member: what daemon/daemon_member.c does, on virtual time.
 *
 * The founder writes its identity and registers cluster and row until they are there. A joiner asks
 * one member after the other until one answers with an id; it writes that identity and starts as
 * that node. Whoever dies in between asks again, under another incarnation, as a daemon would; so
 * does who takes another name, and an answer to what it asked before is nothing to it. */
#include "sim/sim.h"

#include "mem/alloc.h"
#include "state/reference.h"

#include <string.h>

#define LOOK_US SIM_S
#define LOOK_AGAIN_US (5 * SIM_S)
#define ASK_US SIM_S /* between two attempts to join */
#define MESSAGE_US (2 * SIM_MS)

/* ---- registering ---- */

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct sim_host *h = ctx;

    (void)err;
    h->proposed = false;
    if (o != NULL)
        h->look_at = h->sim->now;
}

static void propose(struct sim_host *h, uint16_t kind, const void *body)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str("node"),
                          .deadline = sim_boot_ms(h) + 10000,
                          .done = on_outcome,
                          .ctx = h};

    h->proposed = bx_node_submit(h->node, &s, NULL) == BX_OK;
}

/* Of all VMs there are, as long as the test lasts: so that some creates are beyond it. */
static const struct bx_cmd_tenant_set quota = {
    .name = {BX_TENANT_DEFAULT, 7},
    .quota = {.vcpus = SIM_QUOTA_VCPUS, .vms = SIM_QUOTA_VMS},
    .vcpus = true,
    .vms = true};

static const struct bx_cmd_tenant_create second = {.name = {SIM_TENANT, sizeof SIM_TENANT - 1},
                                                   .quota = {.vms = SIM_TENANT_VMS}};

static bool has_second(struct sim_host *h)
{
    struct bx_tenant t;

    return bx_view_tenant(bx_node_view(h->node), second.name, &t, NULL) == BX_OK;
}

static bool has_quota(struct sim_host *h)
{
    struct bx_tenant t;

    return bx_view_tenant(bx_node_view(h->node), quota.name, &t, NULL) == BX_OK && t.quota.vms > 0;
}

static bool registered(struct sim_host *h)
{
    const struct bx_view *view = bx_node_view(h->node);
    const struct bx_node_row *row = bx_view_node(view, h->identity.node);
    struct bx_cluster_info cluster;
    struct bx_node_info self;

    bx_view_cluster(view, &cluster);
    if (h->identity.founder && !cluster.created) {
        struct bx_cmd_cluster_create c = {.name = bx_str("sim"),
                                          .level = h->level > 1 ? h->level : 0};

        memcpy(c.cluster, h->identity.cluster, 16);
        memcpy(c.history, h->identity.history, 16);
        propose(h, BX_CMD_CLUSTER_CREATE, &c);
        return false;
    }
    if (h->identity.founder && sim_first_level(h->sim) >= 3 && !has_second(h)) {
        propose(h, BX_CMD_TENANT_CREATE, &second);
        return false;
    }
    if (row != NULL && h->identity.founder && sim_first_level(h->sim) > 1 && !has_quota(h)) {
        propose(h, BX_CMD_TENANT_SET, &quota);
        return false;
    }
    if (row != NULL || !h->identity.founder)
        return row != NULL;
    sim_describe(h, &self);
    propose(h, BX_CMD_NODE_PUT, &self);
    return false;
}

void sim_register(struct sim_host *h)
{
    bool complete = !h->proposed && registered(h);

    h->look_at = h->sim->now + (complete ? LOOK_AGAIN_US : LOOK_US);
}

static void save_identity(struct sim_host *h, void *arg)
{
    struct bx_err err = {0};

    if (bx_identity_save(memfs_fs(h->fs), arg, &err) == BX_OK)
        return;
    if (!h->excused)
        sim_violation(h->sim, "%s can not save its identity: %s", h->name, err.msg);
    sim_die(h, "it could not save its identity");
}

void sim_found(struct sim_host *h)
{
    struct bx_identity id = {.node = 1, .founder = true};

    memcpy(id.cluster, h->sim->cluster, 16);
    memcpy(id.history, h->sim->history, 16);
    h->clock.base.ops->random(&h->clock.base, id.incarnation, 16);
    snprintf(id.name, sizeof id.name, "%s", h->name);
    snprintf(id.cluster_name, sizeof id.cluster_name, "sim");
    if (sim_enter(h, save_identity, &id))
        sim_host_start(h);
}

/* ---- joining ---- */

struct answer {
    uint16_t code;
    uint64_t node;
    uint8_t incarnation[16]; /* of the joiner when it asked */
    char peers[sizeof((struct bx_identity *)NULL)->peers];
};

struct asking {
    struct sim_host *joiner;
    uint32_t lives; /* of the joiner */
    uint8_t incarnation[16];
};

static void ask_later(struct sim_host *h);

static void on_answer(struct sim *s, struct sim_host *h, void *arg)
{
    const struct answer *a = arg;
    struct bx_identity id = {.node = a->node};

    if (h->node != NULL || h->identity.node != 0)
        return; /* another answer was faster */
    /* Its node has the name that the host had then, and nobody is that one now. */
    if (memcmp(a->incarnation, h->identity.incarnation, 16) != 0)
        return;
    sim_trace(s, h, "join: %s, node %llu", bx_code_name(a->code), (unsigned long long)a->node);
    /* An earlier attempt got in, and its id died with its process; or the node it was is still to
     * be removed. What nobody is takes a place of the few, until an operator removes it. */
    if (a->code == BX_EXISTS) {
        sim_remove(s, h->name);
        sim_host_rename(h);
        h->clock.base.ops->random(&h->clock.base, h->identity.incarnation, 16);
    }
    /* Another host has used the token up, or an earlier attempt of this one. */
    if (a->code == BX_DENIED) {
        s->token = false;
        h->clock.base.ops->random(&h->clock.base, h->identity.incarnation, 16);
    }
    if (a->code != BX_OK)
        return;
    memcpy(id.cluster, s->cluster, 16);
    memcpy(id.history, s->history, 16);
    memcpy(id.incarnation, h->identity.incarnation, 16);
    snprintf(id.name, sizeof id.name, "%s", h->name);
    snprintf(id.peers, sizeof id.peers, "%s", a->peers);
    if (sim_enter(h, save_identity, &id))
        sim_host_start(h);
}

/* In the member's code. */
static void on_joined(void *ctx, const struct bx_joined *j)
{
    struct asking *a = ctx;
    struct sim *s = a->joiner->sim;
    struct answer *out;
    size_t n = 0;

    if (a->joiner->lives != a->lives) {
        bx_free(a);
        return;
    }
    out = bx_must_calloc(1, sizeof *out);
    out->code = j->code;
    out->node = j->node;
    memcpy(out->incarnation, a->incarnation, 16);
    for (uint32_t i = 0; i < j->peers.n && n + j->peers.v[i].n + 2 < sizeof out->peers; i++)
        n += (size_t)snprintf(out->peers + n, sizeof out->peers - n, "%s" BX_STR_FMT,
                              n == 0 ? "" : " ", BX_STR_ARG(j->peers.v[i]));
    sim_at(s, s->now + MESSAGE_US, a->joiner, on_answer, out);
    bx_free(a);
}

static void ask(struct sim_host *member, void *arg)
{
    struct sim_host *h = arg;
    struct asking *a = bx_must_alloc(sizeof *a);
    struct bx_join j = {
        .name = bx_str(h->name), .address = bx_str(h->address), .role = BX_ROLE_VOTER};
    struct bx_node_info self;
    int rc;

    sim_describe(h, &self);
    j.driver = self.driver;
    j.vcpus = self.vcpus;
    j.memory_mib = self.memory_mib;
    j.disk_gib = self.disk_gib;
    memcpy(j.secret_hash, h->sim->secret, 16);
    memcpy(j.incarnation, h->identity.incarnation, 16);
    *a = (struct asking){.joiner = h, .lives = h->lives};
    memcpy(a->incarnation, h->identity.incarnation, 16);
    rc = bx_node_join(member->node, &j, bx_str(""), on_joined, a, NULL);
    if (rc != BX_OK) /* an answer like any other */
        on_joined(a, &(struct bx_joined){.code = (uint16_t)rc});
}

static void on_token(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct sim_host *h = ctx;

    (void)err;
    if (o != NULL && o->code == BX_OK)
        h->sim->token = true;
}

static void make_token(struct sim_host *member, void *arg)
{
    struct bx_cmd_token_create c = {.ttl_ms = 1000ull * 3600 * 24, .once = true};
    struct bx_submit s = {.kind = BX_CMD_TOKEN_CREATE,
                          .body = &c,
                          .principal = bx_str("admin"),
                          .deadline = sim_boot_ms(member) + 10000,
                          .done = on_token,
                          .ctx = member};

    (void)arg;
    memcpy(c.secret_hash, member->sim->secret, 16);
    (void)bx_node_submit(member->node, &s, NULL);
}

static struct sim_host *some_member(struct sim *s)
{
    unsigned from = (unsigned)rng_below(&s->rng, s->n_hosts);

    for (unsigned i = 0; i < s->n_hosts; i++) {
        struct sim_host *h = &s->hosts[(from + i) % s->n_hosts];

        if (h->node != NULL && h->paused_until <= s->now)
            return h;
    }
    return NULL;
}

static void on_ask(struct sim *s, struct sim_host *h, void *arg)
{
    struct sim_host *member = some_member(s);

    (void)arg;
    if (h->node != NULL)
        return;
    ask_later(h);
    if (member != NULL && sim_enter(member, s->token ? ask : make_token, h))
        sim_host_wake(member);
}

static void ask_later(struct sim_host *h)
{
    sim_at(h->sim, h->sim->now + rng_between(&h->sim->rng, ASK_US / 2, ASK_US * 2), h, on_ask,
           NULL);
}

void sim_join(struct sim_host *h)
{
    h->clock.base.ops->random(&h->clock.base, h->identity.incarnation, 16);
    ask_later(h);
}

/* ---- removing ---- */

#define REMOVE_AGAIN_US (3 * SIM_S)

struct removal {
    struct sim *sim;
    char name[16];
};

static void on_removed(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct removal *r = ctx;

    (void)err;
    if (o != NULL)
        sim_trace(r->sim, NULL, "remove %s: %s", r->name, bx_code_name(o->code));
    bx_free(r);
}

static void remove_node(struct sim_host *member, void *arg)
{
    struct removal *r = bx_must_alloc(sizeof *r);
    struct bx_cmd_node_remove c = {.confirm_dead = true};
    struct bx_submit s = {.kind = BX_CMD_NODE_REMOVE,
                          .body = &c,
                          .principal = bx_str("admin"),
                          .deadline = sim_boot_ms(member) + 10000,
                          .done = on_removed,
                          .ctx = r};

    *r = *(const struct removal *)arg;
    c.node = bx_str(r->name);
    (void)bx_reference_node(bx_node_fsm(member->node), &(struct bx_reference){.ref = c.node}, &c.id,
                            NULL);
    if (bx_node_submit(member->node, &s, NULL) != BX_OK)
        bx_free(r);
}

/* True when a leader knows no such node. */
static bool is_gone(const struct sim *s, const char *name)
{
    const struct bx_node_row *row;
    struct bx_node_status st;

    for (unsigned i = 0; i < s->n_hosts; i++) {
        const struct bx_node *n = s->hosts[i].node;

        if (n == NULL)
            continue;
        bx_node_status(n, &st);
        if (st.is_leader &&
            bx_view_find_node(bx_node_view(n), bx_str(name), &row, NULL) == BX_NOT_FOUND)
            return true;
    }
    return false;
}

static void remove_later(struct sim *s, const char *name);

static void on_remove(struct sim *s, struct sim_host *none, void *arg)
{
    const struct removal *r = arg;
    struct sim_host *member = some_member(s);

    (void)none;
    if (is_gone(s, r->name)) {
        s->removals--;
        return;
    }
    remove_later(s, r->name);
    if (member != NULL && sim_enter(member, remove_node, arg))
        sim_host_wake(member);
}

static void remove_later(struct sim *s, const char *name)
{
    struct removal *r = bx_must_alloc(sizeof *r);

    r->sim = s;
    snprintf(r->name, sizeof r->name, "%s", name);
    sim_at(s, s->now + REMOVE_AGAIN_US, NULL, on_remove, r);
}

void sim_remove(struct sim *s, const char *name)
{
    s->removals++;
    remove_later(s, name);
}
