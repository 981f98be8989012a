#include "wire/reply.h"

#include "codec/header.h"
#include "model/node.h"
#include "model/vm.h"
#include "wire/event.h"

#define RECORD(schema) .sub = (schema)
#define SCHEMA(name, KIND, strukt, tab)                                                            \
    BX_SCHEMA(name, BX_KIND_REPLY + BX_REPLY_##KIND, strukt, tab)

/* ---- VMs ---- */

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
    F(metadata, BX_T_PAIRS, .max = BX_METADATA_MAX, .later = true, .omit = true),
};
#undef F
const struct bx_schema bx_vm_reply_schema = BX_SCHEMA("vm", BX_KIND_VM, bx_vm_reply, vm_fields);

static const struct bx_field written_fields[] = {
    BX_FIELD(bx_written_reply, vm, BX_T_RECORD, RECORD(&bx_vm_reply_schema), .nil = true),
    BX_FIELD(bx_written_reply, existed, BX_T_BOOL),
    BX_FIELD(bx_written_reply, revision, BX_T_U64),
};
const struct bx_schema bx_written_reply_schema =
    SCHEMA("written", WRITTEN, bx_written_reply, written_fields);

static const struct bx_field logs_fields[] = {
    BX_FIELD(bx_logs_reply, text, BX_T_STR, .max = BX_LOGS_TEXT_MAX),
    BX_FIELD(bx_logs_reply, node, BX_T_STR, .max = 255, .nil = true),
};
const struct bx_schema bx_logs_reply_schema = SCHEMA("logs", LOGS, bx_logs_reply, logs_fields);

/* ---- placement ---- */

static const char *const decision_names[] = {"unplaceable", "placed", NULL};

static const struct bx_field candidate_fields[] = {
    BX_FIELD(bx_candidate_reply, node, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_candidate_reply, score, BX_T_U32),
    BX_FIELD(bx_candidate_reply, rejected, BX_T_STR, .max = 255, .nil = true),
};
static const struct bx_schema candidate_schema =
    BX_SCHEMA("candidate", 0, bx_candidate_reply, candidate_fields);

static const struct bx_field relaxation_fields[] = {
    BX_FIELD(bx_relaxation_reply, change, BX_T_STR, .max = 255),
    BX_FIELD(bx_relaxation_reply, node, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_relaxation_reply, by, BX_T_I64),
};
static const struct bx_schema relaxation_schema =
    BX_SCHEMA("relaxation", 0, bx_relaxation_reply, relaxation_fields);

#define F(member, typ, ...) BX_FIELD(bx_decision_reply, member, typ, __VA_ARGS__)
static const struct bx_field decision_fields[] = {
    {.name = "decision",
     .type = BX_T_ENUM,
     .offset = offsetof(struct bx_decision_reply, placed),
     .names = decision_names},
    F(node, BX_T_STR, .max = 255, .nil = true),
    F(score, BX_T_U32),
    F(margin, BX_T_U32),
    F(recorded, BX_T_BOOL),
    F(candidates, BX_T_LIST, RECORD(&candidate_schema), .max = BX_NODES_MAX),
    F(relaxations, BX_T_LIST, RECORD(&relaxation_schema), .max = 16),
};
#undef F
const struct bx_schema bx_decision_reply_schema =
    SCHEMA("decision", DECISION, bx_decision_reply, decision_fields);

/* ---- nodes and the cluster ---- */

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
    F(state, BX_T_ENUM, .names = bx_node_state_names),
    F(role, BX_T_ENUM, .names = bx_role_names),
    F(capacity, BX_T_RECORD, RECORD(&resources_schema)),
    F(reserve, BX_T_RECORD, RECORD(&resources_schema)),
    F(allocated, BX_T_RECORD, RECORD(&resources_schema)),
    F(driver, BX_T_STR, .max = 63),
    F(datacenter, BX_T_STR, .max = 255),
    F(zone, BX_T_STR, .max = 255),
    F(rack, BX_T_STR, .max = 255),
    F(vms, BX_T_U64),
    F(created_index, BX_T_U64),
    F(modified_index, BX_T_U64),
};
#undef F
const struct bx_schema bx_node_reply_schema = SCHEMA("node", NODE, bx_node_reply, node_fields);

static const struct bx_field removed_fields[] = {BX_FIELD(bx_removed_reply, node, BX_T_U64)};
const struct bx_schema bx_removed_reply_schema =
    SCHEMA("removed", REMOVED, bx_removed_reply, removed_fields);

#define F(member, typ, ...) BX_FIELD(bx_member_reply, member, typ, __VA_ARGS__)
static const struct bx_field member_fields[] = {
    F(id, BX_T_U64),
    F(name, BX_T_STR, .max = 255, .nil = true),
    F(address, BX_T_STR, .max = BX_ADDRESS_MAX),
    F(role, BX_T_STR, .max = 31),
    F(state, BX_T_STR, .max = 31, .nil = true),
    F(status, BX_T_STR, .max = 31),
    F(connected, BX_T_BOOL),
};
#undef F
const struct bx_schema bx_member_reply_schema =
    SCHEMA("member", MEMBER, bx_member_reply, member_fields);

static const struct bx_field member_of_fields[] = {
    BX_FIELD(bx_member_of_reply, cluster, BX_T_UUID),
    BX_FIELD(bx_member_of_reply, node, BX_T_U64),
};
const struct bx_schema bx_member_of_reply_schema =
    SCHEMA("membership", MEMBER_OF, bx_member_of_reply, member_of_fields);

