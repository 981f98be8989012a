/* Histories written by hand, against linear.h and model.h: what the rules allow is accepted, and
 * each way of being wrong is found, at the answer that shows it. Times are in any unit; a VM's uuid
 * is a letter. */
#include "lib/testlib.h"

#include "err.h"
#include "model/vm.h"
#include "sim/linear.h"

#include <string.h>

#define NEVER SIM_OP_UNANSWERED
#define OPS_MAX 500u

static struct sim_op ops[OPS_MAX];
static size_t n;
static bool nodes_go;

static int setup(void **state)
{
    (void)state;
    memset(ops, 0, sizeof ops);
    n = 0;
    nodes_go = false;
    return 0;
}

static struct sim_op *op(enum sim_op_kind kind, uint64_t start, uint64_t end, int code, char vm)
{
    struct sim_op *o = &ops[n++];

    assert_true(n <= OPS_MAX);
    o->kind = kind;
    o->start = start;
    o->end = end;
    o->code = (uint16_t)code;
    o->uuid[0] = (uint8_t)vm;
    o->restart = BX_RESTART_ALWAYS;
    return o;
}

static void create(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_CREATE, start, end, BX_OK, vm);
}

static void create_resting(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_CREATE_STOPPED, start, end, BX_OK, vm);
}

static void remove_vm(uint64_t start, uint64_t end, char vm)
{
    op(SIM_OP_DELETE, start, end, BX_OK, vm);
}

static void absent(uint64_t start, uint64_t end)
{
    op(SIM_OP_READ, start, end, BX_NOT_FOUND, 0);
}

static void there(uint64_t start, uint64_t end, char vm, enum bx_desired desired,
                  enum bx_phase phase)
{
    struct sim_op *o = op(SIM_OP_READ, start, end, BX_OK, vm);

    o->desired = (uint8_t)desired;
    o->phase = (uint8_t)phase;
}

static void runs(uint64_t start, uint64_t end, char vm)
{
    there(start, end, vm, BX_DESIRED_RUNNING, BX_PHASE_RUNNING);
}

static void rests(uint64_t start, uint64_t end, char vm)
{
    there(start, end, vm, BX_DESIRED_STOPPED, BX_PHASE_STOPPED);
}

static void good(void)
{
    size_t at = 0;

    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_GOOD);
}

static void bad_at(size_t where)
{
    size_t at = 0;

    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_BAD);
    assert_int_equal(at, where);
}

/* ---- one after the other ---- */

TEST(a_life_is_good)
{
    absent(0, 1);
    create(2, 3, 'a');
    runs(4, 5, 'a');
    op(SIM_OP_STOP, 6, 7, BX_OK, 'a');
    there(8, 9, 'a', BX_DESIRED_STOPPED, BX_PHASE_STOPPING);
    rests(10, 11, 'a');
    op(SIM_OP_START, 12, 13, BX_OK, 'a');
    op(SIM_OP_RESTART, 14, 15, BX_OK, 'a');
    there(16, 17, 'a', BX_DESIRED_RUNNING, BX_PHASE_STOPPING);
    remove_vm(18, 19, 'a');
    op(SIM_OP_CREATE, 20, 21, BX_EXISTS, 0);
    there(22, 23, 'a', BX_DESIRED_DELETED, BX_PHASE_STOPPING);
    op(SIM_OP_DELETE, 24, 25, BX_OK, 'a')->existed = true;
    absent(26, 27);
    create(28, 29, 'b');
    runs(30, 31, 'b');
    good();
}

TEST(a_stale_read_is_found)
{
    create(0, 1, 'a');
    absent(2, 3);
    bad_at(1);
}

TEST(an_old_vm_is_found)
{
    create_resting(0, 1, 'a');
    remove_vm(2, 3, 'a');
    create(4, 5, 'b');
    runs(6, 7, 'a');
    bad_at(3);
}

TEST(a_doubled_create_is_found)
{
    create(0, 1, 'a');
    create(2, 3, 'b');
    bad_at(1);
}

TEST(a_read_from_the_future_is_found)
{
    runs(0, 1, 'a');
    create(2, 3, 'a');
    bad_at(0);
}

