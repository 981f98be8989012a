/* Answers against the record of changes, by hand (history.h): what was acknowledged is there once,
 * what was read is what was there at its revision, nothing happened that nobody asked for. */
#include "lib/testlib.h"

#include "err.h"
#include "mem/alloc.h"
#include "model/vm.h"
#include "sim/history.h"
#include "wire/event.h"

#include <string.h>

static struct sim_history h;
static uint64_t now;

static int setup(void **state)
{
    (void)state;
    memset(&h, 0, sizeof h);
    now = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    bx_free(h.ops);
    bx_free(h.changes);
    return 0;
}

/* One after the other in time, unless the test says otherwise. */
static struct sim_op *op(enum sim_op_kind kind, int code, char vm, uint64_t revision)
{
    struct sim_op o = {.kind = kind, .start = now, .end = now + 1, .revision = revision};

    now += 2;
    o.code = (uint16_t)code;
    o.uuid[0] = (uint8_t)vm;
    o.restart = BX_RESTART_ALWAYS;
    sim_history_add(&h, &o);
    return &h.ops[h.n - 1];
}

static struct sim_op *reads(enum sim_op_kind kind, char vm, enum bx_desired desired,
                            enum bx_phase phase, uint64_t revision)
{
    struct sim_op *o = op(kind, BX_OK, vm, revision);

    o->desired = (uint8_t)desired;
    o->phase = (uint8_t)phase;
    return o;
}

static void change(uint64_t revision, enum bx_event_type type, unsigned phase, const char *node)
{
    struct sim_change c = {.revision = revision, .type = (uint8_t)type, .phase = (uint8_t)phase};

    snprintf(c.node, sizeof c.node, "%s", node);
    sim_history_change(&h, &c);
}

static void good(void)
{
    struct sim_wrong wrong = {0};

    if (!sim_history_good(&h, 2, &wrong))
        fail_msg("op %zu, revision %llu: %s", wrong.op, (unsigned long long)wrong.revision,
                 wrong.what);
}

static void bad_op(size_t at)
{
    struct sim_wrong wrong = {0};

    assert_false(sim_history_good(&h, 2, &wrong));
    assert_int_equal(wrong.op, at);
}

static void bad_change(uint64_t revision)
{
    struct sim_wrong wrong = {0};

    assert_false(sim_history_good(&h, 2, &wrong));
    assert_int_equal(wrong.op, SIZE_MAX);
    assert_int_equal(wrong.revision, revision);
}

/* vm-0 is created at revision 5, runs at 6, is told to stop at 8, and rests at 9. */
static void a_life(void)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    change(6, BX_EVENT_VM_PHASE, BX_PHASE_RUNNING, "n1");
    change(8, BX_EVENT_VM_DESIRED, BX_PHASE_STOPPING, "n1");
    change(9, BX_EVENT_VM_PHASE, BX_PHASE_STOPPED, "n1");
    op(SIM_OP_CREATE, BX_OK, 'a', 5);
    reads(SIM_OP_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_RUNNING, 7);
    op(SIM_OP_STOP, BX_OK, 'a', 8);
    op(SIM_OP_CREATE, BX_EXISTS, 0, 8);
}

TEST(a_life_is_good)
{
    a_life();
    reads(SIM_OP_STALE_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_CREATING, 5);
    op(SIM_OP_STALE_READ, BX_NOT_FOUND, 0, 4);
    op(SIM_OP_DRY_RUN, BX_EXISTS, 0, 7);
    op(SIM_OP_DRY_RUN, BX_OK, 0, 2);
    reads(SIM_OP_READ, 'a', BX_DESIRED_STOPPED, BX_PHASE_STOPPED, 9);
    good();
}

TEST(a_stale_read_shows_its_revision)
{
    a_life();
    reads(SIM_OP_STALE_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_RUNNING, 8);
    bad_op(4);
}

TEST(a_refusal_shows_its_revision)
{
    a_life();
    op(SIM_OP_START, BX_CONFLICT, 0, 9); /* it rested by then */
    bad_op(4);
}

TEST(a_lost_change_is_found)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    op(SIM_OP_CREATE, BX_OK, 'a', 5);
    op(SIM_OP_STOP, BX_OK, 'a', 6);
    bad_op(1);
}

