/* scope - which tenant a call is about: that of its caller, or the one that a caller of the cluster
 * asks for. Methods find VMs and events of that tenant alone; the caller of one tenant is never
 * told that there are others'. */
#include "api/priv.h"
#include "state/tenant.h"

static struct bx_str asked_tenant(const struct api_call *c)
{
    const struct bx_vm_create_params *p = c->params;

    return c->pooled ? p->body.config.tenant : api_common(c)->tenant;
}

int api_take_scope(struct api_call *c, struct bx_err *err)
{
    struct bx_str own = bx_str(c->tenant), asked = asked_tenant(c);

    c->scope = asked.n > 0 ? asked : own;
    if (own.n == 0 || bx_str_eq(c->scope, own))
        return BX_OK;
    bx_err_set(err, BX_DENIED, "permission denied: another tenant (%s, of tenant %s)", c->principal,
               c->tenant);
    bx_err_hint(err, "omit --tenant, or pass --tenant %s", c->tenant);
    return BX_DENIED;
}

bool api_is_admin(const struct api_call *c)
{
    return c->role == BX_RPC_ADMIN && c->tenant[0] == '\0';
}

/* VMs may be of a tenant that does not exist (state/tenant.h). */
int api_check_scope(const struct api_call *c, struct bx_err *err)
{
    struct bx_tenant t;

    if (c->scope.n == 0 || c->tenant[0] != '\0' || bx_view_usage(api_view(c), c->scope).vms > 0)
        return BX_OK;
    return bx_view_tenant(api_view(c), c->scope, &t, err);
}
