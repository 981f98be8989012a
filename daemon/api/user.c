/* user - the methods about users and their tokens. An administrator of a tenant sees and changes
 * the users of that tenant alone. */
#include "api/priv.h"

#include "state/user.h"
#include "wire/user.h"

#include <string.h>

/* The tenant that the caller is limited to; empty: none. */
static struct bx_str scope_of(const struct api_call *c)
{
    return bx_str(c->tenant);
}

static void fill(const struct bx_user *u, struct bx_user_reply *out)
{
    *out = (struct bx_user_reply){.name = u->name,
                                  .role = u->role,
                                  .tenant = u->tenant,
                                  .created_index = u->created_index,
                                  .modified_index = u->modified_index};
}

/* ---- reads ---- */

struct users {
    const struct bx_view *view;
    struct bx_index_place at;
    struct bx_str scope;
    struct bx_user_reply reply;
};

static void seek_user(void *ctx, const void *name)
{
    struct users *users = ctx;

    users->at = bx_view_after(users->view, BX_TABLE_USER, name);
}

static const void *next_user(void *ctx)
{
    struct users *users = ctx;
    const struct bx_user *u;

    do {
        u = bx_view_step(users->view, BX_TABLE_USER, &users->at);
    } while (u != NULL && users->scope.n > 0 && !bx_str_eq(u->tenant, users->scope));
    return u;
}

static const void *fill_user(void *ctx, const void *user)
{
    struct users *users = ctx;

    fill(user, &users->reply);
    return &users->reply;
}

static void list(struct api_call *c)
{
    struct users users = {.view = api_view(c), .scope = c->scope};
    struct api_source source = {
        &bx_user_reply_schema, seek_user, next_user, fill_user, &users, NULL};

    api_reply_page(c, &source);
}

static void user_list(struct api_call *c)
{
    api_list(c, list);
}

static bool names_user(struct api_call *c, struct bx_str user)
{
    struct bx_err err;

    if (user.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "missing parameter \"user\"");
    bx_err_hint(&err, "blixardctl user list shows the users");
    api_fail(c, &err);
    return false;
}

