#include "wire/vm.h"

#include "model/node.h"
#include "wire/command.h"

/* ---- commands ---- */

static const struct bx_field vm_create_fields[] = {
    BX_VM_CONFIG_FIELDS(offsetof(struct bx_cmd_vm_create, config)),
    BX_FIELD(bx_cmd_vm_create, if_not_exists, BX_T_BOOL),
    BX_FIELD(bx_cmd_vm_create, admit, BX_T_BOOL, .omit = true, .since = 2),
    BX_VM_CONFIG_LATER_FIELDS(offsetof(struct bx_cmd_vm_create, config)),
    BX_VM_CONFIG_LAST_FIELDS(offsetof(struct bx_cmd_vm_create, config)),
};
const struct bx_schema bx_cmd_vm_create_schema =
    BX_SCHEMA("vm.create", BX_CMD_SCHEMA(VM_CREATE), bx_cmd_vm_create, vm_create_fields);

static const struct bx_field vm_desire_fields[] = {
    BX_FIELD(bx_cmd_vm_desire, vm, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_vm_desire, desired, BX_T_ENUM, .names = bx_desired_names),
    BX_FIELD(bx_cmd_vm_desire, restart, BX_T_BOOL),
    BX_FIELD(bx_cmd_vm_desire, force, BX_T_BOOL),
    BX_FIELD(bx_cmd_vm_desire, timeout_s, BX_T_U32),
    BX_FIELD(bx_cmd_vm_desire, uuid, BX_T_UUID, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_vm_desire, keep_disk, BX_T_BOOL, .omit = true, .since = 2, .droppable = true),
};
const struct bx_schema bx_cmd_vm_desire_schema =
    BX_SCHEMA("vm.desire", BX_CMD_SCHEMA(VM_DESIRE), bx_cmd_vm_desire, vm_desire_fields);

static const struct bx_field vm_delete_fields[] = {
    BX_FIELD(bx_cmd_vm_delete, vm, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_vm_delete, uuid, BX_T_UUID, .since = 2, .droppable = true),
};
const struct bx_schema bx_cmd_vm_delete_schema =
    BX_SCHEMA("vm.delete", BX_CMD_SCHEMA(VM_DELETE), bx_cmd_vm_delete, vm_delete_fields);

static const struct bx_field vm_rename_fields[] = {
    BX_FIELD(bx_cmd_vm_rename, vm, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_vm_rename, name, BX_T_STR, .max = 255),
    BX_FIELD(bx_cmd_vm_rename, uuid, BX_T_UUID, .since = 2, .droppable = true),
};
const struct bx_schema bx_cmd_vm_rename_schema =
    BX_SCHEMA("vm.rename", BX_CMD_SCHEMA(VM_RENAME), bx_cmd_vm_rename, vm_rename_fields);

static const struct bx_field vm_report_fields[] = {
    BX_FIELD(bx_cmd_vm_report, vm, BX_T_UUID),
    BX_FIELD(bx_cmd_vm_report, node, BX_T_U64),
    BX_FIELD(bx_cmd_vm_report, epoch, BX_T_U64),
    BX_FIELD(bx_cmd_vm_report, phase, BX_T_ENUM, .names = bx_phase_names),
    BX_FIELD(bx_cmd_vm_report, message, BX_T_STR, .max = 512),
    BX_FIELD(bx_cmd_vm_report, failures, BX_T_U32, .omit = true, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_vm_report, pause_ms, BX_T_U32, .omit = true, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_vm_report, reboots, BX_T_U32, .omit = true, .since = 2, .droppable = true),
    BX_FIELD(bx_cmd_vm_report, unbegun, BX_T_BOOL, .omit = true, .since = 3, .droppable = true),
};
const struct bx_schema bx_cmd_vm_report_schema =
    BX_SCHEMA("vm.report", BX_CMD_SCHEMA(VM_REPORT), bx_cmd_vm_report, vm_report_fields);

/* ---- replies ---- */

#define NAME(id, text) text,
const char *const bx_shown_phase_names[] = {BX_VM_STATUSES(NAME) "unknown", "backoff", NULL};
#undef NAME
_Static_assert(sizeof bx_shown_phase_names / sizeof bx_shown_phase_names[0] == BX__SHOWN + 1,
               "a name for each phase that is shown");

