/* tenant - the owner of VMs, and the quota for the sum of its VMs. */
#ifndef BX_TENANT_H
#define BX_TENANT_H

#include "codec/schema.h"
#include "err.h"

#define BX_TENANTS_MAX 4096u
#define BX_QUOTA_MAX (1ull << 50)
/* Always exists; has no quota until one is set. */
#define BX_TENANT_DEFAULT "default"

/* A quota, or the usage of one. In a quota, 0 means no bound. */
struct bx_quota {
    uint64_t vcpus, memory_mib, disk_gib, vms;
};
extern const struct bx_schema bx_quota_schema; /* a nested record */

/* Its fields, for a record that holds one as `member` of struct `strukt`. */
#define BX_QUOTA_FIELDS(strukt, member)                                                            \
    {.name = "vcpus", .type = BX_T_U64, .offset = offsetof(struct strukt, member.vcpus)},          \
        {.name = "memory_mib",                                                                     \
         .type = BX_T_U64,                                                                         \
         .offset = offsetof(struct strukt, member.memory_mib)},                                    \
        {.name = "disk_gib",                                                                       \
         .type = BX_T_U64,                                                                         \
         .offset = offsetof(struct strukt, member.disk_gib)},                                      \
    {                                                                                              \
        .name = "vms", .type = BX_T_U64, .offset = offsetof(struct strukt, member.vms)             \
    }

struct bx_tenant {
    struct bx_str name; /* DNS label, unique; views into the row */
    struct bx_quota quota;
    uint64_t created_index, modified_index;
};

/* Check name and quota. BX_INVALID with the command line's name of the field in the message. */
int bx_tenant_check(struct bx_str name, const struct bx_quota *quota, struct bx_err *err);
/* Check that `used` plus `more` is within the quota. BX_UNPLACEABLE with the missing amounts and a
 * hint. */
int bx_quota_room(const struct bx_tenant *t, const struct bx_quota *used,
                  const struct bx_quota *more, struct bx_err *err);
/* Check that the usage is within the quota. BX_CONFLICT with the amounts that exceed it. */
int bx_quota_covers(struct bx_str name, const struct bx_quota *quota, const struct bx_quota *used,
                    struct bx_err *err);

#endif
