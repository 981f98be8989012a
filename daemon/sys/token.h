/* token - a join token: a secret, and the addresses of members.
 *
 *   blx1.<32 hex digits of secret>.<HOST:PORT>[,<HOST:PORT>...]
 *
 * The cluster stores only a hash of the secret. */
#ifndef TOKEN_H
#define TOKEN_H

#include "err.h"

#include <stdint.h>

#define TOKEN_SECRET 16
#define TOKEN_ADDRESSES_MAX 16u
#define TOKEN_TEXT_MAX 4400u /* 16 addresses of 256 bytes, the secret and a NUL */

struct token {
    uint8_t secret[TOKEN_SECRET];
    char addresses[TOKEN_ADDRESSES_MAX][256];
    uint32_t n_addresses;
};

/* Format a token with at least one address. */
void token_make(const struct token *t, char out[TOKEN_TEXT_MAX]);
/* BX_OK, or BX_INVALID with the reason. */
int token_parse(const char *text, struct token *t, struct bx_err *err);
/* The first half of the secret's SHA-256, as used in commands and JOIN. */
void token_hash(const uint8_t secret[TOKEN_SECRET], uint8_t out[16]);

#endif
