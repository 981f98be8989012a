/* fsm_tenant - the commands about tenants. A quota is never set below the current usage, so it
 * holds from the moment it is set. */
#include "state/fsm_priv.h"
#include "state/tenant.h"
#include "state/user.h"

static int put(struct bx_fsm *f, struct bx_tenant *d, enum bx_event_type type, struct bx_err *err)
{
    struct bx_row *before = bx_view_row(&f->view, BX_TABLE_TENANT, &d->name), *after;
    struct bx_quota used = bx_view_usage(&f->view, d->name);
    struct bx_str name;
    int rc = bx_tenant_check(d->name, &d->quota, err);

    if (rc == BX_OK)
        rc = bx_quota_covers(d->name, &d->quota, &used, err);
    if (rc == BX_OK && before == NULL &&
        bx_view_count(&f->view, BX_TABLE_TENANT) >= BX_TENANTS_MAX) {
        rc = bx_err_set(err, BX_BUSY, "there are %u tenants, the maximum", BX_TENANTS_MAX);
        bx_err_hint(err, "delete one that has no VMs");
    }
    if (rc != BX_OK)
        return rc;
    d->modified_index = bx_call_revision(f);
    if (before == NULL)
        d->created_index = d->modified_index;
    after = bx_row_make(&f->view.home, BX_TABLE_TENANT, d);
    bx_fsm_change(f, before, after);
    name = ((const struct bx_tenant *)bx_row_object(after))->name;
    bx_call_event_of(f, name, type, name, bx_str(""), bx_str(""));
    return BX_OK;
}

int bx_fsm_tenant_create(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_tenant_create *b = &c->body->tenant_create;
    struct bx_tenant d;

    if (bx_view_tenant(&f->view, b->name, &d, NULL) == BX_OK) {
        bx_err_set(c->err, BX_EXISTS, "a tenant named \"" BX_STR_FMT "\" exists",
                   BX_STR_ARG(b->name));
        bx_err_hint(c->err, "blixardctl tenant set " BX_STR_FMT " changes its quota",
                    BX_STR_ARG(b->name));
        return BX_EXISTS;
    }
    d = (struct bx_tenant){.name = b->name, .quota = b->quota};
    return put(f, &d, BX_EVENT_TENANT_CREATED, c->err);
}

int bx_fsm_tenant_set(struct bx_fsm *f, struct bx_call *c)
{
    const struct bx_cmd_tenant_set *b = &c->body->tenant_set;
    struct bx_quota was;
    struct bx_tenant d;
    int rc = bx_view_tenant(&f->view, b->name, &d, c->err);

    if (rc != BX_OK)
        return rc;
    was = d.quota;
    if (b->vcpus)
        d.quota.vcpus = b->quota.vcpus;
    if (b->memory_mib)
        d.quota.memory_mib = b->quota.memory_mib;
    if (b->disk_gib)
        d.quota.disk_gib = b->quota.disk_gib;
    if (b->vms)
        d.quota.vms = b->quota.vms;
    if (memcmp(&was, &d.quota, sizeof was) == 0) {
        c->out->existed = true;
        return BX_OK;
    }
    return put(f, &d, BX_EVENT_TENANT_UPDATED, c->err);
}

static int check_unused(struct bx_fsm *f, struct bx_str name, struct bx_err *err)
{
    struct bx_quota used = bx_view_usage(&f->view, name);
    uint32_t users = bx_view_users_of(&f->view, name);

    if (used.vms > 0) {
        bx_err_set(err, BX_CONFLICT, "tenant \"" BX_STR_FMT "\" has %llu VMs", BX_STR_ARG(name),
                   (unsigned long long)used.vms);
        bx_err_hint(err, "delete them first: blixardctl vm list");
        return BX_CONFLICT;
    }
    if (users > 0) {
        bx_err_set(err, BX_CONFLICT, "tenant \"" BX_STR_FMT "\" has %u users", BX_STR_ARG(name),
                   users);
        bx_err_hint(err, "delete them first: blixardctl user list");
        return BX_CONFLICT;
    }
    return BX_OK;
}

int bx_fsm_tenant_delete(struct bx_fsm *f, struct bx_call *c)
{
    struct bx_str name = c->body->tenant_delete.name;
    struct bx_row *row = bx_view_row(&f->view, BX_TABLE_TENANT, &name);
    struct bx_tenant t;
    int rc = bx_view_tenant(&f->view, name, &t, c->err);

    if (rc != BX_OK)
        return rc;
    if (bx_str_eq(name, bx_str(BX_TENANT_DEFAULT))) {
        bx_err_set(c->err, BX_CONFLICT, "tenant \"" BX_TENANT_DEFAULT "\" always exists");
        bx_err_hint(c->err,
                    "0 removes a bound: blixardctl tenant set " BX_TENANT_DEFAULT " --quota-vms 0");
        return BX_CONFLICT;
    }
    rc = check_unused(f, name, c->err);
    if (rc != BX_OK)
        return rc;
    bx_call_event_of(f, t.name, BX_EVENT_TENANT_DELETED, t.name, bx_str(""), bx_str(""));
    bx_fsm_change(f, row, NULL);
    return BX_OK;
}
