/* Becoming a member of a cluster.
 *
 * Init: an identity is generated and saved, and the node is opened and elects itself.
 * daemon_register then finds neither a cluster nor this host's row, proposes both one after the
 * other, and calls done when nothing is missing.
 *
 * A join (daemon_join.c) gets its identity from a member, and then it is the same: when the log has
 * arrived, it contains this host's row.
 *
 * Failures in between:
 *
 *   the identity can not be saved: this host is not a member
 *   the process ends after saving: the next start opens the node and registers it
 *   the cluster does not answer within GIVE_UP_MS: done gets an error, the registration continues
 */
#include "daemon.h"

#include "link/link.h"
#include "rec/rec.h"
#include "mem/alloc.h"
#include "state/ca.h"
#include "wire/command.h"

#include <stdio.h>
#include <string.h>

#define GIVE_UP_MS 30000u
#define LOOK_MS 1000u       /* while the row is incomplete */
#define LOOK_AGAIN_MS 5000u /* afterwards */
#define REFUSED_MS 30000u   /* after a refusal, which is unlikely to change soon */
#define PROPOSE_MS 10000u
#define OVERCOMMIT_VCPUS_PCT 400u /* unless it is given */

/* Until the level is raised, the daemon may be replaced by the build from before again, which has
 * no overcommit; so by default there is none, or what the row has. */
static uint32_t overcommit_vcpus(const struct daemon *d, const struct bx_node_row *row)
{
    struct bx_cluster_info cluster = {.level = 1};

    if (d->options.overcommit_vcpus_pct != 0)
        return d->options.overcommit_vcpus_pct;
    if (d->node != NULL)
        bx_view_cluster(bx_node_view(d->node), &cluster);
    if (cluster.level >= 2)
        return OVERCOMMIT_VCPUS_PCT;
    return row == NULL ? 100 : row->info.overcommit_vcpus_pct;
}

/* Below level 2 a row has none. */
static struct bx_str http_address(const struct daemon *d)
{
    bool known = d->node != NULL && bx_node_level(d->node) >= 2;

    return bx_str(known ? d->options.http : "");
}

/* Below level 3 a row has none. */
static struct bx_str pin_of(struct daemon *d)
{
    if (d->node == NULL || bx_node_level(d->node) < 3 || !keys_are_there(&d->keys))
        return bx_str("");
    pki_key_pin(d->keys.key, d->member.pin);
    return (struct bx_str){(const char *)d->member.pin, PKI_SHA256};
}

static void tell_keys(struct daemon *d, struct bx_node_info *out)
{
    struct daemon_member *m = &d->member;

    out->pin = pin_of(d);
    if (out->pin.n == 0)
        return;
    pki_key_public(d->keys.key, m->public_key);
    out->public_key = (struct bx_str){(const char *)m->public_key, PKI_SPKI};
    if (m->ca_taken != 0)
        out->ca_taken = m->ca_taken;
    if (m->ca_shown != 0)
        out->ca_shown = m->ca_shown;
}

void daemon_self(struct daemon *d, struct bx_node_info *out)
{
    const struct bx_node_row *row =
        d->node == NULL ? NULL : bx_view_node(bx_node_view(d->node), d->identity.node);

    /* Keep the values that an operator has set in the row. */
    *out = row != NULL ? row->info : (struct bx_node_info){.role = BX_ROLE_VOTER};
    out->overcommit_vcpus_pct = overcommit_vcpus(d, row);
    out->overcommit_memory_pct = d->options.overcommit_memory_pct;
    out->id = d->identity.node;
    out->name = bx_str(d->options.name);
    out->address = bx_str(d->options.listen);
    out->api = bx_str(d->api_address);
    out->http = http_address(d);
    tell_keys(d, out);
    out->datacenter = bx_str(d->options.datacenter);
    out->zone = bx_str(d->options.zone);
    out->rack = bx_str(d->options.rack);
    out->driver = bx_str(d->driver->ops->name);
    d->driver->ops->capacity(d->driver, &out->vcpus, &out->memory_mib, &out->disk_gib);
}

void daemon_member_end(struct daemon *d, const struct bx_err *err)
{
    daemon_done done = d->member.done;

    d->member.done = NULL;
    if (done != NULL)
        done(d->member.ctx, err);
}

/* ---- registration ---- */

