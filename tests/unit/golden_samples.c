/* No value is zero and none is like another where that can be: a field that is left out, moved or
 * exchanged changes the bytes. */
#include "unit/golden.h"

#include "codec/flat.h"
#include "lib/testfsm.h"
#include "state/kind.h"
#include "state/token.h"
#include "unit/codec_record.h"
#include "unit/codec_tree.h"
#include "wire/command.h"
#include "wire/event.h"
#include "wire/frame.h"

#include <assert.h>
#include <stdio.h>

#define ID(x)                                                                                      \
    {                                                                                              \
        (x), 0x11, 0x22, 0x33, 0x44, 0x55, 0x46, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee,   \
            (x)                                                                                    \
    }
#define S(text)                                                                                    \
    {                                                                                              \
        (text), sizeof(text) - 1                                                                   \
    }

static const struct bx_pair labels[] = {
    {S("env"), S("prod")}, {S("owner"), S("J\xc3\xbcrgen")}, {S("tier"), {NULL, 0}}};

#define CONFIG                                                                                     \
    {                                                                                              \
        .name = S("web-1"), .tenant = S("acme"), .vcpus = 4, .memory_mib = 8192, .disk_gib = 40,   \
        .kernel = S("/boot/vmlinuz"), .initrd = S("/boot/initrd.img"),                             \
        .cmdline = S("console=ttyS0 quiet"), .labels = {labels, 3}, .priority = 700,               \
        .strategy = BX_STRATEGY_LEAST_AVAILABLE, .restart = BX_RESTART_ALWAYS,                     \
        .on_lost = BX_ON_LOST_RESTART, .disk_ephemeral = true, .stopped = true, .node = S("alpha") \
    }
#define NODE                                                                                       \
    {                                                                                              \
        .id = 3, .name = S("gamma"), .address = S("10.0.0.3:7420"), .api = S("10.0.0.3:7421"),     \
        .datacenter = S("dc1"), .zone = S("z2"), .rack = S("r7"), .driver = S("qemu"),             \
        .vcpus = 64, .memory_mib = 262144, .disk_gib = 4000, .reserve_vcpus = 2,                   \
        .reserve_memory_mib = 4096, .reserve_disk_gib = 50, .overcommit_vcpus_pct = 200,           \
        .overcommit_memory_pct = 110, .state = BX_NODE_DRAINING, .role = BX_ROLE_AGENT             \
    }

static const struct bx_vm_config config = CONFIG, config_empty = {.vcpus = 1};
static const struct bx_node_info node = NODE;
static const struct bx_cmd_header head = {.kind = BX_CMD_VM_CREATE,
                                          .level = 1,
                                          .session = ID(0x51),
                                          .sequence = 9,
                                          .floor = 7,
                                          .body_hash = 0x1122334455667788,
                                          .deadline_ms = 1700000000123,
                                          .trace = ID(0x71),
                                          .principal = S("uid:1000"),
                                          .tenant = S("acme")};
static const struct bx_cmd_header head_with_source = {.kind = BX_CMD_VM_CREATE,
                                                      .level = 3,
                                                      .session = ID(0x51),
                                                      .sequence = 9,
                                                      .floor = 7,
                                                      .body_hash = 0x1122334455667788,
                                                      .deadline_ms = 1700000000123,
                                                      .trace = ID(0x71),
                                                      .principal = S("user:eve"),
                                                      .tenant = S("acme"),
                                                      .source = S("10.0.0.5")};
static const struct bx_cmd_cluster_create cluster_create = {
    .cluster = ID(0xc1), .history = ID(0xc2), .name = S("lab")};
static const struct bx_cmd_cluster_create cluster_create_level = {
    .cluster = ID(0xc1), .history = ID(0xc2), .name = S("lab"), .level = 2};
static const struct bx_cmd_cluster_create cluster_create_ca = {
    ID(0xc1), ID(0xc2), S("lab"), 0, S("\x30\x82\x01 certificate"), S("\x01\x02 sealed key")};
