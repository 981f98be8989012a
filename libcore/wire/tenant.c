#include "wire/command.h"

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

/* ---- replies ---- */

static const struct bx_field reply_fields[] = {
    BX_FIELD(bx_tenant_reply, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_tenant_reply, quota, BX_T_RECORD, .sub = &bx_quota_schema),
    BX_FIELD(bx_tenant_reply, usage, BX_T_RECORD, .sub = &bx_quota_schema),
    BX_FIELD(bx_tenant_reply, created_index, BX_T_U64),
    BX_FIELD(bx_tenant_reply, modified_index, BX_T_U64),
};
const struct bx_schema bx_tenant_reply_schema =
    BX_REPLY_SCHEMA("tenant", TENANT, bx_tenant_reply, reply_fields);

/* ---- methods ---- */

static void no_bounds(void *params)
{
    struct bx_tenant_params *p = params;

    p->quota = (struct bx_quota){UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
}

#define TENANT BX_FIELD(bx_tenant_params, tenant, BX_T_STR, .max = 255)
static const struct bx_field list_params_fields[] = {BX_PARAMS_LISTS};
static const struct bx_field show_params_fields[] = {TENANT, BX_PARAMS_READS};
static const struct bx_field delete_params_fields[] = {TENANT, BX_PARAMS_WRITES};
static const struct bx_field bounds_params_fields[] = {
    TENANT, BX_QUOTA_FIELDS(bx_tenant_params, quota), BX_PARAMS_WRITES};

BX_METHOD(TENANT_CREATE, tenant_create, bx_tenant_params, bounds_params_fields, tenant,
          .name = "tenant.create", .verb = "POST", .path = "/v1/tenants", .role = BX_RPC_ADMIN,
          .mutates = true, .defaults = no_bounds,
          .about = "Create a tenant. A limit that is 0 or not given is unlimited.");

BX_METHOD(TENANT_LIST, tenant_list, bx_plain_params, list_params_fields, tenant,
          .name = "tenant.list", .verb = "GET", .path = "/v1/tenants", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_TENANT, .key = "name", .about = "All tenants, sorted by name.");

BX_METHOD(TENANT_SHOW, tenant_show, bx_tenant_params, show_params_fields, tenant,
          .name = "tenant.show", .verb = "GET", .path = "/v1/tenants/{tenant}",
          .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .about = "One tenant, with its quota and the usage of its VMs.");

BX_METHOD(
    TENANT_SET, tenant_set, bx_tenant_params, bounds_params_fields, tenant, .name = "tenant.set",
    .verb = "PATCH", .path = "/v1/tenants/{tenant}", .role = BX_RPC_ADMIN, .mutates = true,
    .defaults = no_bounds,
    .about = "Change the limits that are given; 0 removes one. A limit cannot be below the usage.");

BX_METHOD(TENANT_DELETE, tenant_delete, bx_tenant_params, delete_params_fields, tenant,
          .name = "tenant.delete", .verb = "DELETE", .path = "/v1/tenants/{tenant}",
          .role = BX_RPC_ADMIN, .mutates = true,
          .about = "Delete a tenant that has no VMs. Only the name in the reply is meaningful.");
