/* What the API shows: the keys that others rely on, in their order, and where the values come
 * from. */
#include "lib/testlib.h"

#include "lib/testfsm.h"

#include "api/show.h"
#include "codec/json.h"
#include "wire/events.h"

#include <string.h>

static struct test_fsm t;
static struct bx_buf b;
static struct bx_pack *pack;
static struct api_call call; /* whose arena the lists come from */

static int setup(void **state)
{
    struct bx_cmd_cluster_create c = {.cluster = {1}, .history = {2}, .name = bx_str("test")};

    (void)state;
    test_fsm_open(&t);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_CREATE, &c), BX_OK);
    test_fsm_node(&t, 1, "n1");
    test_fsm_node(&t, 2, "n2");
    pack = bx_pack_create();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bx_buf_release(&b);
    bx_pack_destroy(pack);
    bx_arena_close(&call.arena);
    test_fsm_close(&t);
    return 0;
}

static bx_val parsed(void)
{
    bx_val v = bx_pack_parse(pack, b.data, b.len, b.len, NULL);

    assert_non_null(v);
    return v;
}

static void put(const struct bx_schema *s, const void *obj)
{
    assert_int_equal(bx_pw_map(&b, bx_pack_fields(s, obj)), BX_OK);
    assert_int_equal(bx_pack_write(&b, s, obj), BX_OK);
}

static void put_vm(const struct bx_vm *vm)
{
    struct bx_vm_reply r;

    api_show_vm(bx_fsm_view(t.fsm), vm, &r);
    put(&bx_vm_reply_schema, &r);
}

static void put_decision(const struct bx_decision *d, const struct bx_candidates *cs, bool recorded)
{
    struct bx_decision_reply r;

    api_show_decision(&call, bx_fsm_view(t.fsm), d, cs, recorded, &r);
    put(&bx_decision_reply_schema, &r);
}

/* The keys are these, divided by one space, in this order. */
static void has_keys(bx_val map, const char *keys)
{
    char found[1024];
    size_t n = 0;

    assert_int_equal(bx_val_type(map), BX_V_MAP);
    for (uint32_t i = 0; i < bx_val_len(map); i++) {
        struct bx_str key;

        assert_true(bx_val_str(bx_val_key(map, i), &key));
        n += (size_t)snprintf(found + n, sizeof found - n, "%s" BX_STR_FMT, i == 0 ? "" : " ",
                              BX_STR_ARG(key));
    }
    assert_string_equal(found, keys);
}

static void is_text(bx_val map, const char *key, const char *want)
{
    struct bx_str s;

    assert_true(bx_val_str(bx_val_get(map, key), &s));
    assert_true(bx_str_eq(s, bx_str(want)));
}

static void is_number(bx_val map, const char *key, uint64_t want)
{
    uint64_t n;

    assert_true(bx_val_u64(bx_val_get(map, key), &n));
    assert_int_equal(n, want);
}

static void is_nil(bx_val map, const char *key)
{
    assert_int_equal(bx_val_type(bx_val_get(map, key)), BX_V_NIL);
}

static const struct bx_vm *find(const char *name)
{
    const struct bx_vm *vm;
    struct bx_err err;

    assert_int_equal(bx_view_find_vm(bx_fsm_view(t.fsm), bx_str(name), &vm, &err), BX_OK);
    return vm;
}