static void on_outcome(void *ctx, const struct bx_outcome *o, const struct bx_err *err)
{
    struct daemon *d = ctx;

    d->member.proposed = false;
    if (err != NULL && err->code == BX_SHUTDOWN)
        return;
    if (o != NULL && o->code == BX_OK) {
        d->member.look_ms = daemon_now(d);
        return;
    }
    if (o != NULL) {
        d->member.look_ms = daemon_now(d) + REFUSED_MS;
        BX_WARNING("daemon", "the registration of this node was refused", "err", o->message, "hint",
                   o->hint);
    } else {
        BX_WARNING("daemon", "this node is not registered yet", "err", err->msg);
    }
}

static void propose(struct daemon *d, uint16_t kind, const void *body)
{
    struct bx_submit s = {.kind = kind,
                          .body = body,
                          .principal = bx_str(BX_PRINCIPAL_NODE),
                          .deadline = daemon_now(d) + PROPOSE_MS,
                          .done = on_outcome,
                          .ctx = d};
    struct bx_err err;

    if (bx_node_submit(d->node, &s, &err) == BX_OK)
        d->member.proposed = true;
    else
        BX_WARNING("daemon", "this node can not be registered", "err", err.msg);
}

static bool same(const struct bx_node_info *a, const struct bx_node_info *b)
{
    return bx_str_eq(a->name, b->name) && bx_str_eq(a->address, b->address) &&
           bx_str_eq(a->api, b->api) && bx_str_eq(a->http, b->http) && bx_str_eq(a->pin, b->pin) &&
           bx_str_eq(a->public_key, b->public_key) && a->ca_taken == b->ca_taken &&
           a->ca_shown == b->ca_shown && bx_str_eq(a->datacenter, b->datacenter) &&
           bx_str_eq(a->zone, b->zone) && bx_str_eq(a->rack, b->rack) &&
           bx_str_eq(a->driver, b->driver) && a->vcpus == b->vcpus &&
           a->memory_mib == b->memory_mib && a->disk_gib == b->disk_gib &&
           a->overcommit_vcpus_pct == b->overcommit_vcpus_pct &&
           a->overcommit_memory_pct == b->overcommit_memory_pct;
}

int daemon_check_name(const struct daemon *d, struct bx_err *err)
{
    const struct bx_node_row *row = bx_view_node(bx_node_view(d->node), d->identity.node);

    if (row == NULL || strcmp(row->name->s, d->options.name) == 0)
        return BX_OK;
    bx_err_set(err, BX_CONFLICT, "node %llu of the cluster is named \"%s\", but --name is \"%s\"",
               (unsigned long long)d->identity.node, row->name->s, d->options.name);
    bx_err_hint(err, "start blixardd with --name %s", row->name->s);
    return BX_CONFLICT;
}

/* The row has arrived after the start, and has another name. */
static bool is_misnamed(struct daemon *d)
{
    struct bx_err err;

    if (daemon_check_name(d, &err) == BX_OK)
        return false;
    BX_ERROR("daemon", "this node has another name in the cluster", "err", err.msg, "hint",
             err.hint);
    return true;
}

/* Below level 3 a cluster has no CA. */
static struct bx_str ca_of(const struct daemon *d, const struct bx_buf *b)
{
    return daemon_level(d) < 3 ? bx_str("")
                               : (struct bx_str){(const char *)b->data, (uint32_t)b->len};
}

/* True if the row is complete. Otherwise propose what is missing, unless another node must do so.
 */
static bool registered(struct daemon *d)
{
    const struct bx_view *view = bx_node_view(d->node);
    const struct bx_node_row *row = bx_view_node(view, d->identity.node);
    struct bx_cluster_info cluster;
    struct bx_node_info self;

    bx_view_cluster(view, &cluster);
    if (d->identity.founder && !cluster.created) {
        struct bx_cmd_cluster_create c = {.name = bx_str(d->identity.cluster_name)};

        memcpy(c.cluster, d->identity.cluster, 16);
        memcpy(c.history, d->identity.history, 16);
        c.level = daemon_level(d) > 1 ? daemon_level(d) : 0;
        c.ca_certificate = ca_of(d, &d->keys.ca);
        c.ca_key = ca_of(d, &d->keys.ca_key);
        propose(d, BX_CMD_CLUSTER_CREATE, &c);
        return false;
    }
    /* The row of a joining host is created by its JOIN; until the log has arrived here, there is
     * nothing to compare with. */
    if (row == NULL && !d->identity.founder)
        return false;
    if (bx_view_ca(view) != NULL)
        keys_created(&d->keys);
    daemon_ca(d);
    daemon_self(d, &self);
    if (row != NULL && same(&row->info, &self))
        return true;
    propose(d, BX_CMD_NODE_PUT, &self);
    return false;
}

