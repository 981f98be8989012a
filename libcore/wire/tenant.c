#include "codec/header.h"
#include "wire/command.h"
#include "wire/params.h"
#include "wire/reply.h"

/* ---- commands ---- */

static const struct bx_field create_fields[] = {
    BX_FIELD(bx_cmd_tenant_create, name, BX_T_STR, .max = 255),
    BX_QUOTA_FIELDS(bx_cmd_tenant_create, quota),
};
const struct bx_schema bx_cmd_tenant_create_schema =
    BX_SCHEMA("tenant.create", BX_CMD_SCHEMA(TENANT_CREATE), bx_cmd_tenant_create, create_fields);

#define SETS(amount)                                                                               \
    {                                                                                              \
        .name = "set_" #amount, .type = BX_T_BOOL,                                                 \
        .offset = offsetof(struct bx_cmd_tenant_set, amount)                                       \
    }
static const struct bx_field set_fields[] = {
    BX_FIELD(bx_cmd_tenant_set, name, BX_T_STR, .max = 255),
    BX_QUOTA_FIELDS(bx_cmd_tenant_set, quota),
    SETS(vcpus),
    SETS(memory_mib),
    SETS(disk_gib),
    SETS(vms),
};
const struct bx_schema bx_cmd_tenant_set_schema =
    BX_SCHEMA("tenant.set", BX_CMD_SCHEMA(TENANT_SET), bx_cmd_tenant_set, set_fields);

static const struct bx_field delete_fields[] = {
    BX_FIELD(bx_cmd_tenant_delete, name, BX_T_STR, .max = 255),
};
const struct bx_schema bx_cmd_tenant_delete_schema =
    BX_SCHEMA("tenant.delete", BX_CMD_SCHEMA(TENANT_DELETE), bx_cmd_tenant_delete, delete_fields);

/* ---- the API ---- */

void bx_tenant_defaults(void *params)
{
    struct bx_tenant_params *p = params;

    p->quota = (struct bx_quota){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
}

static const struct bx_field reply_fields[] = {
    BX_FIELD(bx_tenant_reply, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_tenant_reply, quota, BX_T_RECORD, .sub = &bx_quota_schema),
    BX_FIELD(bx_tenant_reply, usage, BX_T_RECORD, .sub = &bx_quota_schema),
    BX_FIELD(bx_tenant_reply, created_index, BX_T_U64),
    BX_FIELD(bx_tenant_reply, modified_index, BX_T_U64),
};
const struct bx_schema bx_tenant_reply_schema =
    BX_SCHEMA("tenant", BX_KIND_REPLY + BX_REPLY_TENANT, bx_tenant_reply, reply_fields);
