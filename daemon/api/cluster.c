#include "api/priv.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

static const struct bx_view *view(struct api_call *c)
{
    return bx_node_view(c->api->node);
}

static void number(struct bx_buf *b, const char *key, uint64_t n)
{
    bx_pw_str(b, key);
    bx_pw_u64(b, n);
}

static void text(struct bx_buf *b, const char *key, const char *s)
{
    bx_pw_str(b, key);
    bx_pw_str(b, s);
}

/* ---- hello ---- */

/* What the client takes lists in, of what we know; MessagePack always. */
static uint32_t codecs_of(const struct bx_strs *names)
{
    uint32_t codecs = 1u << BX_CODEC_MSGPACK;

    for (uint32_t i = 0; i < names->n; i++) {
        const struct bx_codec_ops *codec = bx_codec_named(names->v[i]);

        codecs |= codec == NULL ? 0 : 1u << codec->id;
    }
    return codecs;
}

void api_hello(struct api_call *c)
{
    const struct api *a = c->api;
    struct bx_buf b = {0};

    if (c->conn != NULL)
        c->conn->codecs = codecs_of(&c->p.codecs);
    api_begin_result(c, &b);
    bx_pw_map(&b, 8);
    number(&b, "version", BX_RPC_VERSION);
    text(&b, "server", PACKAGE_VERSION);
    text(&b, "name", a->o.name);
    number(&b, "node", a->o.identity->node);
    text(&b, "driver", a->driver->ops->name);
    text(&b, "accel", a->accel);
    bx_pw_str(&b, "initialized");
    bx_pw_bool(&b, a->node != NULL);
    bx_pw_str(&b, "codecs");
    bx_pw_array(&b, 2);
    bx_pw_str(&b, "msgpack");
    bx_pw_str(&b, "flat");
    api_reply(c, &b);
}

/* ---- nodes ---- */

static void node_list(struct api_call *c)
{
    uint32_t n = bx_view_nodes(view(c));
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_array(&b, n);
    for (uint32_t i = 0; i < n; i++)
        api_put_node(&b, bx_view_node_at(view(c), i));
    api_reply(c, &b);
}

void api_node_list(struct api_call *c)
{
    api_read(c, node_list);
}

