/* tenant - commands, parameters and replies for tenants. */
#ifndef BX_WIRE_TENANT_H
#define BX_WIRE_TENANT_H

#include "model/tenant.h"
#include "wire/params.h"

struct bx_cmd_tenant_create {
    struct bx_str name;
    struct bx_quota quota;
};
struct bx_cmd_tenant_set {
    struct bx_str name;
    struct bx_quota quota;
    bool vcpus, memory_mib, disk_gib, vms; /* which amounts to set */
};
struct bx_cmd_tenant_delete {
    struct bx_str name;
};

struct bx_tenant_params {
    struct bx_common common;
    struct bx_str tenant;
    struct bx_quota quota; /* UINT64_MAX: not given */
};

/* A tenant and the usage of its VMs. */
struct bx_tenant_reply {
    struct bx_str name;
    struct bx_quota quota, usage;
    uint64_t created_index, modified_index; /* 0: default, if it was never set */
};
extern const struct bx_schema bx_tenant_reply_schema;

#endif
