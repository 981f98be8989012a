/* keys - what this node proves itself with: the directory DATA/keys (0700) and its files (0600).
 *
 *   node.key      the private key of this node; it is made here and never leaves the host
 *   node.crt      its certificate: that key, this cluster, the node's id and role
 *   ca.crt        the certificate of the CA that signed it
 *   cluster.key   opens the CA's key, which is part of the state (state/ca.h); nodes that hold the
 *                 log have it, because each of them may have to sign for a host that joins
 *   ca.key        of a founder, until its cluster is created: what goes into the state
 *
 * While the CA is replaced, node.crt, ca.crt and cluster.key have what is needed of both CAs, one
 * after the other. The first certificate of node.crt is the one that is shown. Each file is
 * replaced at once, and in an order in which none is missing what another one needs.
 *
 * All is written before the identity is saved (daemon_member.c), so a node with an identity has
 * all of it, unless its cluster is of a build without certificates. A host without an identity
 * makes a new key each time that it is started: a directory that has lost its log must not get its
 * old id again, under which it may have voted. */
#ifndef KEYS_H
#define KEYS_H

#include "model/node.h"
#include "node/identity.h"
#include "node/ports.h"
#include "state/ca.h"
#include "pki/pki.h"
#include "wire/ca.h"
#include "wire/frame.h"

#define KEYS_PATH 4096u
#define KEYS_NODE_MS (365u * UINT64_C(86400000)) /* lifetime of a node's certificate */

struct keys {
    char directory[KEYS_PATH];
    struct pki_key *key;       /* NULL: none */
    struct bx_buf certificate; /* DER; empty: none */
    struct bx_buf ca;          /* that has signed it */
    /* While the CA is replaced: the other CA, and a certificate of it, which is shown to hosts that
     * ask for that CA. */
    struct bx_buf other_certificate, other_ca;
    struct bx_buf ca_key; /* sealed; empty: the state has it */
    uint8_t cluster_keys[BX_CLUSTER_KEYS_MAX][PKI_SECRET];
    uint32_t n_cluster_keys;
};

/* Read what is there; the directory is made if it is missing. *k is zeroed. BX_OK, BX_CORRUPT (a
 * file can not be read as what it is), or the codes of sys/secret_file.h. */
int keys_open(struct keys *k, const char *data, struct bx_err *err);
/* Remove the directory of a host that leaves its cluster. BX_OK or BX_IO. */
int keys_remove(const char *data, struct bx_err *err);
/* Wipes the secrets in memory. A zeroed *k is allowed. */
void keys_close(struct keys *k);
/* Whether this node has a certificate. */
bool keys_are_there(const struct keys *k);
/* Whether it is of this identity: the directory may be that of another node. There is one. BX_OK or
 * BX_CORRUPT. */
int keys_check(const struct keys *k, const struct bx_identity *id, struct bx_err *err);

/* For a new cluster: make its key, its CA, and key and certificate of the founder. The CA's
 * certificate and sealed key are in k->ca and k->ca_key. */
int keys_found(struct keys *k, struct bx_clock *clock, const struct bx_identity *id,
               const struct bx_node_info *self, struct bx_err *err);
/* The cluster is created: ca.key is no longer needed. */
void keys_created(struct keys *k);

/* For a host that joins: make a new key, unless it asks again, and append a signing request for it
 * to csr. */
int keys_request(struct keys *k, bool again, struct bx_buf *csr, struct bx_err *err);
/* The answer: keep what it has, if the certificate is of our key and this id, and one of the CAs
 * has this fingerprint. BX_OK, BX_DENIED (something else), or an error of writing. */
int keys_take(struct keys *k, const struct bx_joined *a, const uint8_t fingerprint[PKI_SHA256],
              struct bx_err *err);

/* ---- keys_sign.c ---- */

/* Sign for a node of this cluster, with the CA of the state; append the certificate to out. BX_OK;
 * BX_CONFLICT: the request is not of the key that the node's row names; BX_UNSUPPORTED: this node
 * has no cluster key; BX_CORRUPT: it does not open the CA's key; or as pki_issue. */
int keys_sign(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
              const struct bx_ca *ca, const struct bx_node_info *node, struct bx_str csr,
              struct bx_buf *out, struct bx_err *err);

/* The same for a user, who has proven to own this public key; until not_after_ms. */
int keys_sign_user(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                   const struct bx_ca *ca, const char *name, const uint8_t spki[PKI_SPKI],
                   uint64_t not_after_ms, struct bx_buf *out, struct bx_err *err);

/* Whether two thirds of the certificate's life have passed, or it names other addresses than the
 * node has. */
bool keys_are_due(const struct keys *k, const struct bx_node_info *node, uint64_t now_ms);
/* Sign a new certificate for this node's key, and save it. As keys_sign, or an error of writing;
 * then the old one stays. */
int keys_renew(struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
               const struct bx_ca *ca, const struct bx_node_info *node, struct bx_err *err);

/* ---- keys_rotate.c ---- */

/* What a new CA is made of, in the order of struct bx_cmd_ca_rotate; the key of the cluster is in
 * no plain form among it. *out refers to the buffers. Each node that holds the log gets a share;
 * name is that of the cluster. BX_OK; BX_CONFLICT: a node's public key is missing, or is not the
 * pinned one; or as of pki. */
struct keys_new_ca {
    struct bx_buf certificate, key, shares;
};
int keys_make_ca(struct keys_new_ca *m, struct bx_clock *clock, const struct bx_identity *id,
                 const char *name, uint64_t generation, const struct bx_view *view,
                 struct bx_cmd_ca_rotate *out, struct bx_err *err);
void keys_new_ca_close(struct keys_new_ca *m);

/* Whether the node has what it needs of this CA: it trusts it, has a certificate of it, and can
 * open its key. */
bool keys_have_ca(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca);
/* Whether the certificate that it shows is of this CA. */
bool keys_show_ca(const struct keys *k, const struct bx_ca *ca);
/* Whether it has something of a CA that is neither the old one nor the new one: it was down when an
 * earlier replacement ended. To be forgotten before the new one is taken. */
bool keys_are_stale(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *old,
                    const struct bx_ca *new_one);
/* Take what is missing of it, from its share. BX_OK; BX_NOT_FOUND: there is no share for this node;
 * BX_CORRUPT: it is not what it should be; or an error of writing. */
int keys_take_ca(struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                 const struct bx_ca *ca, const struct bx_node_info *node, struct bx_err *err);
/* Show the certificate of the other CA. BX_OK, or an error of writing; then nothing has changed. */
int keys_switch(struct keys *k, struct bx_err *err);
/* Forget the other CA, and what opens its key. As above. */
int keys_forget_other(struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca,
                      struct bx_err *err);

#endif
