/* upgrade - the feature level of the cluster, and raising it. */
#include "api/priv.h"

#include "wire/cluster.h"

static void show_member(const struct bx_view *v, const struct bx_member *m,
                        struct bx_upgrade_member_reply *out)
{
    const struct bx_node_row *row = bx_view_node(v, m->id);

    *out = (struct bx_upgrade_member_reply){
        .id = m->id, .version = bx_str(m->build.version), .level = m->build.level};
    if (row != NULL)
        out->name = (struct bx_str){row->name->s, row->name->len};
}

static void show(struct api_call *c)
{
    struct bx_upgrade_member_reply *members;
    struct bx_upgrade_reply r;
    struct bx_node_status st;
    struct bx_err err = {0};

    bx_node_status(c->api->node, &st);
    members = api_alloc(c, st.n_members * sizeof *members);
    for (uint32_t i = 0; i < st.n_members; i++)
        show_member(api_view(c), &st.members[i], &members[i]);
    r = (struct bx_upgrade_reply){
        .level = st.level, .target = st.level_max, .members = {members, st.n_members}};
    if (r.target > r.level) {
        r.ready = bx_node_may_upgrade(c->api->node, r.target, &err) == BX_OK;
        r.reason = bx_str(err.msg);
    }
    api_reply(c, &bx_upgrade_reply_schema, &r);
}

static void finalize(struct api_call *c)
{
    struct bx_cmd_cluster_upgrade body;
    struct bx_node_status st;

    bx_node_status(c->api->node, &st);
    body.level = st.level_max;
    api_write(c, BX_CMD_CLUSTER_UPGRADE, &body, bx_str("default"));
}

static void finalized(struct api_call *c, const struct bx_outcome *o)
{
    (void)o;
    show(c);
}

const struct api_method api_cluster_upgrade_status = {.run = show};
const struct api_method api_cluster_upgrade_finalize = {.run = finalize, .written = finalized};
