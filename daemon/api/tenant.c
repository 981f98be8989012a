#include "api/priv.h"

#include "state/tenant.h"

static void fill(const struct bx_view *v, const struct bx_tenant *t, struct bx_tenant_reply *out)
{
    *out = (struct bx_tenant_reply){.name = t->name,
                                    .quota = t->quota,
                                    .usage = bx_view_usage(v, t->name),
                                    .created_index = t->created_index,
                                    .modified_index = t->modified_index};
}

/* ---- reads ---- */

struct tenants {
    struct bx_str own; /* the only one that there is for the caller; or empty */
    const struct bx_view *view;
    struct bx_str after; /* name of the one before */
    struct bx_tenant_reply reply;
};

static void seek_tenant(void *ctx, const void *name)
{
    struct tenants *tenants = ctx;

    tenants->after = name == NULL ? (struct bx_str){NULL, 0} : *(const struct bx_str *)name;
}

static const void *next_tenant(void *ctx)
{
    struct tenants *tenants = ctx;
    const struct bx_tenant *t = bx_view_tenant_after(tenants->view, tenants->after);

    while (t != NULL && tenants->own.n > 0 && !bx_str_eq(t->name, tenants->own))
        t = bx_view_tenant_after(tenants->view, t->name);
    if (t != NULL)
        tenants->after = t->name;
    return t;
}

static const void *fill_tenant(void *ctx, const void *tenant)
{
    struct tenants *tenants = ctx;

    fill(tenants->view, tenant, &tenants->reply);
    return &tenants->reply;
}

static void list(struct api_call *c)
{
    struct tenants tenants = {.view = api_view(c), .own = bx_str(c->tenant)};
    struct api_source source = {
        &bx_tenant_reply_schema, seek_tenant, next_tenant, fill_tenant, &tenants, NULL};

    api_reply_page(c, &source);
}

static void tenant_list(struct api_call *c)
{
    api_list(c, list);
}

static void show(struct api_call *c)
{
    const struct bx_tenant_params *p = c->params;
    struct bx_tenant_reply r;
    struct bx_tenant t;
    struct bx_err err;

    if (bx_view_tenant(api_view(c), p->tenant, &t, &err) != BX_OK) {
        api_fail(c, &err);
        return;
    }
    fill(api_view(c), &t, &r);
    api_reply(c, &bx_tenant_reply_schema, &r);
}

static bool names_tenant(struct api_call *c)
{
    const struct bx_tenant_params *p = c->params;
    struct bx_err err;

    if (p->tenant.n > 0)
        return true;
    bx_err_set(&err, BX_INVALID, "missing parameter \"tenant\"");
    bx_err_hint(&err, "blixardctl tenant list shows the tenants");
    api_fail(c, &err);
    return false;
}

/* Whether or not it exists, a caller of one tenant is told nothing of another one. */
static bool may_see(struct api_call *c)
{
    const struct bx_tenant_params *p = c->params;
    struct bx_err err;

    if (c->tenant[0] == '\0' || bx_str_eq(p->tenant, bx_str(c->tenant)))
        return true;
    bx_err_set(&err, BX_DENIED, "permission denied: another tenant (%s, of tenant %s)",
               c->principal, c->tenant);
    bx_err_hint(&err, "blixardctl tenant show %s", c->tenant);
    api_fail(c, &err);
    return false;
}

static void tenant_show(struct api_call *c)
{
    if (names_tenant(c) && may_see(c))
        api_read(c, show);
}

/* ---- writes ---- */

/* Whether the amount is given; if not, set it to 0. */
static bool given(uint64_t *amount)
{
    if (*amount != UINT64_MAX)
        return true;
    *amount = 0;
    return false;
}

static struct bx_cmd_tenant_set bounds_of(const struct bx_tenant_params *p)
{
    struct bx_cmd_tenant_set set = {.name = p->tenant, .quota = p->quota};

    set.vcpus = given(&set.quota.vcpus);
    set.memory_mib = given(&set.quota.memory_mib);
    set.disk_gib = given(&set.quota.disk_gib);
    set.vms = given(&set.quota.vms);
    return set;
}

static void tenant_create(struct api_call *c)
{
    struct bx_cmd_tenant_set bounds = bounds_of(c->params);
    struct bx_cmd_tenant_create body = {bounds.name, bounds.quota};

    if (names_tenant(c))
        api_write(c, BX_CMD_TENANT_CREATE, &body, bounds.name);
}

static void tenant_set(struct api_call *c)
{
    struct bx_cmd_tenant_set body = bounds_of(c->params);

    if (names_tenant(c))
        api_write(c, BX_CMD_TENANT_SET, &body, body.name);
}

static void tenant_delete(struct api_call *c)
{
    const struct bx_tenant_params *p = c->params;
    struct bx_cmd_tenant_delete body = {p->tenant};

    if (names_tenant(c))
        api_write(c, BX_CMD_TENANT_DELETE, &body, p->tenant);
}

/* Answer with the tenant as it is now, or with its name alone if it was deleted. */
static void written(struct api_call *c, const struct bx_outcome *o)
{
    const struct bx_tenant_params *p = c->params;
    struct bx_tenant t = {.name = p->tenant};
    struct bx_tenant_reply r;

    (void)o;
    (void)bx_view_tenant(api_view(c), p->tenant, &t, NULL);
    t.name = p->tenant;
    fill(api_view(c), &t, &r);
    api_reply(c, &bx_tenant_reply_schema, &r);
}

/* ---- the methods ---- */

const struct api_method api_tenant_create = {.run = tenant_create, .written = written};
const struct api_method api_tenant_list = {.run = tenant_list};
const struct api_method api_tenant_show = {.run = tenant_show};
const struct api_method api_tenant_set = {.run = tenant_set, .written = written};
const struct api_method api_tenant_delete = {.run = tenant_delete, .written = written};
