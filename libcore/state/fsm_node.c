/* fsm_node - the commands about the cluster itself: creation, nodes, joining. */
#include "state/fsm_priv.h"

#include "mem/alloc.h"

#include <stdio.h>
#include <string.h>

static void add_ca(struct bx_fsm *f, const struct bx_cmd_cluster_create *b)
{
    struct bx_ca d = {.generation = 1,
                      .certificate = b->ca_certificate,
                      .key = b->ca_key,
                      .created_index = bx_call_revision(f)};

    bx_fsm_change(f, NULL, bx_row_make(&f->view.home, BX_TABLE_CA, &d));
}

int bx_fsm_cluster_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_cluster_create *b = &c->body->cluster_create;
    struct bx_cluster_row d = *bx_row_as_cluster(bx_view_cluster_row(&f->view));

    if (d.created) {
        if (memcmp(d.id, b->cluster, 16) == 0) {
            c->out->existed = true;
            return BX_OK;
        }
        return bx_err_set(c->err, BX_EXISTS, "the cluster already exists");
    }
    memcpy(d.id, b->cluster, 16);
    memcpy(d.history, b->history, 16);
    d.name = b->name;
    d.created = true;
    d.level = b->level == 0 ? 1 : b->level;
    bx_fsm_change(f, bx_view_cluster_row(&f->view),
                  bx_row_make(&f->view.home, BX_TABLE_CLUSTER, &d));
    if (b->ca_certificate.n > 0)
        add_ca(f, b);
    bx_call_event(f, BX_EVENT_CLUSTER_CREATED,
                  bx_row_as_cluster(bx_view_cluster_row(&f->view))->name, bx_str(""), bx_str(""));
    return BX_OK;
}

int bx_fsm_cluster_upgrade(struct bx_fsm *f, struct bx_call *c)
{
    uint32_t level = c->body->cluster_upgrade.level;
    struct bx_cluster_row d = *bx_row_as_cluster(bx_view_cluster_row(&f->view));

    if (!d.created)
        return bx_err_set(c->err, BX_CONFLICT, "there is no cluster yet");
    if (level <= d.level) {
        c->out->existed = true;
        return BX_OK;
    }
    if (level > c->head->level) /* then a node that does not read it would not stop here */
        return bx_err_set(c->err, BX_INVALID, "the command is not of the level that it asks for");
    if (d.level < 2)
        bx_sessions_share(&f->sessions, f->session_ms);
    d.level = level;
    bx_fsm_change(f, bx_view_cluster_row(&f->view),
                  bx_row_make(&f->view.home, BX_TABLE_CLUSTER, &d));
    bx_call_event(f, BX_EVENT_CLUSTER_UPGRADED,
                  bx_row_as_cluster(bx_view_cluster_row(&f->view))->name, bx_str(""),
                  bx_call_text(f, "level %u", (unsigned)level));
    return BX_OK;
}

/* Refuse a name or address that another node has. */
static int free_for(struct bx_fsm *f, const struct bx_node_info *n, struct bx_err *err)
{
    for (uint32_t i = 0; i < bx_view_nodes(&f->view); i++) {
        const struct bx_node_info *x = &bx_view_node_at(&f->view, i)->info;

        if (x->id == n->id)
            continue;
        if (bx_str_eq(x->name, n->name)) {
            bx_err_set(err, BX_EXISTS, "a node named \"" BX_STR_FMT "\" exists",
                       BX_STR_ARG(n->name));
            bx_err_hint(err, "start this host's daemon with another --name");
            return BX_EXISTS;
        }
        if (bx_str_eq(x->address, n->address)) {
            bx_err_set(err, BX_EXISTS, "node \"" BX_STR_FMT "\" has the address " BX_STR_FMT,
                       BX_STR_ARG(x->name), BX_STR_ARG(n->address));
            bx_err_hint(err, "start this host's daemon with another --listen");
            return BX_EXISTS;
        }
    }
    return BX_OK;
}

static bool same_info(const struct bx_node_info *a, const struct bx_node_info *b)
{
    return bx_str_eq(a->name, b->name) && bx_str_eq(a->address, b->address) &&
           bx_str_eq(a->api, b->api) && bx_str_eq(a->http, b->http) && bx_str_eq(a->pin, b->pin) &&
           bx_str_eq(a->public_key, b->public_key) && a->ca_taken == b->ca_taken &&
           a->ca_shown == b->ca_shown && bx_str_eq(a->datacenter, b->datacenter) &&
           bx_str_eq(a->zone, b->zone) && bx_str_eq(a->rack, b->rack) &&
           bx_str_eq(a->driver, b->driver) && a->vcpus == b->vcpus &&
           a->memory_mib == b->memory_mib && a->disk_gib == b->disk_gib &&
           a->reserve_vcpus == b->reserve_vcpus && a->reserve_memory_mib == b->reserve_memory_mib &&
           a->reserve_disk_gib == b->reserve_disk_gib &&
           a->overcommit_vcpus_pct == b->overcommit_vcpus_pct &&
           a->overcommit_memory_pct == b->overcommit_memory_pct;
}