void daemon_register(struct daemon *d)
{
    uint64_t now = daemon_now(d);
    bool complete;

    if (d->node == NULL || bx_node_was_removed(d->node, d->identity.node)) {
        d->member.look_ms = UINT64_MAX;
        return;
    }
    if (is_misnamed(d)) {
        d->member.look_ms = now + REFUSED_MS;
        return;
    }
    complete = !d->member.proposed && registered(d);
    if (complete)
        daemon_renew(d);
    d->member.look_ms = now + (complete ? LOOK_AGAIN_MS : LOOK_MS);
    if (complete) {
        daemon_member_end(d, NULL);
    } else if (d->member.done != NULL && now >= d->member.give_up) {
        struct bx_err err = {0};

        bx_err_set(&err, BX_TIMEOUT, "this host is a member, but did not catch up within %u s",
                   GIVE_UP_MS / 1000);
        bx_err_hint(&err, "blixardctl cluster status");
        daemon_member_end(d, &err);
    }
}

/* ---- init and join ---- */

int daemon_member_begin(struct daemon *d, daemon_done done, void *ctx, struct bx_err *err)
{
    if (d->identity.node != 0) {
        bx_err_set(err, BX_CONFLICT, "this host is already node %llu of a cluster",
                   (unsigned long long)d->identity.node);
        bx_err_hint(err, "blixardctl cluster status");
        return BX_CONFLICT;
    }
    if (d->member.done != NULL)
        return bx_err_set(err, BX_CONFLICT, "an init or a join is already in progress");
    d->member.done = done;
    d->member.ctx = ctx;
    d->member.give_up = daemon_now(d) + GIVE_UP_MS;
    return BX_OK;
}

int daemon_become(struct daemon *d, const struct bx_identity *id, struct bx_err *err)
{
    int rc = daemon_secure(d, id, err);

    if (rc == BX_OK && bx_identity_save(d->fs, id, err) != BX_OK)
        rc = bx_err_wrap(err, "cannot save the identity of this node");
    if (rc != BX_OK)
        return rc;
    d->identity = *id;
    return daemon_open_node(d, err);
}

/* A build that is told to be of a level without certificates makes none. */
static int make_keys(struct daemon *d, const struct bx_identity *id, struct bx_err *err)
{
    struct bx_node_info self;
    int rc;

    if (daemon_level(d) < 3 && d->options.insecure_loopback)
        return BX_OK;
    if (daemon_level(d) < 3) {
        bx_err_set(err, BX_UNSUPPORTED, "below feature level 3 a cluster has no certificates");
        bx_err_hint(err, "start blixardd with --insecure-loopback, or without --feature-level");
        return BX_UNSUPPORTED;
    }
    daemon_self(d, &self);
    rc = keys_found(&d->keys, d->clock, id, &self, err);
    return rc == BX_OK ? rc : bx_err_wrap(err, "cannot make the keys of the cluster");
}

int daemon_init_cluster(struct daemon *d, const char *name, daemon_done done, void *ctx,
                        struct bx_err *err)
{
    struct bx_identity id = d->identity;
    int rc = bx_name_check(bx_str(name), "cluster name", err);

    if (rc == BX_OK)
        rc = daemon_member_begin(d, done, ctx, err);
    if (rc != BX_OK)
        return rc;
    id.node = 1;
    id.founder = true;
    d->clock->ops->random(d->clock, id.cluster, sizeof id.cluster);
    d->clock->ops->random(d->clock, id.history, sizeof id.history);
    snprintf(id.name, sizeof id.name, "%s", d->options.name);
    snprintf(id.cluster_name, sizeof id.cluster_name, "%s", name);
    rc = make_keys(d, &id, err);
    if (rc == BX_OK)
        rc = daemon_become(d, &id, err);
    if (rc != BX_OK)
        d->member.done = NULL;
    return rc;
}

void daemon_member_close(struct daemon *d)
{
    struct bx_err err = {0};

    bx_err_set(&err, BX_SHUTDOWN, "the daemon is stopping");
    daemon_member_end(d, &err);
    daemon_join_close(d);
}
