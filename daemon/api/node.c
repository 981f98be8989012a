#include "api/priv.h"

static const void *show_nth(void *ctx, uint32_t i)
{
    static struct bx_node_reply r; /* used by one thread, valid until the next item */

    api_show_node(bx_view_node_at(ctx, i), &r);
    return &r;
}

static void list(struct api_call *c)
{
    const struct bx_view *v = api_view(c);
    struct bx_items items = {bx_view_nodes(v), true, show_nth, (void *)(uintptr_t)v};

    api_reply_list(c, &bx_node_reply_schema, &items);
}

static void node_list(struct api_call *c)
{
    api_read(c, list);
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
    api_show_node(n, &r);
    api_reply(c, &bx_node_reply_schema, &r);
}

static bool names_node(struct api_call *c)
{
    const struct bx_node_params *p = c->params;
    struct bx_err err;

    if (p->node.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "node: is missing");
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
    struct bx_cmd_node_remove body = {p->node, p->confirm_dead};

    if (names_node(c))
        api_write(c, BX_CMD_NODE_REMOVE, &body, bx_str("default"));
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
