/* name - the few names that clients use, by their numbers.
 *
 * Where names are unique per tenant from the beginning, two tenants use the same ones: 0 and 1 are
 * vm-0 of either, 2 and 3 are vm-1. */
#include "sim/client.h"

#include <string.h>

static bool are_shared(const struct sim *s)
{
    return sim_first_level(s) >= 3;
}

struct sim_name sim_name_of(const struct sim *s, unsigned number)
{
    struct sim_name name = {.tenant = bx_str(BX_TENANT_DEFAULT)};

    if (are_shared(s) && number % 2 == 1)
        name.tenant = bx_str(SIM_TENANT);
    snprintf(name.vm, sizeof name.vm, "vm-%u", are_shared(s) ? number / 2 : number);
    return name;
}

unsigned sim_name_number(const struct sim *s, struct bx_str vm, struct bx_str tenant,
                         unsigned names)
{
    for (unsigned i = 0; i < names; i++) {
        struct sim_name name = sim_name_of(s, i);

        if (bx_str_eq(bx_str(name.vm), vm) && bx_str_eq(name.tenant, tenant))
            return i;
    }
    return names;
}

unsigned sim_name_of_event(const struct sim *s, const struct bx_event *e)
{
    struct bx_str tenant = e->tenant.n > 0 ? e->tenant : bx_str(BX_TENANT_DEFAULT);

    return sim_name_number(s, e->object, tenant, sim_client_names(s));
}
