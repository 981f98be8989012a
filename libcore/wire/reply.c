#include "wire/reply.h"

#include "codec/header.h"
#include "model/vm.h"

#define F(member, typ, ...) BX_FIELD(bx_vm_reply, member, typ, __VA_ARGS__)
static const struct bx_field vm_fields[] = {
    F(name, BX_T_STR, .max = 255),
    F(uuid, BX_T_UUID),
    F(tenant, BX_T_STR, .max = 255),
    F(vcpus, BX_T_U32),
    F(memory_mib, BX_T_U64),
    F(disk_gib, BX_T_U64),
    F(desired, BX_T_ENUM, .names = bx_desired_names),
    F(phase, BX_T_ENUM, .names = bx_phase_names),
    F(node, BX_T_STR, .max = 255, .nil = true),
    F(epoch, BX_T_U64),
    F(priority, BX_T_U16),
    F(labels, BX_T_PAIRS, .max = BX_LABELS_MAX),
    F(created_index, BX_T_U64),
    F(modified_index, BX_T_U64),
    F(address, BX_T_STR, .max = 255, .nil = true),
    F(kernel, BX_T_STR, .max = BX_PATH_LEN_MAX),
    F(initrd, BX_T_STR, .max = BX_PATH_LEN_MAX),
    F(cmdline, BX_T_STR, .max = BX_CMDLINE_MAX),
    F(strategy, BX_T_ENUM, .names = bx_strategy_names),
    F(restart, BX_T_ENUM, .names = bx_restart_names),
    F(on_lost, BX_T_ENUM, .names = bx_on_lost_names),
    F(disk_ephemeral, BX_T_BOOL),
    F(created_ms, BX_T_U64),
    F(modified_ms, BX_T_U64),
    F(message, BX_T_STR, .max = 512),
    F(score, BX_T_U32),
};
const struct bx_schema bx_vm_reply_schema = BX_SCHEMA("vm", BX_KIND_VM, bx_vm_reply, vm_fields);

static const struct bx_field link_fields[] = {
    BX_FIELD(bx_link_reply, connections, BX_T_U64),
    BX_FIELD(bx_link_reply, refused, BX_T_U64),
    BX_FIELD(bx_link_reply, malformed, BX_T_U64),
    BX_FIELD(bx_link_reply, turned_away, BX_T_U64),
};
const struct bx_schema bx_link_reply_schema =
    BX_SCHEMA("link", BX_KIND_REPLY + BX_REPLY_LINK, bx_link_reply, link_fields);
static const struct bx_metric link_rows[] = {
    {"blixard_link_connections", NULL, BX_GAUGE, "connections between nodes"},
    {"blixard_link_refused_total", NULL, BX_COUNTER, "connections refused for what the hello said"},
    {"blixard_link_malformed_total", NULL, BX_COUNTER, "connections closed for what came"},
    {"blixard_link_turned_away_total", NULL, BX_COUNTER,
     "connections refused because a bound was reached, or by a host that is no member"},
};
BX_METRIC_EACH(link_fields, link_rows);
const struct bx_metric_set bx_link_metrics = {&bx_link_reply_schema, link_rows, NULL};
