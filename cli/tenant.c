/* tenant - the commands about tenants and their quotas. */
#include "result.h"

#include <stdio.h>

static int tenant_create(struct run *r);
static int tenant_list(struct run *r);
static int tenant_show(struct run *r);
static int tenant_set(struct run *r);
static int tenant_delete(struct run *r);

#define QUOTA_MAX 1000000000000000u

static const struct flag quota_flags[] = {
    {.name = "quota-vcpus", .value = "N", .help = "vcpus of all its VMs; 0 for unlimited"},
    {.name = "quota-memory", .value = "SIZE", .help = "memory of all its VMs; 0 for unlimited"},
    {.name = "quota-disk", .value = "SIZE", .help = "disk of all its VMs; 0 for unlimited"},
    {.name = "quota-vms", .value = "N", .help = "number of its VMs; 0 for unlimited"},
    {0},
};

static const struct column tenant_columns[] = {
    {.title = "NAME", .key = "name"},
    {.title = "VMS", .key = "usage.vms", .format = VALUE_NUMBER},
    {.title = "MAX VMS", .key = "quota.vms", .format = VALUE_LIMIT},
    {.title = "VCPUS", .key = "usage.vcpus", .format = VALUE_NUMBER},
    {.title = "MAX VCPUS", .key = "quota.vcpus", .format = VALUE_LIMIT},
    {.title = "MEMORY", .key = "usage.memory_mib", .format = VALUE_MIB},
    {.title = "MAX MEMORY", .key = "quota.memory_mib", .format = VALUE_LIMIT_MIB},
    {.title = "DISK", .key = "usage.disk_gib", .format = VALUE_GIB},
    {.title = "MAX DISK", .key = "quota.disk_gib", .format = VALUE_LIMIT_GIB},
    {0},
};

const struct command tenant_commands[] = {
    {.name = "tenant create",
     .arguments = {{.name = "NAME"}},
     .help = "create a tenant",
     .flags = quota_flags,
     .columns = tenant_columns,
     .request_id = true,
     .run = tenant_create},
    {.name = "tenant list",
     .help = "list all tenants with their quotas",
     .columns = tenant_columns,
     .watch = true,
     .run = tenant_list},
    {.name = "tenant show",
     .arguments = {{.name = "NAME", .completes = "tenant"}},
     .help = "show the quota and the usage of one tenant",
     .columns = tenant_columns,
     .watch = true,
     .run = tenant_show},
    {.name = "tenant set",
     .arguments = {{.name = "NAME", .completes = "tenant"}},
     .help = "change the given quotas",
     .flags = quota_flags,
     .columns = tenant_columns,
     .request_id = true,
     .run = tenant_set},
    {.name = "tenant delete",
     .arguments = {{.name = "NAME", .completes = "tenant"}},
     .help = "delete a tenant that has no VMs",
     .columns = tenant_columns,
     .request_id = true,
     .run = tenant_delete},
    {0},
};

static int tenant_list(struct run *r)
{
    return result_print_list(r, "tenant.list");
}

static int tenant_show(struct run *r)
{
    return result_print_read(r, "tenant.show", "tenant");
}

/* ---- writes ---- */

static int add_number(struct run *r, struct params *p, const char *flag, const char *key)
{
    uint64_t n = 0;
    int rc = args_number(&r->args, flag, 0, QUOTA_MAX, &n, &r->err);

    if (rc == BX_OK && args_has(&r->args, flag))
        params_u64(p, key, n);
    return rc;
}

static int add_size(struct run *r, struct params *p, const char *flag, uint64_t unit,
                    const char *key)
{
    uint64_t n = 0;
    int rc = args_size(&r->args, flag, unit, &n, &r->err);

    if (rc == BX_OK && args_has(&r->args, flag))
        params_u64(p, key, n);
    return rc;
}

static int add_quota(struct run *r, struct params *p)
{
    int rc = add_number(r, p, "quota-vcpus", "vcpus");

    if (rc == BX_OK)
        rc = add_size(r, p, "quota-memory", 1 << 20, "memory_mib");
    if (rc == BX_OK)
        rc = add_size(r, p, "quota-disk", 1 << 30, "disk_gib");
    return rc == BX_OK ? add_number(r, p, "quota-vms", "vms") : rc;
}

static int write_tenant(struct run *r, const char *method, bool quota, const char *done)
{
    struct params p = {0};
    bx_val result;
    int rc = quota ? add_quota(r, &p) : BX_OK;

    params_str(&p, "tenant", r->arguments[0]);
    if (rc == BX_OK)
        rc = run_write_params(r, &p);
    if (rc == BX_OK)
        rc = run_call(r, method, &p, &result);
    params_close(&p);
    if (rc != BX_OK)
        return run_fail(r);
    if (!result_is_for_people(r))
        return result_print(r, result);
    if (!r->quiet)
        printf("tenant %s %s\n", r->arguments[0], done);
    return 0;
}

static int tenant_create(struct run *r)
{
    return write_tenant(r, "tenant.create", true, "created");
}

static bool has_bound(const struct args *a)
{
    for (const struct flag *f = quota_flags; f->name != NULL; f++) {
        if (args_has(a, f->name))
            return true;
    }
    return false;
}

static int tenant_set(struct run *r)
{
    if (!has_bound(&r->args))
        return run_fail_with(r, BX_INVALID, "blixardctl help tenant set lists the flags",
                             "tenant set: no quota given");
    return write_tenant(r, "tenant.set", true, "changed");
}

static int tenant_delete(struct run *r)
{
    return write_tenant(r, "tenant.delete", false, "deleted");
}
