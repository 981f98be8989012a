/* kind_tenant - the tenants: their rows, and the usage of their VMs, which is derived. */
#include "state/tenant.h"

#include "mem/alloc.h"
#include "mutant.h"
#include "state/rows.h"

static const struct bx_field tenant_fields[] = {
    BX_FIELD(bx_tenant, name, BX_T_STR, .max = 255),
    BX_QUOTA_FIELDS(bx_tenant, quota),
    BX_FIELD(bx_tenant, created_index, BX_T_U64),
    BX_FIELD(bx_tenant, modified_index, BX_T_U64),
};
static const struct bx_schema tenant_schema =
    BX_SCHEMA("tenant row", 204, bx_tenant, tenant_fields);

static const struct bx_column tenant_columns[] = {
    BX_COLUMN(name, TEXT, bx_tenant, name, .key = true, .open = true),
    BX_COLUMN(quota_vcpus, U64, bx_tenant, quota.vcpus, .open = true),
    BX_COLUMN(quota_memory_mib, U64, bx_tenant, quota.memory_mib, .open = true),
    BX_COLUMN(quota_disk_gib, U64, bx_tenant, quota.disk_gib, .open = true),
    BX_COLUMN(quota_vms, U64, bx_tenant, quota.vms, .open = true),
    BX_COLUMN(created_index, U64, bx_tenant, created_index, .open = true),
    BX_COLUMN(modified_index, U64, bx_tenant, modified_index, .open = true),
};

/* ---- usage ---- */

struct usage { /* of a tenant that has VMs */
    const struct bx_istr *name;
    struct bx_quota used;
};

static bool is_name(const void *item, const void *key)
{
    const struct usage *u = item;

    return bx_str_eq((struct bx_str){u->name->s, u->name->len}, *(const struct bx_str *)key);
}

static struct usage *find_usage(const struct bx_view *v, struct bx_str name)
{
    const struct bx_map *usages = v->derived[BX_TABLE_TENANT];

    return usages == NULL ? NULL : bx_map_get(usages, bx_hash(name.p, name.n), is_name, &name);
}

static struct usage *add_usage(struct bx_view *v, const struct bx_istr *name)
{
    struct usage *u = bx_must_calloc(1, sizeof *u);

    if (v->derived[BX_TABLE_TENANT] == NULL)
        v->derived[BX_TABLE_TENANT] = bx_must_calloc(1, sizeof(struct bx_map));
    bx_intern_ref(v->home.intern, name);
    u->name = name;
    bx_must_ok(bx_map_add(v->derived[BX_TABLE_TENANT], name->hash, u));
    return u;
}

static void drop_usage(struct bx_view *v, struct usage *u)
{
    bx_map_remove(v->derived[BX_TABLE_TENANT], u->name->hash, u);
    bx_intern_release(v->home.intern, u->name);
    bx_free(u);
}

/* Add (sign 1) or subtract (-1) a VM's resources. */
static void account(struct bx_view *v, const struct bx_vm *vm, int sign)
{
    struct usage *u = find_usage(v, (struct bx_str){vm->tenant->s, vm->tenant->len});
    uint64_t times = (uint64_t)(int64_t)sign;

    if (u == NULL)
        u = add_usage(v, vm->tenant);
    u->used.vcpus += times * vm->config->vcpus;
    u->used.memory_mib += times * vm->config->memory_mib;
    u->used.disk_gib += times * vm->config->disk_gib;
    u->used.vms += times;
    if (u->used.vms == 0)
        drop_usage(v, u);
}

static void watched(struct bx_view *v, const struct bx_row *old, const struct bx_row *with)
{
    const struct bx_vm *a = old == NULL ? NULL : bx_row_as_vm(old);
    const struct bx_vm *b = with == NULL ? NULL : bx_row_as_vm(with);

    if (a != NULL && b != NULL && a->tenant == b->tenant && a->config == b->config)
        return; /* the common case: the resources are unchanged */
    if (b != NULL)
        account(v, b, 1);
    if (a != NULL)
        account(v, a, -1);
}

static void close_usage(struct bx_view *v)
{
    struct bx_map *usages = v->derived[BX_TABLE_TENANT];
    struct usage *u;
    size_t pos = 0;

    if (usages == NULL)
        return;
    while ((u = bx_map_next(usages, &pos)) != NULL) {
        bx_intern_release(v->home.intern, u->name);
        bx_free(u);
    }
    bx_map_close(usages);
    bx_free(usages);
}

/* ---- lookup ---- */

static const struct bx_tenant default_tenant = {.name = {BX_TENANT_DEFAULT, 7}};
_Static_assert(sizeof BX_TENANT_DEFAULT == 8, "the length of its name");

int bx_view_tenant(const struct bx_view *v, struct bx_str name, struct bx_tenant *out,
                   struct bx_err *err)
{
    const struct bx_tenant *t = bx_view_get(v, BX_TABLE_TENANT, &name);

    if (t == NULL && bx_str_eq(name, default_tenant.name))
        t = &default_tenant;
    if (t != NULL) {
        *out = *t;
        return BX_OK;
    }
    bx_err_set(err, BX_NOT_FOUND, "no tenant \"%.*s\"", (int)(name.n > 80 ? 80 : name.n), name.p);
    bx_err_hint(err, "blixardctl tenant list shows the tenants");
    return BX_NOT_FOUND;
}

struct bx_quota bx_view_usage(const struct bx_view *v, struct bx_str name)
{
    const struct usage *u = find_usage(v, name);

    return u == NULL ? (struct bx_quota){0} : u->used;
}

const struct bx_tenant *bx_view_tenant_after(const struct bx_view *v, struct bx_str name)
{
    struct bx_index_place at = bx_view_after(v, BX_TABLE_TENANT, &name);
    const struct bx_tenant *t = bx_view_step(v, BX_TABLE_TENANT, &at), *d = &default_tenant;

    if (bx_kind_compare(&bx_kind_tenant, &d->name, &name) > 0 &&
        (t == NULL || bx_kind_compare(&bx_kind_tenant, &d->name, &t->name) < 0))
        return d;
    return t;
}

/* ---- the kind ---- */

/* Its tenant exists and has room for it: BX_OK, BX_NOT_FOUND or BX_UNPLACEABLE. */
static int admit(const struct bx_view *v, const struct bx_vm_config *config, struct bx_err *err)
{
    struct bx_quota more = {config->vcpus, config->memory_mib, config->disk_gib, 1}, used;
    struct bx_tenant t;
    int rc = bx_view_tenant(v, config->tenant, &t, err);

    if (rc != BX_OK || BX_MUTATED(QUOTA_IGNORED))
        return rc;
    used = bx_view_usage(v, config->tenant);
    return bx_quota_room(&t, &used, &more, err);
}

BX_KIND(tenant, bx_tenant, BX_KEY_NAME, name, "tenants", .ordered = true,
        .sql_suffix = " WITHOUT ROWID", .watches = BX_TABLE_VM, .watched = watched, .admit = admit,
        .close = close_usage, .tenant_column = "name");
