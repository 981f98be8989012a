/* ca - commands, parameters and replies about the certificate authorities of the cluster. */
#ifndef BX_WIRE_CA_H
#define BX_WIRE_CA_H

#include "model/node.h"
#include "wire/params.h"

#define BX_CA_CERTIFICATE_MAX 2048u /* bytes, DER */
#define BX_CA_KEY_MAX 512u          /* bytes, sealed */
#define BX_CA_SHARE 151u            /* bytes: a key of the cluster that is sealed to a node's key */
#define BX_CA_SHARE_ITEM (8u + BX_CA_SHARE)
#define BX_CA_SHARES_MAX (BX_MEMBERS_MAX * BX_CA_SHARE_ITEM)

/* A new CA, which the node that was asked has made. Nothing of it takes part in the identity of the
 * request: a repeat brings another one, and is the same request. */
struct bx_cmd_ca_rotate {
    uint64_t generation; /* one more than that of the newest CA */
    struct bx_str certificate;
    struct bx_str key;    /* sealed with a new key of the cluster */
    struct bx_str shares; /* that key, for each node that holds the log: id and sealed bytes */
};

/* Write the share of a node; find it: false: it has none. */
void bx_ca_share_put(uint8_t dst[BX_CA_SHARE_ITEM], uint64_t node,
                     const uint8_t sealed[BX_CA_SHARE]);
bool bx_ca_share_of(struct bx_str shares, uint64_t node, struct bx_str *sealed);

/* ---- replies ---- */

#define BX_CAS_SHOWN 4u

enum bx_ca_state { BX_CA_SIGNS, BX_CA_SPREADS, BX_CA_ENDS };
extern const char *const bx_ca_state_names[];

struct bx_ca_info_reply {
    uint64_t generation;
    struct bx_str fingerprint; /* of its certificate: SHA-256, 64 hex digits */
    struct bx_str subject;
    uint64_t from_ms, until_ms;
    uint8_t state; /* enum bx_ca_state */
};
extern const struct bx_schema bx_ca_info_reply_schema;

struct bx_ca_node_reply {
    uint64_t id;
    struct bx_str name;
    uint64_t taken; /* generation of the newest CA that it trusts and can sign with; 0: none */
    uint64_t shown; /* of the CA that has signed its certificate */
    bool waits;     /* the rotation waits for it */
};
extern const struct bx_schema bx_ca_node_reply_schema;

struct bx_ca_status_reply {
    bool rotating;
    struct bx_str waits_for; /* name of a node; empty: for none */
    uint64_t tokens;         /* join tokens that end with the old CA... */
    uint64_t certificates;   /* ...and certificates of users */
    struct bx_list cas;      /* of struct bx_ca_info_reply, the oldest first */
    struct bx_list nodes;    /* of struct bx_ca_node_reply, by id: those with a certificate */
};
extern const struct bx_schema bx_ca_status_reply_schema;

#endif
