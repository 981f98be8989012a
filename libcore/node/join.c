/* join - a host that is no member yet asks to become one. Its JOIN becomes a command like any other
 * on the member that it reached, and the outcome has the id that it was given. */
#include "node/internal.h"
#include "rec/object.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

#define JOIN_MS 10000u

struct joining {
    struct bx_node *node;
    void (*done)(void *ctx, const struct bx_joined *answer);
    void *ctx;
};

static uint32_t list_peers(struct bx_node *n, struct bx_arena *arena, struct bx_str **out)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);
    uint32_t count = bx_view_nodes(view);
    struct bx_str *v = bx_arena_alloc(arena, (count + 1) * sizeof *v);

    *out = v;
    if (v == NULL)
        return 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct bx_node_info *info = &bx_view_node_at(view, i)->info;
        char text[BX_ADDRESS_MAX + 32];

        snprintf(text, sizeof text, "%llu " BX_STR_FMT, (unsigned long long)info->id,
                 BX_STR_ARG(info->address));
        v[i] = bx_str(bx_arena_strndup(arena, text, strlen(text)));
    }
    return count;
}

static void joined(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct joining *j = ctx;
    struct bx_node *n = j->node;
    struct bx_arena arena = {0};
    struct bx_joined a = {0};
    struct bx_str *peers;

    memcpy(a.cluster, n->o.identity.cluster, 16);
    memcpy(a.history, n->o.identity.history, 16);
    if (o != NULL) {
        a.code = o->code;
        a.node = o->node;
        a.message = o->message;
        a.hint = o->hint;
    } else {
        a.code = (uint16_t)err->code;
        a.message = bx_str(err->msg);
        a.hint = bx_str(err->hint);
    }
    if (a.code == BX_OK) {
        a.peers.n = list_peers(n, &arena, &peers);
        a.peers.v = peers;
    }
    j->done(j->ctx, &a);
    bx_arena_close(&arena);
    bx_free(j);
}

/* See joins_as in state/fsm_node.c. */
static uint8_t joins_as(const struct bx_node *n, const struct bx_join *join)
{
    const struct bx_token *t = bx_view_get(bx_fsm_view(n->fsm), BX_TABLE_TOKEN, join->secret_hash);

    return t == NULL || bx_node_level(n) < 3 ? join->role : t->role;
}

/* A host that asks in vain is told so without an entry; the state machine has the last word. A name
 * that has a row passes: the host may be asking again, and the state has its answer. */
static int has_room(const struct bx_node *n, const struct bx_join *join, struct bx_err *err)
{
    const struct bx_view *view = bx_fsm_view(n->fsm);

    return bx_view_named(view, BX_TABLE_NODE, join->name) != NULL
               ? BX_OK
               : bx_view_member_room(view, joins_as(n, join), err);
}

/* Strangers must not fill the log. A host that was let in may ask again with a token that is used
 * up by now. A member that is behind may not have the token yet; a leader that has caught up has
 * all. */
static int knows_token(struct bx_node *n, const struct bx_join *join, struct bx_err *err)
{
    const struct bx_token *t = bx_view_get(bx_fsm_view(n->fsm), BX_TABLE_TOKEN, join->secret_hash);
    struct bx_outcome o;

    if ((t != NULL && bx_node_token_left_ms(n, t) > 0) ||
        bx_fsm_kept(n->fsm, join->incarnation, 1, &o))
        return BX_OK;
    if (bx_node_lacks_members(n, "join", "nothing was done", err))
        return BX_NO_LEADER;
    if (!bx_raft_caught_up(&n->raft))
        return bx_err_set(err, BX_NO_LEADER, "this member does not know the token yet");
    bx_err_set(err, BX_DENIED, "token unknown or expired");
    bx_err_hint(err, "create a new one on a member: blixardctl cluster token create");
    return BX_DENIED;
}

int bx_node_join(struct bx_node *n, const struct bx_join *join, struct bx_str pin,
                 void (*done)(void *ctx, const struct bx_joined *answer), void *ctx,
                 struct bx_err *err)
{
    struct bx_cmd_member_join c = {0};
    struct bx_submit s = {.kind = BX_CMD_MEMBER_JOIN, .body = &c, .done = joined};
    struct joining *j;
    int rc;

    bx_join_node(join, &c.node);
    c.node.pin = pin;
    rc = bx_node_info_check(&c.node, err);
    if (rc != BX_OK)
        return rc;
    rc = knows_token(n, join, err);
    if (rc != BX_OK)
        return rc;
    if (has_room(n, join, err) != BX_OK)
        return BX_BUSY;
    BX_OBJECT(BX_LEVEL_INFO, "node", "a host asks to join", bx_join_schema, join);
    j = bx_alloc(sizeof *j);
    if (j == NULL)
        return bx_err_set(err, BX_NO_MEMORY, "out of memory");
    s.ctx = j;
    *j = (struct joining){n, done, ctx};
    memcpy(c.secret_hash, join->secret_hash, 16);
    memcpy(s.session, join->incarnation, 16);
    s.sequence = 1;
    s.floor = 1;
    s.principal = bx_str("join");
    s.source = join->address.n > BX_SOURCE_MAX ? bx_str("") : join->address;
    s.deadline = bx_node_now(n) + JOIN_MS;
    rc = bx_node_submit(n, &s, err);
    if (rc != BX_OK)
        bx_free(j);
    return rc;
}
