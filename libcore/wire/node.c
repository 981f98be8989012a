#include "wire/command.h"

/* ---- commands ---- */

static const struct bx_field node_put_fields[] = {BX_NODE_INFO_FIELDS(0),
                                                  BX_NODE_INFO_LATER_FIELDS(0)};
const struct bx_schema bx_cmd_node_put_schema =
    BX_SCHEMA("node.put", BX_CMD_SCHEMA(NODE_PUT), bx_node_info, node_put_fields);

static const struct bx_field node_state_fields[] = {
    BX_FIELD(bx_cmd_node_state, id, BX_T_U64),
    BX_FIELD(bx_cmd_node_state, state, BX_T_ENUM, .names = bx_node_state_names),
    BX_FIELD(bx_cmd_node_state, dated, BX_T_BOOL, .omit = true, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_node_state, low, BX_T_ENUM, .names = bx_disk_space_names, .omit = true,
             .since = 2, .droppable = true),
};
const struct bx_schema bx_cmd_node_state_schema =
    BX_SCHEMA("node.state", BX_CMD_SCHEMA(NODE_STATE), bx_cmd_node_state, node_state_fields);

static const struct bx_field member_join_fields[] = {
    BX_FIELD(bx_cmd_member_join, secret_hash, BX_T_UUID, .secret = true),
    BX_NODE_INFO_FIELDS(offsetof(struct bx_cmd_member_join, node)),
    BX_NODE_INFO_FIELD(offsetof(struct bx_cmd_member_join, node), pin, BX_T_BYTES, .max = BX_PIN,
                       .omit = true, .since = 3),
};
const struct bx_schema bx_cmd_member_join_schema =
    BX_SCHEMA("member.join", BX_CMD_SCHEMA(MEMBER_JOIN), bx_cmd_member_join, member_join_fields);

static const struct bx_field remove_fields[] = {
    BX_FIELD(bx_cmd_node_remove, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_node_remove, confirm_dead, BX_T_BOOL),
    BX_FIELD(bx_cmd_node_remove, id, BX_T_U64, .omit = true, .since = 2, .droppable = true),
};
const struct bx_schema bx_cmd_node_remove_schema =
    BX_SCHEMA("node.remove", BX_CMD_SCHEMA(NODE_REMOVE), bx_cmd_node_remove, remove_fields);

const char *const bx_repair_names[] = {"identity", "vote", "mark", "trust",
                                       "state.db", "log",  NULL};
_Static_assert(sizeof bx_repair_names / sizeof bx_repair_names[0] == BX__REPAIRS + 1,
               "each is named");

static const struct bx_field repaired_fields[] = {
    BX_FIELD(bx_cmd_node_repaired, id, BX_T_U64),
    BX_FIELD(bx_cmd_node_repaired, what, BX_T_ENUM, .names = bx_repair_names),
};
const struct bx_schema bx_cmd_node_repaired_schema =
    BX_SCHEMA("node.repaired", BX_CMD_SCHEMA(NODE_REPAIRED), bx_cmd_node_repaired, repaired_fields);

/* ---- replies ---- */

const char *const bx_shown_state_names[] = {"up",          "suspect",     "down", "draining",
                                            "maintenance", "unreachable", NULL};
_Static_assert(BX_SHOWN_UNREACHABLE == BX_NODE_MAINTENANCE + 1, "it follows the states of a row");

static const struct bx_field resources_fields[] = {
    BX_FIELD(bx_resources, vcpus, BX_T_U64),
    BX_FIELD(bx_resources, memory_mib, BX_T_U64),
    BX_FIELD(bx_resources, disk_gib, BX_T_U64),
};
static const struct bx_schema resources_schema =
    BX_SCHEMA("resources", 0, bx_resources, resources_fields);

#define F(member, typ, ...) BX_FIELD(bx_node_reply, member, typ, __VA_ARGS__)
static const struct bx_field node_fields[] = {
    F(id, BX_T_U64),
    F(name, BX_T_STR, .max = 255),
    F(address, BX_T_STR, .max = BX_ADDRESS_MAX),
    F(api, BX_T_STR, .max = BX_ADDRESS_MAX),
    F(state, BX_T_ENUM, .names = bx_shown_state_names),
    F(role, BX_T_ENUM, .names = bx_role_names),
    F(capacity, BX_T_RECORD, .sub = &resources_schema),
    F(reserve, BX_T_RECORD, .sub = &resources_schema),
    F(allocated, BX_T_RECORD, .sub = &resources_schema),
    F(driver, BX_T_STR, .max = 63),
    F(datacenter, BX_T_STR, .max = 255),
    F(zone, BX_T_STR, .max = 255),
    F(rack, BX_T_STR, .max = 255),
    F(vms, BX_T_U64),
    F(created_index, BX_T_U64),
    F(modified_index, BX_T_U64),
    F(state_since_ms, BX_T_U64, .omit = true, .since = 2),
    F(overcommit_vcpus_pct, BX_T_U32, .omit = true, .since = 2),
    F(overcommit_memory_pct, BX_T_U32, .omit = true, .since = 2),
    F(space, BX_T_ENUM, .names = bx_disk_space_names, .omit = true, .since = 2),
};
#undef F
const struct bx_schema bx_node_reply_schema =
    BX_REPLY_SCHEMA("node", NODE, bx_node_reply, node_fields);

static const struct bx_field removed_fields[] = {BX_FIELD(bx_removed_reply, node, BX_T_U64)};
const struct bx_schema bx_removed_reply_schema =
    BX_REPLY_SCHEMA("removed", REMOVED, bx_removed_reply, removed_fields);

/* ---- methods ---- */

#define NODE BX_FIELD(bx_node_params, node, BX_T_STR, .max = 255)
static const struct bx_field list_params_fields[] = {BX_PARAMS_LISTS};
static const struct bx_field show_params_fields[] = {NODE, BX_PARAMS_READS};
static const struct bx_field remove_params_fields[] = {
    NODE, BX_FIELD(bx_node_params, confirm_dead, BX_T_BOOL), BX_PARAMS_WRITES};

BX_METHOD(NODE_LIST, node_list, bx_plain_params, list_params_fields, node, .name = "node.list",
          .verb = "GET", .path = "/v1/nodes", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_SHARED,
          .key = "id", .about = "All nodes, sorted by id.");
BX_METHOD(NODE_SHOW, node_show, bx_node_params, show_params_fields, node, .name = "node.show",
          .verb = "GET", .path = "/v1/nodes/{node}", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_SHARED, .about = "One node, by name or id.");
BX_METHOD(NODE_REMOVE, node_remove, bx_node_params, remove_params_fields, removed,
          .name = "node.remove", .verb = "DELETE", .path = "/v1/nodes/{node}", .role = BX_RPC_ADMIN,
          .mutates = true,
          .about = "Remove a node that is down. One that has VMs requires `confirm_dead`; the VMs "
                   "become failed.");
