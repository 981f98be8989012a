/* fsm_user_token - the commands about tokens of users. A token expires by the clock of sessions, as
 * a join token does (fsm_token.c): a wrong clock neither ends it nor keeps it. */
#include "state/fsm_priv.h"
#include "state/user.h"

#define TTL_MAX_MS (BX_USER_TOKEN_TTL_MAX_DAYS * 24ull * 3600 * 1000)

uint64_t bx_user_token_left_ms(const struct bx_fsm *f, const struct bx_user_token *t)
{
    if (t->ends_ms == 0)
        return UINT64_MAX;
    return t->ends_ms > f->session_ms ? t->ends_ms - f->session_ms : 0;
}

static const struct bx_user_token *token_of(const struct bx_row *row)
{
    return bx_row_object(row);
}

static struct bx_str id_text(struct bx_fsm *f, uint64_t id)
{
    return bx_call_text(f, "%llu", (unsigned long long)id);
}

/* An event of a token, which is one of its user. */
static void tell(struct bx_fsm *f, enum bx_event_type type, struct bx_str user, uint64_t id)
{
    const struct bx_user *u = bx_view_get(&f->view, BX_TABLE_USER, &user);

    bx_call_event_of(f, u == NULL ? bx_str("") : u->tenant, type, user, bx_str(""), id_text(f, id));
}

static void drop_expired(struct bx_fsm *f)
{
    for (uint32_t i = (uint32_t)bx_view_count(&f->view, BX_TABLE_USER_TOKEN); i > 0; i--) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_USER_TOKEN, i - 1);

        if (bx_user_token_left_ms(f, token_of(row)) == 0)
            bx_fsm_change(f, row, NULL);
    }
}

void bx_fsm_user_tokens_drop(struct bx_fsm *f, struct bx_str user)
{
    for (uint32_t i = (uint32_t)bx_view_count(&f->view, BX_TABLE_USER_TOKEN); i > 0; i--) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_USER_TOKEN, i - 1);
        const struct bx_user_token *t = token_of(row);

        if (!bx_str_eq(t->user, user))
            continue;
        tell(f, BX_EVENT_USER_TOKEN_DELETED, t->user, t->created_index);
        bx_fsm_change(f, row, NULL);
    }
}

static int is_full(struct bx_err *err)
{
    bx_err_hint(err, "delete those that are not needed any more: blixardctl user token list NAME");
    return BX_BUSY;
}

static int check_bounds(const struct bx_view *v, const struct bx_user *u, struct bx_err *err)
{
    uint32_t of_user = bx_view_tokens_of_user(v, u->name);

    if (of_user >= BX_USER_TOKENS_MAX) {
        bx_err_set(err, BX_BUSY, "user \"" BX_STR_FMT "\" has %u tokens, the maximum",
                   BX_STR_ARG(u->name), of_user);
        bx_err_hint(err, "delete one: blixardctl user token list " BX_STR_FMT, BX_STR_ARG(u->name));
        return BX_BUSY;
    }
    if (u->tenant.n > 0 && bx_view_tokens_of_tenant(v, u->tenant) >= BX_USER_TOKENS_MAX_TENANT)
        bx_err_set(err, BX_BUSY,
                   "the users of tenant \"" BX_STR_FMT "\" have %u tokens, the maximum",
                   BX_STR_ARG(u->tenant), BX_USER_TOKENS_MAX_TENANT);
    else if (u->tenant.n > 0 &&
             bx_view_tokens_of_tenant(v, bx_str("")) >= BX_USER_TOKENS_MAX_TENANTS)
        bx_err_set(err, BX_BUSY, "users of tenants have %u tokens, the maximum",
                   BX_USER_TOKENS_MAX_TENANTS);
    else if (bx_view_count(v, BX_TABLE_USER_TOKEN) >= BX_USER_TOKENS_MAX_ALL)
        bx_err_set(err, BX_BUSY, "there are %u tokens of users, the maximum",
                   BX_USER_TOKENS_MAX_ALL);
    else
        return BX_OK;
    return is_full(err);
}