static const struct bx_field token_fields[] = {
    BX_FIELD(bx_token_reply, token, BX_T_STR, .max = 8192),
    BX_FIELD(bx_token_reply, expires_ms, BX_T_U64),
};
const struct bx_schema bx_token_reply_schema = SCHEMA("token", TOKEN, bx_token_reply, token_fields);

static const struct bx_field link_fields[] = {
    BX_FIELD(bx_link_reply, connections, BX_T_U64),
    BX_FIELD(bx_link_reply, refused, BX_T_U64),
    BX_FIELD(bx_link_reply, malformed, BX_T_U64),
    BX_FIELD(bx_link_reply, turned_away, BX_T_U64),
};
const struct bx_schema bx_link_reply_schema = SCHEMA("link", LINK, bx_link_reply, link_fields);
static const struct bx_metric link_rows[] = {
    {"blixard_link_connections", NULL, BX_GAUGE, "connections between nodes"},
    {"blixard_link_refused_total", NULL, BX_COUNTER, "connections refused for what the hello said"},
    {"blixard_link_malformed_total", NULL, BX_COUNTER, "connections closed for what came"},
    {"blixard_link_turned_away_total", NULL, BX_COUNTER,
     "connections refused because a bound was reached, or by a host that is no member"},
};
BX_METRIC_EACH(link_fields, link_rows);
const struct bx_metric_set bx_link_metrics = {&bx_link_reply_schema, link_rows, NULL};

#define F(member, typ, ...) BX_FIELD(bx_status_reply, member, typ, __VA_ARGS__)
static const struct bx_field status_fields[] = {
    F(status, BX_T_STR, .max = 31),
    F(leader, BX_T_U64, .nil = true),
    F(term, BX_T_U64),
    F(commit_index, BX_T_U64),
    F(applied_index, BX_T_U64),
    F(revision, BX_T_U64),
    F(digest, BX_T_HEX64),
    F(quorum, BX_T_BOOL),
    F(members, BX_T_LIST, RECORD(&bx_member_reply_schema), .max = BX_MEMBERS_MAX),
    F(cluster, BX_T_STR, .max = BX_UUID_TEXT - 1),
    F(name, BX_T_STR, .max = 255),
    F(node, BX_T_U64),
    F(age_ms, BX_T_U64),
    F(vms, BX_T_U64),
    F(nodes, BX_T_U64),
    F(pending, BX_T_U64),
    F(snapshot_index, BX_T_U64),
    F(last_index, BX_T_U64),
    F(link, BX_T_RECORD, RECORD(&bx_link_reply_schema)),
};
#undef F
const struct bx_schema bx_status_reply_schema =
    SCHEMA("status", STATUS, bx_status_reply, status_fields);

/* ---- the rest ---- */

static const struct bx_field event_fields[] = {
    BX_FIELD(bx_event, index, BX_T_U64),
    BX_FIELD(bx_event, type, BX_T_ENUM, .names = bx_event_names),
    BX_FIELD(bx_event, object, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, node, BX_T_STR, .max = 255),
    BX_FIELD(bx_event, time, BX_T_U64),
    BX_FIELD(bx_event, detail, BX_T_STR, .max = 1024),
};
const struct bx_schema bx_event_reply_schema = SCHEMA("event", EVENT, bx_event, event_fields);

#define F(member, typ, ...) BX_FIELD(bx_hello_reply, member, typ, __VA_ARGS__)
static const struct bx_field hello_fields[] = {
    F(version, BX_T_U64),      F(server, BX_T_STR, .max = 63), F(name, BX_T_STR, .max = 255),
    F(node, BX_T_U64),         F(driver, BX_T_STR, .max = 63), F(accel, BX_T_STR, .max = 63),
    F(initialized, BX_T_BOOL), F(codecs, BX_T_STRS, .max = 8),
};
#undef F
const struct bx_schema bx_hello_reply_schema = SCHEMA("hello", HELLO, bx_hello_reply, hello_fields);

static const struct bx_field sql_fields[] = {
    BX_FIELD(bx_sql_reply, columns, BX_T_VALUE, .max = 1u << 20),
    BX_FIELD(bx_sql_reply, rows, BX_T_VALUE, .max = 16u << 20),
};
const struct bx_schema bx_sql_reply_schema = SCHEMA("result", SQL, bx_sql_reply, sql_fields);

const struct bx_schema bx_watch_reply_schema = {.name = "watch",
                                                .kind = BX_KIND_REPLY + BX_REPLY_WATCH};

#define F(member, typ, ...) BX_FIELD(bx_error_reply, member, typ, __VA_ARGS__)
static const struct bx_field error_fields[] = {
    F(code, BX_T_I64),
    F(name, BX_T_STR, .max = 63),
    F(message, BX_T_STR, .max = BX_ERR_MSG),
    F(hint, BX_T_STR, .max = BX_ERR_HINT),
    F(retryable, BX_T_BOOL),
    F(leader, BX_T_STR, .max = 255, .nil = true),
};
#undef F
const struct bx_schema bx_error_reply_schema = SCHEMA("error", ERROR, bx_error_reply, error_fields);

static const struct bx_field stale_fields[] = {
    BX_FIELD(bx_stale_reply, age_ms, BX_T_U64),
    BX_FIELD(bx_stale_reply, applied_index, BX_T_U64),
};
const struct bx_schema bx_stale_reply_schema = SCHEMA("stale", STALE, bx_stale_reply, stale_fields);