static const struct bx_cmd_cluster_upgrade cluster_upgrade = {2};
static const struct bx_session_end ends[] = {{ID(0x51), 0x19aabbccddeeff00}, {ID(0x52), 7}};
static const struct bx_cmd_session_end session_end = {{ends, 2}};
static const struct bx_cmd_node_remove node_remove = {.node = S("n5"), .confirm_dead = true};
static const struct bx_cmd_node_state node_state = {5, BX_NODE_SUSPECT, false, 0};
static const struct bx_cmd_node_state node_state_dated = {5, BX_NODE_SUSPECT, true, 0};
static const struct bx_cmd_node_state node_state_low = {5, BX_NODE_UP, true, BX_SPACE_LOW};
static const struct bx_node_row node_low = {
    .info = {.id = 5, .name = S("n5"), .address = S("10.0.0.5:7420"), .state = BX_NODE_UP},
    .created_index = 4,
    .modified_index = 9,
    .low = BX_SPACE_LOW};
static const struct bx_cmd_vm_create vm_create = {CONFIG, true, false};
static const struct bx_cmd_vm_desire vm_desire = {.vm = S("web-1"),
                                                  .desired = BX_DESIRED_STOPPED,
                                                  .restart = true,
                                                  .force = true,
                                                  .timeout_s = 90};
static const struct bx_cmd_vm_delete vm_delete = {.vm = S("web-1")};
static const struct bx_cmd_vm_rename vm_rename = {.vm = S("web-1"), .name = S("web-2")};
static const struct bx_cmd_vm_report vm_report = {.vm = ID(0xe1),
                                                  .node = 3,
                                                  .epoch = 12,
                                                  .phase = BX_PHASE_FAILED,
                                                  .message = S("exit status 1")};
static const struct bx_cmd_vm_report vm_report_failing = {.vm = ID(0xe1),
                                                          .node = 3,
                                                          .epoch = 12,
                                                          .phase = BX_PHASE_FAILED,
                                                          .message = S("exit status 1"),
                                                          .failures = 4,
                                                          .pause_ms = 8000};
static const struct bx_cmd_vm_report vm_report_unbegun = {.vm = ID(0xe1),
                                                          .node = 3,
                                                          .epoch = 12,
                                                          .phase = BX_PHASE_FAILED,
                                                          .message = S("no such file"),
                                                          .failures = 1,
                                                          .pause_ms = 1000,
                                                          .unbegun = true};
static const struct bx_cmd_vm_report vm_report_reboots = {
    .vm = ID(0xe1), .node = 3, .epoch = 12, .phase = BX_PHASE_RUNNING, .reboots = 5};
static const struct bx_cmd_token_create token_create = {.secret_hash = ID(0xd1), .ttl_ms = 3600000};
static const struct bx_cmd_token_create token_create_once = {ID(0xd1), 3600000, true, 0};
static const struct bx_cmd_token_revoke token_revoke = {17};
static const struct bx_cmd_node_repaired node_repaired = {3, BX_REPAIR_STATE};
static const struct bx_token token_once = {ID(0xd1),      1700003600123, 17,
                                           1700003600000, S("uid:1000"), 0};
static const struct bx_cmd_member_join member_join = {ID(0xd2), NODE};
static const struct bx_event event = {.index = 77,
                                      .time = 1700000000456,
                                      .type = BX_EVENT_VM_PHASE,
                                      .object = S("web-1"),
                                      .node = S("alpha"),
                                      .detail = S("stopped: exit 0")};
static const struct bx_event event_of_tenant = {.index = 78,
                                                .time = 1700000000457,
                                                .type = BX_EVENT_VM_DELETED,
                                                .object = S("web-1"),
                                                .node = S("alpha"),
                                                .tenant = S("blue")};
static const struct bx_event event_chained = {
    .index = 78,
    .time = 1700000000457,
    .type = BX_EVENT_VM_DELETED,
    .object = S("web-1"),
    .node = S("alpha"),
    .tenant = S("blue"),
    .principal = S("user:eve"),
    .source = S("10.0.0.5"),
    .trace = ID(0x71),
    .previous = S("\x01\x23\x45\x67\x89\xab\xcd\xef\xfe\xdc\xba\x98\x76\x54\x32\x10"
                  "\x10\x32\x54\x76\x98\xba\xdc\xfe\xef\xcd\xab\x89\x67\x45\x23\x01")};
