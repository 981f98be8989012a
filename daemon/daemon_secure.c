/* What this node's connections are secured with. Contexts are made from DATA/keys; streams keep the
 * one that they began with. */
#include "daemon.h"

#include "api/api.h"
#include "link/link.h"
#include "rec/rec.h"
#include "state/ca.h"
#include "transport/tls.h"

#include <string.h>

#define RENEW_MS 3600000u /* before the next attempt */

static struct pki_der der(const struct bx_buf *b)
{
    return (struct pki_der){b->data, b->len};
}

static int make(const struct daemon *d, enum tls_side side, struct tls_context **out,
                struct bx_err *err)
{
    const struct keys *k = &d->keys;
    struct pki_der cas[] = {der(&k->ca), der(&k->other_ca)};
    struct tls_config c = {.side = side,
                           .protocol = TLS_PROTOCOL,
                           .key = k->key,
                           .certificate = der(&k->certificate),
                           .ca = cas[0],
                           .other_certificate = der(&k->other_certificate),
                           .other_ca = cas[1],
                           .cas = cas,
                           .n_cas = k->other_ca.len > 0 ? 2 : 1};

    return tls_context_create(out, &c, err);
}

int daemon_secure(struct daemon *d, const struct bx_identity *id, struct bx_err *err)
{
    struct tls_context *server = NULL, *client = NULL;
    int rc;

    if (d->options.insecure_loopback)
        return BX_OK;
    if (!keys_are_there(&d->keys)) {
        bx_err_set(err, BX_UNSUPPORTED, "%s: this node has no certificate", d->keys.directory);
        bx_err_hint(err, "put the files back; only if the cluster was created by a build without "
                         "certificates, start blixardd with --insecure-loopback");
        return BX_UNSUPPORTED;
    }
    rc = keys_check(&d->keys, id, err);
    if (rc == BX_OK)
        rc = make(d, TLS_SERVER, &server, err);
    if (rc == BX_OK)
        rc = make(d, TLS_CLIENT, &client, err);
    if (rc == BX_OK) {
        link_secure(d->link, server, client);
        api_secure(d->api, server);
    }
    tls_context_release(server);
    tls_context_release(client);
    return rc == BX_OK ? rc : bx_err_wrap(err, "cannot use the keys in %s", d->keys.directory);
}

/* Every node that holds the log can sign, so none has to ask another one. Connections that are open
 * go on with the certificate that they have shown. */
void daemon_renew(struct daemon *d)
{
    const struct bx_view *view = bx_node_view(d->node);
    const struct bx_node_row *row = bx_view_node(view, d->identity.node);
    const struct bx_ca *ca = bx_view_ca(view);
    struct bx_err err;
    int rc;

    if (daemon_now(d) < d->member.renew_ms || ca == NULL || row == NULL ||
        !keys_show_ca(&d->keys, ca) ||
        !keys_are_due(&d->keys, &row->info, d->clock->ops->wall_ms(d->clock)))
        return;
    rc = keys_renew(&d->keys, d->clock, d->identity.cluster, ca, &row->info, &err);
    if (rc == BX_OK)
        rc = daemon_secure(d, &d->identity, &err);
    if (rc == BX_OK)
        BX_INFO("daemon", "renewed the certificate of this node", "node", d->identity.node);
    else
        BX_WARNING("daemon", "the certificate of this node is not renewed", "err", err.msg);
    if (rc != BX_OK)
        d->member.renew_ms = daemon_now(d) + RENEW_MS;
}

int daemon_join_context(struct daemon *d, struct bx_err *err)
{
    struct bx_str ca = d->member.token.fingerprint;
    struct tls_config c = {.side = TLS_CLIENT_JOINS, .protocol = TLS_PROTOCOL};

    if (d->options.insecure_loopback)
        return BX_OK;
    memcpy(c.ca_fingerprint, ca.p, sizeof c.ca_fingerprint);
    return tls_context_create(&d->member.tls, &c, err);
}

bool daemon_has_key(void *ctx, uint64_t id, const uint8_t pin[BX_PIN])
{
    const struct daemon *d = ctx;
    const struct bx_node_row *row =
        d->node == NULL ? NULL : bx_view_node(bx_node_view(d->node), id);

    return row == NULL || (row->info.pin.n == BX_PIN && pki_equal(row->info.pin.p, pin, BX_PIN));
}

/* A removed node that still has the key of the cluster can sign a certificate for any id. So one
 * without a row is believed only while this node itself may be behind: it follows no leader, from
 * which it would have the row. What is connected by then stays, or a node that catches up would cut
 * itself off from its leader. */
bool daemon_is_known(void *ctx, uint64_t id)
{
    const struct daemon *d = ctx;

    return d->node == NULL || bx_view_node(bx_node_view(d->node), id) != NULL ||
           !bx_node_has_quorum(d->node);
}
