/* Replacing the CA and the key of the cluster: what a node has of the new ones (state/fsm_ca.c).
 *
 *   take    cluster.key: both keys   ca.crt: both CAs   node.crt: the old certificate, the new one
 *   switch                                              node.crt: the new one, the old one
 *   forget  node.crt, ca.crt, cluster.key: the new one alone
 *
 * Each step may be repeated, and ends what one that was killed has begun. */
#include "sys/keys_priv.h"

#include <string.h>

_Static_assert(BX_CA_SHARE == PKI_SECRET + PKI_SEALED_TO_EXTRA && BX_PUBLIC_KEY == PKI_SPKI,
               "the sizes that the state knows are those of pki");

/* ---- shares of a key of the cluster ---- */

/* What a share is for: it opens for nothing else. */
#define FOR 32u
static void write_purpose(const uint8_t cluster[16], uint64_t generation, uint64_t node,
                          uint8_t out[FOR])
{
    memcpy(out, cluster, 16);
    bx_put64(out + 16, generation);
    bx_put64(out + 24, node);
}

static int add_share(const uint8_t cluster_key[PKI_SECRET], struct bx_clock *clock,
                     const uint8_t cluster[16], uint64_t generation,
                     const struct bx_node_info *node, struct bx_buf *shares, struct bx_err *err)
{
    const uint8_t *key = (const uint8_t *)node->public_key.p;
    uint8_t purpose[FOR], nonce[PKI_NONCE], pin[PKI_SHA256], item[BX_CA_SHARE_ITEM];
    struct bx_buf sealed = {0};
    int rc = BX_OK;

    if (node->public_key.n == PKI_SPKI)
        bx_sha256(key, PKI_SPKI, pin);
    if (node->public_key.n != PKI_SPKI || node->pin.n != PKI_SHA256 ||
        memcmp(pin, node->pin.p, PKI_SHA256) != 0) {
        bx_err_set(err, BX_CONFLICT, "node \"" BX_STR_FMT "\" has not told its public key yet",
                   BX_STR_ARG(node->name));
        bx_err_hint(err, "start its daemon, and try again; or remove the node if it is gone");
        return BX_CONFLICT;
    }
    write_purpose(cluster, generation, node->id, purpose);
    clock->ops->random(clock, nonce, sizeof nonce);
    rc = pki_seal_to(key, nonce, purpose, sizeof purpose, cluster_key, PKI_SECRET, &sealed, err);
    if (rc == BX_OK) {
        bx_ca_share_put(item, node->id, sealed.data);
        rc = bx_buf_append(shares, item, sizeof item);
    }
    bx_buf_release(&sealed);
    return rc;
}

static int add_shares(const uint8_t cluster_key[PKI_SECRET], struct bx_clock *clock,
                      const uint8_t cluster[16], uint64_t generation, const struct bx_view *view,
                      struct bx_buf *shares, struct bx_err *err)
{
    int rc = BX_OK;

    for (uint32_t i = 0; i < bx_view_nodes(view) && rc == BX_OK; i++) {
        const struct bx_node_info *node = &bx_view_node_at(view, i)->info;

        if (node->role != BX_ROLE_AGENT)
            rc = add_share(cluster_key, clock, cluster, generation, node, shares, err);
    }
    return rc;
}

/* ---- a new CA ---- */

int keys_make_ca(struct keys_new_ca *m, struct bx_clock *clock, const struct bx_identity *id,
                 const char *name, uint64_t generation, const struct bx_view *view,
                 struct bx_cmd_ca_rotate *out, struct bx_err *err)
{
    uint8_t cluster_key[PKI_SECRET], serial[PKI_SERIAL];
    struct pki_key *ca = NULL;
    int rc = pki_key_generate(&ca, err);

    clock->ops->random(clock, cluster_key, sizeof cluster_key);
    clock->ops->random(clock, serial, sizeof serial);
    if (rc == BX_OK)
        rc = pki_ca_make(ca, id->cluster, name, clock->ops->wall_ms(clock), serial, &m->certificate,
                         err);
    if (rc == BX_OK)
        rc = keys_seal_ca(cluster_key, clock, ca, id->cluster, &m->key, err);
    if (rc == BX_OK)
        rc = add_shares(cluster_key, clock, id->cluster, generation, view, &m->shares, err);
    pki_key_destroy(ca);
    pki_wipe(cluster_key, sizeof cluster_key);
    *out = (struct bx_cmd_ca_rotate){
        .generation = generation,
        .certificate = {(const char *)m->certificate.data, (uint32_t)m->certificate.len},
        .key = {(const char *)m->key.data, (uint32_t)m->key.len},
        .shares = {(const char *)m->shares.data, (uint32_t)m->shares.len}};
    return rc;
}

