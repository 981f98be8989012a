#include "api/priv.h"

#include "state/token.h"
#include "sys/token.h"
#include "wire/cluster.h"

#include <stdio.h>
#include <stdlib.h>
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

static void cluster_token(struct api_call *c)
{
    const struct bx_token_params *p = c->params;
    struct bx_cmd_token_create body = {.ttl_ms = ttl_ms(c), .once = true};
    struct bx_clock *clock = c->api->o.clock;
    struct token *token;
    struct bx_err err;

    if (bx_view_nodes(api_view(c)) == 0) {
        bx_err_set(&err, BX_NO_LEADER, "no node is registered yet");
        bx_err_hint(&err, "try again: a token contains the addresses of the nodes");
        api_fail(c, &err);
        return;
    }
    if (p->ttl_s > UINT32_MAX)
        body.ttl_ms = UINT64_MAX; /* refused by the state machine, as all values above its bound */
    c->state = token = api_alloc(c, sizeof *token);
    clock->ops->random(clock, token->secret, sizeof token->secret);
    token_hash(token->secret, body.secret_hash);
    api_write(c, BX_CMD_TOKEN_CREATE, &body, bx_str("default"));
}

static void token_written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_view *v = api_view(c);
    struct token *token = c->state;
    char text[TOKEN_TEXT_MAX];
    struct bx_token_reply r;

    for (uint32_t i = 0; i < bx_view_nodes(v) && token->n_addresses < TOKEN_ADDRESSES_MAX; i++) {
        struct bx_str address = bx_view_node_at(v, i)->info.address;

        snprintf(token->addresses[token->n_addresses++], sizeof token->addresses[0], BX_STR_FMT,
                 BX_STR_ARG(address));
    }
    token_make(token, text);
    r = (struct bx_token_reply){bx_str(text), now_ms(c) + ttl_ms(c), o->revision};
    api_reply(c, &bx_token_reply_schema, &r);
}

/* ---- list ---- */

struct tokens {
    const struct api_call *call;
    const struct bx_token *list[BX_TOKENS_MAX]; /* by id */
    uint32_t n, next;
    struct bx_token_info_reply reply;
};

static int by_id(const void *a, const void *b)
{
    const struct bx_token *const *x = a, *const *y = b;

    return ((*x)->created_index > (*y)->created_index) -
           ((*x)->created_index < (*y)->created_index);
}

static void collect(struct tokens *tokens)
{
    const struct bx_fsm *f = bx_node_fsm(tokens->call->api->node);
    const struct bx_token *t;
    size_t pos = 0;

    while ((t = bx_view_next(bx_fsm_view(f), BX_TABLE_TOKEN, &pos)) != NULL) {
        if (bx_token_left_ms(f, t) > 0)
            tokens->list[tokens->n++] = t;
    }
    qsort(tokens->list, tokens->n, sizeof(struct bx_token *), by_id);
}

static void seek_token(void *ctx, const void *id)
{
    struct tokens *tokens = ctx;

    tokens->next = 0;
    while (id != NULL && tokens->next < tokens->n &&
           tokens->list[tokens->next]->created_index <= *(const uint64_t *)id)
        tokens->next++;
}

static const void *next_token(void *ctx)
{
    struct tokens *tokens = ctx;

    return tokens->next < tokens->n ? tokens->list[tokens->next++] : NULL;
}

/* By the clock of this node: what is left of it counts, and the leader that created it may have had
 * a wrong clock. */
static const void *show_token(void *ctx, const void *token)
{
    struct tokens *tokens = ctx;
    const struct bx_token *t = token;

    tokens->reply = (struct bx_token_info_reply){
        t->created_index,
        now_ms(tokens->call) + bx_token_left_ms(bx_node_fsm(tokens->call->api->node), t),
        t->creator};
    return &tokens->reply;
}

static void list(struct api_call *c)
{
    struct tokens *tokens = api_alloc(c, sizeof *tokens);
    struct api_source source = {&bx_token_info_reply_schema, seek_token, next_token, show_token,
                                tokens};

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
