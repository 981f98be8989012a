#include "api/priv.h"

#include "codec/digits.h"
#include "mem/alloc.h"
#include "state/ca.h"
#include "state/token.h"
#include "pki/pki.h"
#include "wire/cluster.h"
#include "wire/jointoken.h"

#include <string.h>

static uint64_t now_ms(const struct api_call *c)
{
    struct bx_clock *clock = c->api->o.clock;

    return clock->ops->wall_ms(clock);
}

/* ---- create ---- */

#define TTL_S 3600u

static uint64_t ttl_ms(const struct api_call *c)
{
    const struct bx_token_params *p = c->params;

    return (p->ttl_s == 0 ? TTL_S : p->ttl_s) * 1000;
}

/* What the token is about, and below feature level 3 its secret, which is made here. */
struct making {
    uint8_t hash[PKI_SHA256];
    uint8_t secret[BX_JOIN_SECRET_OLD];
    bool old;
};

/* The cluster stores half of the hash. False: the call has failed. */
static bool make(struct api_call *c, struct making *m)
{
    const struct bx_token_params *p = c->params;
    struct bx_clock *clock = c->api->o.clock;
    struct bx_err err;

    m->old = bx_node_level(c->api->node) < 3;
    if (m->old) {
        clock->ops->random(clock, m->secret, sizeof m->secret);
        bx_sha256(m->secret, sizeof m->secret, m->hash);
        return true;
    }
    if (bx_hex32(p->secret_hash, m->hash))
        return true;
    if (p->secret_hash.n == 0) {
        bx_err_set(&err, BX_INVALID, "missing parameter \"secret_hash\"");
        bx_err_hint(&err, "the client makes the secret of a token: use the blixardctl of this "
                          "version");
    } else {
        bx_err_set(&err, BX_INVALID, "secret_hash: must be 64 hex digits");
        bx_err_hint(&err, "it is the SHA-256 of 32 random bytes, which only the client knows");
    }
    api_fail(c, &err);
    return false;
}

static bool may_create(struct api_call *c)
{
    const struct bx_token_params *p = c->params;
    struct bx_err err;

    if (bx_view_nodes(api_view(c)) == 0) {
        bx_err_set(&err, BX_NO_LEADER, "no node is registered yet");
        bx_err_hint(&err, "try again: a token contains the addresses of the nodes");
    } else if (p->role == BX_ROLE_AGENT) {
        bx_err_set(&err, BX_INVALID, "role: agents are not supported yet");
        bx_err_hint(&err, "use voter or standby");
    } else {
        return true;
    }
    api_fail(c, &err);
    return false;
}

static void cluster_token(struct api_call *c)
{
    const struct bx_token_params *p = c->params;
    struct bx_cmd_token_create body = {.ttl_ms = ttl_ms(c), .once = true, .role = p->role};
    struct making *m = c->state = api_alloc(c, sizeof *m);

    if (!may_create(c) || !make(c, m))
        return;
    if (p->ttl_s > UINT32_MAX)
        body.ttl_ms = UINT64_MAX; /* refused by the state machine, as all values above its bound */
    memcpy(body.secret_hash, m->hash, sizeof body.secret_hash);
    api_write(c, BX_CMD_TOKEN_CREATE, &body, bx_str("default"));
}

/* The text of a token below feature level 3. */
static void add_text(struct making *m, struct bx_token_reply *r, struct bx_buf *text)
{
    struct bx_join_token t = {.addresses = r->addresses,
                              .secret = {(const char *)m->secret, sizeof m->secret}};

    if (bx_join_token_write(&t, text) != BX_OK)
        bx_oom(BX_JOIN_TOKEN_MAX);
    pki_wipe(m, sizeof *m); /* the answer ends the call, whose memory it is */
    r->token = (struct bx_str){(const char *)text->data, (uint32_t)text->len};
    r->addresses.n = 0;
    r->role = 0;
}