static void show(struct api_call *c)
{
    const struct bx_user_params *p = c->params;
    const struct bx_user *u;
    struct bx_user_reply r;
    struct bx_err err;

    if (bx_view_user(api_view(c), p->user, scope_of(c), &u, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    fill(u, &r);
    api_reply(c, &bx_user_reply_schema, &r);
}

static void user_show(struct api_call *c)
{
    const struct bx_user_params *p = c->params;

    if (names_user(c, p->user))
        api_read(c, show);
}

/* ---- writes ---- */

/* An administrator of a tenant makes users of that tenant. */
static bool may_put_into(struct api_call *c, struct bx_str tenant)
{
    struct bx_str scope = scope_of(c);
    struct bx_err err;

    if (scope.n == 0 || bx_str_eq(tenant, scope))
        return true;
    bx_err_set(&err, BX_DENIED, "permission denied: users of %s (%s, of tenant " BX_STR_FMT ")",
               tenant.n == 0 ? "the whole cluster" : "another tenant", c->principal,
               BX_STR_ARG(scope));
    bx_err_hint(&err, "add --tenant " BX_STR_FMT, BX_STR_ARG(scope));
    api_fail(c, &err);
    return false;
}

static void user_create(struct api_call *c)
{
    const struct bx_user_params *p = c->params;
    struct bx_cmd_user_create body = {p->user, p->role, p->tenant};
    struct bx_err err;

    if (!names_user(c, p->user))
        return;
    if (p->role >= BX__USER_ROLES) {
        bx_err_set(&err, BX_INVALID, "missing parameter \"role\"");
        bx_err_hint(&err, "choose viewer, operator or admin");
        api_fail(c, &err);
    } else if (may_put_into(c, p->tenant)) {
        api_write(c, BX_CMD_USER_CREATE, &body, bx_str("default"));
    }
}

static void user_set(struct api_call *c)
{
    const struct bx_user_params *p = c->params;
    bool role = p->role<BX__USER_ROLES, tenant = p->tenant.n> 0 || p->no_tenant;
    struct bx_cmd_user_set body = {.name = p->user,
                                   .role = role ? p->role : 0,
                                   .tenant = p->no_tenant ? bx_str("") : p->tenant,
                                   .sets_role = role,
                                   .sets_tenant = tenant,
                                   .scope = scope_of(c)};

    if (names_user(c, p->user) && (!tenant || may_put_into(c, body.tenant)))
        api_write(c, BX_CMD_USER_SET, &body, bx_str("default"));
}

static void user_delete(struct api_call *c)
{
    const struct bx_user_params *p = c->params;
    struct bx_cmd_user_delete body = {p->user, scope_of(c)};

    if (names_user(c, p->user))
        api_write(c, BX_CMD_USER_DELETE, &body, bx_str("default"));
}

/* Answer with the user as it is now, or with its name alone if it was deleted. */
static void written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_user_params *p = c->params;
    const struct bx_user *u;
    struct bx_user_reply r = {.name = p->user};

    (void)o;
    if (bx_view_user(api_view(c), p->user, scope_of(c), &u, NULL) == BX_OK)
        fill(u, &r);
    api_reply(c, &bx_user_reply_schema, &r);
}

/* ---- tokens ---- */

struct tokens {
    struct api_numbered by_id; /* first */
    const struct api_call *call;
    const void *list[BX_USER_TOKENS_MAX];
    struct bx_user_token_reply reply;
};

static uint64_t left_ms(const struct api_call *c, const struct bx_user_token *t)
{
    return api_auth_left_ms(c->api, t);
}

/* By the clock of this node: what is left of it counts. */
static void fill_token(const struct api_call *c, const struct bx_user_token *t,
                       struct bx_user_token_reply *out)
{
    struct bx_clock *clock = c->api->o.clock;
    uint64_t left = left_ms(c, t);

    *out = (struct bx_user_token_reply){
        .id = t->created_index,
        .user = t->user,
        .expires_ms = left == UINT64_MAX ? 0 : clock->ops->wall_ms(clock) + left,
        .used_ms = api_token_used(c->api, t->secret_hash),
        .certificate = t->certificate};
}

static void collect(struct tokens *tokens, struct bx_str user)
{
    const struct bx_user_token *t;
    size_t pos = 0;
    uint32_t n = 0;

    while (n < BX_USER_TOKENS_MAX &&
           (t = bx_view_next(api_view(tokens->call), BX_TABLE_USER_TOKEN, &pos)) != NULL) {
        if (bx_str_eq(t->user, user) && left_ms(tokens->call, t) > 0)
            tokens->list[n++] = t;
    }
    api_numbered_sort(&tokens->by_id, tokens->list, n,
                      offsetof(struct bx_user_token, created_index));
}

static const void *show_token(void *ctx, const void *token)
{
    struct tokens *tokens = ctx;

    fill_token(tokens->call, token, &tokens->reply);
    return &tokens->reply;
}

static void list_tokens(struct api_call *c)
{
    const struct bx_user_token_params *p = c->params;
    struct tokens tokens = {.call = c};
    struct api_source source = {&bx_user_token_reply_schema,
                                api_numbered_seek,
                                api_numbered_next,
                                show_token,
                                &tokens,
                                NULL};
    const struct bx_user *u;
    struct bx_err err;

    if (bx_view_user(api_view(c), p->user, scope_of(c), &u, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    collect(&tokens, p->user);
    api_reply_page(c, &source);
}

static void user_token_list(struct api_call *c)
{
    const struct bx_user_token_params *p = c->params;

    if (names_user(c, p->user))
        api_list(c, list_tokens);
}

static void user_token_create(struct api_call *c)
{
    const struct bx_user_token_params *p = c->params;
    struct bx_cmd_user_token_create body = {.user = p->user, .scope = scope_of(c)};
    struct bx_err err;

    if (p->user.n == 0 || !bx_hex32(p->secret_hash, body.secret_hash)) {
        bx_err_set(&err, BX_INVALID, "%s",
                   p->user.n == 0 ? "missing parameter \"user\""
                                  : "secret_hash: must be 64 hex digits");
        bx_err_hint(&err, "it is the SHA-256 of 32 random bytes, which only the client knows");
        api_fail(c, &err);
        return;
    }
    /* What is above the bound is refused by the state machine, as all such values are. */
    body.ttl_ms = p->ttl_s > UINT32_MAX ? UINT64_MAX : p->ttl_s * 1000;
    api_write(c, BX_CMD_USER_TOKEN_CREATE, &body, bx_str("default"));
}

static void token_created(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_user_token_params *p = c->params;
    struct bx_user_token_reply r = {.id = o->revision, .user = p->user};
    uint8_t hash[BX_USER_SECRET_HASH];
    const struct bx_user_token *t;

    (void)bx_hex32(p->secret_hash, hash);
    t = bx_view_user_token(api_view(c), hash);
    if (t != NULL) /* else it was deleted meanwhile */
        fill_token(c, t, &r);
    api_reply(c, &bx_user_token_reply_schema, &r);
}

static void user_token_delete(struct api_call *c)
{
    const struct bx_user_token_params *p = c->params;
    struct bx_cmd_user_token_delete body = {p->id, scope_of(c)};

    api_write(c, BX_CMD_USER_TOKEN_DELETE, &body, bx_str("default"));
}

static void token_deleted(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_user_token_params *p = c->params;
    struct bx_user_token_reply r = {.id = p->id};

    (void)o;
    api_reply(c, &bx_user_token_reply_schema, &r);
}

/* ---- the methods ---- */

const struct api_method api_user_create = {.run = user_create, .written = written};
const struct api_method api_user_list = {.run = user_list};
const struct api_method api_user_show = {.run = user_show};
const struct api_method api_user_set = {.run = user_set, .written = written};
const struct api_method api_user_delete = {.run = user_delete, .written = written};
const struct api_method api_user_token_create = {.run = user_token_create,
                                                 .written = token_created};
const struct api_method api_user_token_list = {.run = user_token_list};
const struct api_method api_user_token_delete = {.run = user_token_delete,
                                                 .written = token_deleted};
