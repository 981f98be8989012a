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
};
struct bx_cmd_user_token_delete {
    uint64_t id;
    struct bx_str scope;
};

#endif
