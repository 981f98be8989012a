/* sys - what client and server tell each other of themselves. */
#include "api/priv.h"

#include "wire/sys.h"

/* ---- hello ---- */

static const struct bx_str list_codecs[] = {{"msgpack", 7}, {"flat", 4}, {"lz", 2}};

/* The codecs that both sides support; MessagePack always is one. */
static uint32_t codecs_of(const struct bx_strs *names)
{
    uint32_t codecs = 1u << BX_CODEC_MSGPACK;

    for (uint32_t i = 0; i < names->n; i++) {
        const struct bx_codec_ops *codec = bx_codec_named(names->v[i]);

        codecs |= codec == NULL ? 0 : 1u << codec->id;
    }
    return codecs;
}

/* A client of which nothing is known is told what it needs to speak, and whom it has reached. */
static void greet(struct api_call *c)
{
    const struct bx_hello_params *p = c->params;
    const struct api *a = c->api;
    bool known = c->client != NULL && c->client->role > BX_RPC_ANY;
    struct bx_hello_reply r = {.version = BX_RPC_VERSION,
                               .server = bx_str(PACKAGE_VERSION),
                               .name = bx_str(a->o.name),
                               .node = known ? a->o.identity->node : 0,
                               .driver = bx_str(known ? a->driver->ops->name : ""),
                               .accel = bx_str(known ? a->accel : ""),
                               .initialized = known && a->node != NULL,
                               .codecs = {list_codecs, sizeof list_codecs / sizeof list_codecs[0]}};

    if (c->client != NULL)
        c->client->codecs = codecs_of(&p->codecs);
    api_reply(c, &bx_hello_reply_schema, &r);
}

/* A local client that may do nothing here is not told who the server is, either. */
static void hello(struct api_call *c)
{
    const struct bx_hello_params *p = c->params;
    struct bx_err err;

    if (p->token.n > 0 || c->client->by_certificate) {
        api_auth_hello(c, greet);
    } else if (c->client->is_local && c->client->role == BX_RPC_ANY) {
        api_auth_unknown(c->client, &err);
        api_fail(c, &err);
    } else {
        greet(c);
    }
}

/* ---- done ---- */

static void done(struct api_call *c)
{
    struct bx_done_reply r = {false};
    uint8_t session[16];

    if (api_common(c)->request_id.n == 0) {
        struct bx_err err;

        bx_err_set(&err, BX_INVALID, "missing parameter \"request_id\"");
        api_fail(c, &err);
        return;
    }
    bx_hex16(api_common(c)->request_id, session);
    r.released = bx_node_end_session(c->api->node, session, bx_str(c->principal));
    api_reply(c, &bx_done_reply_schema, &r);
}

const struct api_method api_sys_hello = {.run = hello};
const struct api_method api_sys_done = {.run = done};
