#include "api/priv.h"

#include "state/tenant.h"
#include "wire/cluster.h"

#include <stdio.h>
#include <string.h>

/* ---- becoming a member ---- */

static void on_member(void *ctx, const struct bx_err *err)
{
    struct api_call *c = ctx;
    const struct bx_identity *identity = c->api->o.identity;
    struct bx_member_of_reply r = {.node = identity->node};

    if (err != NULL) {
        api_fail(c, err);
        return;
    }
    memcpy(r.cluster, identity->cluster, sizeof r.cluster);
    api_reply(c, &bx_member_of_reply_schema, &r);
}

static void cluster_init(struct api_call *c)
{
    const struct bx_init_params *p = c->params;
    const struct api_options *o = &c->api->o;
    struct bx_str name = api_copy(c, p->name.n == 0 ? bx_str("blixard") : p->name);
    struct bx_err err;

    if (o->init(o->ctx, name.p, on_member, c, &err) != BX_OK)
        api_fail(c, &err);
}

static void cluster_join(struct api_call *c)
{
    const struct bx_join_params *p = c->params;
    const struct api_options *o = &c->api->o;
    struct bx_str token = api_copy(c, p->token);
    struct bx_err err;

    if (o->join(o->ctx, token.p, on_member, c, &err) != BX_OK)
        api_fail(c, &err);
}

/* ---- status ---- */

static struct bx_str interned(const struct bx_istr *s)
{
    return (struct bx_str){s->s, s->len};
}

static struct bx_str raft_role(const struct bx_node_status *st, const struct bx_member *m)
{
    if (m->id == st->leader)
        return interned(&bx_status_leader);
    return bx_str(bx_role_names[m->voter ? BX_ROLE_VOTER : BX_ROLE_STANDBY]);
}

static void show_member(const struct api_call *c, const struct bx_node_status *st,
                        const struct bx_member *m, struct bx_member_reply *out)
{
    const struct bx_node *node = c->api->node;
    const struct bx_node_row *n = bx_view_node(bx_node_view(node), m->id);
    const char *unreachable = bx_shown_state_names[BX_SHOWN_UNREACHABLE];
    /* The status of other members is known only while there is a leader. */
    bool known = st->leader != 0 || m->id != st->id;

    *out = (struct bx_member_reply){
        .id = m->id,
        .address = bx_str(api_is_admin(c) ? m->address : ""),
        .role = raft_role(st, m),
        .status = m->connected ? interned(bx_member_status(m->id == st->leader, m->voter, known))
                               : bx_str(unreachable),
        .connected = m->connected,
        .space = (uint8_t)bx_node_space(node, m->id)};
    if (n == NULL)
        return;
    out->name = interned(n->name);
    out->state = bx_str(bx_node_state_names[n->info.state]);
    if (!m->connected && n->info.state == BX_NODE_UP)
        out->state = bx_str(unreachable);
}

/* The strings of the list point into *st. */
static struct bx_list show_members(struct api_call *c, const struct bx_node_status *st)
{
    struct bx_member_reply *list = api_alloc(c, st->n_members * sizeof *list);

    for (uint32_t i = 0; i < st->n_members; i++)
        show_member(c, st, &st->members[i], &list[i]);
    return (struct bx_list){list, st->n_members};
}

struct runs {
    struct api_call *call;
    struct bx_str *v;
    uint32_t n;
};

static void add_run(void *ctx, const char *name)
{
    struct runs *runs = ctx;

    if (runs->n < BX_RUNS_SHOWN)
        runs->v[runs->n++] = api_copy(runs->call, bx_str(name));
}

/* A removed node ends no VM by itself. */
static struct bx_strs still_running(struct api_call *c)
{
    struct runs runs = {c, api_alloc(c, BX_RUNS_SHOWN * sizeof *runs.v), 0};

    bx_node_runs(c->api->node, add_run, &runs);
    return (struct bx_strs){runs.v, runs.n};
}

static uint64_t count_vms(const struct api_call *c)
{
    return c->tenant[0] == '\0' ? bx_view_vms(api_view(c))
                                : bx_view_usage(api_view(c), bx_str(c->tenant)).vms;
}

/* Answered from this member's own state, without a barrier: status must work without a quorum. */
static void cluster_status(struct api_call *c)
{
    struct bx_cluster_info info;
    struct bx_node_status st;
    struct bx_status_reply r;
    char cluster[BX_UUID_TEXT];

    bx_node_status(c->api->node, &st);
    bx_view_cluster(api_view(c), &info);
    bx_uuid_format(info.id, cluster);
    r = (struct bx_status_reply){
        .status = interned(bx_daemon_status(st.applied_index, st.commit_index)),
        .leader = st.leader,
        .term = st.term,
        .commit_index = st.commit_index,
        .applied_index = st.applied_index,
        .revision = info.revision,
        .digest = info.digest,
        .quorum = st.quorum,
        .members = show_members(c, &st),
        .cluster = bx_str(cluster),
        .name = info.name,
        .node = st.id,
        .age_ms = st.age_ms,
        .vms = count_vms(c),
        .nodes = bx_view_nodes(api_view(c)),
        .pending = c->tenant[0] == '\0' ? st.pending : 0,
        .snapshot_index = st.snapshot_index,
        .last_index = st.last_index,
    };
    if (st.removed) {
        r.status = bx_str("removed");
        if (c->tenant[0] == '\0')
            r.still_running = still_running(c);
    }
    bx_metrics_get(c->api->o.metrics, &bx_link_metrics, NULL, &r.link);
    api_reply(c, &bx_status_reply_schema, &r);
}

struct members {
    const struct bx_member_reply *list;
    uint32_t n, next;
    uint64_t after;
};

static void seek_member(void *ctx, const void *id)
{
    struct members *members = ctx;

    members->after = id == NULL ? 0 : *(const uint64_t *)id;
}

static const void *next_member(void *ctx)
{
    struct members *members = ctx;

    while (members->next < members->n && members->list[members->next].id <= members->after)
        members->next++;
    return members->next < members->n ? &members->list[members->next++] : NULL;
}

static const void *show_as_it_is(void *ctx, const void *member)
{
    (void)ctx;
    return member;
}

static void cluster_members(struct api_call *c)
{
    struct bx_node_status st;
    struct bx_list list;
    struct members members;
    struct api_source source = {&bx_member_reply_schema, seek_member, next_member,
                                show_as_it_is,           &members,    NULL};

    bx_node_status(c->api->node, &st);
    list = show_members(c, &st);
    members = (struct members){.list = list.v, .n = list.n};
    api_reply_page(c, &source);
}

/* ---- the methods ---- */

const struct api_method api_cluster_init = {.run = cluster_init};
const struct api_method api_cluster_join = {.run = cluster_join};
const struct api_method api_cluster_status = {.run = cluster_status};
const struct api_method api_cluster_members = {.run = cluster_members};
