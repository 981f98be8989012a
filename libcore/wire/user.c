#include "wire/command.h"

/* ---- commands ---- */

#define NAME(strukt, member) BX_FIELD(strukt, member, BX_T_STR, .max = 255)
#define ROLE(strukt) BX_FIELD(strukt, role, BX_T_ENUM, .names = bx_user_role_names)

static const struct bx_field create_fields[] = {
    NAME(bx_cmd_user_create, name),
    ROLE(bx_cmd_user_create),
    NAME(bx_cmd_user_create, tenant),
};
const struct bx_schema bx_cmd_user_create_schema =
    BX_SCHEMA("user.create", BX_CMD_SCHEMA(USER_CREATE), bx_cmd_user_create, create_fields);

static const struct bx_field set_fields[] = {
    NAME(bx_cmd_user_set, name),
    ROLE(bx_cmd_user_set),
    NAME(bx_cmd_user_set, tenant),
    BX_FIELD(bx_cmd_user_set, sets_role, BX_T_BOOL),
    BX_FIELD(bx_cmd_user_set, sets_tenant, BX_T_BOOL),
    NAME(bx_cmd_user_set, scope),
};
const struct bx_schema bx_cmd_user_set_schema =
    BX_SCHEMA("user.set", BX_CMD_SCHEMA(USER_SET), bx_cmd_user_set, set_fields);

static const struct bx_field delete_fields[] = {
    NAME(bx_cmd_user_delete, name),
    NAME(bx_cmd_user_delete, scope),
};
const struct bx_schema bx_cmd_user_delete_schema =
    BX_SCHEMA("user.delete", BX_CMD_SCHEMA(USER_DELETE), bx_cmd_user_delete, delete_fields);

static const struct bx_field token_create_fields[] = {
    NAME(bx_cmd_user_token_create, user),
    BX_FIELD(bx_cmd_user_token_create, secret_hash, BX_T_UUID, .secret = true),
    {.name = "secret_hash_rest",
     .type = BX_T_UUID,
     .offset = offsetof(struct bx_cmd_user_token_create, secret_hash) + 16,
     .secret = true},
    BX_FIELD(bx_cmd_user_token_create, ttl_ms, BX_T_U64),
    NAME(bx_cmd_user_token_create, scope),
};
const struct bx_schema bx_cmd_user_token_create_schema =
    BX_SCHEMA("user_token.create", BX_CMD_SCHEMA(USER_TOKEN_CREATE), bx_cmd_user_token_create,
              token_create_fields);

static const struct bx_field token_delete_fields[] = {
    BX_FIELD(bx_cmd_user_token_delete, id, BX_T_U64),
    NAME(bx_cmd_user_token_delete, scope),
};
const struct bx_schema bx_cmd_user_token_delete_schema =
    BX_SCHEMA("user_token.delete", BX_CMD_SCHEMA(USER_TOKEN_DELETE), bx_cmd_user_token_delete,
              token_delete_fields);
