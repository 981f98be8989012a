/* kind_user_token - the tokens of users. Only a hash of the secret is stored. */
#include "state/user.h"

#include "state/rows.h"

static const struct bx_field user_token_fields[] = {
    BX_FIELD(bx_user_token, secret_hash, BX_T_UUID, .secret = true),
    {.name = "secret_hash_rest",
     .type = BX_T_UUID,
     .offset = offsetof(struct bx_user_token, secret_hash) + 16,
     .secret = true},
    BX_FIELD(bx_user_token, created_index, BX_T_U64),
    BX_FIELD(bx_user_token, ends_ms, BX_T_U64),
    BX_FIELD(bx_user_token, user, BX_T_STR, .max = 255),
    BX_FIELD(bx_user_token, certificate, BX_T_BOOL, .omit = true, .since = 3),
};
static const struct bx_schema user_token_schema =
    BX_SCHEMA("user token row", 207, bx_user_token, user_token_fields);

static const struct bx_column user_token_columns[] = {
    BX_COLUMN(secret_hash, BYTES, bx_user_token, secret_hash, .key = true),
    BX_COLUMN(user, TEXT, bx_user_token, user),
    BX_COLUMN(created_index, U64, bx_user_token, created_index),
};

const struct bx_user_token *bx_view_user_token(const struct bx_view *v,
                                               const uint8_t hash[BX_USER_SECRET_HASH])
{
    const struct bx_user_token *t = bx_view_get(v, BX_TABLE_USER_TOKEN, hash);

    return t != NULL && bx_user_token_is(t, hash) ? t : NULL;
}

BX_KIND(user_token, bx_user_token, BX_KEY_BYTES, secret_hash, "user_tokens", .ordered = true,
        .sql_suffix = " WITHOUT ROWID");
