/* user - commands, parameters and replies for users and their tokens. */
#ifndef BX_WIRE_USER_H
#define BX_WIRE_USER_H

#include "model/user.h"
#include "wire/params.h"

/* ---- commands: scope is the tenant that the sender may act for; empty: any ---- */

struct bx_cmd_user_create {
    struct bx_str name;
    uint8_t role; /* enum bx_user_role */
    struct bx_str tenant;
};
struct bx_cmd_user_set {
    struct bx_str name;
    uint8_t role;
    struct bx_str tenant;
    bool sets_role, sets_tenant;
    struct bx_str scope;
};
struct bx_cmd_user_delete {
    struct bx_str name, scope;
};
struct bx_cmd_user_token_create {
    struct bx_str user;
    uint8_t secret_hash[BX_USER_SECRET_HASH];
    uint64_t ttl_ms; /* 0: it does not expire */
    struct bx_str scope;
    bool certificate; /* the hash is the pin of a certificate's key */
};
struct bx_cmd_user_token_delete {
    uint64_t id;
    struct bx_str scope;
};

/* ---- parameters and replies ---- */

struct bx_user_params {
    struct bx_common common;
    struct bx_str user;
    uint8_t role;         /* BX__USER_ROLES: not given */
    struct bx_str tenant; /* empty: not given */
    bool no_tenant;       /* the whole cluster */
};
struct bx_user_token_params { /* of all methods about tokens; each takes some of them */
    struct bx_common common;
    struct bx_str user;
    struct bx_str secret_hash; /* 64 hex digits */
    uint64_t ttl_s;            /* 0: it does not expire */
    uint64_t id;
};
#define BX_CSR_TEXT_MAX 12288u
struct bx_user_cert_params {
    struct bx_common common;
    struct bx_str user;
    struct bx_str csr; /* PEM */
    uint64_t ttl_s;    /* 0: the default */
};

struct bx_user_reply {
    struct bx_str name;
    uint8_t role;
    struct bx_str tenant; /* empty: the whole cluster */
    uint64_t created_index, modified_index;
};
extern const struct bx_schema bx_user_reply_schema;

struct bx_user_token_reply { /* what is known of a token but its secret */
    uint64_t id;
    struct bx_str user;
    uint64_t expires_ms; /* the wall time of the node asked, plus what is left of it; 0: never */
    uint64_t used_ms;    /* wall time of its last use on the node asked; 0: none since it started */
    bool certificate;    /* it is one */
};
extern const struct bx_schema bx_user_token_reply_schema;

struct bx_user_cert_reply {
    uint64_t id; /* as that of a token */
    struct bx_str user;
    uint64_t expires_ms;
    struct bx_str certificate; /* PEM */
};
extern const struct bx_schema bx_user_cert_reply_schema;

/* ---- the text of a token: blx_ and 43 characters of base64url ---- */

#define BX_USER_SECRET 32u /* bytes */
#define BX_USER_TOKEN_TEXT 47u
void bx_user_token_text(const uint8_t secret[BX_USER_SECRET], char out[BX_USER_TOKEN_TEXT + 1]);
/* False: it is not one. */
bool bx_user_token_parse(struct bx_str text, uint8_t secret[BX_USER_SECRET]);

#endif