static const struct bx_outcome outcome = {.session = ID(0x51),
                                          .sequence = 9,
                                          .body_hash = 0x1122334455667788,
                                          .revision = 78,
                                          .code = BX_UNPLACEABLE,
                                          .object = ID(0xe1),
                                          .node = 3,
                                          .existed = true,
                                          .message = S("no node has 4 free vcpus"),
                                          .hint = S("blixardctl node list"),
                                          .floor = 7,
                                          .principal_hash = 0x19aabbccddeeff00};
static const struct bx_outcome outcome_spare = {.session = ID(0x52),
                                                .sequence = 1,
                                                .body_hash = 0x1122334455667789,
                                                .revision = 78,
                                                .code = BX_NOT_FOUND,
                                                .message = S("no VM \"web\""),
                                                .principal_hash = 0x19aabbccddeeff00,
                                                .spare = true};
static const struct bx_outcome outcome_born = {.session = ID(0x53),
                                               .sequence = 2,
                                               .body_hash = 0x1122334455667790,
                                               .revision = 79,
                                               .object = ID(0xe1),
                                               .node = 3,
                                               .floor = 2,
                                               .principal_hash = 0x19aabbccddeeff00,
                                               .born = 17};
static const struct bx_hello hello = {.cluster = ID(0xc1),
                                      .history = ID(0xc2),
                                      .node = 3,
                                      .incarnation = ID(0xf1),
                                      .level_min = 1,
                                      .level_max = 2,
                                      .codecs = 6,
                                      .refuse = S("not today")};
static const struct bx_hello hello_removed = {
    .node = 3, .level_min = 1, .level_max = 2, .refuse = S("removed"), .removed = true};
static const struct bx_hello hello_version = {
    .node = 3, .level_min = 1, .level_max = 2, .codecs = 6, .version = S("0.2.0")};
static const struct bx_hello hello_heard = {.node = 3,
                                            .level_min = 1,
                                            .level_max = 2,
                                            .codecs = 6,
                                            .heard_term = 7,
                                            .heard_index = 0x1234567890};
static const struct bx_stored stored = {7, 0x1234567890};
static const struct bx_read read_ = {0x1234567890, 4711};
static const struct bx_heartbeat beat = {33, ID(0xf2), S("aaaaaaaaaaaaaaaabbbbbbbb"), true, 0};
static const struct bx_heartbeat beat_low = {34, ID(0xf2), S(""), false, BX_SPACE_FULL};
static const struct bx_grant grant = {33, ID(0xf2), 78, S("aaaaaaaaaaaaaaaabbbbbbbb")};
static const struct bx_join join = {.secret_hash = ID(0xd2),
                                    .name = S("delta"),
                                    .address = S("10.0.0.4:7420"),
                                    .api = S("10.0.0.4:7421"),
                                    .datacenter = S("dc1"),
                                    .zone = S("z3"),
                                    .rack = S("r8"),
                                    .driver = S("sim"),
                                    .vcpus = 16,
                                    .memory_mib = 65536,
                                    .disk_gib = 900,
                                    .role = BX_ROLE_STANDBY,
                                    .incarnation = ID(0xf3)};
static const struct bx_str peers[] = {S("1 10.0.0.1:7420"), S("2 10.0.0.2:7420")};
static const struct bx_joined joined = {.code = BX_CONFLICT,
                                        .node = 4,
                                        .cluster = ID(0xc1),
                                        .history = ID(0xc2),
                                        .peers = {peers, 2},
                                        .message = S("this name is taken"),
                                        .hint = S("choose another --name")};

