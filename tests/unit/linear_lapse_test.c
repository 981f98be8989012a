/* Requests without an answer in the check of orders: they may have happened, late or never, until
 * they lapse. */
#include "linear_help.h"

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

/* Nothing lapses while nothing is acknowledged. */
TEST(unanswered_ones_of_a_long_outage_can_be_looked_through)
{
    static const enum sim_op_kind kinds[] = {SIM_OP_STOP, SIM_OP_START, SIM_OP_DELETE,
                                             SIM_OP_CREATE, SIM_OP_READ};

    create(0, 1, 'a');
    for (uint64_t i = 0; i < 400; i++)
        op(kinds[i % 5], 2 + i, NEVER, 0, 0)->given_up = 3 + i;
    rests(500, 501, 'a');
    runs(502, 503, 'a');
    absent(504, 505);
    runs(506, 507, 'b');
    rests(508, 509, 'b');
    good();
    runs(510, 511, 'a'); /* which has gone */
    bad_at(n - 1);
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

int main(void)
{
    return test_run(setup, NULL);
}