/* Expired ones are looked for when there is no room, and not at each command: that reads them all.
 */
static int check_room(struct bx_fsm *f, const struct bx_user *u, struct bx_err *err)
{
    if (check_bounds(&f->view, u, err) == BX_OK)
        return BX_OK;
    drop_expired(f);
    return check_bounds(&f->view, u, err);
}

/* The client has made the secret: a repeat under another id brings the same one. */
static int check_same(const struct bx_user_token *t, struct bx_call *c)
{
    const struct bx_cmd_user_token_create *b = &c->body->user_token_create;

    if (bx_user_token_is(t, b->secret_hash) && bx_str_eq(t->user, b->user) &&
        t->certificate == b->certificate) {
        c->out->existed = true;
        return BX_OK;
    }
    if (b->certificate) {
        bx_err_set(c->err, BX_EXISTS, "this key is that of another user's certificate");
        bx_err_hint(c->err, "make another key");
    } else {
        bx_err_set(c->err, BX_EXISTS, "this token exists");
        bx_err_hint(c->err, "make another secret, of 32 random bytes");
    }
    return BX_EXISTS;
}

int bx_fsm_user_token_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_user_token_create *b = &c->body->user_token_create;
    struct bx_user_token d = {.created_index = bx_call_revision(f)};
    const struct bx_user_token *same;
    const struct bx_user *u;
    int rc = bx_view_user(&f->view, b->user, b->scope, &u, c->err);

    if (rc == BX_OK && b->ttl_ms > TTL_MAX_MS) {
        rc = bx_err_set(c->err, BX_INVALID, "--ttl: must be at most %u days",
                        BX_USER_TOKEN_TTL_MAX_DAYS);
        bx_err_hint(c->err, "omit it for a token that does not expire");
    }
    if (rc != BX_OK)
        return rc;
    same = bx_view_get(&f->view, BX_TABLE_USER_TOKEN, b->secret_hash);
    if (same != NULL && bx_user_token_left_ms(f, same) > 0)
        return check_same(same, c);
    rc = check_room(f, u, c->err);
    if (rc != BX_OK)
        return rc;
    memcpy(d.secret_hash, b->secret_hash, sizeof d.secret_hash);
    d.user = u->name;
    d.certificate = b->certificate;
    d.ends_ms = b->ttl_ms == 0 ? 0 : f->session_ms + b->ttl_ms;
    /* One of this secret that has expired gives its place. */
    bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_USER_TOKEN, b->secret_hash),
                  bx_row_make(&f->view.home, BX_TABLE_USER_TOKEN, &d));
    tell(f, BX_EVENT_USER_TOKEN_CREATED, u->name, d.created_index);
    return BX_OK;
}

static struct bx_row *find(struct bx_fsm *f, uint64_t id, struct bx_str scope)
{
    for (uint32_t i = 0; i < bx_view_count(&f->view, BX_TABLE_USER_TOKEN); i++) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_USER_TOKEN, i);
        const struct bx_user *u;

        if (token_of(row)->created_index == id)
            return bx_view_user(&f->view, token_of(row)->user, scope, &u, NULL) == BX_OK ? row
                                                                                         : NULL;
    }
    return NULL;
}

int bx_fsm_user_token_delete(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_user_token_delete *b = &c->body->user_token_delete;
    struct bx_row *row = find(f, b->id, b->scope);

    if (row == NULL) {
        bx_err_set(c->err, BX_NOT_FOUND, "no token %llu", (unsigned long long)b->id);
        bx_err_hint(c->err, "blixardctl user token list NAME shows those of a user");
        return BX_NOT_FOUND;
    }
    tell(f, BX_EVENT_USER_TOKEN_DELETED, token_of(row)->user, b->id);
    bx_fsm_change(f, row, NULL);
    return BX_OK;
}