TEST(a_change_at_another_revision_is_not_it)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_STOPPED, "n1");
    change(8, BX_EVENT_VM_DESIRED, BX_PHASE_CREATING, "n1");
    op(SIM_OP_CREATE_STOPPED, BX_OK, 'a', 5);
    op(SIM_OP_START, BX_OK, 'a', 6);
    bad_op(1);
}

TEST(a_doubled_change_is_found)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_STOPPED, "n1");
    change(6, BX_EVENT_VM_DELETED, BX__PHASES, "n1");
    change(7, BX_EVENT_VM_CREATED, BX_PHASE_STOPPED, "n1");
    op(SIM_OP_CREATE_STOPPED, BX_OK, 'a', 5);
    op(SIM_OP_DELETE, BX_OK, 'a', 6);
    bad_change(7);
}

TEST(two_changes_of_one_revision_are_found)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_STOPPED, "n1");
    op(SIM_OP_CREATE_STOPPED, BX_OK, 'a', 5);
    op(SIM_OP_START, BX_OK, 'a', 5)->start = 0;
    bad_op(1);
}

TEST(a_change_of_another_name_is_not_it)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    op(SIM_OP_CREATE, BX_OK, 'a', 5)->name = 1;
    bad_change(5);
}

TEST(an_impossible_phase_is_found)
{
    a_life();
    change(10, BX_EVENT_VM_PHASE, BX_PHASE_RUNNING, "n1");
    bad_change(10);
}

TEST(no_answer_may_have_done_it)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    change(6, BX_EVENT_VM_DESIRED, BX_PHASE_STOPPING, "n1");
    op(SIM_OP_CREATE, 0, 0, 0)->end = SIM_OP_UNANSWERED;
    op(SIM_OP_STOP, 0, 0, 0)->end = SIM_OP_UNANSWERED;
    op(SIM_OP_START, 0, 0, 0)->end = SIM_OP_UNANSWERED;
    reads(SIM_OP_READ, 'x', BX_DESIRED_RUNNING, BX_PHASE_CREATING, 5);
    good();
    reads(SIM_OP_READ, 'y', BX_DESIRED_STOPPED, BX_PHASE_STOPPING, 6);
    bad_op(4);
}

TEST(no_answer_did_nothing_else)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    op(SIM_OP_CREATE_STOPPED, 0, 0, 0)->end = SIM_OP_UNANSWERED;
    bad_change(5);
}

TEST(a_removed_node_takes_its_vms)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_CREATING, "n1");
    change(7, BX_EVENT_NODE_REMOVED, BX__PHASES, "n2");
    change(9, BX_EVENT_NODE_REMOVED, BX__PHASES, "n1");
    op(SIM_OP_CREATE, BX_OK, 'a', 5);
    reads(SIM_OP_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_CREATING, 8);
    op(SIM_OP_START, BX_UNPLACEABLE, 0, 9);
    reads(SIM_OP_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_FAILED, 9);
    good();
    reads(SIM_OP_STALE_READ, 'a', BX_DESIRED_RUNNING, BX_PHASE_FAILED, 8);
    bad_op(4);
}

/* ---- revisions and time ---- */

TEST(a_read_after_an_answer_is_as_new)
{
    a_life();
    op(SIM_OP_READ, BX_NOT_FOUND, 0, 7)->name = 1;
    bad_op(4);
}

TEST(a_change_after_an_answer_is_newer)
{
    change(5, BX_EVENT_VM_CREATED, BX_PHASE_STOPPED, "n1");
    op(SIM_OP_READ, BX_NOT_FOUND, 0, 5)->name = 1;
    op(SIM_OP_CREATE_STOPPED, BX_OK, 'a', 5);
    bad_op(1);
}

TEST(a_stale_read_may_be_older)
{
    a_life();
    op(SIM_OP_STALE_READ, BX_NOT_FOUND, 0, 3);
    good();
}

TEST(a_stale_read_is_as_new_as_it_claims)
{
    a_life();
    op(SIM_OP_STALE_READ, BX_NOT_FOUND, 0, 3)->knows = h.ops[0].end;
    good();
    h.ops[h.n - 1].knows++;
    bad_op(h.n - 1);
}

int main(void)
{
    return test_run(setup, teardown);
}
