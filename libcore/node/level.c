/* level - the feature level in force (wire/level.h), and what it lets through.
 *
 * What a command needs is checked where it is submitted, and again by a leader to which it is
 * relayed. The view may be behind: then the level was raised meanwhile, and what is refused here is
 * accepted a moment later. It is never lowered, so nothing is let through too early. */
#include "node/internal.h"

#include "mutant.h"

#include <assert.h>
#include <string.h>

/* The founder makes the cluster. Any other node without a cluster in its view, and the founder when
 * its state is being rebuilt, would make what it submits fit another level than the cluster's. */
bool bx_level_known(const struct bx_node *n)
{
    struct bx_cluster_info c;

    bx_view_cluster(bx_fsm_view(n->fsm), &c);
    return c.created ||
           (n->o.identity.founder && (bx_wal_last(n->wal) == 1 || bx_raft_caught_up(&n->raft)));
}

uint32_t bx_node_level(const struct bx_node *n)
{
    struct bx_cluster_info c;

    bx_view_cluster(bx_fsm_view(n->fsm), &c);
    if (!c.created) /* the founder makes it; others have not heard of it yet */
        return n->o.identity.founder ? n->o.level : 1;
    return c.level;
}

int bx_level_check(const struct bx_node *n, struct bx_err *err)
{
    struct bx_cluster_info c;

    bx_view_cluster(bx_fsm_view(n->fsm), &c);
    if (c.level <= n->o.level)
        return BX_OK;
    bx_err_set(err, BX_UNSUPPORTED,
               "the cluster is at feature level %u, but this build supports up to %u", c.level,
               n->o.level);
    bx_err_hint(err, "start the newer build again; the data directory is unchanged");
    return BX_UNSUPPORTED;
}

/* ---- what is submitted ---- */

static int too_new(uint16_t kind, const char *field, uint32_t level, struct bx_err *err)
{
    bx_err_set(err, BX_UNSUPPORTED, "%s%s%s is not available at the cluster's feature level %u",
               bx_cmd_name(kind), field == NULL ? "" : " with ", field == NULL ? "" : field, level);
    bx_err_hint(err, "upgrade every node, then run blixardctl cluster upgrade finalize");
    return BX_UNSUPPORTED;
}

const void *bx_level_lower(const struct bx_node *n, const struct bx_submit *s,
                           uint8_t copy[BX_BODY_MAX], struct bx_err *err)
{
    const struct bx_schema *schema = bx_cmd_schema(s->kind);
    uint32_t level = bx_node_level(n);
    const struct bx_field *f;

    if (s->kind == BX_CMD_CLUSTER_UPGRADE) {
        const struct bx_cmd_cluster_upgrade *u = s->body;

        return bx_node_may_upgrade(n, u->level, err) == BX_OK ? s->body : NULL;
    }
    assert(schema->size <= BX_BODY_MAX);
    if (level >= BX_LEVEL || BX_MUTATED(LEVEL_UNGATED))
        return s->body;
    if (bx_cmd_level(s->kind) > level) {
        too_new(s->kind, NULL, level, err);
        return NULL;
    }
    memcpy(copy, s->body, schema->size);
    f = bx_record_lower(schema, copy, level);
    if (f != NULL)
        too_new(s->kind, f->name, level, err);
    return f == NULL ? copy : NULL;
}

/* ---- what is relayed ---- */

int bx_level_check_relayed(const struct bx_node *n, const uint8_t *command, size_t len,
                           struct bx_err *err)
{
    uint32_t level = bx_node_level(n), needs;
    struct bx_arena arena = {0};
    struct bx_cmd_header head;
    union bx_cmd_body body;
    size_t used;
    int rc;

    if (level >= BX_LEVEL || BX_MUTATED(LEVEL_UNGATED))
        return BX_OK;
    rc = bx_cmd_decode(command, len, &head, &body, &arena, &used, err);
    if (rc == BX_OK && head.kind == BX_CMD_CLUSTER_UPGRADE) {
        rc = bx_node_may_upgrade(n, body.cluster_upgrade.level, err);
    } else if (rc == BX_OK) {
        needs = bx_cmd_needs(head.kind, &body);
        if (head.level > level || needs > level)
            rc = too_new(head.kind, NULL, level, err);
    }
    bx_arena_close(&arena);
    return rc;
}

/* ---- raising it ---- */

static const char *name_of(const struct bx_node *n, const struct bx_member *m)
{
    const struct bx_node_row *row = bx_view_node(bx_fsm_view(n->fsm), m->id);

    return row == NULL ? m->address : row->name->s;
}

int bx_node_may_upgrade(const struct bx_node *n, uint32_t level, struct bx_err *err)
{
    struct bx_node_status st;

    if (BX_MUTATED(FINALIZE_EARLY))
        return BX_OK;
    bx_node_status(n, &st);
    for (uint32_t i = 0; i < st.n_members; i++) {
        const struct bx_member *m = &st.members[i];

        if (m->build.level >= level)
            continue;
        if (m->build.level == 0)
            bx_err_set(err, BX_CONFLICT,
                       "node %s is not connected, so its feature level is unknown", name_of(n, m));
        else
            bx_err_set(err, BX_CONFLICT, "node %s runs %s, which supports feature levels up to %u",
                       name_of(n, m), m->build.version, m->build.level);
        bx_err_hint(err, m->build.level == 0
                             ? "start it, or remove it from the cluster, then try again"
                             : "upgrade it, then try again");
        return BX_CONFLICT;
    }
    return BX_OK;
}