TEST(a_vm_is_shown_with_its_keys_in_order)
{
    struct bx_pair labels[] = {{bx_str("app"), bx_str("db")}, {bx_str("tier"), bx_str("")}};
    struct bx_cmd_vm_create c = {.if_not_exists = false};
    const struct bx_vm *vm;
    bx_val v;

    bx_vm_config_init(&c.config);
    c.config.name = bx_str("a1");
    c.config.vcpus = 4;
    c.config.memory_mib = 2048;
    c.config.disk_gib = 20;
    c.config.labels = (struct bx_pairs){labels, 2};
    c.config.kernel = bx_str("/boot/vmlinuz");
    c.config.cmdline = bx_str("quiet");
    c.config.restart = BX_RESTART_ALWAYS;
    c.config.node = bx_str("n2");
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_CREATE, &c), BX_OK);
    vm = find("a1");
    put_vm(vm);
    v = parsed();
    has_keys(v,
             "name uuid tenant vcpus memory_mib disk_gib desired phase node epoch priority "
             "labels created_index modified_index address kernel initrd cmdline strategy restart "
             "on_lost disk_ephemeral created_ms modified_ms message score");
    is_text(v, "name", "a1");
    is_text(v, "tenant", "default");
    is_number(v, "vcpus", 4);
    is_number(v, "memory_mib", 2048);
    is_number(v, "disk_gib", 20);
    is_text(v, "desired", "running");
    is_text(v, "phase", bx_phase_names[vm->phase]);
    is_text(v, "node", "n2");
    is_number(v, "epoch", vm->epoch);
    is_number(v, "priority", 500);
    is_number(v, "created_index", vm->created_index);
    is_number(v, "modified_index", vm->modified_index);
    is_nil(v, "address");
    is_text(v, "kernel", "/boot/vmlinuz");
    is_text(v, "initrd", "");
    is_text(v, "cmdline", "quiet");
    is_text(v, "strategy", "most-available");
    is_text(v, "restart", "always");
    is_text(v, "on_lost", "stay");
    is_number(v, "created_ms", vm->created_ms);
    has_keys(bx_val_get(v, "labels"), "app tier");
    is_text(bx_val_get(v, "labels"), "app", "db");
}

TEST(a_vm_can_be_written_as_json)
{
    struct bx_buf json = {0};

    assert_int_equal(test_fsm_vm(&t, "a1", BX_RESTART_NEVER, NULL), BX_OK);
    put_vm(find("a1"));
    assert_int_equal(bx_json_write(&json, parsed(), 0), BX_OK);
    assert_memory_equal(json.data, "{\"name\":", 8);
    bx_buf_release(&json);
}

TEST(a_node_is_shown_with_its_keys_in_order)
{
    uint8_t uuid[16];
    const struct bx_vm *vm;
    const struct bx_node_row *n;
    struct bx_node_reply r;
    bx_val v;

    assert_int_equal(test_fsm_vm(&t, "a1", BX_RESTART_NEVER, uuid), BX_OK);
    vm = bx_view_vm(bx_fsm_view(t.fsm), uuid);
    n = bx_view_node(bx_fsm_view(t.fsm), vm->node);
    api_show_node(n, &r);
    put(&bx_node_reply_schema, &r);
    v = parsed();
    has_keys(v, "id name address api state role capacity reserve allocated driver datacenter zone "
                "rack vms created_index modified_index overcommit_vcpus_pct overcommit_memory_pct");
    is_number(v, "id", vm->node);
    is_text(v, "name", n->name->s);
    is_text(v, "state", "up");
    is_text(v, "role", "voter");
    is_text(v, "driver", "sim");
    is_number(v, "vms", 1);
    has_keys(bx_val_get(v, "capacity"), "vcpus memory_mib disk_gib");
    has_keys(bx_val_get(v, "allocated"), "vcpus memory_mib disk_gib");
    is_number(bx_val_get(v, "capacity"), "vcpus", 1024);
    is_number(bx_val_get(v, "capacity"), "memory_mib", 1 << 20);
    is_number(bx_val_get(v, "allocated"), "vcpus", 1);
    is_number(bx_val_get(v, "allocated"), "memory_mib", 128);
    is_number(bx_val_get(v, "allocated"), "disk_gib", 0);
}

static void set_state(uint64_t id, uint8_t state)
{
    struct bx_cmd_node_state c = {.id = id, .state = state, .dated = true};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &c), BX_OK);
}