static void put_node(struct bx_fsm *f, struct bx_call *c, struct bx_row *before,
                     struct bx_node_row *d, enum bx_event_type type, const char *detail)
{
    struct bx_row *after;

    d->modified_index = bx_call_revision(f);
    after = bx_row_make(&f->view.home, BX_TABLE_NODE, d);
    bx_fsm_change(f, before, after);
    bx_call_event(f, type, bx_row_as_node(after)->info.name, bx_row_as_node(after)->info.name,
                  bx_str(detail));
    c->out->node = d->info.id;
}

static int nodes_full(struct bx_fsm *f, struct bx_err *err)
{
    if (bx_view_nodes(&f->view) < BX_NODES_MAX)
        return BX_OK;
    bx_err_set(err, BX_BUSY, "the cluster has %u nodes, the maximum", BX_NODES_MAX);
    bx_err_hint(err, "remove a node first: blixardctl node remove NODE");
    return BX_BUSY;
}

/* From feature level 2: before, only the member that was asked looked at the bound, and two that
 * were asked at once let in one too many. */
static int members_full(struct bx_fsm *f, uint8_t role, struct bx_err *err)
{
    if (bx_fsm_level(f) < 2)
        return BX_OK;
    return bx_view_member_room(&f->view, role, err);
}

/* Ids are never reused: the next one is above all ids ever assigned. */
static void reserve_ids(struct bx_fsm *f, uint64_t id)
{
    struct bx_cluster_row d = *bx_row_as_cluster(bx_view_cluster_row(&f->view));

    if (d.next_node > id)
        return;
    d.next_node = id + 1;
    bx_fsm_change(f, bx_view_cluster_row(&f->view),
                  bx_row_make(&f->view.home, BX_TABLE_CLUSTER, &d));
}

int bx_fsm_node_put(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_node_info *n = &c->body->node_put;
    struct bx_row *row = bx_view_row(&f->view, BX_TABLE_NODE, &n->id);
    struct bx_node_row d = {.info = *n};
    int rc = bx_node_info_check(n, c->err);

    if (rc == BX_OK && (n->id == 0 || n->id > BX_NODE_ID_MAX))
        rc = bx_err_set(c->err, BX_INVALID, "node: id: must be 1 to %llu", BX_NODE_ID_MAX);
    if (rc == BX_OK)
        rc = free_for(f, n, c->err);
    if (rc == BX_OK && row == NULL)
        rc = nodes_full(f, c->err);
    if (rc == BX_OK && row == NULL &&
        n->id < bx_row_as_cluster(bx_view_cluster_row(&f->view))->next_node) {
        rc = bx_err_set(c->err, BX_CONFLICT, "node %llu was removed", (unsigned long long)n->id);
        bx_err_hint(c->err, "run blixardd --forget-cluster on its host, then join again");
    }
    if (rc != BX_OK)
        return rc;
    if (row != NULL) {
        d = *bx_row_as_node(row);
        c->out->node = n->id;
        if (same_info(&d.info, n)) {
            c->out->existed = true;
            return BX_OK;
        }
        d.info = *n;
        d.info.state = bx_row_as_node(row)->info.state;
        d.info.role = bx_row_as_node(row)->info.role;
    } else {
        d.created_index = bx_call_revision(f);
        d.info.state = BX_NODE_UP;
        reserve_ids(f, n->id);
    }
    put_node(f, c, row, &d, row == NULL ? BX_EVENT_NODE_JOINED : BX_EVENT_NODE_UPDATED,
             bx_node_state_names[d.info.state]);
    bx_fsm_ca_step(f);
    return BX_OK;
}

static const char *const space_details[] = {"disk space ok", "disk space low", "disk full"};

int bx_fsm_node_state(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_node_state *b = &c->body->node_state;
    struct bx_row *row = bx_view_row(&f->view, BX_TABLE_NODE, &b->id);
    struct bx_node_row d;

    if (row == NULL)
        return bx_err_set(c->err, BX_NOT_FOUND, "no node %llu", (unsigned long long)b->id);
    d = *bx_row_as_node(row);
    c->out->node = b->id;
    if (d.info.state == b->state && d.low == b->low) {
        c->out->existed = true;
        return BX_OK;
    }
    d.low = b->low;
    if (d.info.state == b->state) {
        put_node(f, c, row, &d, BX_EVENT_NODE_STATE, space_details[d.low]);
        return BX_OK;
    }
    d.info.state = b->state;
    d.state_ms = b->dated ? f->view.time_ms : 0;
    put_node(f, c, row, &d, BX_EVENT_NODE_STATE, bx_node_state_names[d.info.state]);
    return BX_OK;
}

