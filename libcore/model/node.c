#include "model/node.h"

#include "model/vm.h"

const char *const bx_node_state_names[] = {"up",       "suspect",     "down",
                                           "draining", "maintenance", NULL};
const char *const bx_disk_space_names[] = {"ok", "low", "full", NULL};
const char *const bx_role_names[] = {"voter", "standby", "agent", NULL};

static const struct bx_field fields[] = {BX_NODE_INFO_FIELDS(0), BX_NODE_INFO_LATER_FIELDS(0)};
const struct bx_schema bx_node_info_schema = BX_SCHEMA("node", 2, bx_node_info, fields);

#define NODE_VCPUS_MAX 65536u
#define NODE_MEMORY_MIB_MAX (1ull << 30) /* 1 PiB */
#define NODE_DISK_GIB_MAX (1ull << 30)   /* 1 EiB */

static int refuse(struct bx_err *err, const char *field, const char *what)
{
    bx_err_set(err, BX_INVALID, "node: %s: %s", field, what);
    bx_err_hint(err, "check the node's command line and configuration file");
    return BX_INVALID;
}

static bool overcommit_ok(uint32_t pct)
{
    return pct >= BX_OVERCOMMIT_MIN && pct <= BX_OVERCOMMIT_MAX;
}

const struct bx_istr *bx_member_status(bool leads, bool votes, bool leader_known)
{
    if (leads)
        return &bx_status_leader;
    if (!votes)
        return &bx_status_learner;
    return leader_known ? &bx_status_follower : &bx_status_candidate;
}

const struct bx_istr *bx_daemon_status(uint64_t applied, uint64_t committed)
{
    return applied < committed ? &bx_status_initializing : &bx_status_ready;
}

int bx_node_info_check(const struct bx_node_info *n, struct bx_err *err)
{
    int rc = bx_name_check(n->name, "node name", err);

    if (rc != BX_OK)
        return rc;
    if (n->address.n == 0)
        return refuse(err, "address", "is missing");
    if (n->vcpus > NODE_VCPUS_MAX || n->memory_mib > NODE_MEMORY_MIB_MAX ||
        n->disk_gib > NODE_DISK_GIB_MAX)
        return refuse(err, "capacity", "exceeds the supported maximum");
    if (n->reserve_vcpus > n->vcpus || n->reserve_memory_mib > n->memory_mib ||
        n->reserve_disk_gib > n->disk_gib)
        return refuse(err, "reserve", "exceeds the capacity");
    if (n->pin.n != 0 && n->pin.n != BX_PIN)
        return refuse(err, "pin", "is not the SHA-256 of a key");
    if (n->public_key.n != 0 && n->public_key.n != BX_PUBLIC_KEY)
        return refuse(err, "public_key", "is not a key on P-256");
    if (!overcommit_ok(n->overcommit_vcpus_pct) || !overcommit_ok(n->overcommit_memory_pct))
        return refuse(err, "overcommit", "must be 10 to 6400 percent");
    return BX_OK;
}