static uint8_t wanted_phase(uint8_t phase, uint32_t failures, bool absent)
{
    if (phase == BX_PHASE_PENDING || phase == BX_PHASE_STOPPED || phase == BX_PHASE_FAILED)
        return phase; /* no process can exist for it, wherever its node is */
    if (absent)
        return BX_SHOWN_UNKNOWN;
    return phase == BX_PHASE_CREATING && failures > 0 ? BX_SHOWN_BACKOFF : phase;
}

TEST(every_phase_is_shown_as_what_is_known_of_it)
{
    assert_string_equal(bx_shown_phase_names[BX_SHOWN_UNKNOWN], "unknown");
    assert_string_equal(bx_shown_phase_names[BX_SHOWN_BACKOFF], "backoff");
    for (uint8_t phase = 0; phase < BX__PHASES; phase++) {
        assert_string_equal(bx_shown_phase_names[phase], bx_phase_names[phase]);
        for (uint32_t failures = 0; failures < 3; failures++) {
            assert_int_equal(bx_shown_phase(phase, failures, false),
                             wanted_phase(phase, failures, false));
            assert_int_equal(bx_shown_phase(phase, failures, true),
                             wanted_phase(phase, failures, true));
        }
    }
}

TEST(a_vm_of_a_node_that_is_down_is_unknown)
{
    uint8_t uuid[16];
    const struct bx_vm *vm;
    struct bx_vm stopped;
    const struct bx_node_row *n;
    struct bx_vm_reply r;
    bx_val v;

    assert_int_equal(test_fsm_vm(&t, "a1", BX_RESTART_NEVER, uuid), BX_OK);
    vm = bx_view_vm(bx_fsm_view(t.fsm), uuid);
    set_state(vm->node, BX_NODE_SUSPECT);
    api_show_vm(bx_fsm_view(t.fsm), vm, &r);
    assert_int_equal(r.phase, BX_PHASE_CREATING);
    set_state(vm->node, BX_NODE_DOWN);
    n = bx_view_node(bx_fsm_view(t.fsm), vm->node);
    put_vm(vm);
    v = parsed();
    is_text(v, "phase", "unknown");
    is_text(v, "last_phase", "creating");
    is_number(v, "unknown_since_ms", n->state_ms);
    api_show_unknown(vm, 7, &r); /* for the first time here */
    assert_int_equal(r.unknown_since_ms, 7);
    api_show_unknown(vm, 8, &r);
    assert_int_equal(r.unknown_since_ms, 7);
    assert_int_equal(r.last_phase, BX_PHASE_CREATING);
    stopped = *vm; /* it has no run that could be unknown */
    stopped.phase = r.phase = BX_PHASE_STOPPED;
    api_show_unknown(&stopped, 9, &r);
    assert_int_equal(r.phase, BX_PHASE_STOPPED);
}

TEST(a_vm_whose_runs_fail_backs_off)
{
    struct bx_cmd_vm_report f = {.node = 1,
                                 .epoch = 1,
                                 .phase = BX_PHASE_FAILED,
                                 .message = bx_str("no such file"),
                                 .failures = 3,
                                 .pause_ms = 4000};
    struct bx_cmd_cluster_upgrade level_2 = {2};
    struct bx_vm_reply r;
    const struct bx_vm *vm;
    bx_val v;

    assert_int_equal(test_fsm_apply(&t, BX_CMD_CLUSTER_UPGRADE, &level_2), BX_OK);
    assert_int_equal(test_fsm_vm(&t, "a1", BX_RESTART_ALWAYS, f.vm), BX_OK);
    f.node = bx_view_vm(bx_fsm_view(t.fsm), f.vm)->node;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &f), BX_OK);
    vm = bx_view_vm(bx_fsm_view(t.fsm), f.vm);
    put_vm(vm);
    v = parsed();
    is_text(v, "phase", "backoff");
    is_text(v, "message", "no such file");
    is_number(v, "failures", 3);
    is_number(v, "next_try_ms", vm->modified_ms + 4000);
    api_show_vm(bx_fsm_view(t.fsm), vm, &r);
    api_show_unknown(vm, 7, &r); /* what its node does is not known then */
    assert_int_equal(r.phase, BX_SHOWN_UNKNOWN);
    assert_int_equal(r.last_phase, BX_PHASE_CREATING);
    assert_int_equal(r.failures, 0);
    f.epoch = 2;
    f.phase = BX_PHASE_STARTING;
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &f), BX_OK);
    api_show_vm(bx_fsm_view(t.fsm), bx_view_vm(bx_fsm_view(t.fsm), f.vm), &r);
    assert_int_equal(r.phase, BX_PHASE_STARTING); /* it is tried */
    assert_int_equal(r.failures, 0);
}