void keys_new_ca_close(struct keys_new_ca *m)
{
    bx_buf_release(&m->certificate);
    bx_buf_release(&m->key);
    bx_buf_release(&m->shares);
}

/* ---- what this node has ---- */

static bool is_same(const struct bx_buf *b, struct bx_str s)
{
    return b->len == s.n && b->len > 0 && memcmp(b->data, s.p, s.n) == 0;
}

static bool opens(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca)
{
    struct pki_key *key = NULL;
    bool ok = keys_open_ca(k, cluster, ca, &key, NULL) == BX_OK;

    pki_key_destroy(key);
    return ok;
}

bool keys_show_ca(const struct keys *k, const struct bx_ca *ca)
{
    return is_same(&k->ca, ca->certificate);
}

bool keys_have_ca(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca)
{
    return (keys_show_ca(k, ca) ||
            (is_same(&k->other_ca, ca->certificate) && k->other_certificate.len > 0)) &&
           opens(k, cluster, ca);
}

bool keys_are_stale(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *old,
                    const struct bx_ca *new_one)
{
    bool of_others = k->other_ca.len > 0 && !is_same(&k->other_ca, old->certificate) &&
                     !is_same(&k->other_ca, new_one->certificate);

    return of_others || (k->n_cluster_keys == BX_CLUSTER_KEYS_MAX && !opens(k, cluster, new_one));
}

/* ---- taking it ---- */

/* The key of the cluster that this node was given opens the key of the CA, which is that of its
 * certificate: or nobody could sign once the old CA is gone. */
static int check_cluster_key(const uint8_t cluster_key[PKI_SECRET], const uint8_t cluster[16],
                             const struct bx_ca *ca, struct bx_err *err)
{
    uint8_t pin[PKI_SHA256];
    struct pki_key *key = NULL;
    struct pki_cert c;
    int rc = keys_open_ca_with(cluster_key, cluster, ca, &key, err);

    if (rc == BX_OK)
        rc = pki_cert_read((const uint8_t *)ca->certificate.p, ca->certificate.n, &c, err);
    if (rc == BX_OK) {
        pki_key_pin(key, pin);
        if (c.kind != PKI_CA || memcmp(c.cluster, cluster, 16) != 0 ||
            !pki_equal(pin, c.pin, sizeof pin))
            rc =
                bx_err_set(err, BX_CORRUPT, "the key of the new CA is not that of its certificate");
    }
    pki_key_destroy(key);
    return rc;
}

static int keep_cluster_key(struct keys *k, const uint8_t cluster_key[PKI_SECRET],
                            struct bx_err *err)
{
    int rc;

    if (k->n_cluster_keys == BX_CLUSTER_KEYS_MAX)
        return bx_err_set(err, BX_CORRUPT, "%s/%s has more keys than there are CAs", k->directory,
                          CLUSTER_KEY);
    memcpy(k->cluster_keys[k->n_cluster_keys++], cluster_key, PKI_SECRET);
    rc = keys_save_cluster_keys(k, err);
    if (rc != BX_OK)
        k->n_cluster_keys--;
    return rc;
}

static int take_cluster_key(struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca,
                            uint64_t node, struct bx_err *err)
{
    struct bx_buf plain = {0};
    uint8_t purpose[FOR];
    struct bx_str sealed;
    int rc;

    if (!bx_ca_share_of(ca->shares, node, &sealed))
        return bx_err_set(err, BX_NOT_FOUND,
                          "the new key of the cluster was not given to this node");
    write_purpose(cluster, ca->generation, node, purpose);
    rc = bx_buf_reserve(&plain, PKI_SECRET);
    if (rc == BX_OK)
        rc = pki_open_own(k->key, purpose, sizeof purpose, sealed.p, sealed.n, &plain, err);
    if (rc == BX_OK && plain.len != PKI_SECRET)
        rc = bx_err_set(err, BX_CORRUPT, "not a key");
    if (rc == BX_OK)
        rc = check_cluster_key(plain.data, cluster, ca, err);
    if (rc == BX_OK)
        rc = keep_cluster_key(k, plain.data, err);
    pki_wipe_buf(&plain);
    return rc == BX_OK ? rc : bx_err_wrap(err, "the new key of the cluster");
}

