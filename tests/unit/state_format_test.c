/* The bytes of what is replicated: rows, events and outcomes as they stand in state.db and in
 * snapshots, and the digest that is made of them. Replicas of two versions compare digests, so a
 * change that this test notices needs a feature level of its own. */
#include "lib/testlib.h"

#include "codec/flat.h"
#include "lib/testfsm.h"
#include "state/rows.h"

#include <stdlib.h>
#include <string.h>

static void is_hex(const char *what, const uint8_t *p, size_t n, const char *hex)
{
    char *text = malloc(2 * n + 1);

    for (size_t i = 0; i < n; i++)
        snprintf(text + 2 * i, 3, "%02x", p[i]);
    if (n == 0 || strcmp(text, hex) != 0)
        fail_msg("%s is now\n%s\nReplicas of an older version have the old bytes.", what, text);
    free(text);
}

/* ---- rows ---- */

static const struct bx_pair labels[] = {{{"app", 3}, {"web", 3}}};

static const struct bx_vm_config config = {
    .name = {"web", 3},
    .tenant = {"default", 7},
    .vcpus = 2,
    .memory_mib = 1024,
    .disk_gib = 20,
    .kernel = {"/k", 2},
    .initrd = {"/i", 2},
    .cmdline = {"quiet", 5},
    .labels = {labels, 1},
    .priority = 501,
    .strategy = BX_STRATEGY_LEAST_AVAILABLE,
    .restart = BX_RESTART_ALWAYS,
    .on_lost = BX_ON_LOST_RESTART,
    .disk_ephemeral = true,
    .stopped = true,
    .node = {"n3", 2},
};

static const struct bx_vm vm = {
    .uuid = {1, 2, 3},
    .config = &config,
    .desired = BX_DESIRED_DELETED,
    .phase = BX_PHASE_STOPPING,
    .stop_force = true,
    .stop_timeout_s = 30,
    .restart_pending = true,
    .node = 3,
    .epoch = 4,
    .created_index = 5,
    .modified_index = 6,
    .created_ms = 7,
    .modified_ms = 8,
    .score = 900,
    .margin = 10,
    .message = {"why", 3},
};

static const struct bx_node_row node = {
    .info = {.id = 3,
             .name = {"n3", 2},
             .address = {"h:7000", 6},
             .api = {"h:7001", 6},
             .datacenter = {"dc", 2},
             .zone = {"z", 1},
             .rack = {"r", 1},
             .driver = {"sim", 3},
             .vcpus = 64,
             .memory_mib = 262144,
             .disk_gib = 2000,
             .reserve_vcpus = 1,
             .reserve_memory_mib = 2,
             .reserve_disk_gib = 3,
             .overcommit_vcpus_pct = 200,
             .overcommit_memory_pct = 110,
             .state = BX_NODE_MAINTENANCE,
             .role = BX_ROLE_STANDBY},
    .allocated_vcpus = 9, /* not part of it */
    .created_index = 5,
    .modified_index = 6,
};

static const struct bx_token token = {
    .secret_hash = {0xab, 0xcd}, .expires_ms = 1000, .created_index = 5};

static const struct bx_cluster_row cluster = {
    .id = {1}, .history = {2}, .name = {"lab", 3}, .next_node = 4, .level = 1, .created = true};

static void is_row(struct bx_row_home *home, const char *what, struct bx_row *r, const char *hex)
{
    is_hex(what, r->data, r->len, hex);
    assert_true(r->hash == bx_hash(r->data, r->len));
    bx_row_free(home, r);
}

TEST(rows_have_their_golden_bytes)
{
    struct bx_intern *in = bx_intern_create(0, 0);
    struct bx_row_home home;

    bx_row_home_init(&home, in);
    is_row(&home, "a VM's row", bx_row_make(&home, BX_TABLE_VM, &vm),
           "60010000c80020000102030000000000000000000000000008010000030000001001000007000000"
           "02000000000000000004000000000000140000000000000018010000020000002001000002000000"
           "28010000050000003001000001000000f50100000000000001000000000000000200000000000000"
           "01000000000000000100000000000000010000000000000050010000020000000200000000000000"
           "0400000000000000010000000000000001000000000000001e000000000000000300000000000000"
           "04000000000000000500000000000000060000000000000007000000000000000800000000000000"
           "84030000000000000a000000000000005801000003000000776562000000000064656661756c7400"
           "2f6b0000000000002f69000000000000717569657400000040010000030000004801000003000000"
           "617070000000000077656200000000006e330000000000007768790000000000");
    is_row(&home, "a node's row", bx_row_make(&home, BX_TABLE_NODE, &node),
           "e0000000c90014000300000000000000a800000002000000b000000006000000b800000006000000"
           "c000000002000000c800000001000000d000000001000000d8000000030000004000000000000000"
           "0000040000000000d007000000000000010000000000000002000000000000000300000000000000"
           "c8000000000000006e00000000000000040000000000000001000000000000000500000000000000"
           "06000000000000006e33000000000000683a373030300000683a3730303100006463000000000000"
           "7a00000000000000720000000000000073696d0000000000");
    is_row(&home, "a token's row", bx_row_make(&home, BX_TABLE_TOKEN, &token),
           "28000000ca000400abcd0000000000000000000000000000e8030000000000000500000000000000");
    is_row(&home, "the cluster's row", bx_row_make(&home, BX_TABLE_CLUSTER, &cluster),
           "50000000cb0008000100000000000000000000000000000002000000000000000000000000000000"
           "48000000030000000400000000000000010000000000000001000000000000006c61620000000000");
    bx_row_home_close(&home);
    bx_intern_destroy(in);
}

