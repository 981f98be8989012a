/* tenant - the tenants in the view, and the usage of their quotas.
 *
 * BX_TENANT_DEFAULT exists without a row until it is given a quota. VMs created before tenants were
 * introduced may have a tenant that does not exist. */
#ifndef BX_STATE_TENANT_H
#define BX_STATE_TENANT_H

#include "model/tenant.h"
#include "state/view.h"

/* BX_OK, or BX_NOT_FOUND with a message. */
int bx_view_tenant(const struct bx_view *v, struct bx_str name, struct bx_tenant *out,
                   struct bx_err *err);
/* The resources of its VMs, running or not. */
struct bx_quota bx_view_usage(const struct bx_view *v, struct bx_str name);
/* The first tenant whose name is greater than this one; includes the default tenant. NULL if there
 * is none. */
const struct bx_tenant *bx_view_tenant_after(const struct bx_view *v, struct bx_str name);

#endif