TEST(a_resurrection_is_found)
{
    create_resting(0, 1, 'a');
    remove_vm(2, 3, 'a'); /* it rested: it is gone at once */
    absent(4, 5);
    rests(6, 7, 'a');
    bad_at(3);
}

TEST(a_vm_that_is_gone_and_back_is_found)
{
    create(0, 1, 'a');
    remove_vm(2, 3, 'a');
    absent(4, 5);
    there(6, 7, 'a', BX_DESIRED_DELETED, BX_PHASE_STOPPING);
    bad_at(3);
}

TEST(a_lost_stop_is_found)
{
    create(0, 1, 'a');
    op(SIM_OP_STOP, 2, 3, BX_OK, 'a');
    runs(4, 5, 'a');
    bad_at(2);
}

TEST(a_stop_that_is_undone_is_found)
{
    create(0, 1, 'a');
    op(SIM_OP_STOP, 2, 3, BX_OK, 'a');
    rests(4, 5, 'a');
    op(SIM_OP_STOP, 6, 7, BX_OK, 'a'); /* not "nothing to do": somebody started it */
    bad_at(3);
}

TEST(a_stop_becomes_forced_once)
{
    create(0, 1, 'a');
    op(SIM_OP_STOP, 2, 3, BX_OK, 'a');
    op(SIM_OP_STOP, 4, 5, BX_OK, 'a')->force = true;
    good();
    op(SIM_OP_STOP, 6, 7, BX_OK, 'a')->force = true;
    bad_at(3);
}

TEST(a_start_while_stopping_is_refused)
{
    create(0, 1, 'a');
    op(SIM_OP_STOP, 2, 3, BX_OK, 'a');
    op(SIM_OP_START, 4, 5, BX_CONFLICT, 0);
    good();
    rests(6, 7, 'a');
    op(SIM_OP_START, 8, 9, BX_CONFLICT, 0);
    bad_at(4);
}

/* ---- what depends on the restart policy ---- */

TEST(a_vm_that_always_restarts_does_not_rest)
{
    create(0, 1, 'a');
    rests(2, 3, 'a');
    bad_at(1);
}

TEST(a_vm_that_never_restarts_rests_and_stays)
{
    op(SIM_OP_CREATE, 0, 1, BX_OK, 'a')->restart = BX_RESTART_NEVER;
    rests(2, 3, 'a');
    good();
    runs(4, 5, 'a');
    bad_at(2);
}

TEST(a_vm_that_never_restarts_may_fail)
{
    op(SIM_OP_CREATE, 0, 1, BX_OK, 'a')->restart = BX_RESTART_NEVER;
    there(2, 3, 'a', BX_DESIRED_RUNNING, BX_PHASE_FAILED);
    op(SIM_OP_START, 4, 5, BX_OK, 'a');
    runs(6, 7, 'a');
    good();
    there(8, 9, 'a', BX_DESIRED_STOPPED, BX_PHASE_FAILED);
    bad_at(4);
}

TEST(a_vm_that_restarts_on_failure_does_not_fail)
{
    op(SIM_OP_CREATE, 0, 1, BX_OK, 'a')->restart = BX_RESTART_ON_FAILURE;
    there(2, 3, 'a', BX_DESIRED_RUNNING, BX_PHASE_FAILED);
    bad_at(1);
}

TEST(a_removed_node_fails_its_vms)
{
    create(0, 1, 'a');
    there(2, 3, 'a', BX_DESIRED_RUNNING, BX_PHASE_FAILED);
    op(SIM_OP_START, 4, 5, BX_UNPLACEABLE, 0);
    bad_at(1);
    nodes_go = true;
    good();
    ops[0].pinned = true;
    op(SIM_OP_START, 6, 7, BX_NOT_FOUND, 0); /* the node is gone, and the pin with it */
    bad_at(3);
}

/* ---- refusals ---- */

TEST(nonsense_is_refused)
{
    op(SIM_OP_CREATE, 0, 1, BX_INVALID, 0)->invalid = true;
    absent(2, 3);
    good();
    create(4, 5, 'a');
    op(SIM_OP_CREATE, 6, 7, BX_EXISTS, 0)->invalid = true;
    bad_at(3);
    ops[3].invalid = false;
    good();
    ops[3].code = BX_INVALID;
    bad_at(3);
}

