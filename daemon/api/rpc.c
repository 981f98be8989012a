#include "api/priv.h"

#include <string.h>

/* ---- errors ---- */

/* Messages may quote the request. Replace control characters, and all else but ASCII if the text is
 * not UTF-8. */
static struct bx_str printable(const char *text, char *out)
{
    size_t n = strlen(text);
    bool valid = bx_utf8_valid(text, n);

    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];

        out[i] = c < ' ' || (c >= 0x80 && !valid) ? '?' : text[i];
    }
    return (struct bx_str){out, (uint32_t)n};
}

static const char *leader_name(const struct api *a)
{
    struct bx_node_status st;

    if (a->node == NULL)
        return NULL;
    bx_node_status(a->node, &st);
    return st.leader == 0 ? NULL : api_node_name(bx_node_view(a->node), st.leader);
}

static int put_map(struct bx_buf *b, const struct bx_schema *s, const void *obj)
{
    int rc = bx_pw_map(b, bx_pack_fields(s, obj));

    return rc == BX_OK ? bx_pack_write(b, s, obj) : rc;
}

static int put_error(struct bx_buf *b, const struct api *a, const struct bx_err *err)
{
    char message[BX_ERR_MSG], hint[BX_ERR_HINT];
    struct bx_error_reply e = {.code = bx_code_exit(err->code),
                               .name = bx_str(bx_code_name(err->code)),
                               .message = printable(err->msg, message),
                               .hint = printable(err->hint, hint),
                               .retryable = bx_code_retryable(err->code),
                               .leader = bx_str(leader_name(a))};

    return put_map(b, &bx_error_reply_schema, &e);
}

/* ---- messages ---- */

static void begin_answer(struct bx_buf *b, uint64_t id)
{
    bx_pw_array(b, 4);
    bx_pw_u64(b, 1);
    bx_pw_u64(b, id);
}

static void begin_notification(struct bx_buf *b, const char *name)
{
    bx_pw_array(b, 3);
    bx_pw_u64(b, 2);
    bx_pw_str(b, name);
    bx_pw_array(b, 1);
}

int api_rpc_put_error(struct bx_buf *b, struct api *a, uint64_t id, const struct bx_err *err)
{
    begin_answer(b, id);
    put_error(b, a, err);
    return bx_pw_nil(b);
}

/* A list in a form other than MessagePack is sent as bytes, with a header that names the codec. */
static int put_items(struct bx_buf *b, uint32_t codecs, const struct bx_schema *s,
                     const struct bx_items *items)
{
    enum bx_codec used;
    size_t at = 0;
    int rc;

    if (!items->list || (codecs & 1u << BX_CODEC_FLAT) == 0)
        return bx_hybrid_encode(1u << BX_CODEC_MSGPACK, BX_USE_REPLY, s, items, b, &used, NULL);
    rc = bx_pw_bin_begin(b, &at);
    if (rc == BX_OK)
        rc = bx_hybrid_write(codecs, BX_USE_REPLY, s->kind, s, items, b, NULL);
    if (rc == BX_OK)
        bx_pw_bin_end(b, at);
    return rc;
}

int api_rpc_put_result(struct bx_buf *b, uint64_t id, uint32_t codecs, const struct bx_schema *s,
                       const struct bx_items *items)
{
    begin_answer(b, id);
    bx_pw_nil(b);
    return items == NULL ? bx_pw_nil(b) : put_items(b, codecs, s, items);
}

void api_rpc_put_notice(struct bx_buf *b, struct api *a, const struct bx_err *err)
{
    begin_notification(b, "error");
    put_error(b, a, err);
}

bool api_rpc_is_request(bx_val root, uint64_t *id)
{
    uint64_t type;

    return bx_val_len(root) == 4 && bx_val_type(root) == BX_V_ARRAY &&
           bx_val_u64(bx_val_at(root, 0), &type) && type == 0 &&
           bx_val_u64(bx_val_at(root, 1), id) && bx_val_type(bx_val_at(root, 2)) == BX_V_STR &&
           bx_val_type(bx_val_at(root, 3)) == BX_V_ARRAY;
}

/* ---- a connection as a client ---- */

static struct api_conn *conn_of(const struct api_client *client)
{
    return (struct api_conn *)(uintptr_t)((const char *)client - offsetof(struct api_conn, client));
}

static void fail(struct api_client *client, const struct api_call *c, const struct bx_err *err)
{
    struct bx_buf b = {0};

    api_rpc_put_error(&b, client->api, c->id, err);
    api_conn_send(conn_of(client), &b);
}

static void reply(struct api_client *client, const struct api_call *c, const struct bx_schema *s,
                  const struct bx_items *items)
{
    struct bx_buf b = {0};
    struct bx_err err;
    int rc = api_rpc_put_result(&b, c->id, client->codecs, s, items);

    if (rc == BX_OK) {
        api_conn_send(conn_of(client), &b);
        return;
    }
    bx_buf_release(&b);
    bx_err_set(&err, rc, rc == BX_NO_MEMORY ? "out of memory" : "the answer cannot be encoded");
    fail(client, c, &err);
}

static void notify(struct api_client *client, const char *name, const struct bx_schema *s,
                   const void *obj)
{
    struct bx_buf *b = &conn_of(client)->notices;

    begin_notification(b, name);
    put_map(b, s, obj);
}

static void flush(struct api_client *client)
{
    struct bx_buf *b = &conn_of(client)->notices;

    if (b->len > 0 || b->failed)
        api_conn_send(conn_of(client), b);
}

static size_t queued(const struct api_client *client)
{
    return conn_of(client)->stream.queued;
}

static void ended(struct api_client *client)
{
    api_input_unblock(conn_of(client));
}

static void end(struct api_client *client, const struct bx_err *err)
{
    struct bx_buf b = {0};

    api_rpc_put_notice(&b, client->api, err);
    api_conn_end(conn_of(client));
    api_conn_send(conn_of(client), &b);
}

const struct api_client_ops api_rpc_ops = {.reply = reply,
                                           .fail = fail,
                                           .ended = ended,
                                           .notify = notify,
                                           .flush = flush,
                                           .queued = queued,
                                           .has_input = api_input_has,
                                           .take_input = api_input_take,
                                           .end = end};

bool api_rpc_message(struct api_conn *conn, const uint8_t *p, size_t n)
{
    struct api *a = conn->client.api;
    struct api_call *c = api_call_create(a, &conn->client, p, n);
    struct bx_str method = {"", 0};
    bx_val root, params;

    if (c == NULL)
        return false;
    root = bx_pack_parse(a->pack, c->message.data, n, BX_RPC_FRAME_MAX, NULL);
    if (!api_rpc_is_request(root, &c->id)) {
        api_call_drop(c);
        return false;
    }
    conn->asked = true;
    params = bx_val_at(root, 3);
    bx_val_str(bx_val_at(root, 2), &method);
    api_call_run(c, method, bx_val_len(params) == 1 ? bx_val_at(params, 0) : NULL);
    return true;
}
