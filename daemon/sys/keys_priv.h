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

/* ---- keys_sign.c ---- */

/* Sign for a node, with its addresses; append the certificate to out. As pki_issue. */
int keys_issue(const struct pki_key *ca_key, struct pki_der ca, struct bx_clock *clock,
               const uint8_t cluster[16], const struct bx_node_info *node,
               const uint8_t spki[PKI_SPKI], struct bx_buf *out, struct bx_err *err);

#endif
