/* fsm_ca - replacing the CA of the cluster.
 *
 *   ca.rotate                            the new CA is a row beside the old one; it spreads
 *   each node has told that it takes it  the new one signs from now on; the shares are deleted
 *   each node has told that it shows it  the old one is deleted, with the join tokens that name it
 *
 * A node tells by node.put, when all that is needed for it is on its disk. Nothing happens in
 * between but by the last node's word, or when the node that was waited for is removed: whoever
 * shows a certificate of the new CA is believed by all, and whoever is down meanwhile is waited
 * for, because it would believe nobody otherwise. */
#include "state/fsm_priv.h"

static const struct bx_ca *newest(const struct bx_view *v)
{
    uint32_t n = (uint32_t)bx_view_count(v, BX_TABLE_CA);

    return n == 0 ? NULL : bx_row_as_ca(bx_view_row_at(v, BX_TABLE_CA, n - 1));
}

/* ---- what the nodes have told ---- */

static void activate(struct bx_fsm *f, const struct bx_ca *ca)
{
    struct bx_ca d = *ca;

    d.active = true;
    d.shares = bx_str("");
    bx_call_event(f, BX_EVENT_CA_ACTIVE, bx_str("ca"), bx_str(""),
                  bx_call_text(f, "%llu", (unsigned long long)d.generation));
    bx_fsm_change(f, bx_view_row(&f->view, BX_TABLE_CA, &ca->generation),
                  bx_row_make(&f->view.home, BX_TABLE_CA, &d));
}

/* Those that were created after the new CA name that one. */
static uint32_t drop_tokens(struct bx_fsm *f, const struct bx_ca *ca)
{
    uint32_t dropped = 0;

    for (uint32_t i = (uint32_t)bx_view_count(&f->view, BX_TABLE_TOKEN); i > 0; i--) {
        struct bx_row *row = bx_view_row_at(&f->view, BX_TABLE_TOKEN, i - 1);

        if (bx_row_as_token(row)->created_index > ca->created_index)
            continue;
        bx_fsm_change(f, row, NULL);
        dropped++;
    }
    return dropped;
}

static void drop_old(struct bx_fsm *f, const struct bx_ca *ca)
{
    uint32_t tokens = drop_tokens(f, ca);
    struct bx_row *old = bx_view_row_at(&f->view, BX_TABLE_CA, 0);

    bx_call_event(f, BX_EVENT_CA_DROPPED, bx_str("ca"), bx_str(""),
                  bx_call_text(f, "%llu, with %u join tokens",
                               (unsigned long long)bx_row_as_ca(old)->generation, tokens));
    bx_fsm_change(f, old, NULL);
}

void bx_fsm_ca_step(struct bx_fsm *f)
{
    const struct bx_ca *ca = bx_view_ca_new(&f->view);

    if (ca == NULL || bx_view_ca_waits(&f->view) != NULL)
        return;
    if (!ca->active) {
        activate(f, ca);
        ca = newest(&f->view);
    }
    if (bx_view_ca_waits(&f->view) == NULL)
        drop_old(f, ca);
}

/* ---- the beginning ---- */

static int is_under_way(struct bx_fsm *f, struct bx_err *err)
{
    const struct bx_node_row *n = bx_view_ca_waits(&f->view);

    bx_err_set(err, BX_CONFLICT, "the CA is being replaced already, and node \"%s\" is waited for",
               n == NULL ? "" : n->name->s);
    bx_err_hint(err,
                "blixardctl cluster ca status; start that node, or remove it if it is gone for "
                "good");
    return BX_CONFLICT;
}

/* Whoever holds the log can sign for hosts that join, and whoever has no key is not reached. */
static int check_shares(struct bx_fsm *f, struct bx_str shares, struct bx_err *err)
{
    struct bx_str sealed;

    for (uint32_t i = 0; i < bx_view_nodes(&f->view); i++) {
        const struct bx_node_row *n = bx_view_node_at(&f->view, i);

        if (n->info.pin.n == 0) {
            bx_err_set(err, BX_CONFLICT, "node \"%s\" has no certificate", n->name->s);
            bx_err_hint(err, "remove it, and let its host join again");
            return BX_CONFLICT;
        }
        if (n->info.role == BX_ROLE_AGENT || bx_ca_share_of(shares, n->info.id, &sealed))
            continue;
        bx_err_set(err, BX_CONFLICT, "node \"%s\" has joined meanwhile", n->name->s);
        bx_err_hint(err, "try again");
        return BX_CONFLICT;
    }
    return BX_OK;
}

int bx_fsm_ca_rotate(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_ca_rotate *b = &c->body->ca_rotate;
    const struct bx_ca *ca = newest(&f->view);
    struct bx_ca d = {.generation = b->generation,
                      .certificate = b->certificate,
                      .key = b->key,
                      .shares = b->shares,
                      .created_index = bx_call_revision(f)};
    int rc;

    if (ca == NULL) {
        bx_err_set(c->err, BX_UNSUPPORTED, "this cluster has no CA");
        bx_err_hint(c->err, "one that was created by a build without certificates gets none");
        return BX_UNSUPPORTED;
    }
    if (bx_view_ca_new(&f->view) != NULL)
        return is_under_way(f, c->err);
    if (b->generation != ca->generation + 1) {
        bx_err_set(c->err, BX_CONFLICT, "the CA was replaced meanwhile");
        bx_err_hint(c->err, "blixardctl cluster ca status");
        return BX_CONFLICT;
    }
    if (b->certificate.n == 0 || b->key.n == 0 || b->shares.n % BX_CA_SHARE_ITEM != 0)
        return bx_err_set(c->err, BX_INVALID, "ca.rotate: incomplete");
    rc = check_shares(f, b->shares, c->err);
    if (rc != BX_OK)
        return rc;
    bx_fsm_change(f, NULL, bx_row_make(&f->view.home, BX_TABLE_CA, &d));
    bx_call_event(f, BX_EVENT_CA_ADDED, bx_str("ca"), bx_str(""),
                  bx_call_text(f, "%llu", (unsigned long long)d.generation));
    return BX_OK;
}
