/* jointoken - the text with which a host joins: a secret, and where and with whom to use it.
 *
 *   blxj1.<base64url of a flat record: struct bx_join_token>      from feature level 3 on
 *   blx1.<32 hex digits of secret>.<HOST:PORT>[,<HOST:PORT>...]   before
 *
 * The cluster stores the first 16 bytes of the SHA-256 of the secret, which is random. A host sends
 * the secret itself, but only to a server whose certificate the CA of the token has signed; what is
 * stored can not be used to join. Before level 3, it sent what is stored. */
#ifndef BX_WIRE_JOINTOKEN_H
#define BX_WIRE_JOINTOKEN_H

#include "err.h"
#include "mem/arena.h"
#include "mem/buf.h"
#include "model/node.h"

#define BX_JOIN_SECRET 32u
#define BX_JOIN_SECRET_OLD 16u
#define BX_JOIN_ADDRESSES_MAX 16u
#define BX_JOIN_TOKEN_MAX 8192u /* bytes of the text, with the NUL */
#define BX_FINGERPRINT 32u      /* SHA-256 of a certificate */

struct bx_join_token {
    struct bx_strs addresses;  /* HOST:PORT of members, 1 to BX_JOIN_ADDRESSES_MAX */
    struct bx_str secret;      /* BX_JOIN_SECRET bytes; of the old form BX_JOIN_SECRET_OLD */
    struct bx_str fingerprint; /* of the CA, BX_FINGERPRINT bytes; empty: of the old form */
    uint64_t id;               /* with which it is revoked; from here on for people only */
    uint64_t expires_ms;
    uint8_t role; /* enum bx_role */
};

extern const struct bx_schema bx_join_token_schema;

/* Append the text, without leaving copies of it behind; the form depends on the secret. BX_OK or
 * BX_NO_MEMORY. */
int bx_join_token_write(const struct bx_join_token *t, struct bx_buf *out);
/* Read a text of n bytes; *t refers to memory of the arena. The addresses have no meaning here yet.
 * BX_OK, BX_NO_MEMORY, or BX_INVALID with a reason and a hint. */
int bx_join_token_read(const char *text, size_t n, struct bx_join_token *t, struct bx_arena *arena,
                       struct bx_err *err);

#endif
