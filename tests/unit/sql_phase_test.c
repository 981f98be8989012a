/* The phase of a VM that users' queries see is the one that is shown elsewhere (wire/vm.h), also
 * where the row has another; and the counts by phase are what looking at each VM gives. */
#include "sql_help.h"

#include "lib/testfsm_random.h"
#include "state/view.h"
#include "wire/vm.h"

#include <stdio.h>
#include <string.h>

#define ENTRIES 3000u
#define PERIOD 50u /* entries between two looks at all VMs */

static uint8_t web[16];

static int open_state(void **state)
{
    (void)state;
    t = (struct test_fsm){.index = 0};
    absent = (struct bx_sql_absent){NULL, 0};
    test_fsm_open(&t);
    test_fsm_cluster(&t, 2);
    test_fsm_node(&t, 1, "n1");
    assert_int_equal(test_fsm_vm(&t, "web", BX_RESTART_ALWAYS, web), BX_OK);
    return 0;
}

static int close_state(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}

static void report(uint64_t epoch, enum bx_phase phase, uint32_t failures)
{
    struct bx_cmd_vm_report r = {.node = 1,
                                 .epoch = epoch,
                                 .phase = (uint8_t)phase,
                                 .message = bx_str(failures > 0 ? "no such file" : ""),
                                 .failures = failures,
                                 .pause_ms = 1000 * failures};

    memcpy(r.vm, web, 16);
    assert_int_equal(test_fsm_apply(&t, BX_CMD_VM_REPORT, &r), BX_OK);
}

static void set_state(uint64_t id, enum bx_node_state state)
{
    struct bx_cmd_node_state c = {.id = id, .state = (uint8_t)state};

    assert_int_equal(test_fsm_apply(&t, BX_CMD_NODE_STATE, &c), BX_OK);
}

TEST(a_vm_of_a_node_that_is_down_is_unknown)
{
    report(1, BX_PHASE_RUNNING, 0);
    set_state(1, BX_NODE_SUSPECT);
    gives("SELECT phase, last_phase FROM vms",
          "{\"columns\":[\"phase\",\"last_phase\"],\"rows\":[[\"running\",\"running\"]]}");
    set_state(1, BX_NODE_DOWN);
    gives("SELECT phase, last_phase FROM vms",
          "{\"columns\":[\"phase\",\"last_phase\"],\"rows\":[[\"unknown\",\"running\"]]}");
    gives("SELECT count(*) FROM vms WHERE phase = 'running'",
          "{\"columns\":[\"count(*)\"],\"rows\":[[0]]}");
    gives("SELECT n.state, v.phase FROM nodes n LEFT JOIN vms v ON v.node = n.id",
          "{\"columns\":[\"state\",\"phase\"],\"rows\":[[\"down\",\"unknown\"]]}");
    set_state(1, BX_NODE_UP);
    gives("SELECT phase FROM vms", "{\"columns\":[\"phase\"],\"rows\":[[\"running\"]]}");
}

/* It has no run of which something could be unknown. */
TEST(a_vm_that_rests_on_a_node_that_is_down_keeps_its_phase)
{
    report(1, BX_PHASE_RUNNING, 0);
    assert_int_equal(test_fsm_desire(&t, "web", BX_DESIRED_STOPPED, false, false), BX_OK);
    report(1, BX_PHASE_STOPPED, 0);
    set_state(1, BX_NODE_DOWN);
    gives("SELECT phase FROM vms", "{\"columns\":[\"phase\"],\"rows\":[[\"stopped\"]]}");
}

TEST(a_vm_whose_runs_fail_is_in_backoff)
{
    static const char query[] = "SELECT phase, last_phase, failures, message, last_exit,"
                                " next_try_ms - modified_ms AS pause FROM (SELECT *,"
                                " next_try_ms - 3000 AS modified_ms FROM vms)";

    gives("SELECT phase, failures, next_try_ms, message FROM vms",
          "{\"columns\":[\"phase\",\"failures\",\"next_try_ms\",\"message\"],"
          "\"rows\":[[\"creating\",0,0,\"\"]]}");
    report(1, BX_PHASE_FAILED, 3);
    gives(query, "{\"columns\":[\"phase\",\"last_phase\",\"failures\",\"message\",\"last_exit\","
                 "\"pause\"],\"rows\":[[\"backoff\",\"creating\",3,\"nosuchfile\",\"nosuchfile\","
                 "3000]]}");
    report(2, BX_PHASE_STARTING, 0); /* it is tried */
    gives("SELECT phase, failures, next_try_ms FROM vms",
          "{\"columns\":[\"phase\",\"failures\",\"next_try_ms\"],\"rows\":[[\"starting\",3,0]]}");
    report(2, BX_PHASE_FAILED, 4);
    set_state(1, BX_NODE_DOWN); /* what its node does is not known then */
    gives("SELECT phase, count(*) AS n FROM vms GROUP BY phase",
          "{\"columns\":[\"phase\",\"n\"],\"rows\":[[\"unknown\",1]]}");
}

TEST(a_vm_of_a_node_out_of_sight_is_unknown)
{
    static const uint64_t some[] = {1, 3, 7}, others[] = {2, 3, 7, 9};

    absent = (struct bx_sql_absent){some, 3};
    gives("SELECT phase FROM vms", "{\"columns\":[\"phase\"],\"rows\":[[\"unknown\"]]}");
    absent = (struct bx_sql_absent){others, 4};
    gives("SELECT phase FROM vms", "{\"columns\":[\"phase\"],\"rows\":[[\"creating\"]]}");
}

