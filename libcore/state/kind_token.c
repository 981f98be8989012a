/* kind_token - the join tokens. Only a hash of the secret is stored. */
#include "state/rows.h"

static const struct bx_field token_fields[] = {
    BX_FIELD(bx_token, secret_hash, BX_T_UUID, .secret = true),
    BX_FIELD(bx_token, expires_ms, BX_T_U64),
    BX_FIELD(bx_token, created_index, BX_T_U64),
    BX_FIELD(bx_token, ends_ms, BX_T_U64, .omit = true, .since = 2),
    BX_FIELD(bx_token, creator, BX_T_STR, .max = 255, .omit = true, .since = 2),
    BX_FIELD(bx_token, role, BX_T_ENUM, .names = bx_role_names, .omit = true, .since = 3),
};
static const struct bx_schema token_schema = BX_SCHEMA("token row", 202, bx_token, token_fields);

static const struct bx_column token_columns[] = {
    BX_COLUMN(secret_hash, BYTES, bx_token, secret_hash, .key = true),
    BX_COLUMN(expires_ms, U64, bx_token, expires_ms),
};

BX_KIND(token, bx_token, BX_KEY_BYTES, secret_hash, "tokens", .ordered = true,
        .sql_suffix = " WITHOUT ROWID");
