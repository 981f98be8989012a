/* kind_user - the users of the API. */
#include "state/user.h"

#include "state/rows.h"

static const struct bx_field user_fields[] = {
    BX_FIELD(bx_user, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_user, role, BX_T_ENUM, .names = bx_user_role_names),
    BX_FIELD(bx_user, tenant, BX_T_STR, .max = 255),
    BX_FIELD(bx_user, created_index, BX_T_U64),
    BX_FIELD(bx_user, modified_index, BX_T_U64),
};
static const struct bx_schema user_schema = BX_SCHEMA("user row", 206, bx_user, user_fields);

/* None is open: SQL is for every viewer, and who the users are is for administrators. */
static const struct bx_column user_columns[] = {
    BX_COLUMN(name, TEXT, bx_user, name, .key = true),
    BX_COLUMN(role, ENUM, bx_user, role, .names = bx_user_role_names),
    BX_COLUMN(tenant, TEXT, bx_user, tenant),
    BX_COLUMN(created_index, U64, bx_user, created_index),
    BX_COLUMN(modified_index, U64, bx_user, modified_index),
};

/* ---- lookup ---- */

int bx_view_user(const struct bx_view *v, struct bx_str name, struct bx_str scope,
                 const struct bx_user **out, struct bx_err *err)
{
    const struct bx_user *u = bx_view_get(v, BX_TABLE_USER, &name);

    if (u != NULL && (scope.n == 0 || bx_str_eq(u->tenant, scope))) {
        *out = u;
        return BX_OK;
    }
    bx_err_set(err, BX_NOT_FOUND, "no user \"%.*s\"", (int)(name.n > 80 ? 80 : name.n), name.p);
    bx_err_hint(err, "blixardctl user list shows the users");
    return BX_NOT_FOUND;
}

uint32_t bx_view_users_of(const struct bx_view *v, struct bx_str tenant)
{
    const struct bx_user *u;
    uint32_t n = 0;
    size_t pos = 0;

    while ((u = bx_view_next(v, BX_TABLE_USER, &pos)) != NULL)
        n += bx_str_eq(u->tenant, tenant);
    return n;
}

/* ---- the kind ---- */

BX_KIND(user, bx_user, BX_KEY_NAME, name, "users", .ordered = true, .sql_suffix = " WITHOUT ROWID");