/* The view reads it; no query does, with or without the functions that the view calls. */
TEST(the_record_stays_hidden_behind_the_columns_that_are_made_of_it)
{
    static const char *const queries[] = {
        "SELECT vm_field(data, 'message') FROM main.vms",
        "SELECT vm_field(data, 'message') FROM vms",
        "SELECT shown_phase(phase, data, node, 'up') FROM main.vms",
        "WITH vms AS (SELECT data FROM main.vms) SELECT vm_field(data, 'cmdline') FROM vms",
        "WITH vms(failures) AS (SELECT data FROM main.vms) SELECT hex(failures) FROM vms",
        "WITH t AS (SELECT data FROM main.vms) SELECT hex(t.data) FROM t",
        "SELECT hex(data) FROM main.vms t",
        "SELECT (SELECT hex(n.data) FROM main.nodes n WHERE n.id = v.node) FROM vms v",
        "SELECT failures FROM main.vms WHERE vm_field(data, 'failures') > 0",
        "SELECT phase FROM vms WHERE EXISTS (SELECT 1 FROM main.tokens)",
    };

    for (size_t i = 0; i < sizeof queries / sizeof queries[0]; i++) {
        struct bx_err err;
        char *text = ask(queries[i], &err);

        if (text != NULL)
            fail_msg("%s gave %s", queries[i], text);
        if (err.code != BX_DENIED && err.code != BX_INVALID)
            fail_msg("%s: %s", queries[i], err.msg);
    }
}

/* Queries may call them with anything. */
TEST(the_functions_of_the_view_take_any_value)
{
    gives("SELECT vm_field(x'0102', 'failures') AS a, vm_field(NULL, 'failures') AS b,"
          " vm_field('text', NULL) AS c, vm_field(x'', 'nothing') AS d,"
          " shown_phase('creating', x'01', 1, 'up') AS e, shown_phase(NULL, NULL, NULL, NULL) AS f,"
          " shown_phase('nonsense', 1, 2, 3) AS g, shown_phase('running', NULL, NULL, 'down') AS h",
          "{\"columns\":[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\"],"
          "\"rows\":[[null,null,null,null,\"creating\",null,null,\"unknown\"]]}");
}

TEST(memory_running_out_is_an_error)
{
    report(1, BX_PHASE_FAILED, 1);
    survives_little_memory("SELECT phase, failures, message, metadata FROM vms");
}

/* ---- counts ---- */

static void count_each(struct bx_phase_counts *all, uint64_t shown[BX__SHOWN])
{
    const struct bx_view *v = bx_fsm_view(t.fsm);
    const struct bx_vm *vm;
    size_t pos = 0;

    while ((vm = bx_view_next(v, BX_TABLE_VM, &pos)) != NULL) {
        const struct bx_node_row *n = bx_view_node(v, vm->node);
        bool down = n != NULL && n->info.state == BX_NODE_DOWN;

        all->present[bx_shown_phase(vm->phase, vm->failures, false)]++;
        all->absent[bx_shown_phase(vm->phase, vm->failures, true)]++;
        shown[bx_shown_phase(vm->phase, vm->failures, down)]++;
    }
}

static void count_on_node(uint64_t id, struct bx_phase_counts *of_node)
{
    const struct bx_vm *vm;
    size_t pos = 0;

    while ((vm = bx_view_next_on_node(bx_fsm_view(t.fsm), id, &pos)) != NULL) {
        of_node->present[bx_shown_phase(vm->phase, vm->failures, false)]++;
        of_node->absent[bx_shown_phase(vm->phase, vm->failures, true)]++;
    }
}

static void sql_says(uint8_t phase, uint64_t vms)
{
    char query[96], want[96];

    snprintf(query, sizeof query, "SELECT count(*) AS n FROM vms WHERE phase = '%s'",
             bx_shown_phase_names[phase]);
    snprintf(want, sizeof want, "{\"columns\":[\"n\"],\"rows\":[[%llu]]}", (unsigned long long)vms);
    gives(query, want);
}

static void all_agree(uint64_t seen[BX__SHOWN])
{
    const struct bx_view *v = bx_fsm_view(t.fsm);
    struct bx_phase_counts all = {{0}, {0}};
    uint64_t shown[BX__SHOWN] = {0};

    count_each(&all, shown);
    assert_memory_equal(&all, bx_view_phases(v), sizeof all);
    for (uint32_t i = 0; i < bx_view_nodes(v); i++) {
        const struct bx_node_row *n = bx_view_node_at(v, i);
        struct bx_phase_counts of_node = {{0}, {0}};

        count_on_node(n->info.id, &of_node);
        assert_memory_equal(&of_node, &n->phases, sizeof of_node);
    }
    for (uint8_t phase = 0; phase < BX__SHOWN; phase++) {
        sql_says(phase, shown[phase]);
        seen[phase] += shown[phase];
    }
}

/* From feature level 1 on. */
TEST(the_counts_are_those_of_looking_at_each_vm)
{
    struct test_commands g = {.seed = 11};
    uint64_t seen[BX__SHOWN] = {0};
    struct test_batch b = {0};

    test_fsm_close(&t);
    t = (struct test_fsm){.index = 0};
    test_fsm_open(&t);
    while (t.index < ENTRIES) {
        test_commands_fill(&g, &t, &b, 4);
        test_fsm_feed(&t, &b);
        test_fsm_commit(&t);
        if (t.index % PERIOD == 0)
            all_agree(seen);
        if (t.index % (10 * PERIOD) == 0) {
            test_fsm_reopen(&t);
            all_agree(seen);
        }
    }
    assert_true(seen[BX_SHOWN_UNKNOWN] > 0 && seen[BX_SHOWN_BACKOFF] > 0);
    assert_true(seen[BX_PHASE_CREATING] > 0 && seen[BX_PHASE_RUNNING] > 0);
    test_commands_close(&g);
    bx_buf_release(&b.buf);
}

int main(void)
{
    return test_run(open_state, close_state);
}