static const struct bx_vm_reply vm_reply = {.name = S("web-1"),
                                            .uuid = ID(0xe1),
                                            .tenant = S("acme"),
                                            .vcpus = 4,
                                            .memory_mib = 8192,
                                            .disk_gib = 40,
                                            .desired = BX_DESIRED_STOPPED,
                                            .phase = BX_PHASE_STOPPING,
                                            .node = S("alpha"),
                                            .epoch = 12,
                                            .priority = 700,
                                            .labels = {labels, 3},
                                            .created_index = 70,
                                            .modified_index = 78,
                                            .kernel = S("/boot/vmlinuz"),
                                            .initrd = S("/boot/initrd.img"),
                                            .cmdline = S("console=ttyS0 quiet"),
                                            .strategy = BX_STRATEGY_LEAST_AVAILABLE,
                                            .restart = BX_RESTART_ALWAYS,
                                            .on_lost = BX_ON_LOST_RESTART,
                                            .disk_ephemeral = true,
                                            .created_ms = 1700000000123,
                                            .modified_ms = 1700000000456,
                                            .message = S("asked to"),
                                            .score = 801};

static const struct bx_cmd_tenant_create tenant_create = {S("acme"), {100, 204800, 3000, 50}};
static const struct bx_cmd_tenant_set tenant_set = {
    .name = S("acme"), .quota = {.vcpus = 200, .vms = 0}, .vcpus = true, .vms = true};
static const struct bx_cmd_tenant_delete tenant_delete = {S("acme")};
static const struct bx_cmd_vm_create vm_create_admit = {
    .config = {.name = S("web-1"), .tenant = S("acme")}, .admit = true};
static const struct bx_cmd_vm_create vm_create_reserve = {
    .config = {.name = S("web-1"), .tenant = S("acme"), .vcpus = 2, .reserve = true}};
/* What builds write that look references up before they propose. */
static const struct bx_cmd_node_remove node_remove_id = {.node = S("n5"), .id = 5};
static const struct bx_cmd_vm_desire vm_desire_uuid = {
    .vm = S("web-1"), .uuid = ID(0xe1), .timeout_s = 90};
static const struct bx_cmd_vm_desire vm_desire_disk = {
    .vm = S("web-1"), .uuid = ID(0xe1), .keep_disk = true};
static const struct bx_cmd_vm_delete vm_delete_uuid = {.vm = S("web-1"), .uuid = ID(0xe1)};
static const struct bx_cmd_vm_rename vm_rename_uuid = {
    .vm = S("web-1"), .uuid = ID(0xe1), .name = S("web-2")};

static const struct bx_cmd_user_create user_create = {S("alice"), BX_USER_OPERATOR, S("acme")};
static const struct bx_cmd_user_set user_set = {.name = S("alice"),
                                                .role = BX_USER_ADMIN,
                                                .tenant = S("lab"),
                                                .sets_role = true,
                                                .sets_tenant = true,
                                                .scope = S("acme")};
static const struct bx_cmd_user_delete user_delete = {S("alice"), S("acme")};
#define HASH                                                                                       \
    {                                                                                              \
        0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf,  \
            0xe0, 0xe1, 0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xeb, 0xec, 0xed,    \
            0xee, 0xef, 0xf0                                                                       \
    }
static const struct bx_cmd_user_token_create user_token_create = {S("alice"), HASH, 86400000,
                                                                  S("acme"), false};
static const struct bx_cmd_user_token_delete user_token_delete = {17, S("acme")};

static struct golden_sample samples[GOLDEN_SAMPLES_MAX];
static size_t samples_n;

static void add(const char *name, const struct bx_schema *schema, const void *object)
{
    assert(samples_n < GOLDEN_SAMPLES_MAX);
    samples[samples_n++] = (struct golden_sample){name, schema, object};
}

