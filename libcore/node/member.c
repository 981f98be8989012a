/* member - membership is state first: a node's row says what it should be, and the leader drives
 * the Raft configuration there, one change at a time. It also turns silence into node states, and
 * feeds the list of peers with rows and configurations.
 *
 *   no server yet --add as standby--> standby --catch up--> caught up --promote--> voter
 *
 * Every arrow waits until the change before it is committed; an aborted catch-up is tried again.
 * The same is done for a server whose row has another address than it. */
#include "node/internal.h"

#include "mem/alloc.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define SUSPECT_MS 6000u
#define RETRY_MS 1000u

void bx_member_on_role(struct bx_node *n, bool leader)
{
    n->member.leader_since = leader ? bx_node_now(n) : 0;
    n->member.catching_up = 0;
    n->member.retry_ms = 0;
}

/* ---- the link's peers ---- */

void bx_member_on_rows(struct bx_node *n)
{
    n->member.rows_changed = true;
}

void bx_member_on_configuration(struct bx_node *n, const struct raft_configuration *c)
{
    struct bx_peer v[BX_MEMBERS_MAX];

    assert(c->n <= BX_MEMBERS_MAX);
    for (unsigned i = 0; i < c->n; i++)
        v[i] = (struct bx_peer){c->servers[i].id, c->servers[i].address};
    bx_peers_set(&n->peers, BX_PEER_SERVER, v, c->n);
}

static void feed_rows(struct bx_node *n)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);
    uint32_t count = bx_view_nodes(view);
    struct bx_peer *v = bx_must_calloc(count + 1, sizeof *v);
    struct bx_cluster_info info;
    struct bx_arena arena = {0};

    for (uint32_t i = 0; i < count; i++) {
        const struct bx_node_info *node = &bx_view_node_at(view, i)->info;

        v[i].id = node->id;
        v[i].address = bx_arena_strndup(&arena, node->address.p, node->address.n);
        if (v[i].address == NULL)
            bx_oom(node->address.n);
    }
    bx_view_cluster(view, &info);
    bx_peers_set(&n->peers, BX_PEER_ROW, v, count);
    bx_peers_set_next_id(&n->peers, info.next_node);
    bx_arena_close(&arena);
    bx_free(v);
    n->member.rows_changed = false;
}

void bx_member_update_peers(struct bx_node *n)
{
    if (n->member.rows_changed)
        feed_rows(n);
    if (bx_peers_update(&n->peers))
        n->o.link->ops->set_peers(n->o.link, n->peers.list.v, n->peers.list.n);
}

/* ---- the configuration ---- */

#define GONE (-1) /* as a role: not a server any more */

static void record_change(uint64_t id, int role, bool added, const char *address, int rc)
{
    if (rc != BX_OK)
        BX_WARNING("raft", "the Raft configuration can not be changed", "node", id, "err",
                   bx_code_name(rc));
    else if (role == GONE)
        BX_INFO("raft", "node removed from the Raft configuration", "node", id);
    else if (added)
        BX_INFO("raft", "node added to the Raft configuration", "node", id, "role",
                raft_role_name(role), "address", address);
    else
        BX_INFO("raft", "node changed in the Raft configuration", "node", id, "role",
                raft_role_name(role), "address", address);
}

/* The present configuration with one server added, taken out, or given another role or address. */
static void change(struct bx_node *n, uint64_t id, struct bx_str address, int role)
{
    const struct raft_configuration *now = bx_raft_configuration(&n->raft);
    struct raft_configuration next;
    bool added = bx_raft_server(&n->raft, id) == NULL;
    char text[BX_ADDRESS_MAX + 1];
    int rv = 0, rc = BX_NO_MEMORY;

    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(address));
    raft_configuration_init(&next);
    for (unsigned i = 0; i < now->n && rv == 0; i++) {
        const struct raft_server *s = &now->servers[i];

        if (s->id != id)
            rv = raft_configuration_add(&next, s->id, s->address, s->role);
        else if (role != GONE)
            rv = raft_configuration_add(&next, id, text, role);
    }
    if (rv == 0 && added)
        rv = raft_configuration_add(&next, id, text, role);
    if (rv == 0)
        rc = bx_raft_change(&n->raft, &next);
    raft_configuration_close(&next);
    record_change(id, role, added, text, rc);
}

static void promote(struct bx_node *n, const struct bx_node_info *info)
{
    static const uint8_t nothing[8];
    struct bx_member_loop *m = &n->member;
    uint64_t index;

    if (m->catching_up != info->id) {
        m->catching_up = info->id;
        bx_raft_catch_up(&n->raft, info->id);
        /* The core looks at the standby's progress only when it moves: on an idle cluster one that
         * has everything already would never be found to have caught up. When this can not be
         * submitted the catch-up is aborted, and tried again. */
        (void)bx_raft_submit(&n->raft, RAFT_BARRIER, nothing, sizeof nothing, &index);
        return;
    }
    m->catching_up = 0;
    if (bx_raft_catch_up_status(&n->raft, info->id) == RAFT_CATCH_UP_FINISHED)
        change(n, info->id, info->address, RAFT_VOTER);
    else
        m->retry_ms = bx_node_now(n) + RETRY_MS;
}

/* A server whose row was removed leaves the configuration. Rows come before servers, so one without
 * a row was removed, provided that all that is committed is applied here. */
static bool dismiss(struct bx_node *n)
{
    const struct raft_configuration *conf = bx_raft_configuration(&n->raft);
    const struct bx_view *view = bx_fsm_view(n->fsm);

    if (bx_fsm_applied(n->fsm) != bx_raft_commit(&n->raft))
        return false;
    for (unsigned i = 0; i < conf->n; i++) {
        uint64_t id = conf->servers[i].id;

        if (id == n->id || bx_view_node(view, id) != NULL)
            continue;
        change(n, id, bx_str(conf->servers[i].address), GONE);
        return true;
    }
    return false;
}

