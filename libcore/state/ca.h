/* ca - the certificate authority (CA) of the cluster in the view.
 *
 * It signs the certificates by which nodes prove who they are (daemon/sys/keys.h). Its certificate
 * is public. Its key is sealed with the cluster's key (AES-256-GCM: nonce, ciphertext, tag), which
 * is no part of the state: every node that holds the log has it in a file, and got it when it
 * joined. So whoever reads a database, a log or a snapshot can sign nothing. */
#ifndef BX_STATE_CA_H
#define BX_STATE_CA_H

#include "state/view.h"

struct bx_ca {
    uint64_t generation;       /* from 1 */
    struct bx_str certificate; /* DER; views into the row */
    struct bx_str key;         /* sealed PKCS #8 */
    uint64_t created_index;
};

/* The one that signs; NULL: the cluster has no certificates. */
const struct bx_ca *bx_view_ca(const struct bx_view *v);

#endif