static void node_show(struct api_call *c)
{
    const struct bx_node_row *n;
    struct bx_buf b = {0};
    struct bx_err err;

    if (bx_view_find_node(view(c), c->p.node, &n, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    api_begin_result(c, &b);
    api_put_node(&b, n);
    api_reply(c, &b);
}

static bool names_node(struct api_call *c)
{
    struct bx_err err;

    if (c->p.node.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "node: is missing");
    bx_err_hint(&err, "blixardctl node list shows what there is");
    api_fail(c, &err);
    return false;
}

void api_node_show(struct api_call *c)
{
    if (names_node(c))
        api_read(c, node_show);
}

void api_node_remove(struct api_call *c)
{
    struct bx_cmd_node_remove body = {c->p.node, c->p.confirm_dead};

    if (names_node(c))
        api_write(c, BX_CMD_NODE_REMOVE, &body);
}

void api_node_removed(struct api_call *c, const struct bx_outcome *o)
{
    struct bx_buf b = {0};

    api_begin_result(c, &b);
    bx_pw_map(&b, 1);
    number(&b, "node", o->node);
    api_reply(c, &b);
}

/* ---- becoming a member ---- */

static void on_member(void *ctx, const struct bx_err *err)
{
    struct api_call *c = ctx;
    struct bx_buf b = {0};

    if (err != NULL) {
        api_fail(c, err);
        return;
    }
    api_begin_result(c, &b);
    bx_pw_map(&b, 2);
    bx_pw_str(&b, "cluster");
    bx_pw_uuid(&b, c->api->o.identity->cluster);
    number(&b, "node", c->api->o.identity->node);
    api_reply(c, &b);
}

static const char *own_text(struct api_call *c, struct bx_str s)
{
    char *p = bx_arena_strndup(&c->api->arena, s.p == NULL ? "" : s.p, s.n);

    if (p == NULL)
        bx_oom(s.n);
    return p;
}

void api_cluster_init(struct api_call *c)
{
    struct bx_str name = c->p.name.n == 0 ? bx_str("blixard") : c->p.name;
    struct bx_err err;

    if (c->api->o.init(c->api->o.ctx, own_text(c, name), on_member, c, &err) != BX_OK)
        api_fail(c, &err);
}

void api_cluster_join(struct api_call *c)
{
    struct bx_err err;

    if (c->api->o.join(c->api->o.ctx, own_text(c, c->p.token), on_member, c, &err) != BX_OK)
        api_fail(c, &err);
}

/* ---- tokens ---- */

#define TTL_S 3600u

void api_cluster_token(struct api_call *c)
{
    struct bx_cmd_token_create body = {.ttl_ms = (c->p.ttl_s == 0 ? TTL_S : c->p.ttl_s) * 1000};
    struct bx_clock *clock = c->api->o.clock;
    struct bx_err err;

    if (bx_view_nodes(view(c)) == 0) {
        bx_err_set(&err, BX_NO_LEADER, "this member has not heard of any node yet");
        bx_err_hint(&err, "try again: a token names the nodes that can be asked");
        api_fail(c, &err);
        return;
    }
    if (c->p.ttl_s > UINT32_MAX)
        body.ttl_ms = UINT64_MAX; /* refused with the rest */
    c->token = bx_must_calloc(1, sizeof *c->token);
    clock->ops->random(clock, c->token->secret, sizeof c->token->secret);
    token_hash(c->token->secret, body.secret_hash);
    api_write(c, BX_CMD_TOKEN_CREATE, &body);
}

void api_token_written(struct api_call *c)
{
    struct bx_cluster_info info;
    char out[TOKEN_TEXT_MAX];
    struct bx_buf b = {0};

    for (uint32_t i = 0; i < bx_view_nodes(view(c)) && c->token->n_addresses < TOKEN_ADDRESSES_MAX;
         i++) {
        struct bx_str a = bx_view_node_at(view(c), i)->info.address;

        snprintf(c->token->addresses[c->token->n_addresses++], sizeof c->token->addresses[0],
                 BX_STR_FMT, BX_STR_ARG(a));
    }
    bx_view_cluster(view(c), &info);
    token_make(c->token, out);
    api_begin_result(c, &b);
    bx_pw_map(&b, 2);
    text(&b, "token", out);
    number(&b, "expires_ms", info.time_ms + (c->p.ttl_s == 0 ? TTL_S : c->p.ttl_s) * 1000);
    api_reply(c, &b);
}

/* ---- status ---- */

static const char *raft_role(const struct bx_node_status *st, uint64_t id, bool voter)
{
    if (id == st->leader)
        return bx_status_leader.s;
    return bx_role_names[voter ? BX_ROLE_VOTER : BX_ROLE_STANDBY];
}

/* Of the others it is known what they are when there is a leader; of oneself always. */
static const char *member_status(const struct bx_node_status *st, const struct bx_member *m)
{
    return bx_member_status(m->id == st->leader, m->voter, st->leader != 0 || m->id != st->id)->s;
}

static void put_member(struct bx_buf *b, const struct bx_view *v, const struct bx_node_status *st,
                       const struct bx_member *m)
{
    const struct bx_node_row *n = bx_view_node(v, m->id);

    bx_pw_map(b, 7);
    number(b, "id", m->id);
    text(b, "name", n == NULL ? NULL : n->name->s);
    text(b, "address", m->address);
    text(b, "role", raft_role(st, m->id, m->voter));
    text(b, "state", n == NULL ? NULL : bx_node_state_names[n->info.state]);
    text(b, "status", member_status(st, m));
    bx_pw_str(b, "connected");
    bx_pw_bool(b, m->connected);
}

static void put_members(struct bx_buf *b, const struct bx_view *v, const struct bx_node_status *st)
{
    bx_pw_array(b, st->n_members);
    for (uint32_t i = 0; i < st->n_members; i++)
        put_member(b, v, st, &st->members[i]);
}

/* What came over the link, and was not taken. */
static void put_link(struct bx_buf *b, const struct api *a)
{
    struct bx_link_reply s;

    bx_metrics_get(a->o.metrics, &bx_link_metrics, NULL, &s);
    bx_pw_str(b, "link");
    bx_pw_map(b, 4);
    number(b, "connections", s.connections);
    number(b, "refused", s.refused);
    number(b, "malformed", s.malformed);
    number(b, "turned_away", s.turned_away);
}

/* What this member knows, quorum or not: status is what one asks when there is none. */
void api_cluster_status(struct api_call *c)
{
    struct bx_cluster_info info;
    struct bx_node_status st;
    struct bx_buf b = {0};
    char digest[17];

    bx_node_status(c->api->node, &st);
    bx_view_cluster(view(c), &info);
    snprintf(digest, sizeof digest, "%016llx", (unsigned long long)info.digest);
    api_begin_result(c, &b);
    bx_pw_map(&b, 19);
    text(&b, "status", bx_daemon_status(st.applied_index, st.commit_index)->s);
    bx_pw_str(&b, "leader");
    if (st.leader == 0)
        bx_pw_nil(&b);
    else
        bx_pw_u64(&b, st.leader);
    number(&b, "term", st.term);
    number(&b, "commit_index", st.commit_index);
    number(&b, "applied_index", st.applied_index);
    number(&b, "revision", info.revision);
    text(&b, "digest", digest);
    bx_pw_str(&b, "quorum");
    bx_pw_bool(&b, st.quorum);
    bx_pw_str(&b, "members");
    put_members(&b, view(c), &st);
    bx_pw_str(&b, "cluster");
    bx_pw_uuid(&b, info.id);
    bx_pw_str(&b, "name");
    bx_pw_strn(&b, info.name.p, info.name.n);
    number(&b, "node", st.id);
    number(&b, "age_ms", st.age_ms);
    number(&b, "vms", bx_view_vms(view(c)));
    number(&b, "nodes", bx_view_nodes(view(c)));
    number(&b, "pending", st.pending);
    number(&b, "snapshot_index", st.snapshot_index);
    number(&b, "last_index", st.last_index);
    put_link(&b, c->api);
    api_reply(c, &b);
}

void api_cluster_members(struct api_call *c)
{
    struct bx_node_status st;
    struct bx_buf b = {0};

    bx_node_status(c->api->node, &st);
    api_begin_result(c, &b);
    put_members(&b, view(c), &st);
    api_reply(c, &b);
}