TEST(an_event_is_shown_with_its_keys_in_order)
{
    struct bx_event e = {.index = 12,
                         .time = 1700000000000,
                         .type = BX_EVENT_VM_PHASE,
                         .object = bx_str("a1"),
                         .node = bx_str("n1"),
                         .detail = bx_str("running")};
    bx_val v;

    put(&bx_event_reply_schema, &e);
    v = parsed();
    has_keys(v, "index type object node time detail");
    is_number(v, "index", 12);
    is_text(v, "type", "vm.phase");
    is_text(v, "object", "a1");
    is_text(v, "node", "n1");
    is_number(v, "time", 1700000000000);
    is_text(v, "detail", "running");
}

TEST(a_decision_lists_every_candidate)
{
    struct bx_candidates cs;
    struct bx_decision d;
    uint8_t uuid[16];
    bool recorded;
    bx_val v, list;

    bx_candidates_init(&cs);
    assert_int_equal(test_fsm_vm(&t, "a1", BX_RESTART_NEVER, uuid), BX_OK);
    assert_int_equal(
        bx_fsm_explain(t.fsm, bx_view_vm(bx_fsm_view(t.fsm), uuid), &cs, &d, &recorded), BX_OK);
    put_decision(&d, &cs, recorded);
    v = parsed();
    has_keys(v, "decision node score margin recorded candidates relaxations");
    is_text(v, "decision", "placed");
    is_text(v, "node", "n1");
    list = bx_val_get(v, "candidates");
    assert_int_equal(bx_val_len(list), 2);
    has_keys(bx_val_at(list, 0), "node score rejected");
    is_text(bx_val_at(list, 0), "node", "n1");
    is_nil(bx_val_at(list, 0), "rejected");
    assert_int_equal(bx_val_len(bx_val_get(v, "relaxations")), 0);
    bx_candidates_close(&cs);
}

TEST(a_refusal_tells_what_is_missing_and_what_would_help)
{
    struct bx_sched_request rq = {.vcpus = 2000, .memory_mib = 1};
    struct bx_node_columns nodes;
    struct bx_candidates cs;
    struct bx_decision d;
    struct bx_str why;
    bx_val v, first;

    bx_candidates_init(&cs);
    bx_view_columns(bx_fsm_view(t.fsm), &nodes);
    assert_int_equal(bx_sched_decide(&nodes, &rq, &cs, &d), BX_OK);
    put_decision(&d, &cs, false);
    v = parsed();
    is_text(v, "decision", "unplaceable");
    is_nil(v, "node");
    first = bx_val_at(bx_val_get(v, "candidates"), 0);
    is_number(first, "score", 0);
    assert_true(bx_val_str(bx_val_get(first, "rejected"), &why));
    assert_true(why.n > 0 && memmem(why.p, why.n, "vcpus", 5) != NULL);
    assert_true(memmem(why.p, why.n, "976", 3) != NULL); /* so many are missing */
    assert_true(bx_val_len(bx_val_get(v, "relaxations")) > 0);
    first = bx_val_at(bx_val_get(v, "relaxations"), 0);
    has_keys(first, "change node by");
    is_text(first, "node", "n1");
    is_number(first, "by", 976);
    bx_candidates_close(&cs);
}

int main(void)
{
    return test_run(setup, teardown);
}
