/* relay - reads that only one particular node can answer, sent to it over the link.
 *
 * A query is a MessagePack-RPC request in a QUERY frame, after a number that the ANSWER frame
 * repeats (libcore/wire/frame.h). It is sent as a stale read, so the other node answers without a
 * barrier. A call whose answer does not arrive in time fails.
 *
 * From feature level 3 on a second parameter tells for whom the node asks, so that the other one
 * checks role and tenant, too. Without it the node asks for itself. */
#include "api/priv.h"

#include <stdio.h>
#include <string.h>

/* ---- queries of other nodes: one client for all of them; call->from is the node ---- */

static void send_answer(struct api_client *client, const struct api_call *c, struct bx_buf *b)
{
    uint8_t id[8];

    bx_put64(id, c->id);
    if (!b->failed && client->api->node != NULL) /* else the daemon is stopping */
        bx_node_send_raw(client->api->node, c->from, BX_FRAME_ANSWER, id, 8, b->data, b->len);
    bx_buf_release(b);
}

static void fail(struct api_client *client, const struct api_call *c, const struct bx_err *err)
{
    struct bx_buf b = {0};

    if (c->method == BX_M_LOG_APPEND)
        api_logsend_refused(client->api, c->from, err);
    api_rpc_put_error(&b, client->api, c->id, err);
    send_answer(client, c, &b);
}

static void reply(struct api_client *client, const struct api_call *c, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};
    struct bx_err err;
    int rc = api_rpc_put_result(&b, c->id, client->codecs, s, items);

    if (rc == BX_OK) {
        send_answer(client, c, &b);
        return;
    }
    bx_buf_release(&b);
    bx_err_set(&err, rc, "the answer cannot be encoded");
    fail(client, c, &err);
}

static void ended(struct api_client *client)
{
    (void)client;
}

static const struct api_client_ops ops = {.reply = reply, .fail = fail, .ended = ended};

void api_relay_init(struct api *a)
{
    api_client_init(&a->relay, a, &ops);
    a->relay.role = BX_RPC_ADMIN;
    a->relay.is_node = true;
    a->relay.party = api_party_hold(a, &a->everybody, "other nodes");
    memcpy(a->relay.principal, BX_PRINCIPAL_NODE, sizeof BX_PRINCIPAL_NODE);
}

/* For whom the node asks; false: it says nothing that makes sense. */
static bool read_caller(struct api_call *c, bx_val caller)
{
    struct bx_caller as = {{NULL, 0}, 0, {NULL, 0}};

    if (bx_pack_read(&bx_caller_schema, caller, &as, &c->arena, NULL) != BX_OK ||
        as.principal.n >= sizeof c->principal || as.tenant.n >= sizeof c->tenant)
        return false;
    snprintf(c->principal, sizeof c->principal, BX_STR_FMT, BX_STR_ARG(as.principal));
    snprintf(c->tenant, sizeof c->tenant, BX_STR_FMT, BX_STR_ARG(as.tenant));
    c->role = as.role;
    c->carried = true;
    return true;
}

void api_relay_query(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t n)
{
    struct api_call *c = api_call_create(a, &a->relay, p, n);
    struct bx_str method = {"", 0};
    bx_val root, params;

    if (c == NULL)
        return;
    root = bx_pack_parse(a->pack, c->message.data, n, BX_RPC_FRAME_MAX, NULL);
    params = bx_val_at(root, 3);
    if (!api_rpc_is_request(root, &c->id) ||
        (bx_val_len(params) > 1 && !read_caller(c, bx_val_at(params, 1)))) {
        api_call_drop(c);
        return;
    }
    c->from = from;
    c->id = id;
    snprintf(c->source, sizeof c->source, "node %llu", (unsigned long long)from);
    bx_val_str(bx_val_at(root, 2), &method);
    api_call_run(c, method, bx_val_len(params) > 0 ? bx_val_at(params, 0) : NULL);
}

/* ---- queries of this node ---- */

static void put_map(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    bx_pw_map(b, bx_pack_fields(s, obj));
    bx_pack_write(b, s, obj);
}

