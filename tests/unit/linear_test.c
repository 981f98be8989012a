/* Histories written by hand, against linear.h and model.h: what the rules allow is accepted, and
 * each way of being wrong is found, at the answer that shows it. Times are in any unit; a VM's uuid
 * is a letter. */
#include "linear_help.h"

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
