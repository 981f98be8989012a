/* keys_priv - what the files of keys share. */
#ifndef KEYS_PRIV_H
#define KEYS_PRIV_H

#include "sys/keys.h"

#define NODE_KEY "node.key"
#define NODE_CRT "node.crt"
#define CA_CRT "ca.crt"
#define CA_KEY "ca.key"
#define CLUSTER_KEY "cluster.key"

/* ---- keys.c ---- */

/* Write a file of the directory. As secret_file_save. */
int keys_save(const struct keys *k, const char *name, const void *p, size_t n, struct bx_err *err);

/* Write one file of two parts, of which the second may be empty. */
int keys_save_both(const struct keys *k, const char *name, const struct bx_buf *a,
                   const struct bx_buf *b, struct bx_err *err);
int keys_save_cluster_keys(const struct keys *k, struct bx_err *err);
/* Replace the contents. BX_OK or BX_NO_MEMORY, and then it is as it was. */
int keys_set(struct bx_buf *b, const void *p, size_t n, struct bx_err *err);

/* ---- keys_sign.c ---- */

/* The key of this CA, with any of our keys of the cluster. BX_OK, BX_UNSUPPORTED (there is none),
 * BX_CORRUPT: none opens it. */
int keys_open_ca(const struct keys *k, const uint8_t cluster[16], const struct bx_ca *ca,
                 struct pki_key **out, struct bx_err *err);
/* The same with one. */
int keys_open_ca_with(const uint8_t cluster_key[PKI_SECRET], const uint8_t cluster[16],
                      const struct bx_ca *ca, struct pki_key **out, struct bx_err *err);
/* A new certificate for this node's own key, appended to out. As keys_sign. */
int keys_certify(const struct keys *k, struct bx_clock *clock, const uint8_t cluster[16],
                 const struct bx_ca *ca, const struct bx_node_info *node, struct bx_buf *out,
                 struct bx_err *err);
/* Seal the key of a CA with a key of the cluster. */
int keys_seal_ca(const uint8_t cluster_key[PKI_SECRET], struct bx_clock *clock,
                 const struct pki_key *ca, const uint8_t cluster[16], struct bx_buf *out,
                 struct bx_err *err);

/* Sign for a node, with its addresses; append the certificate to out. As pki_issue. */
int keys_issue(const struct pki_key *ca_key, struct pki_der ca, struct bx_clock *clock,
               const uint8_t cluster[16], const struct bx_node_info *node,
               const uint8_t spki[PKI_SPKI], struct bx_buf *out, struct bx_err *err);

#endif
