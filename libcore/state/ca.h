/* ca - the certificate authorities (CA) of the cluster in the view.
 *
 * A CA signs the certificates by which nodes prove who they are (daemon/sys/keys.h). Its
 * certificate is public. Its key is sealed with a key of the cluster (AES-256-GCM: nonce,
 * ciphertext, tag), which is no part of the state: every node that holds the log has it in a file,
 * and got it when it joined. So whoever reads a database, a log or a snapshot can sign nothing.
 *
 * While the CA is replaced there are two, and all nodes trust both (fsm_ca.c). The key of the
 * cluster is replaced with it, and reaches each node sealed to the public key of its row. */
#ifndef BX_STATE_CA_H
#define BX_STATE_CA_H

#include "state/view.h"

struct bx_ca {
    uint64_t generation;       /* from 1 */
    struct bx_str certificate; /* DER; views into the row */
    struct bx_str key;         /* sealed PKCS #8 */
    uint64_t created_index;
    struct bx_str
        shares;  /* of the key that it is sealed with (wire/ca.h), until all have taken it */
    bool active; /* it signs; the first one does without */
};

/* The one that signs; NULL: the cluster has no certificates. */
const struct bx_ca *bx_view_ca(const struct bx_view *v);
/* The new one, beside the one that it replaces; NULL: there are not two. */
const struct bx_ca *bx_view_ca_new(const struct bx_view *v);
/* In the order of their age; NULL: there are not so many. */
const struct bx_ca *bx_view_ca_at(const struct bx_view *v, uint32_t i);
/* What the nodes have yet to tell of the new one: that they have taken it, or, when it signs, that
 * they show its certificates. The first node that has not; NULL: none. */
bool bx_ca_waits_for(const struct bx_ca *new_one, const struct bx_node_row *n);
const struct bx_node_row *bx_view_ca_waits(const struct bx_view *v);

#endif
