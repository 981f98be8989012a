/* command_samples - a body of each kind of command, and its bytes, which never change. */
#ifndef UNIT_COMMAND_SAMPLES_H
#define UNIT_COMMAND_SAMPLES_H

#include "wire/command.h"

static const struct bx_pair labels[] = {{{"app", 3}, {"web", 3}}, {{"stage", 5}, {"", 0}}};

#define NODE                                                                                       \
    {                                                                                              \
        .id = 3, .name = {"n3", 2}, .address = {"10.0.0.3:7000", 13},                              \
        .api = {"10.0.0.3:7001", 13}, .datacenter = {"dc", 2}, .zone = {"z1", 2},                  \
        .rack = {"r", 1}, .driver = {"sim", 3}, .vcpus = 64, .memory_mib = 262144,                 \
        .disk_gib = 2000, .reserve_vcpus = 1, .reserve_memory_mib = 2, .reserve_disk_gib = 4,      \
        .overcommit_vcpus_pct = 200, .overcommit_memory_pct = 100, .state = BX_NODE_DRAINING,      \
        .role = BX_ROLE_AGENT                                                                      \
    }

static const struct bx_session_end session_ends[] = {{{1, 2}, 3}, {{4}, 5}};

static const struct {
    uint16_t kind;
    const char *name;
    union bx_cmd_body body;
    const char *hex; /* of the body's record */
} commands[] = {
    {BX_CMD_CLUSTER_CREATE,
     "cluster.create",
     {.cluster_create = {.cluster = {1, 2, 3}, .history = {4, 5, 6}, .name = {"lab", 3}}},
     "3800000065000500010203000000000000000000000000000405060000000000000000000000000030000000"
     "030000006c61620000000000"},
    {BX_CMD_NODE_PUT,
     "node.put",
     {.node_put = NODE},
     "e00000006600120003000000000000009800000002000000a00000000d000000b00000000d000000c0000000"
     "02000000c800000002000000d000000001000000d80000000300000040000000000000000000040000000000"
     "d007000000000000010000000000000002000000000000000400000000000000c80000000000000064000000"
     "00000000030000000000000002000000000000006e3300000000000031302e302e302e333a37303030000000"
     "31302e302e302e333a3730303100000064630000000000007a31000000000000720000000000000073696d00"
     "00000000"},
    {BX_CMD_NODE_STATE,
     "node.state",
     {.node_state = {.id = 7, .state = BX_NODE_DOWN}},
     "180000006700020007000000000000000200000000000000"},
    {BX_CMD_VM_CREATE,
     "vm.create",
     {.vm_create = {.config = {.name = {"web", 3},
                               .tenant = {"default", 7},
                               .vcpus = 2,
                               .memory_mib = 1024,
                               .disk_gib = 20,
                               .kernel = {"/boot/k", 7},
                               .initrd = {"/boot/i", 7},
                               .cmdline = {"quiet", 5},
                               .labels = {labels, 2},
                               .priority = 501,
                               .strategy = BX_STRATEGY_MANUAL,
                               .restart = BX_RESTART_ALWAYS,
                               .on_lost = BX_ON_LOST_RESTART,
                               .disk_ephemeral = true,
                               .stopped = true,
                               .node = {"n3", 2}},
                    .if_not_exists = true}},
     "f800000068001100900000000300000098000000070000000200000000000000000400000000000014000000"
     "00000000a000000007000000a800000007000000b000000005000000b800000002000000f501000000000000"
     "02000000000000000200000000000000010000000000000001000000000000000100000000000000f0000000"
     "020000000100000000000000776562000000000064656661756c74002f626f6f742f6b002f626f6f742f6900"
     "7175696574000000d800000003000000e000000003000000e800000005000000000000000000000061707000"
     "00000000776562000000000073746167650000006e33000000000000"},
    {BX_CMD_VM_DESIRE,
     "vm.desire",
     {.vm_desire = {.vm = {"web", 3},
                    .desired = BX_DESIRED_STOPPED,
                    .restart = true,
                    .force = true,
                    .timeout_s = 30}},
     "380000006900050030000000030000000100000000000000010000000000000001000000000000001e000000"
     "000000007765620000000000"},
    {BX_CMD_VM_DELETE,
     "vm.delete",
     {.vm_delete = {.vm = {"web", 3}}},
     "180000006a00010010000000030000007765620000000000"},
    {BX_CMD_VM_REPORT,
     "vm.report",
     {.vm_report = {.vm = {9, 8, 7},
                    .node = 3,
                    .epoch = 2,
                    .phase = BX_PHASE_FAILED,
                    .message = {"exit 1", 6}}},
     "400000006b000600090807000000000000000000000000000300000000000000020000000000000006000000"
     "0000000038000000060000006578697420310000"},
    {BX_CMD_TOKEN_CREATE,
     "token.create",
     {.token_create = {.secret_hash = {0xff, 0xee}, .ttl_ms = 3600000}},
     "200000006c000300ffee000000000000000000000000000080ee360000000000"},
    {BX_CMD_MEMBER_JOIN,
     "member.join",
     {.member_join = {.secret_hash = {0xff, 0xee}, .node = NODE}},
     "f00000006d001400ffee00000000000000000000000000000300000000000000a800000002000000b0000000"
     "0d000000c00000000d000000d000000002000000d800000002000000e000000001000000e800000003000000"
     "40000000000000000000040000000000d0070000000000000100000000000000020000000000000004000000"
     "00000000c8000000000000006400000000000000030000000000000002000000000000006e33000000000000"
     "31302e302e302e333a3730303000000031302e302e302e333a3730303100000064630000000000007a310000"
     "00000000720000000000000073696d0000000000"},
    {BX_CMD_NODE_REMOVE,
     "node.remove",
     {.node_remove = {.node = {"n3", 2}, .confirm_dead = true}},
     "200000006e000200180000000200000001000000000000006e33000000000000"},
    {BX_CMD_TENANT_CREATE,
     "tenant.create",
     {.tenant_create = {.name = {"acme", 4}, .quota = {8, 4096, 100, 5}}},
     "380000006f000500300000000400000008000000000000000010000000000000640000000000000005000000"
     "0000000061636d6500000000"},
    {BX_CMD_TENANT_SET,
     "tenant.set",
     {.tenant_set = {.name = {"acme", 4}, .quota = {.disk_gib = 7}, .disk_gib = true}},
     "5800000070000900500000000400000000000000000000000000000000000000070000000000000000000000"
     "00000000000000000000000000000000000000000100000000000000000000000000000061636d6500000000"},
    {BX_CMD_TENANT_DELETE,
     "tenant.delete",
     {.tenant_delete = {.name = {"acme", 4}}},
     "1800000071000100100000000400000061636d6500000000"},
    {BX_CMD_VM_RENAME,
     "vm.rename",
     {.vm_rename = {.vm = {"web", 3}, .name = {"db", 2}}},
     "28000000720002001800000003000000200000000200000077656200000000006462000000000000"},
    {BX_CMD_CLUSTER_UPGRADE,
     "cluster.upgrade",
     {.cluster_upgrade = {.level = 2}},
     "10000000730001000200000000000000"},
    {BX_CMD_SESSION_END,
     "session.end",
     {.session_end = {.sessions = {session_ends, 2}}},
     "50000000740001001000000002000000200000000000030001020000000000000000000000000000030000000000"
     "00002000000000000300040000000000000000000000000000000500000000000000"},
    {BX_CMD_TOKEN_REVOKE,
     "token.revoke",
     {.token_revoke = {.id = 17}},
     "10000000750001001100000000000000"},
    {BX_CMD_NODE_REPAIRED,
     "node.repaired",
     {.node_repaired = {.id = 3, .what = BX_REPAIR_STATE}},
     "180000007600020003000000000000000400000000000000"},
    {BX_CMD_USER_CREATE,
     "user.create",
     {.user_create = {.name = {"alice", 5}, .role = BX_USER_ADMIN, .tenant = {"acme", 4}}},
     "3000000077000300200000000500000002000000000000002800000004000000616c69636500000061636d65"
     "00000000"},
    {BX_CMD_USER_SET,
     "user.set",
     {.user_set = {.name = {"alice", 5}, .sets_tenant = true, .tenant = {"lab", 3}}},
     "4800000078000600380000000500000000000000000000004000000003000000000000000000000001000000"
     "000000000000000000000000616c6963650000006c61620000000000"},
    {BX_CMD_USER_DELETE,
     "user.delete",
     {.user_delete = {.name = {"alice", 5}, .scope = {"acme", 4}}},
     "280000007900020018000000050000002000000004000000616c69636500000061636d6500000000"},
    {BX_CMD_USER_TOKEN_CREATE,
     "user_token.create",
     {.user_token_create = {.user = {"alice", 5}, .secret_hash = {0xff, 0xee, [31] = 0xdd}}},
     "480000007a0007004000000005000000ffee0000000000000000000000000000000000000000000000000000"
     "000000dd00000000000000000000000000000000616c696365000000"},
    {BX_CMD_USER_TOKEN_DELETE,
     "user_token.delete",
     {.user_token_delete = {.id = 17}},
     "180000007b00020011000000000000000000000000000000"},
    {BX_CMD_CA_ROTATE,
     "ca.rotate",
     {.ca_rotate = {.generation = 2, .certificate = {"crt", 3}, .key = {"key", 3}}},
     "300000007c00030002000000000000002000000003000000280000000300000063727400000000006b657900"
     "00000000"},
};
#define KINDS (sizeof commands / sizeof commands[0])

#endif