uint8_t bx_shown_phase(uint8_t phase, uint32_t failures, bool absent)
{
    if (absent && bx_phase_active((enum bx_phase)phase))
        return BX_SHOWN_UNKNOWN;
    return phase == BX_PHASE_CREATING && failures > 0 ? BX_SHOWN_BACKOFF : phase;
}

#define F(member, typ, ...) BX_FIELD(bx_vm_reply, member, typ, __VA_ARGS__)
static const struct bx_field vm_fields[] = {
    F(name, BX_T_STR, .max = 255),
    F(uuid, BX_T_UUID),
    F(tenant, BX_T_STR, .max = 255),
    F(vcpus, BX_T_U32),
    F(memory_mib, BX_T_U64),
    F(disk_gib, BX_T_U64),
    F(desired, BX_T_ENUM, .names = bx_desired_names),
    F(phase, BX_T_ENUM, .names = bx_shown_phase_names),
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
    F(metadata, BX_T_PAIRS, .max = BX_METADATA_MAX, .since = 2, .omit = true),
    F(unknown_since_ms, BX_T_U64, .since = 2, .omit = true),
    F(last_phase, BX_T_ENUM, .names = bx_phase_names, .since = 2, .omit = true),
    F(restarts, BX_T_U32, .since = 2, .omit = true),
    F(last_exit, BX_T_STR, .max = 512, .since = 2, .omit = true),
    F(last_exited_ms, BX_T_U64, .since = 2, .omit = true),
    F(failures, BX_T_U32, .since = 2, .omit = true),
    F(next_try_ms, BX_T_U64, .since = 2, .omit = true),
    F(reserve, BX_T_BOOL, .since = 2, .omit = true),
    F(reboots, BX_T_U32, .since = 2, .omit = true),
    F(last_reboot_ms, BX_T_U64, .since = 2, .omit = true),
};
#undef F
const struct bx_schema bx_vm_reply_schema = BX_SCHEMA("vm", BX_KIND_VM, bx_vm_reply, vm_fields);

static const struct bx_field written_fields[] = {
    BX_FIELD(bx_written_reply, vm, BX_T_RECORD, .sub = &bx_vm_reply_schema, .nil = true),
    BX_FIELD(bx_written_reply, existed, BX_T_BOOL),
    BX_FIELD(bx_written_reply, revision, BX_T_U64),
    BX_FIELD(bx_written_reply, trace_id, BX_T_STR, .max = BX_ID_TEXT, .since = 2, .omit = true),
};
const struct bx_schema bx_written_reply_schema =
    BX_REPLY_SCHEMA("written", WRITTEN, bx_written_reply, written_fields);

static const struct bx_field logs_fields[] = {
    BX_FIELD(bx_logs_reply, text, BX_T_STR, .max = BX_LOGS_TEXT_MAX),
    BX_FIELD(bx_logs_reply, node, BX_T_STR, .max = 255, .nil = true),
    BX_FIELD(bx_logs_reply, epoch, BX_T_U64, .since = 2, .omit = true),
    BX_FIELD(bx_logs_reply, file, BX_T_U64, .since = 2, .omit = true),
    BX_FIELD(bx_logs_reply, offset, BX_T_U64, .since = 2, .omit = true),
    BX_FIELD(bx_logs_reply, ended, BX_T_BOOL, .since = 2, .omit = true),
    BX_FIELD(bx_logs_reply, skipped, BX_T_BOOL, .since = 2, .omit = true),
};
const struct bx_schema bx_logs_reply_schema =
    BX_REPLY_SCHEMA("logs", LOGS, bx_logs_reply, logs_fields);

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
    F(candidates, BX_T_LIST, .sub = &candidate_schema, .max = BX_NODES_MAX),
    F(relaxations, BX_T_LIST, .sub = &relaxation_schema, .max = 16),
};
#undef F
const struct bx_schema bx_decision_reply_schema =
    BX_REPLY_SCHEMA("decision", DECISION, bx_decision_reply, decision_fields);

