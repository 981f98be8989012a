/* user - who may use the API, and the secrets that prove it.
 *
 * A user has a role, in one tenant or in the whole cluster. It proves who it is with a token, a
 * secret that its client makes: the cluster knows the SHA-256 of the secret alone, which needs no
 * salt because the secret is random. Or it has a certificate, which is kept as a token: in place
 * of the hash of a secret is that of the public key. */
#ifndef BX_USER_H
#define BX_USER_H

#include "codec/schema.h"
#include "err.h"

#define BX_USERS_MAX 4096u
#define BX_USERS_MAX_TENANT 256u                                    /* of one tenant */
#define BX_USERS_MAX_TENANTS (BX_USERS_MAX / 8 * 7)                 /* of all tenants together */
#define BX_USER_TOKENS_MAX 16u                                      /* of one user */
#define BX_USER_TOKENS_MAX_ALL 16384u                               /* of all */
#define BX_USER_TOKENS_MAX_TENANT 1024u                             /* of the users of one tenant */
#define BX_USER_TOKENS_MAX_TENANTS (BX_USER_TOKENS_MAX_ALL / 8 * 7) /* of those of all tenants */
#define BX_USER_TOKEN_TTL_MAX_DAYS 3650u
#define BX_USER_SECRET_HASH 32u /* bytes */

enum bx_user_role { BX_USER_VIEWER, BX_USER_OPERATOR, BX_USER_ADMIN, BX__USER_ROLES };
/* "viewer", "operator", "admin"; NULL-terminated. */
extern const char *const bx_user_role_names[];

struct bx_user {
    struct bx_str name;   /* DNS label, unique; views into the row */
    uint8_t role;         /* enum bx_user_role */
    struct bx_str tenant; /* empty: the whole cluster */
    uint64_t created_index, modified_index;
};

struct bx_user_token {
    uint8_t secret_hash[BX_USER_SECRET_HASH]; /* its first half is the key */
    uint64_t created_index;                   /* its id */
    uint64_t ends_ms;                         /* by the time that leaders measure; 0: never */
    struct bx_str user;                       /* views into the row */
    bool certificate;                         /* the hash is the pin of a certificate's key */
};

/* Check name, role and the form of the tenant's name. BX_INVALID with the command line's name of
 * the field in the message. */
int bx_user_check(const struct bx_user *u, struct bx_err *err);
/* Whether this is the hash of the token's secret; in a time that does not tell where they differ.
 */
bool bx_user_token_is(const struct bx_user_token *t, const uint8_t hash[BX_USER_SECRET_HASH]);

#endif