/* The row stays as it is: what happened is in the event alone. */
int bx_fsm_node_repaired(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_node_repaired *b = &c->body->node_repaired;
    struct bx_row *row = bx_view_row(&f->view, BX_TABLE_NODE, &b->id);
    struct bx_str name;

    if (row == NULL)
        return bx_err_set(c->err, BX_NOT_FOUND, "no node %llu", (unsigned long long)b->id);
    name = bx_row_as_node(row)->info.name;
    c->out->node = b->id;
    bx_call_event(f, BX_EVENT_NODE_REPAIRED, name, name, bx_str(bx_repair_names[b->what]));
    return BX_OK;
}

/* ---- removing ---- */

static int may_be_removed(const struct bx_node_row *n, bool confirm_dead, struct bx_err *err)
{
    if (n->info.state != BX_NODE_DOWN) {
        bx_err_set(err, BX_CONFLICT, "node \"%s\" is %s", n->name->s,
                   bx_node_state_names[n->info.state]);
        bx_err_hint(err, "stop its daemon first; the node is down 20 s later");
        return BX_CONFLICT;
    }
    if (n->vms > 0 && !confirm_dead) {
        bx_err_set(err, BX_CONFLICT, "node \"%s\" has %llu VMs, which may still run there",
                   n->name->s, (unsigned long long)n->vms);
        bx_err_hint(err,
                    "bring it back and delete them; or, if that host is switched off for good: "
                    "--confirm-dead");
        return BX_CONFLICT;
    }
    return BX_OK;
}

int bx_fsm_node_remove(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_node_remove *b = &c->body->node_remove;
    const struct bx_node_row *n;
    struct bx_row *row;
    struct bx_str detail;
    int rc = bx_fsm_node_of(f, c, b->node, b->id, &n);

    if (rc == BX_OK)
        rc = may_be_removed(n, b->confirm_dead, c->err);
    if (rc != BX_OK)
        return rc;
    detail = bx_call_text(f, "with %llu VMs", (unsigned long long)n->vms);
    c->out->node = n->info.id;
    row = bx_view_row(&f->view, BX_TABLE_NODE, &n->info.id);
    bx_fsm_vms_orphan(f, n);
    bx_fsm_change(f, row, NULL);
    /* One event for the node and its VMs: entries from before commands could have several events
     * must yield the same revisions. */
    bx_call_event(f, BX_EVENT_NODE_REMOVED, n->info.name, n->info.name, detail);
    bx_fsm_ca_step(f);
    return BX_OK;
}

/* ---- joining ----
 *
 * An id is assigned once: a wiped host joins under a new one, because it may have voted under the
 * old one. A host that did not receive its answer repeats the request in the same session and gets
 * the same answer, although its token is used up. */

/* From feature level 3, the token says as what; before, the host itself. */
static uint8_t joins_as(struct bx_fsm *f, const struct bx_cmd_member_join *b,
                        const struct bx_row *token)
{
    return bx_fsm_level(f) < 3 ? b->node.role : bx_row_as_token(token)->role;
}

int bx_fsm_member_join(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_member_join *b = &c->body->member_join;
    struct bx_node_row d = {.info = b->node};
    struct bx_row *token;
    int rc = bx_fsm_token_check(f, b->secret_hash, &token, c->err);

    /* Id 1 belongs to the founder, whose row follows shortly after the cluster's. */
    if (rc == BX_OK && bx_row_as_cluster(bx_view_cluster_row(&f->view))->next_node == 1)
        rc = bx_err_set(c->err, BX_BUSY, "the cluster is still being created");
    if (rc == BX_OK)
        rc = bx_node_info_check(&b->node, c->err);
    if (rc == BX_OK)
        rc = nodes_full(f, c->err);
    if (rc == BX_OK)
        rc = free_for(f, &b->node, c->err);
    if (rc == BX_OK)
        rc = members_full(f, joins_as(f, b, token), c->err);
    if (rc != BX_OK)
        return rc;
    d.info.id = bx_row_as_cluster(bx_view_cluster_row(&f->view))->next_node;
    d.info.state = BX_NODE_UP;
    d.info.role = joins_as(f, b, token);
    d.created_index = bx_call_revision(f);
    reserve_ids(f, d.info.id);
    bx_fsm_token_use(f, token);
    put_node(f, c, NULL, &d, BX_EVENT_NODE_JOINED, bx_node_state_names[d.info.state]);
    return BX_OK;
}
