/* fsm_token - the commands about join tokens, and what a join asks of them.
 *
 * A token admits one host: the join that it admits deletes it. It expires by the clock of sessions,
 * which adds up what leaders measure, so a leader whose clock is wrong neither ends tokens nor
 * keeps them. Tokens in logs of builds that had only wall time expire by it, and admit any number
 * of hosts: every replica must come to the same state from the same log. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"

#include <stdio.h>

#define TTL_MAX_MS (30ull * 24 * 3600 * 1000)

uint64_t bx_token_left_ms(const struct bx_fsm *f, const struct bx_token *t)
{
    uint64_t end = t->ends_ms != 0 ? t->ends_ms : t->expires_ms;
    uint64_t now = t->ends_ms != 0 ? f->session_ms : f->view.time_ms;

    return end > now ? end - now : 0;
}

static void drop_expired(struct bx_fsm *f)
{
    for (uint32_t i = (uint32_t)bx_view_count(&f->view, BX_TABLE_TOKEN); i > 0; i--) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_TOKEN, i - 1);

        if (bx_token_left_ms(f, bx_row_as_token(row)) == 0)
            bx_fsm_change(f, row, NULL);
    }
}

static struct bx_str id_text(struct bx_fsm *f, uint64_t id)
{
    return bx_call_text(f, "%llu", (unsigned long long)id);
}

/* The client has made the secret: a repeat under another id brings the same one. Below feature
 * level 3 a node made it. */
static int check_same(struct bx_call *c, const struct bx_token *t)
{
    if (t->role == c->body->token_create.role) {
        c->out->existed = true;
        return BX_OK;
    }
    bx_err_set(c->err, BX_EXISTS, "this token exists, for another role");
    bx_err_hint(c->err, "make another secret, of 32 random bytes");
    return BX_EXISTS;
}

int bx_fsm_token_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_token_create *b = &c->body->token_create;
    struct bx_token d = {.created_index = bx_call_revision(f)};
    const struct bx_token *same = bx_view_get(&f->view, BX_TABLE_TOKEN, b->secret_hash);

    if (b->ttl_ms == 0 || b->ttl_ms > TTL_MAX_MS) {
        bx_err_set(c->err, BX_INVALID, "--ttl: must be 1 ms to 30 days");
        bx_err_hint(c->err, "choose a value in that range");
        return BX_INVALID;
    }
    if (same != NULL && bx_fsm_level(f) >= 3 && bx_token_left_ms(f, same) > 0)
        return check_same(c, same);
    drop_expired(f);
    if (bx_view_count(&f->view, BX_TABLE_TOKEN) >= BX_TOKENS_MAX)
        return bx_err_set(c->err, BX_BUSY, "there are %u valid tokens, the maximum", BX_TOKENS_MAX);
    memcpy(d.secret_hash, b->secret_hash, 16);
    d.expires_ms = f->view.time_ms + b->ttl_ms;
    d.role = b->role;
    if (b->once) {
        d.ends_ms = f->session_ms + b->ttl_ms;
        d.creator = c->head->principal;
    }
    bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_TOKEN, b->secret_hash),
                  bx_row_make(&f->view.home, BX_TABLE_TOKEN, &d));
    bx_call_event(f, BX_EVENT_TOKEN_CREATED, bx_str("token"), bx_str(""),
                  b->once ? id_text(f, d.created_index) : bx_str(""));
    return BX_OK;
}

static struct bx_row *find(struct bx_fsm *f, uint64_t id)
{
    for (uint32_t i = 0; i < bx_view_count(&f->view, BX_TABLE_TOKEN); i++) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_TOKEN, i);

        if (bx_row_as_token(row)->created_index == id)
            return row;
    }
    return NULL;
}

int bx_fsm_token_revoke(struct bx_fsm *f, struct bx_call *c)
{
    uint64_t id = c->body->token_revoke.id;
    struct bx_row *row = find(f, id);

    if (row == NULL || bx_token_left_ms(f, bx_row_as_token(row)) == 0) {
        bx_err_set(c->err, BX_NOT_FOUND, "no valid token %llu", (unsigned long long)id);
        bx_err_hint(c->err, "blixardctl cluster token list shows those that are");
        return BX_NOT_FOUND;
    }
    bx_fsm_change(f, row, NULL);
    bx_call_event(f, BX_EVENT_TOKEN_REVOKED, bx_str("token"), bx_str(""), id_text(f, id));
    return BX_OK;
}

/* ---- joins ---- */

int bx_fsm_token_check(struct bx_fsm *f, const uint8_t hash[16], struct bx_row **token,
                       struct bx_err *err)
{
    *token = bx_view_row(&f->view, BX_TABLE_TOKEN, hash);
    if (*token != NULL && bx_token_left_ms(f, bx_row_as_token(*token)) > 0)
        return BX_OK;
    bx_err_set(err, BX_DENIED, "token unknown or expired");
    bx_err_hint(err, "create a new one on a member: blixardctl cluster token create");
    return BX_DENIED;
}

void bx_fsm_token_use(struct bx_fsm *f, struct bx_row *token)
{
    if (bx_row_as_token(token)->ends_ms != 0)
        bx_fsm_change(f, token, NULL);
}
