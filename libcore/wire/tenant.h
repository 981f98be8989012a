/* tenant - the commands about tenants. */
#ifndef BX_WIRE_TENANT_H
#define BX_WIRE_TENANT_H

#include "model/tenant.h"

struct bx_cmd_tenant_create {
    struct bx_str name;
    struct bx_quota quota;
};
struct bx_cmd_tenant_set {
    struct bx_str name;
    struct bx_quota quota;
    bool vcpus, memory_mib, disk_gib, vms; /* which of its amounts are to be set */
};
struct bx_cmd_tenant_delete {
    struct bx_str name;
};

#endif