static void add_commands(void)
{
    static const void *const bodies[BX__CMDS] = {
        [BX_CMD_CLUSTER_CREATE] = &cluster_create,
        [BX_CMD_NODE_PUT] = &node,
        [BX_CMD_NODE_STATE] = &node_state,
        [BX_CMD_VM_CREATE] = &vm_create,
        [BX_CMD_VM_DESIRE] = &vm_desire,
        [BX_CMD_VM_DELETE] = &vm_delete,
        [BX_CMD_VM_REPORT] = &vm_report,
        [BX_CMD_TOKEN_CREATE] = &token_create,
        [BX_CMD_MEMBER_JOIN] = &member_join,
        [BX_CMD_NODE_REMOVE] = &node_remove,
        [BX_CMD_TENANT_CREATE] = &tenant_create,
        [BX_CMD_TENANT_SET] = &tenant_set,
        [BX_CMD_TENANT_DELETE] = &tenant_delete,
        [BX_CMD_VM_RENAME] = &vm_rename,
        [BX_CMD_CLUSTER_UPGRADE] = &cluster_upgrade,
        [BX_CMD_SESSION_END] = &session_end,
        [BX_CMD_TOKEN_REVOKE] = &token_revoke,
        [BX_CMD_NODE_REPAIRED] = &node_repaired,
        [BX_CMD_USER_CREATE] = &user_create,
        [BX_CMD_USER_SET] = &user_set,
        [BX_CMD_USER_DELETE] = &user_delete,
        [BX_CMD_USER_TOKEN_CREATE] = &user_token_create,
        [BX_CMD_USER_TOKEN_DELETE] = &user_token_delete,
        [BX_CMD_CA_ROTATE] = &golden_ca_rotate,
    };

    add("vm.create-admit", &bx_cmd_vm_create_schema, &vm_create_admit);
    add("vm.create-reserve", &bx_cmd_vm_create_schema, &vm_create_reserve);
    add("vm-reserve", &bx_vm_config_schema, &vm_create_reserve.config);
    add("node.state-dated", &bx_cmd_node_state_schema, &node_state_dated);
    add("node.state-low", &bx_cmd_node_state_schema, &node_state_low);
    add("row-node-low", bx_kind_node.schema, &node_low);
    add("cluster.create-level", &bx_cmd_cluster_create_schema, &cluster_create_level);
    add("cluster.create-ca", &bx_cmd_cluster_create_schema, &cluster_create_ca);
    add("vm.report-failing", &bx_cmd_vm_report_schema, &vm_report_failing);
    add("vm.report-reboots", &bx_cmd_vm_report_schema, &vm_report_reboots);
    add("vm.report-unbegun", &bx_cmd_vm_report_schema, &vm_report_unbegun);
    add("vm.desire-uuid", &bx_cmd_vm_desire_schema, &vm_desire_uuid);
    add("vm.desire-disk", &bx_cmd_vm_desire_schema, &vm_desire_disk);
    add("vm.delete-uuid", &bx_cmd_vm_delete_schema, &vm_delete_uuid);
    add("vm.rename-uuid", &bx_cmd_vm_rename_schema, &vm_rename_uuid);
    add("node.remove-id", &bx_cmd_node_remove_schema, &node_remove_id);
    add("token.create-once", &bx_cmd_token_create_schema, &token_create_once);
    add("row-token-once", bx_kind_token.schema, &token_once);
    add("command", &bx_cmd_header_schema, &head);
    for (uint16_t kind = 1; kind < BX__CMDS; kind++) {
        assert(bodies[kind] != NULL); /* a new command has no sample yet */
        add(bx_cmd_name(kind), bx_cmd_schema(kind), bodies[kind]);
    }
}

/* ---- rows of the state, as a state machine makes them ---- */

#define ROW_OBJECT 4096
#define ROW_NAME 32

struct dumped_row {
    uint8_t table;
    uint64_t entry, first, last;
    struct bx_str data;
};
static const struct bx_field dumped_fields[] = {
    BX_FIELD(dumped_row, table, BX_T_U8),
    BX_FIELD(dumped_row, entry, BX_T_U64),
    BX_FIELD(dumped_row, first, BX_T_U64),
    BX_FIELD(dumped_row, last, BX_T_U64),
    BX_FIELD(dumped_row, data, BX_T_BYTES, .max = 1u << 20),
};
static const struct bx_schema dumped_schema =
    BX_SCHEMA("dumped row", 210, dumped_row, dumped_fields);

static const struct bx_cmd_user_token_create token_of_alice = {S("alice"), HASH, 86400000, S(""),
                                                               false};