static bool send_query(struct api_call *c, uint64_t node)
{
    struct bx_caller as = {bx_str(c->principal), (uint8_t)c->role, bx_str(c->tenant)};
    bool is_own = c->client != NULL && c->client->is_node;
    bool tells = bx_node_level(c->api->node) >= 3 && !is_own;
    struct bx_buf b = {0};
    uint8_t id[8];
    bool sent;

    bx_put64(id, c->query);
    bx_pw_array(&b, 4);
    bx_pw_u64(&b, 0);
    bx_pw_u64(&b, 0);
    bx_pw_str(&b, bx_methods[c->method]->name);
    bx_pw_array(&b, tells ? 2 : 1);
    put_map(&b, bx_methods[c->method]->params, c->params);
    if (tells)
        put_map(&b, &bx_caller_schema, &as);
    sent = !b.failed && bx_node_send_raw(c->api->node, node, BX_FRAME_QUERY, id, 8, b.data, b.len);
    bx_buf_release(&b);
    return sent;
}

void api_relay(struct api_call *c, uint64_t node)
{
    struct bx_err err;

    api_common(c)->consistency = BX_STALE;
    c->query = ++c->api->next_query;
    c->asked = node;
    if (send_query(c, node)) {
        api_wait(c);
        return;
    }
    bx_err_set(&err, BX_UNREACHABLE, "node \"%s\" is not connected",
               api_node_name(bx_node_view(c->api->node), node));
    bx_err_hint(&err, "blixardctl node list --consistency stale shows its state");
    api_fail(c, &err);
}

bool api_relay_named(struct api_call *c, struct bx_str node)
{
    const struct bx_node_row *n;
    struct bx_err err;

    if (node.n == 0 || c->from != 0)
        return false;
    if (c->api->node == NULL) {
        bx_err_set(&err, BX_CONFLICT, "this host does not belong to a cluster");
        bx_err_hint(&err, "leave out --node");
        api_fail(c, &err);
    } else if (bx_view_find_node(api_view(c), node, &n, &err) != BX_OK) {
        api_fail(c, &err);
    } else if (n->info.id == c->api->o.identity->node) {
        return false;
    } else {
        api_relay(c, n->info.id);
    }
    return true;
}

void api_relay_over(struct api_call *c)
{
    struct bx_err err;

    if (c->api->node == NULL) {
        bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    } else {
        bx_err_set(&err, BX_UNREACHABLE, "timed out waiting for node \"%s\"",
                   api_node_name(bx_node_view(c->api->node), c->asked));
        bx_err_hint(&err, "blixardctl node list --consistency stale shows its state");
    }
    api_fail(c, &err);
}

/* Pass on the error of another node. That node may be newer: unknown members are ignored. */
static void pass_error(struct api_call *c, bx_val error)
{
    struct bx_str name = {"", 0}, message = {"", 0}, hint = {"", 0};
    char text[64];
    struct bx_err err;

    bx_val_str(bx_val_get(error, "name"), &name);
    bx_val_str(bx_val_get(error, "message"), &message);
    bx_val_str(bx_val_get(error, "hint"), &hint);
    snprintf(text, sizeof text, BX_STR_FMT, BX_STR_ARG(name));
    bx_err_set(&err, bx_code_from_name(text), BX_STR_FMT, BX_STR_ARG(message));
    bx_err_hint(&err, BX_STR_FMT, BX_STR_ARG(hint));
    api_fail(c, &err);
}

static void pass_result(struct api_call *c, bx_val result)
{
    const struct bx_schema *s = bx_methods[c->method]->reply;
    void *obj = api_alloc(c, s->size);
    struct bx_err err;
    int rc = bx_pack_read(s, result, obj, &c->arena, &err);

    if (rc == BX_OK) {
        api_reply(c, s, obj);
        return;
    }
    bx_err_wrap(&err, "answer of another node");
    api_fail(c, &err);
}

void api_relay_answer(struct api *a, uint64_t from, uint64_t id, const uint8_t *p, size_t n)
{
    struct bx_pack *pack = bx_pack_create();
    struct api_call *c;
    bx_val answer = NULL;

    TAILQ_FOREACH(c, &a->waits, link)
    {
        if (c->query == id && id != 0 && c->asked == from)
            break;
    }
    if (c != NULL && pack != NULL)
        answer = bx_pack_parse(pack, p, n, BX_RPC_FRAME_MAX, NULL);
    if (bx_val_len(answer) == 4) {
        if (bx_val_type(bx_val_at(answer, 2)) == BX_V_NIL)
            pass_result(c, bx_val_at(answer, 3));
        else
            pass_error(c, bx_val_at(answer, 2));
    }
    bx_pack_destroy(pack);
}