/* ---- parameters ---- */

const char *const bx_until_names[] = {"running", "stopped", "deleted", NULL};

static void create_defaults(void *params)
{
    bx_vm_config_init(&((struct bx_vm_create_params *)params)->body.config);
}

#define CREATE_AT offsetof(struct bx_vm_create_params, body)
#define VM BX_FIELD(bx_vm_params, vm, BX_T_STR, .max = 255)
#define STOP                                                                                       \
    VM, BX_FIELD(bx_vm_params, timeout_s, BX_T_U32), BX_FIELD(bx_vm_params, force, BX_T_BOOL)
static const struct bx_field list_params_fields[] = {BX_PARAMS_LISTS, BX_PARAMS_TENANT};
static const struct bx_field create_params_fields[] = {
    BX_VM_CONFIG_FIELDS(CREATE_AT + offsetof(struct bx_cmd_vm_create, config)),
    {.name = "if_not_exists",
     .type = BX_T_BOOL,
     .offset = CREATE_AT + offsetof(struct bx_cmd_vm_create, if_not_exists)},
    BX_FIELD(bx_vm_create_params, dry_run, BX_T_BOOL),
    BX_COMMON_FIELD(consistency, BX_T_ENUM, .names = bx_consistency_names),
    BX_PARAMS_WRITES,
    BX_VM_CONFIG_LATER_FIELDS(CREATE_AT + offsetof(struct bx_cmd_vm_create, config)),
    BX_VM_CONFIG_LAST_FIELDS(CREATE_AT + offsetof(struct bx_cmd_vm_create, config)),
};
static const struct bx_field read_params_fields[] = {VM, BX_PARAMS_READS, BX_PARAMS_TENANT};
static const struct bx_field write_params_fields[] = {VM, BX_PARAMS_WRITES, BX_PARAMS_TENANT};
static const struct bx_field start_params_fields[] = {
    VM, BX_PARAMS_WRITES, BX_FIELD(bx_vm_params, discard_disk, BX_T_BOOL, .omit = true, .since = 2),
    BX_PARAMS_TENANT};
static const struct bx_field stop_params_fields[] = {STOP, BX_PARAMS_WRITES, BX_PARAMS_TENANT};
static const struct bx_field rename_params_fields[] = {
    VM, BX_FIELD(bx_vm_params, name, BX_T_STR, .max = 255), BX_PARAMS_WRITES, BX_PARAMS_TENANT};
static const struct bx_field wait_params_fields[] = {
    VM, BX_FIELD(bx_vm_params, epoch, BX_T_U64),
    BX_FIELD(bx_vm_params, until, BX_T_ENUM, .names = bx_until_names), BX_PARAMS_READS,
    BX_PARAMS_TENANT};
static const struct bx_field logs_params_fields[] = {
    VM,
    BX_FIELD(bx_vm_params, bytes, BX_T_U64),
    BX_PARAMS_READS,
    BX_FIELD(bx_vm_params, previous, BX_T_U32, .since = 2, .omit = true),
    BX_FIELD(bx_vm_params, follow, BX_T_BOOL, .since = 2, .omit = true),
    {.name = "epoch",
     .type = BX_T_U64,
     .offset = offsetof(struct bx_vm_params, run),
     .since = 2,
     .omit = true},
    BX_FIELD(bx_vm_params, file, BX_T_U64, .since = 2, .omit = true),
    BX_FIELD(bx_vm_params, offset, BX_T_U64, .since = 2, .omit = true),
    BX_PARAMS_TENANT};

/* ---- methods ---- */

BX_METHOD(VM_CREATE, vm_create, bx_vm_create_params, create_params_fields, written,
          .name = "vm.create", .verb = "POST", .path = "/v1/vms", .role = BX_RPC_OPERATOR,
          .scope = BX_SCOPE_TENANT, .mutates = true, .other = &bx_decision_reply_schema,
          .defaults = create_defaults,
          .about = "Create a VM. With `dry_run`, only return the placement decision.");

BX_METHOD(VM_LIST, vm_list, bx_plain_params, list_params_fields, vm, .name = "vm.list",
          .verb = "GET", .path = "/v1/vms", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .key = "name", .about = "All VMs, sorted by name.");