static bool is_taken(const struct raft_configuration *c, struct bx_str address)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (bx_str_eq(bx_str(c->servers[i].address), address))
            return true;
    }
    return false;
}

/* A server that was started with another address has it in its row first. An address that another
 * server had before can be taken once that one's is changed. */
static bool readdress(struct bx_node *n)
{
    const struct raft_configuration *conf = bx_raft_configuration(&n->raft);

    for (unsigned i = 0; i < conf->n; i++) {
        const struct raft_server *s = &conf->servers[i];
        const struct bx_node_row *row = bx_view_node(bx_fsm_view(n->fsm), s->id);

        if (row == NULL || is_taken(conf, row->info.address))
            continue;
        change(n, s->id, row->info.address, s->role);
        return true;
    }
    return false;
}

/* The first node that is connected, is to be at least `role`, and has the role before it; NULL:
 * none. One that is away holds up nobody. */
static const struct bx_node_info *find_step(const struct bx_node *n, uint8_t role, int before)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);

    for (uint32_t i = 0; i < bx_view_nodes(view); i++) {
        const struct bx_node_info *info = &bx_view_node_at(view, i)->info;
        const struct raft_server *s = bx_raft_server(&n->raft, info->id);

        if (info->role <= role && (s == NULL ? GONE : s->role) == before &&
            n->o.link->ops->connected(n->o.link, info->id))
            return info;
    }
    return NULL;
}

/* Take the first step that is missing; one at a time. All get the log before the first of them
 * votes: they catch up while others are promoted. */
static void drive(struct bx_node *n)
{
    const struct bx_node_info *info = NULL;

    if (!bx_raft_can_change(&n->raft) || bx_node_now(n) < n->member.retry_ms || dismiss(n) ||
        readdress(n))
        return;
    if (bx_raft_configuration(&n->raft)->n < BX_MEMBERS_MAX)
        info = find_step(n, BX_ROLE_STANDBY, GONE);
    if (info != NULL) {
        change(n, info->id, info->address, RAFT_STANDBY);
        return;
    }
    info = find_step(n, BX_ROLE_VOTER, RAFT_STANDBY);
    if (info != NULL)
        promote(n, info);
}

/* ---- node states ---- */

static uint8_t state_by_silence(uint64_t silent_ms)
{
    if (silent_ms >= BX_T2_MS)
        return BX_NODE_DOWN;
    return silent_ms >= SUSPECT_MS ? BX_NODE_SUSPECT : BX_NODE_UP;
}

void bx_member_on_elected(struct bx_node *n, uint64_t leader_before)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);

    if (leader_before == 0)
        return; /* this node has just started, and so may all: nobody was lost */
    for (uint32_t i = 0; i < bx_view_nodes(view); i++) {
        const struct bx_node_row *row = bx_view_node_at(view, i);
        const struct bx_node_info *info = &row->info;
        struct bx_cmd_node_state c = {
            .id = info->id, .state = BX_NODE_SUSPECT, .dated = true, .low = row->low};

        if (info->id != n->id && info->state == BX_NODE_UP &&
            (info->id == leader_before || !n->o.link->ops->connected(n->o.link, info->id)))
            bx_propose_internal_first(n, BX_CMD_NODE_STATE, &c);
    }
}

/* Draining and maintenance are an operator's word; silence does not change them. */
static uint8_t state_of(const struct bx_node *n, const struct bx_node_info *info, uint64_t now)
{
    uint64_t last = bx_lease_last_heartbeat(n->lease, info->id);
    bool spoke = last != 0;
    uint8_t state;

    if (info->state > BX_NODE_DOWN)
        return info->state;
    if (info->id == n->id)
        return BX_NODE_UP;
    if (!spoke) /* a node that has just joined is on its way here */
        last = n->member.leader_since > n->member.grown_ms ? n->member.leader_since
                                                           : n->member.grown_ms;
    state = state_by_silence(now - last);
    /* A node that has not spoken to this leader yet is not called up again by it. */
    return state == BX_NODE_UP && !spoke ? info->state : state;
}

/* What the node said last of the space on its disk. */
static uint8_t space_of(const struct bx_node *n, const struct bx_node_row *row)
{
    if (bx_node_level(n) < 2)
        return row->low;
    if (row->info.id == n->id)
        return (uint8_t)n->ballast.state;
    return bx_lease_last_heartbeat(n->lease, row->info.id) == 0
               ? row->low
               : bx_lease_last_space(n->lease, row->info.id);
}

static void watch(struct bx_node *n, uint64_t now)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);

    if (bx_view_nodes(view) > n->member.nodes)
        n->member.grown_ms = now;
    n->member.nodes = bx_view_nodes(view);
    for (uint32_t i = 0; i < bx_view_nodes(view); i++) {
        const struct bx_node_row *row = bx_view_node_at(view, i);
        struct bx_cmd_node_state c = {.id = row->info.id,
                                      .state = state_of(n, &row->info, now),
                                      .dated = true,
                                      .low = space_of(n, row)};

        if (c.state != row->info.state || c.low != row->low)
            bx_propose_internal(n, BX_CMD_NODE_STATE, &c);
    }
}

void bx_member_tick(struct bx_node *n)
{
    uint64_t now = bx_node_now(n);

    if (!bx_raft_is_leader(&n->raft))
        return;
    drive(n);
    /* Once a second is often enough, and keeps a state that is being written from being asked for
     * ten times over: a repeat changes nothing. */
    if (now / 1000 != (now - BX_HOUSEKEEPING_MS) / 1000)
        watch(n, now);
}
