#include "api/priv.h"

struct nodes {
    const struct api_call *call;
    const struct bx_view *view;
    struct bx_index_place at;
    struct bx_node_reply reply;
};

/* Where it is, is for administrators of the cluster; what all VMs together have of it, for callers
 * that may know of all. */
static void see(const struct api_call *c, const struct bx_node_row *n, struct bx_node_reply *r)
{
    api_see_node(c->api->node, n, r);
    if (!api_is_admin(c))
        r->address = r->api = bx_str("");
    if (c->tenant[0] != '\0') {
        r->allocated = (struct bx_resources){0};
        r->vms = 0;
    }
}

static void seek_node(void *ctx, const void *id)
{
    struct nodes *nodes = ctx;

    nodes->at = bx_view_after(nodes->view, BX_TABLE_NODE, id);
}

static const void *next_node(void *ctx)
{
    struct nodes *nodes = ctx;

    return bx_view_step(nodes->view, BX_TABLE_NODE, &nodes->at);
}

static const void *fill_node(void *ctx, const void *node)
{
    struct nodes *nodes = ctx;

    see(nodes->call, node, &nodes->reply);
    return &nodes->reply;
}

static void list(struct api_call *c)
{
    struct nodes nodes = {.call = c, .view = api_view(c)};
    struct api_source source = {
        &bx_node_reply_schema, seek_node, next_node, fill_node, &nodes, NULL};

    api_reply_page(c, &source);
}

static void node_list(struct api_call *c)
{
    api_list(c, list);
}

static void show(struct api_call *c)
{
    const struct bx_node_params *p = c->params;
    const struct bx_node_row *n;
    struct bx_node_reply r;
    struct bx_err err;

    if (bx_view_find_node(api_view(c), p->node, &n, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    see(c, n, &r);
    api_reply(c, &bx_node_reply_schema, &r);
}

static bool names_node(struct api_call *c)
{
    const struct bx_node_params *p = c->params;
    struct bx_err err;

    if (p->node.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "missing parameter \"node\"");
    bx_err_hint(&err, "blixardctl node list shows the nodes");
    api_fail(c, &err);
    return false;
}

static void node_show(struct api_call *c)
{
    if (names_node(c))
        api_read(c, show);
}

static void node_remove(struct api_call *c)
{
    const struct bx_node_params *p = c->params;
    struct bx_cmd_node_remove *b = api_alloc(c, sizeof *b);

    b->node = p->node;
    b->confirm_dead = p->confirm_dead;
    if (names_node(c))
        api_write_about_node(c, BX_CMD_NODE_REMOVE, b, &b->node, &b->id);
}

static void removed(struct api_call *c, const struct bx_outcome *o)
{
    struct bx_removed_reply r = {o->node};

    api_reply(c, &bx_removed_reply_schema, &r);
}

/* ---- the methods ---- */

const struct api_method api_node_list = {.run = node_list};
const struct api_method api_node_show = {.run = node_show};
const struct api_method api_node_remove = {.run = node_remove, .written = removed};