BX_METHOD(VM_SHOW, vm_show, bx_vm_params, read_params_fields, vm, .name = "vm.show", .verb = "GET",
          .path = "/v1/vms/{vm}", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .about = "One VM, by name, uuid or the beginning of its uuid.");

BX_METHOD(VM_START, vm_start, bx_vm_params, start_params_fields, written, .name = "vm.start",
          .verb = "POST", .path = "/v1/vms/{vm}/start", .role = BX_RPC_OPERATOR,
          .scope = BX_SCOPE_TENANT, .mutates = true,
          .about = "Start a VM. One whose disk was lost with its node is refused, unless "
                   "`discard_disk` tells to start it with an empty one.");

BX_METHOD(
    VM_STOP, vm_stop, bx_vm_params, stop_params_fields, written, .name = "vm.stop", .verb = "POST",
    .path = "/v1/vms/{vm}/stop", .role = BX_RPC_OPERATOR, .scope = BX_SCOPE_TENANT, .mutates = true,
    .about = "Stop a VM. The guest has `timeout_s` seconds to stop (default 60), or none with "
             "`force`.");

BX_METHOD(VM_RESTART, vm_restart, bx_vm_params, stop_params_fields, written, .name = "vm.restart",
          .verb = "POST", .path = "/v1/vms/{vm}/restart", .role = BX_RPC_OPERATOR,
          .scope = BX_SCOPE_TENANT, .mutates = true,
          .about = "Stop a VM if it is running, then start it.");

BX_METHOD(VM_DELETE, vm_delete, bx_vm_params, write_params_fields, written, .name = "vm.delete",
          .verb = "DELETE", .path = "/v1/vms/{vm}", .role = BX_RPC_OPERATOR,
          .scope = BX_SCOPE_TENANT, .mutates = true,
          .about =
              "Delete a VM and its disk. It is named by its name or its whole uuid: the beginning "
              "of a uuid is refused.");

BX_METHOD(VM_RENAME, vm_rename, bx_vm_params, rename_params_fields, written, .name = "vm.rename",
          .verb = "POST", .path = "/v1/vms/{vm}/rename", .role = BX_RPC_OPERATOR,
          .scope = BX_SCOPE_TENANT, .mutates = true,
          .about = "Rename a VM; the name must be unique. The uuid stays the same, and a running "
                   "VM keeps running; QEMU gets the new name at the next start.");

BX_METHOD(VM_WAIT, vm_wait, bx_vm_params, wait_params_fields, vm, .name = "vm.wait", .verb = "GET",
          .path = "/v1/vms/{vm}/wait", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT,
          .about =
              "Wait until a VM, given by its uuid, is running, stopped or deleted; the reply is "
              "nil once it is deleted. Fails if the VM can no longer reach that phase, or if the "
              "run of `epoch` has ended and another run was ordered. A connection can wait for "
              "128 VMs at a time, and a user for half of what others leave of 4,096.");

BX_METHOD(
    VM_LOGS, vm_logs, bx_vm_params, logs_params_fields, logs, .name = "vm.logs", .verb = "GET",
    .path = "/v1/vms/{vm}/logs", .role = BX_RPC_VIEWER, .scope = BX_SCOPE_TENANT, .relayed = true,
    .about = "The last `bytes` of the console of a VM's newest run, or of the run that was "
             "`previous` runs before it. The consoles of three runs before are kept, of "
             "those that wrote something. With `follow` the answer has also a place: `epoch`, "
             "`file` and `offset`, which the next call gives to get what follows; `ended` says "
             "that the run of `epoch` has ended and nothing follows, `skipped` that the text "
             "does not begin at the given place, because that is no longer kept.");

BX_METHOD(VM_EXPLAIN, vm_explain, bx_vm_params, read_params_fields, decision, .name = "vm.explain",
          .verb = "GET", .path = "/v1/vms/{vm}/explain", .role = BX_RPC_VIEWER,
          .scope = BX_SCOPE_TENANT,
          .about = "Why a VM was placed on its node, or could not be placed.");