TEST(a_pin_to_no_node_is_refused)
{
    op(SIM_OP_CREATE, 0, 1, BX_NOT_FOUND, 0);
    bad_at(0);
    ops[0].pinned = true;
    good();
}

TEST(refusals_change_nothing)
{
    op(SIM_OP_CREATE, 0, 1, BX_UNPLACEABLE, 0);
    op(SIM_OP_CREATE, 2, 3, BX_BUSY, 0);
    op(SIM_OP_START, 4, 5, BX_NOT_FOUND, 0);
    absent(6, 7);
    create(8, 9, 'a');
    op(SIM_OP_DELETE, 10, 11, BX_BUSY, 0);
    op(SIM_OP_CREATE, 12, 13, BX_OK, 'a')->existed = true;
    ops[n - 1].if_not_exists = true;
    runs(14, 15, 'a');
    good();
}

TEST(a_vm_on_its_way_out_does_not_do)
{
    create(0, 1, 'a');
    remove_vm(2, 3, 'a');
    op(SIM_OP_CREATE, 4, 5, BX_CONFLICT, 0)->if_not_exists = true;
    good();
    ops[2].code = BX_OK;
    ops[2].uuid[0] = 'a';
    ops[2].existed = true;
    bad_at(2);
}

TEST(a_refusal_without_cause_is_found)
{
    op(SIM_OP_CREATE, 0, 1, BX_EXISTS, 0);
    bad_at(0);
}

TEST(an_unplaceable_that_is_there_is_found)
{
    create(0, 1, 'a');
    op(SIM_OP_CREATE, 2, 3, BX_UNPLACEABLE, 0);
    bad_at(1);
}

/* ---- at the same time ---- */

TEST(overlapping_ones_find_their_order)
{
    create(0, 10, 'a');
    absent(1, 9);
    runs(2, 8, 'a');
    op(SIM_OP_CREATE, 3, 7, BX_EXISTS, 0);
    remove_vm(4, 12, 'a');
    create(5, 20, 'b');
    runs(13, 19, 'b');
    good();
}

TEST(two_creates_at_once_are_found)
{
    create(0, 10, 'a');
    create(0, 10, 'b');
    bad_at(1);
}

TEST(two_creates_at_once_are_good_with_a_delete_between)
{
    create(0, 10, 'a');
    create(0, 10, 'b');
    remove_vm(0, 10, 'a');
    good();
    runs(11, 12, 'a'); /* the one that stayed is b */
    bad_at(3);
}

/* Two readers who agree with no single order, though each alone agrees with one. */
TEST(readers_agree_on_the_order)
{
    create_resting(0, 1, 'a');
    op(SIM_OP_START, 2, 20, BX_OK, 'a');
    runs(3, 5, 'a');
    rests(6, 8, 'a');
    bad_at(3);
}

/* The start waits for the stop, though it could have come after an end that nobody saw. */
TEST(a_change_takes_its_time)
{
    op(SIM_OP_CREATE, 0, 1, BX_OK, 'a')->restart = BX_RESTART_NEVER;
    op(SIM_OP_START, 2, 10, BX_OK, 'a');
    op(SIM_OP_STOP, 4, 6, BX_OK, 'a')->force = true;
    runs(11, 12, 'a');
    good();
}

TEST(ends_at_the_same_time_overlap)
{
    create(0, 5, 'a');
    absent(5, 6);
    good();
    absent(6, 7);
    bad_at(2);
}

TEST(many_at_once_find_their_order)
{
    for (unsigned i = 0; i < 8; i++)
        create(i, 1000 + i, (char)(i + 1));
    for (unsigned i = 0; i < 8; i++)
        remove_vm(500, 2000, (char)(i + 1));
    good();
    runs(2001, 2002, 1);
    bad_at(16);
}

