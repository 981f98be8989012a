/* Certificates of nodes: signing them, and when one's own is to be another. */
#include "sys/keys_priv.h"

#include <string.h>

#define HOSTS 2u

/* The host of HOST:PORT, without brackets; false: there is none. */
static bool host_of(struct bx_str address, char out[PKI_HOST_MAX + 1])
{
    const char *colon = address.n == 0 ? NULL : memrchr(address.p, ':', address.n);
    const char *from = address.p, *to = colon;

    if (colon != NULL && to - from >= 2 && from[0] == '[' && to[-1] == ']') {
        from++;
        to--;
    }
    if (colon == NULL || to == from || to - from > (int)PKI_HOST_MAX)
        return false;
    memcpy(out, from, (size_t)(to - from));
    out[to - from] = '\0';
    return true;
}

/* The hosts of its addresses, each once. */
struct hosts {
    char text[HOSTS][PKI_HOST_MAX + 1];
    const char *names[HOSTS];
    uint32_t n;
};

static void hosts_of(const struct bx_node_info *node, struct hosts *h)
{
    h->n = 0;
    if (host_of(node->address, h->text[0]))
        h->names[h->n++] = h->text[0];
    if (host_of(node->api, h->text[h->n]) && (h->n == 0 || strcmp(h->text[0], h->text[1]) != 0)) {
        h->names[h->n] = h->text[h->n];
        h->n++;
    }
}

int keys_issue(const struct pki_key *ca_key, struct pki_der ca, struct bx_clock *clock,
               const uint8_t cluster[16], const struct bx_node_info *node,
               const uint8_t spki[PKI_SPKI], struct bx_buf *out, struct bx_err *err)
{
    struct hosts hosts;
    struct pki_issue i = {.kind = PKI_NODE,
                          .node = node->id,
                          .role = bx_role_names[node->role],
                          .alt_names = hosts.names,
                          .not_before_ms = clock->ops->wall_ms(clock)};

    i.not_after_ms = i.not_before_ms + KEYS_NODE_MS;
    memcpy(i.cluster, cluster, 16);
    memcpy(i.spki, spki, PKI_SPKI);
    clock->ops->random(clock, i.serial, sizeof i.serial);
    hosts_of(node, &hosts);
    i.n_alt_names = hosts.n;
    return pki_issue(ca_key, ca.p, ca.n, &i, out, err);
}

/* ---- the key of a CA ---- */

int keys_seal_ca(const uint8_t cluster_key[PKI_SECRET], struct bx_clock *clock,
                 const struct pki_key *ca, const uint8_t cluster[16], struct bx_buf *out,
                 struct bx_err *err)
{
    uint8_t plain[PKI_KEY_MAX], nonce[PKI_NONCE];
    size_t n = 0;
    int rc = pki_key_write(ca, plain, &n, err);

    clock->ops->random(clock, nonce, sizeof nonce);
    if (rc == BX_OK)
        rc = pki_seal(cluster_key, nonce, cluster, 16, plain, n, out, err);
    pki_wipe(plain, sizeof plain);
    return rc;
}

int keys_open_ca_with(const uint8_t cluster_key[PKI_SECRET], const uint8_t cluster[16],
                      const struct bx_ca *ca, struct pki_key **out, struct bx_err *err)
{
    struct bx_buf plain = {0};
    int rc = bx_buf_reserve(&plain, PKI_KEY_MAX);

    if (rc == BX_OK)
        rc = pki_open(cluster_key, cluster, 16, ca->key.p, ca->key.n, &plain, err);
    if (rc == BX_OK)
        rc = pki_key_read(plain.data, plain.len, out, err);
    pki_wipe_buf(&plain);
    return rc;
}

int keys_open_ca(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca,
                 struct pki_key **out, struct bx_err *err)
{
    int rc = BX_CORRUPT;

