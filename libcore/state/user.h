/* user - the users in the view, and their tokens. A token is named by the revision that created
 * it. */
#ifndef BX_STATE_USER_H
#define BX_STATE_USER_H

#include "model/user.h"
#include "state/view.h"

struct bx_fsm;

/* BX_OK, or BX_NOT_FOUND with a message. A user outside of the tenant `scope` is not found, either,
 * unless that is empty. */
int bx_view_user(const struct bx_view *v, struct bx_str name, struct bx_str scope,
                 const struct bx_user **out, struct bx_err *err);
/* How many users belong to this tenant; "": to none. */
uint32_t bx_view_users_of(const struct bx_view *v, struct bx_str tenant);
/* How many tokens a user has, the users of a tenant, and, for "", those of all tenants: expired
 * ones count until they are deleted. */
uint32_t bx_view_tokens_of_user(const struct bx_view *v, struct bx_str user);
uint32_t bx_view_tokens_of_tenant(const struct bx_view *v, struct bx_str tenant);
/* The token with this hash; NULL: there is none. It may have expired. */
const struct bx_user_token *bx_view_user_token(const struct bx_view *v,
                                               const uint8_t hash[BX_USER_SECRET_HASH]);
/* The time that is left of it, in ms; 0: it has expired; UINT64_MAX: it never does. */
uint64_t bx_user_token_left_ms(const struct bx_fsm *f, const struct bx_user_token *t);

#endif
