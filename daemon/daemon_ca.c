/* This node's part in replacing the CA (state/fsm_ca.c). All of it is on the disk before the node's
 * row tells of it, and is found there after a restart. */
#include "daemon.h"

#include "rec/rec.h"
#include "state/ca.h"

#include <stdio.h>

#define AGAIN_MS 30000u /* after a failure */

static int take(struct daemon *d, const struct bx_ca *ca, struct bx_err *err)
{
    const struct bx_node_row *row = bx_view_node(bx_node_view(d->node), d->identity.node);
    int rc;

    if (keys_have_ca(&d->keys, d->identity.cluster, ca))
        return BX_OK;
    d->member.ca_changed = true;
    rc = keys_take_ca(&d->keys, d->clock, d->identity.cluster, ca, &row->info, err);
    if (rc == BX_OK)
        BX_INFO("daemon", "this node trusts the new CA", "generation", ca->generation);
    return rc;
}

static int show(struct daemon *d, const struct bx_ca *ca, struct bx_err *err)
{
    int rc;

    if (keys_show_ca(&d->keys, ca))
        return BX_OK;
    if (!keys_have_ca(&d->keys, d->identity.cluster, ca)) {
        bx_err_set(err, BX_CORRUPT, "the certificate of this node is of a CA that was replaced");
        bx_err_hint(err, "remove this node, and let its host join again");
        return BX_CORRUPT;
    }
    d->member.ca_changed = true;
    rc = keys_switch(&d->keys, err);
    if (rc == BX_OK)
        BX_INFO("daemon", "this node shows a certificate of the new CA", "generation",
                ca->generation);
    return rc;
}

static int forget(struct daemon *d, const struct bx_ca *ca, struct bx_err *err)
{
    int rc;

    if (d->keys.other_ca.len == 0 && d->keys.n_cluster_keys < 2)
        return BX_OK;
    d->member.ca_changed = true;
    rc = keys_forget_other(&d->keys, d->identity.cluster, ca, err);
    if (rc == BX_OK)
        BX_INFO("daemon", "this node trusts the old CA no more", "generation", ca->generation);
    return rc;
}

static int step(struct daemon *d, const struct bx_view *view, struct bx_err *err)
{
    const struct bx_ca *old = bx_view_ca_at(view, 0), *new_one = bx_view_ca_new(view);
    int rc = BX_OK;

    if (new_one != NULL && keys_are_stale(&d->keys, d->identity.cluster, old, new_one))
        rc = forget(d, old, err);
    if (rc == BX_OK && new_one != NULL)
        rc = take(d, new_one, err);
    if (rc == BX_OK && (new_one == NULL || new_one->active))
        rc = show(d, bx_view_ca(view), err);
    if (rc == BX_OK && new_one == NULL)
        rc = forget(d, bx_view_ca(view), err);
    if (rc != BX_OK || !d->member.ca_changed)
        return rc;
    rc = daemon_secure(d, &d->identity, err);
    d->member.ca_changed = rc != BX_OK; /* then it is tried again, and the row tells nothing yet */
    return rc;
}

/* What the row is to tell, once it is true. */
static void note(struct daemon *d, const struct bx_view *view)
{
    struct daemon_member *m = &d->member;

    for (uint32_t i = 0; bx_view_ca_at(view, i) != NULL; i++) {
        const struct bx_ca *ca = bx_view_ca_at(view, i);

        if (ca->generation > m->ca_taken && keys_have_ca(&d->keys, d->identity.cluster, ca))
            m->ca_taken = ca->generation;
        if (keys_show_ca(&d->keys, ca))
            m->ca_shown = ca->generation;
    }
}

void daemon_ca(struct daemon *d)
{
    const struct bx_view *view = bx_node_view(d->node);
    const struct bx_node_row *row = bx_view_node(view, d->identity.node);
    struct bx_err err = {0};

    if (bx_view_ca(view) == NULL || !keys_are_there(&d->keys) || daemon_now(d) < d->member.ca_ms)
        return;
    if (row ==
        NULL) { /* it is about to be made, and tells that it has what the cluster began with */
        note(d, view);
        return;
    }
    if (row->info.pin.n == 0)
        return;
    if (step(d, view, &err) == BX_OK) {
        note(d, view);
        return;
    }
    d->member.ca_ms = daemon_now(d) + AGAIN_MS;
    BX_WARNING("daemon", "this node can not follow the replacement of the CA", "err", err.msg,
               "hint", err.hint);
}

void daemon_on_event(struct daemon *d, const struct bx_event *e)
{
    if (e->type == BX_EVENT_CA_ADDED || e->type == BX_EVENT_CA_ACTIVE ||
        e->type == BX_EVENT_CA_DROPPED)
        d->member.look_ms = daemon_now(d);
}

int daemon_make_ca(void *ctx, void (*take_body)(void *to, const struct bx_cmd_ca_rotate *body),
                   void *to, struct bx_err *err)
{
    struct daemon *d = ctx;
    const struct bx_view *view = bx_node_view(d->node);
    struct keys_new_ca made = {0};
    struct bx_cmd_ca_rotate body;
    struct bx_cluster_info cluster;
    char name[PKI_NAME_MAX + 1];
    uint64_t generation = 0;
    int rc;

    for (uint32_t i = 0; bx_view_ca_at(view, i) != NULL; i++)
        generation = bx_view_ca_at(view, i)->generation;
    bx_view_cluster(view, &cluster);
    snprintf(name, sizeof name, BX_STR_FMT, BX_STR_ARG(cluster.name));
    rc = keys_make_ca(&made, d->clock, &d->identity, name, generation + 1, view, &body, err);
    if (rc == BX_OK)
        take_body(to, &body);
    keys_new_ca_close(&made);
    return rc;
}