    if (k->n_cluster_keys == 0)
        return bx_err_set(err, BX_UNSUPPORTED, "this node has no %s/%s", k->directory, CLUSTER_KEY);
    for (uint32_t i = 0; i < k->n_cluster_keys && rc == BX_CORRUPT; i++)
        rc = keys_open_ca_with(k->cluster_keys[i], cluster, ca, out, err);
    return rc == BX_OK ? rc : bx_err_wrap(err, "the key of the cluster's CA");
}

int keys_sign(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
              const struct bx_ca *ca, const struct bx_node_info *node, struct bx_str csr,
              struct bx_buf *out, struct bx_err *err)
{
    struct pki_key *key = NULL;
    struct pki_csr request;
    int rc = pki_csr_read((const uint8_t *)csr.p, csr.n, &request, err);

    if (rc != BX_OK)
        return rc;
    if (node->pin.n != PKI_SHA256 || !pki_equal(node->pin.p, request.pin, PKI_SHA256))
        return bx_err_set(err, BX_CONFLICT, "the request is not of this node's key");
    rc = keys_open_ca(k, cluster, ca, &key, err);
    if (rc == BX_OK)
        rc =
            keys_issue(key, (struct pki_der){(const uint8_t *)ca->certificate.p, ca->certificate.n},
                       clock, cluster, node, request.spki, out, err);
    pki_key_destroy(key);
    return rc;
}

int keys_sign_user(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                   const struct bx_ca *ca, const char *name, const uint8_t spki[PKI_SPKI],
                   uint64_t not_after_ms, struct bx_buf *out, struct bx_err *err)
{
    struct pki_issue i = {.kind = PKI_USER,
                          .name = name,
                          .not_before_ms = clock->ops->wall_ms(clock),
                          .not_after_ms = not_after_ms};
    struct pki_key *key = NULL;
    int rc = keys_open_ca(k, cluster, ca, &key, err);

    memcpy(i.cluster, cluster, 16);
    memcpy(i.spki, spki, PKI_SPKI);
    clock->ops->random(clock, i.serial, sizeof i.serial);
    if (rc == BX_OK)
        rc = pki_issue(key, (const uint8_t *)ca->certificate.p, ca->certificate.n, &i, out, err);
    pki_key_destroy(key);
    return rc;
}

/* ---- renewal ---- */

bool keys_are_due(const struct keys *k, const struct bx_node_info *node, uint64_t now_ms)
{
    struct hosts hosts;
    struct pki_cert c;

    if (!keys_are_there(k) ||
        pki_cert_read(k->certificate.data, k->certificate.len, &c, NULL) != BX_OK)
        return false;
    hosts_of(node, &hosts);
    if (!pki_cert_has_names(k->certificate.data, k->certificate.len, hosts.names, hosts.n))
        return true;
    return now_ms >= c.not_before_ms + (c.not_after_ms - c.not_before_ms) / 3 * 2;
}

int keys_certify(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                 const struct bx_ca *ca, const struct bx_node_info *node, struct bx_buf *out,
                 struct bx_err *err)
{
    struct bx_buf csr = {0};
    int rc = pki_csr_make(k->key, &csr, err);

    if (rc == BX_OK)
        rc = keys_sign(k, clock, cluster, ca, node,
                       (struct bx_str){(const char *)csr.data, (uint32_t)csr.len}, out, err);
    bx_buf_release(&csr);
    return rc;
}

int keys_renew(struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
               const struct bx_ca *ca, const struct bx_node_info *node, struct bx_err *err)
{
    struct bx_buf certificate = {0};
    int rc = keys_certify(k, clock, cluster, ca, node, &certificate, err);

    if (rc == BX_OK)
        rc = keys_save_both(k, NODE_CRT, &certificate, &k->other_certificate, err);
    if (rc == BX_OK)
        bx_buf_move(&k->certificate, &certificate);
    bx_buf_release(&certificate);
    return rc;
}