/* A token names the newest CA that there was when it was created: that is what it ends with. */
static void add_ca(const struct bx_view *v, char hex[2 * PKI_SHA256], struct bx_token_reply *r)
{
    const struct bx_ca *ca = bx_view_ca_at(v, 0), *new_one = bx_view_ca_new(v);
    uint8_t sum[PKI_SHA256];

    if (new_one != NULL && r->id > new_one->created_index)
        ca = new_one;
    if (ca == NULL)
        return;
    bx_sha256(ca->certificate.p, ca->certificate.n, sum);
    r->ca = (struct bx_str){hex, (uint32_t)bx_digits_hex(hex, sum, sizeof sum)};
}

static void token_written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_view *v = api_view(c);
    const struct bx_token_params *p = c->params;
    struct making *m = c->state;
    const struct bx_token *t = bx_view_get(v, BX_TABLE_TOKEN, m->hash);
    struct bx_str addresses[BX_JOIN_ADDRESSES_MAX];
    struct bx_token_reply r = {.addresses = {addresses, 0},
                               .expires_ms = now_ms(c) + ttl_ms(c),
                               .id = o->revision,
                               .role = p->role};
    char hex[2 * PKI_SHA256];
    struct bx_buf text = {0};

    if (t != NULL) { /* else it was used or revoked meanwhile */
        r.expires_ms = now_ms(c) + bx_node_token_left_ms(c->api->node, t);
        r.id = t->created_index;
    }
    while (r.addresses.n < bx_view_nodes(v) && r.addresses.n < BX_JOIN_ADDRESSES_MAX) {
        addresses[r.addresses.n] = bx_view_node_at(v, r.addresses.n)->info.address;
        r.addresses.n++;
    }
    if (m->old)
        add_text(m, &r, &text);
    else
        add_ca(v, hex, &r);
    api_reply(c, &bx_token_reply_schema, &r);
    pki_wipe_buf(&text);
}

/* ---- list ---- */

struct tokens {
    struct api_numbered by_id; /* first */
    const struct api_call *call;
    const void *list[BX_TOKENS_MAX];
    struct bx_token_info_reply reply;
};

static void collect(struct tokens *tokens)
{
    struct bx_node *node = tokens->call->api->node;
    const struct bx_token *t;
    size_t pos = 0;
    uint32_t n = 0;

    while ((t = bx_view_next(bx_node_view(node), BX_TABLE_TOKEN, &pos)) != NULL) {
        if (bx_node_token_left_ms(node, t) > 0)
            tokens->list[n++] = t;
    }
    api_numbered_sort(&tokens->by_id, tokens->list, n, offsetof(struct bx_token, created_index));
}

/* By the clock of this node: what is left of it counts, and the leader that created it may have had
 * a wrong clock. */
static const void *show_token(void *ctx, const void *token)
{
    struct tokens *tokens = ctx;
    const struct bx_token *t = token;

    tokens->reply = (struct bx_token_info_reply){
        t->created_index, now_ms(tokens->call) + bx_node_token_left_ms(tokens->call->api->node, t),
        t->creator};
    return &tokens->reply;
}

static void list(struct api_call *c)
{
    struct tokens *tokens = api_alloc(c, sizeof *tokens);
    struct api_source source = {&bx_token_info_reply_schema,
                                api_numbered_seek,
                                api_numbered_next,
                                show_token,
                                tokens,
                                NULL};

    tokens->call = c;
    collect(tokens);
    api_reply_page(c, &source);
}

static void cluster_token_list(struct api_call *c)
{
    api_list(c, list);
}

/* ---- revoke ---- */

static void cluster_token_revoke(struct api_call *c)
{
    const struct bx_token_params *p = c->params;
    struct bx_cmd_token_revoke body = {p->id};

    api_write(c, BX_CMD_TOKEN_REVOKE, &body, bx_str("default"));
}

static void revoked(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_token_params *p = c->params;
    struct bx_token_info_reply r = {.id = p->id};

    (void)o;
    api_reply(c, &bx_token_info_reply_schema, &r);
}

/* ---- the methods ---- */

const struct api_method api_cluster_token = {.run = cluster_token, .written = token_written};
const struct api_method api_cluster_token_list = {.run = cluster_token_list};
const struct api_method api_cluster_token_revoke = {.run = cluster_token_revoke,
                                                    .written = revoked};