static int take_trust(struct keys *k, const struct bx_ca *ca, struct bx_err *err)
{
    int rc = keys_set(&k->other_ca, ca->certificate.p, ca->certificate.n, err);

    k->other_certificate.len = 0; /* of one that was there before */
    if (rc == BX_OK)
        rc = keys_save_both(k, CA_CRT, &k->ca, &k->other_ca, err);
    if (rc != BX_OK)
        k->other_ca.len = 0;
    return rc;
}

static int take_certificate(struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                            const struct bx_ca *ca, const struct bx_node_info *node,
                            struct bx_err *err)
{
    struct bx_buf certificate = {0};
    int rc = keys_certify(k, clock, cluster, ca, node, &certificate, err);

    if (rc == BX_OK)
        rc = keys_save_both(k, NODE_CRT, &k->certificate, &certificate, err);
    if (rc == BX_OK)
        bx_buf_move(&k->other_certificate, &certificate);
    bx_buf_release(&certificate);
    return rc;
}

int keys_take_ca(struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                 const struct bx_ca *ca, const struct bx_node_info *node, struct bx_err *err)
{
    int rc = BX_OK;

    if (!opens(k, cluster, ca))
        rc = take_cluster_key(k, cluster, ca, node->id, err);
    if (rc == BX_OK && !keys_show_ca(k, ca) && !is_same(&k->other_ca, ca->certificate))
        rc = take_trust(k, ca, err);
    if (rc == BX_OK && !keys_show_ca(k, ca) && k->other_certificate.len == 0)
        rc = take_certificate(k, clock, cluster, ca, node, err);
    return rc;
}

/* ---- the steps afterwards ---- */

static void swap(struct bx_buf *a, struct bx_buf *b)
{
    struct bx_buf was = *a;

    *a = *b;
    *b = was;
}

int keys_switch(struct keys *k, struct bx_err *err)
{
    int rc = keys_save_both(k, NODE_CRT, &k->other_certificate, &k->certificate, err);

    if (rc == BX_OK) {
        swap(&k->certificate, &k->other_certificate);
        swap(&k->ca, &k->other_ca);
    }
    return rc;
}

/* Keep the keys of the cluster that open this CA's. */
static void drop_cluster_keys(struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca)
{
    struct pki_key *key;
    uint32_t n = 0;

    for (uint32_t i = 0; i < k->n_cluster_keys; i++) {
        key = NULL;
        if (keys_open_ca_with(k->cluster_keys[i], cluster, ca, &key, NULL) == BX_OK)
            memmove(k->cluster_keys[n++], k->cluster_keys[i], PKI_SECRET);
        pki_key_destroy(key);
    }
    pki_wipe(k->cluster_keys[n], sizeof k->cluster_keys - (size_t)n * PKI_SECRET);
    k->n_cluster_keys = n;
}

int keys_forget_other(struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca,
                      struct bx_err *err)
{
    uint8_t keys[sizeof k->cluster_keys];
    uint32_t n_keys = k->n_cluster_keys;
    int rc = keys_save(k, NODE_CRT, k->certificate.data, k->certificate.len, err);

    if (rc == BX_OK)
        rc = keys_save(k, CA_CRT, k->ca.data, k->ca.len, err);
    if (rc == BX_OK && n_keys > 1 && opens(k, cluster, ca)) {
        memcpy(keys, k->cluster_keys, sizeof keys);
        drop_cluster_keys(k, cluster, ca);
        rc = keys_save_cluster_keys(k, err);
        if (rc != BX_OK) { /* what is on the disk is in memory, so that it is tried again */
            memcpy(k->cluster_keys, keys, sizeof keys);
            k->n_cluster_keys = n_keys;
        }
        pki_wipe(keys, sizeof keys);
    }
    if (rc == BX_OK)
        k->other_certificate.len = k->other_ca.len = 0;
    return rc;
}