/* ---- events and outcomes ---- */

static void is_record(const struct bx_schema *s, const void *obj, const char *hex)
{
    uint8_t *p = malloc(bx_flat_size(s, obj));
    size_t n = bx_flat_write(s, obj, p);

    is_hex(s->name, p, n, hex);
    free(p);
}

TEST(an_event_has_its_golden_bytes)
{
    const struct bx_event e = {.index = 9,
                               .time = 1700000000000,
                               .type = BX_EVENT_VM_PHASE,
                               .object = {"web", 3},
                               .node = {"n3", 2},
                               .detail = {"running", 7}};

    is_record(&bx_event_schema, &e,
              "500000000a00060009000000000000000068e5cf8b01000006000000000000003800000003000000"
              "4000000002000000480000000700000077656200000000006e3300000000000072756e6e696e6700");
}

TEST(an_outcome_has_its_golden_bytes)
{
    const struct bx_outcome o = {.session = {1},
                                 .sequence = 2,
                                 .body_hash = 3,
                                 .revision = 4,
                                 .code = BX_EXISTS,
                                 .object = {5},
                                 .node = 6,
                                 .existed = true,
                                 .message = {"a VM", 4},
                                 .hint = {"do", 2},
                                 .floor = 7,
                                 .principal_hash = 8};

    is_record(&bx_outcome_schema, &o,
              "880000000b000e000100000000000000000000000000000002000000000000000300000000000000"
              "04000000000000000600000000000000050000000000000000000000000000000600000000000000"
              "01000000000000007800000004000000800000000200000007000000000000000800000000000000"
              "6120564d00000000646f000000000000");
}

/* Kinds, codes and types are numbers in these records: none may move. */
TEST(stored_numbers_have_not_moved)
{
    static const char *const events[] = {"cluster.created", "node.joined", "node.updated",
                                         "node.state",      "vm.created",  "vm.desired",
                                         "vm.phase",        "vm.deleted",  "token.created"};
    static const char *const phases[] = {"pending", "creating", "starting",  "running", "stopping",
                                         "stopped", "failed",   "migrating", "lost"};

    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
        assert_string_equal(bx_event_names[i], events[i]);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++)
        assert_string_equal(bx_phase_names[i], phases[i]);
    assert_int_equal(BX_EXISTS, 6);
    assert_int_equal(BX_CONFLICT, 7);
    assert_int_equal(BX_UNPLACEABLE, 11);
}

/* ---- a whole state ---- */

/* A few commands of each sort: what they come to, row by row, is in one number. */
TEST(the_digest_of_some_commands_has_not_moved)
{
    struct bx_cmd_cluster_create c = {.cluster = {1}, .history = {2}, .name = bx_str("lab")};
    struct bx_cmd_token_create tok = {.secret_hash = {3}, .ttl_ms = 1000};
    struct test_fsm t = {0};
    uint64_t empty;

    test_fsm_open(&t);
    empty = test_fsm_digest(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    test_fsm_node(&t, 1, "n1");
    test_fsm_node(&t, 2, "n2");
    for (int i = 0; i < 6; i++) {
        char name[] = {'v', (char)('0' + i), 0};

        assert_int_equal(test_fsm_vm(&t, name, (uint8_t)(i % 3), NULL), BX_OK);
    }
    assert_int_equal(test_fsm_desire(&t, "v1", BX_DESIRED_STOPPED, false, true), BX_OK);
    assert_int_equal(test_fsm_delete(&t, "v2"), BX_OK);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_TOKEN_CREATE, &tok), BX_OK);
    assert_int_equal(test_fsm_vm(&t, "v1", 0, NULL), BX_EXISTS);
    is_hex("the digest of nothing", (const uint8_t *)&empty, 8, "3b208b3afffc522f");
    empty = test_fsm_digest(&t);
    is_hex("the digest of a small state", (const uint8_t *)&empty, 8, "f5f77ad1190965e5");
    test_fsm_close(&t);
}

int main(void)
{
    return test_run(NULL, NULL);
}
