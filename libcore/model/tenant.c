#include "model/tenant.h"

#include "model/vm.h"

#include <stdio.h>

static const struct bx_field quota_fields[] = {
    BX_FIELD(bx_quota, vcpus, BX_T_U64),
    BX_FIELD(bx_quota, memory_mib, BX_T_U64),
    BX_FIELD(bx_quota, disk_gib, BX_T_U64),
    BX_FIELD(bx_quota, vms, BX_T_U64),
};
const struct bx_schema bx_quota_schema = BX_SCHEMA("quota", 0, bx_quota, quota_fields);

/* The amounts of a quota: the flag, and the unit in messages. */
static const struct {
    size_t offset;
    const char *flag, *unit;
} bounds[] = {
    {offsetof(struct bx_quota, vcpus), "--quota-vcpus", "vcpus"},
    {offsetof(struct bx_quota, memory_mib), "--quota-memory", "MiB of memory"},
    {offsetof(struct bx_quota, disk_gib), "--quota-disk", "GiB of disk"},
    {offsetof(struct bx_quota, vms), "--quota-vms", "VMs"},
};
#define BOUNDS (sizeof bounds / sizeof bounds[0])
_Static_assert(BOUNDS * sizeof(uint64_t) == sizeof(struct bx_quota), "each amount has a bound");

static uint64_t amount(const struct bx_quota *q, size_t i)
{
    return *(const uint64_t *)(const void *)((const char *)q + bounds[i].offset);
}

int bx_tenant_check(struct bx_str name, const struct bx_quota *quota, struct bx_err *err)
{
    int rc = bx_name_check(name, "tenant", err);

    for (size_t i = 0; rc == BX_OK && i < BOUNDS; i++) {
        if (amount(quota, i) <= BX_QUOTA_MAX)
            continue;
        rc = bx_err_set(err, BX_INVALID, "%s: must be at most %llu", bounds[i].flag, BX_QUOTA_MAX);
        bx_err_hint(err, "omit it, or use 0, for no bound");
    }
    return rc;
}

/* Write the amounts by which used plus more exceeds the quota, such as "2 vcpus, 512 MiB of
 * memory"; false if nothing exceeds it. */
static bool beyond(const struct bx_quota *quota, const struct bx_quota *used,
                   const struct bx_quota *more, char *text, size_t size)
{
    size_t n = 0;

    text[0] = '\0';
    for (size_t i = 0; i < BOUNDS; i++) {
        uint64_t needs = amount(used, i) + (more == NULL ? 0 : amount(more, i));

        if (amount(quota, i) == 0 || needs <= amount(quota, i))
            continue;
        n += (size_t)snprintf(text + n, size - n, "%s%llu %s", n > 0 ? ", " : "",
                              (unsigned long long)(needs - amount(quota, i)), bounds[i].unit);
        if (n >= size)
            break;
    }
    return n > 0;
}

int bx_quota_room(const struct bx_tenant *t, const struct bx_quota *used,
                  const struct bx_quota *more, struct bx_err *err)
{
    char text[160];

    if (!beyond(&t->quota, used, more, text, sizeof text))
        return BX_OK;
    bx_err_set(err, BX_UNPLACEABLE, "tenant \"" BX_STR_FMT "\": quota exceeded by %s",
               BX_STR_ARG(t->name), text);
    bx_err_hint(err,
                "raise it with blixardctl tenant set " BX_STR_FMT ", or delete some of its VMs",
                BX_STR_ARG(t->name));
    return BX_UNPLACEABLE;
}

int bx_quota_covers(struct bx_str name, const struct bx_quota *quota, const struct bx_quota *used,
                    struct bx_err *err)
{
    char text[160];

    if (!beyond(quota, used, NULL, text, sizeof text))
        return BX_OK;
    bx_err_set(err, BX_CONFLICT, "tenant \"" BX_STR_FMT "\": its VMs exceed this quota by %s",
               BX_STR_ARG(name), text);
    bx_err_hint(err, "blixardctl tenant show " BX_STR_FMT " shows the usage", BX_STR_ARG(name));
    return BX_CONFLICT;
}