/* One object of each kind at least. */
static void make_rows(struct bx_buf *dump)
{
    struct test_fsm t = {.index = 0};

    test_fsm_open(&t);
    test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &cluster_create_ca);
    test_fsm_node(&t, 1, "alpha");
    test_fsm_apply(&t, BX_CMD_VM_CREATE, &vm_create);
    test_fsm_apply(&t, BX_CMD_VM_DESIRE, &vm_desire);
    test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &token_create);
    test_fsm_apply(&t, BX_CMD_TENANT_CREATE, &tenant_create);
    test_fsm_apply(&t, BX_CMD_USER_CREATE, &user_create);
    test_fsm_apply(&t, BX_CMD_USER_TOKEN_CREATE, &token_of_alice);
    test_fsm_dump(&t, dump);
    test_fsm_close(&t);
}

/* The first row of each kind. Everything lives as long as the samples do. */
static void add_rows(void)
{
    static _Alignas(16) uint8_t objects[BX__TABLES][ROW_OBJECT];
    static char names[BX__TABLES][ROW_NAME];
    static struct bx_arena arena;
    static struct bx_buf dump;

    make_rows(&dump);
    for (size_t at = 0, used; at < dump.len; at += used) {
        struct dumped_row row = {0};
        const struct bx_kind_desc *kind;
        int rc =
            bx_flat_read(&dumped_schema, dump.data + at, dump.len - at, &row, NULL, &used, NULL);

        assert(rc == BX_OK);
        if (row.table >= BX__TABLES || names[row.table][0] != '\0')
            continue;
        kind = bx_kinds[row.table];
        snprintf(names[row.table], ROW_NAME, "row-%s", kind->name);
        assert(kind->schema->size <= ROW_OBJECT);
        rc = bx_flat_read(kind->schema, (const uint8_t *)row.data.p, row.data.n, objects[row.table],
                          &arena, NULL, NULL);
        assert(rc == BX_OK);
        (void)rc;
        add(names[row.table], kind->schema, objects[row.table]);
    }
    for (size_t i = 0; i < BX__TABLES; i++)
        assert(names[i][0] != '\0'); /* make_rows makes no object of a new kind yet */
}

const struct golden_sample *golden_samples(size_t *n)
{
    static struct record all_types;
    static struct tree tree, tree_first;

    if (samples_n == 0) {
        all_types = record_sample();
        add("record", &record_schema, &all_types);
        add("vm", &bx_vm_config_schema, &config);
        add("vm-empty", &bx_vm_config_schema, &config_empty);
        add("node", &bx_node_info_schema, &node);
        add_commands();
        add("event", &bx_event_schema, &event);
        add("event-tenant", &bx_event_schema, &event_of_tenant);
        add("event-chained", &bx_event_schema, &event_chained);
        add("command-with-source", &bx_cmd_header_schema, &head_with_source);
        add("outcome", &bx_outcome_schema, &outcome);
        add("outcome-spare", &bx_outcome_schema, &outcome_spare);
        add("outcome-born", &bx_outcome_schema, &outcome_born);
        add("hello", &bx_hello_schema, &hello);
        add("hello-version", &bx_hello_schema, &hello_version);
        add("hello-removed", &bx_hello_schema, &hello_removed);
        add("hello-heard", &bx_hello_schema, &hello_heard);
        add("stored", &bx_stored_schema, &stored);
        add("read", &bx_read_schema, &read_);
        add("beat", &bx_heartbeat_schema, &beat);
        add("beat-low", &bx_heartbeat_schema, &beat_low);
        add("grant", &bx_grant_schema, &grant);
        add("join", &bx_join_schema, &join);
        add("joined", &bx_joined_schema, &joined);
        add("vm-reply", &bx_vm_reply_schema, &vm_reply);
        tree = tree_sample();
        add("tree", &tree_schema, &tree);
        tree_first = tree_first_sample();
        add("tree-first", &tree_schema, &tree_first);
        add_rows();
        golden_proof_samples(add);
        golden_api_samples(add);
    }
    *n = samples_n;
    return samples;
}
