/* tenant - the tenants in the view, and what their VMs take of their quotas.
 *
 * BX_TENANT_DEFAULT exists without a row until it is given a quota. VMs that were created before
 * there were tenants may have one that does not exist. */
#ifndef BX_STATE_TENANT_H
#define BX_STATE_TENANT_H

#include "model/tenant.h"
#include "state/view.h"

/* BX_OK, or BX_NOT_FOUND with words. */
int bx_view_tenant(const struct bx_view *v, struct bx_str name, struct bx_tenant *out,
                   struct bx_err *err);
/* What its VMs take, running or not. */
struct bx_quota bx_view_usage(const struct bx_view *v, struct bx_str name);
/* All of them by name, default too, into an array of as many; their number. */
uint32_t bx_view_tenants(const struct bx_view *v);
void bx_view_sorted_tenants(const struct bx_view *v, struct bx_tenant *out);

#endif
