/* kind_user - the users of the API. */
#include "state/user.h"

#include "mem/alloc.h"
#include "state/rows.h"

#include <string.h>

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

/* ---- their tokens, counted ---- */

struct tally { /* of a user or a tenant that has some; of a tenant without a name: of all tenants */
    bool of_tenant;
    uint32_t tokens, length;
    char name[];
};

static bool is_of_user(const void *item, const void *key)
{
    const struct tally *t = item;

    return !t->of_tenant && bx_str_eq((struct bx_str){t->name, t->length}, *(struct bx_str *)key);
}

static bool is_of_tenant(const void *item, const void *key)
{
    const struct tally *t = item;

    return t->of_tenant && bx_str_eq((struct bx_str){t->name, t->length}, *(struct bx_str *)key);
}

static struct tally *find_tally(const struct bx_view *v, bool of_tenant, struct bx_str name)
{
    const struct bx_map *tallies = v->derived[BX_TABLE_USER];

    return tallies == NULL ? NULL
                           : bx_map_get(tallies, bx_hash(name.p, name.n),
                                        of_tenant ? is_of_tenant : is_of_user, &name);
}

static void tally(struct bx_view *v, bool of_tenant, struct bx_str name, int sign)
{
    struct tally *t = find_tally(v, of_tenant, name);
    uint64_t hash = bx_hash(name.p, name.n);

    if (v->derived[BX_TABLE_USER] == NULL)
        v->derived[BX_TABLE_USER] = bx_must_calloc(1, sizeof(struct bx_map));
    if (t == NULL) {
        t = bx_must_calloc(1, sizeof *t + name.n);
        t->of_tenant = of_tenant;
        t->length = (uint32_t)name.n;
        if (name.n > 0)
            memcpy(t->name, name.p, name.n);
        bx_must_ok(bx_map_add(v->derived[BX_TABLE_USER], hash, t));
    }
    t->tokens += (uint32_t)sign;
    if (t->tokens == 0) {
        bx_map_remove(v->derived[BX_TABLE_USER], hash, t);
        bx_free(t);
    }
}

/* A user keeps its tenant as long as it has tokens (fsm_user.c). */
static void account(struct bx_view *v, const struct bx_row *row, int sign)
{
    const struct bx_user_token *t = bx_row_object(row);
    const struct bx_user *u = bx_view_get(v, BX_TABLE_USER, &t->user);

    tally(v, false, t->user, sign);
    if (u == NULL || u->tenant.n == 0)
        return;
    tally(v, true, u->tenant, sign);
    tally(v, true, bx_str(""), sign);
}

static void watched(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    if (with != NULL)
        account(v, with, 1);
    if (old != NULL)
        account(v, old, -1);
}

static void close_tallies(struct bx_view *v)
{
    struct bx_map *tallies = v->derived[BX_TABLE_USER];
    struct tally *t;
    size_t pos = 0;

    if (tallies == NULL)
        return;
    while ((t = bx_map_next(tallies, &pos)) != NULL)
        bx_free(t);
    bx_map_close(tallies);
    bx_free(tallies);
}

uint32_t bx_view_tokens_of_user(const struct bx_view *v, struct bx_str user)
{
    const struct tally *t = find_tally(v, false, user);

    return t == NULL ? 0 : t->tokens;
}

uint32_t bx_view_tokens_of_tenant(const struct bx_view *v, struct bx_str tenant)
{
    const struct tally *t = find_tally(v, true, tenant);

    return t == NULL ? 0 : t->tokens;
}

/* ---- the kind ---- */

BX_KIND(user, bx_user, BX_KEY_NAME, name, "users", .ordered = true, .sql_suffix = " WITHOUT ROWID",
        .watches = BX_TABLE_USER_TOKEN, .watched = watched, .close = close_tallies);
