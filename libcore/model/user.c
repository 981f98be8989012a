#include "model/user.h"

#include "model/vm.h"

const char *const bx_user_role_names[] = {"viewer", "operator", "admin", NULL};
_Static_assert(sizeof bx_user_role_names / sizeof bx_user_role_names[0] == BX__USER_ROLES + 1,
               "each role has a name");

int bx_user_check(const struct bx_user *u, struct bx_err *err)
{
    int rc = bx_name_check(u->name, "user", err);

    if (rc == BX_OK && u->tenant.n > 0)
        rc = bx_name_check(u->tenant, "--tenant", err);
    if (rc == BX_OK && u->role >= BX__USER_ROLES) {
        rc = bx_err_set(err, BX_INVALID, "--role: unknown role");
        bx_err_hint(err, "choose viewer, operator or admin");
    }
    return rc;
}

bool bx_user_token_is(const struct bx_user_token *t, const uint8_t hash[BX_USER_SECRET_HASH])
{
    volatile uint8_t differ = 0;

    for (size_t i = 0; i < BX_USER_SECRET_HASH; i++)
        differ |= t->secret_hash[i] ^ hash[i];
    return differ == 0;
}