TEST(too_many_at_once_are_no_verdict)
{
    size_t at;

    for (unsigned i = 0; i < 24; i++)
        create(i, 1000, (char)(i + 1));
    for (unsigned i = 0; i < 24; i++)
        remove_vm(i, 1000, (char)(i + 1));
    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_TOO_WIDE);
    n = 0;
    for (unsigned i = 0; i <= LINEAR_OPEN_MAX; i++)
        absent(i, 1000);
    assert_int_equal(
        linear_check(&(struct sim_history){.ops = ops, .n = n, .nodes_go = nodes_go}, 0, &at),
        LINEAR_TOO_WIDE);
}

/* ---- without an answer ---- */

TEST(what_is_unanswered_may_happen_late_or_never)
{
    create(0, 1, 'a');
    op(SIM_OP_STOP, 2, NEVER, 0, 0);
    runs(3, 4, 'a');
    good();
    runs(500, 501, 'a');
    good();
    rests(502, 503, 'a');
    good();
    runs(504, 505, 'a'); /* and only once */
    bad_at(5);
}

TEST(what_is_unanswered_does_not_happen_before)
{
    create(0, 1, 'a');
    rests(2, 3, 'a');
    op(SIM_OP_STOP, 4, NEVER, 0, 0);
    bad_at(1);
}

/* Given up at 5, it is forgotten with the first acknowledged change after its time, of any name. */
TEST(what_is_unanswered_lapses)
{
    for (uint64_t change = LINEAR_LAPSE_US + 4; change <= LINEAR_LAPSE_US + 5; change++) {
        setup(NULL);
        create(0, 1, 'a');
        op(SIM_OP_STOP, 2, NEVER, 0, 0)->given_up = 5;
        op(SIM_OP_CREATE, change, change + 1, BX_OK, 'b')->name = 1;
        runs(change + 2, change + 3, 'a');
        good();
        rests(change + 4, change + 5, 'a');
        if (change >= LINEAR_LAPSE_US + 5)
            bad_at(4);
        else
            good();
    }
}

/* Nobody has looked when it lapses: it has happened by then, also behind others, or never will. */
TEST(what_has_lapsed_may_have_happened)
{
    for (int looked = 0; looked < 2; looked++) {
        for (int happened = 0; happened < 2; happened++) {
            setup(NULL);
            create(0, 1, 'a');
            op(SIM_OP_STOP, 2, NEVER, 0, 0)->given_up = 5;
            if (looked)
                runs(3, 4, 'a'); /* it came after this one */
            op(SIM_OP_CREATE, LINEAR_LAPSE_US + 5, LINEAR_LAPSE_US + 6, BX_OK, 'b')->name = 1;
            if (happened)
                rests(LINEAR_LAPSE_US + 7, LINEAR_LAPSE_US + 8, 'a');
            else
                runs(LINEAR_LAPSE_US + 7, LINEAR_LAPSE_US + 8, 'a');
            good();
        }
    }
}

TEST(unanswered_ones_do_not_add_up)
{
    for (unsigned i = 0; i < LINEAR_OPEN_MAX + 10; i++) {
        uint64_t start = 2ull * i * LINEAR_LAPSE_US;

        create(start, start + 1, (char)(i + 1));
        op(SIM_OP_STOP, start + 2, NEVER, 0, 0)->given_up = start + 3;
        remove_vm(start + 4, start + 5, (char)(i + 1));
    }
    good();
}

TEST(an_unanswered_create_gets_one_uuid)
{
    op(SIM_OP_CREATE, 0, NEVER, 0, 0);
    absent(1, 2);
    runs(3, 4, 'x');
    runs(5, 6, 'x');
    good();
    runs(7, 8, 'y');
    bad_at(4);
}

TEST(an_unanswered_create_made_no_known_vm)
{
    op(SIM_OP_CREATE, 0, NEVER, 0, 0);
    runs(1, 2, 'a');
    remove_vm(3, 4, 'a');
    create(5, 6, 'a');
    bad_at(1);
}

/* ---- what is looked at ---- */

TEST(other_names_and_stale_reads_do_not_count)
{
    create(0, 1, 'a');
    absent(2, 3);
    ops[n - 1].name = 1;
    absent(4, 5);
    ops[n - 1].kind = SIM_OP_STALE_READ;
    good();
}

int main(void)
{
    return test_run(setup, NULL);
}
