#include "wire/proto.h"

#include <string.h>

const char *const bx_rpc_role_names[] = {"any", "viewer", "operator", "admin", NULL};

const char *const bx_rpc_scope_names[] = {"cluster", "tenant", "shared", NULL};

#define BX_METHOD_ROW(upper, lower) [BX_M_##upper] = &bx_method_##lower,
const struct bx_method_info *const bx_methods[BX__METHODS] = {BX_METHODS(BX_METHOD_ROW)};

enum bx_method bx_method_find(const char *name, size_t n)
{
    for (int m = 0; m < BX__METHODS; m++) {
        if (strlen(bx_methods[m]->name) == n && memcmp(bx_methods[m]->name, name, n) == 0)
            return (enum bx_method)m;
    }
    return BX__METHODS;
}
