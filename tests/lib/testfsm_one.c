#include "lib/testfsm_one.h"

struct test_fsm t;

int test_fsm_setup(void **state)
{
    (void)state;
    t = (struct test_fsm){.index = 0};
    test_fsm_open(&t);
    test_fsm_node(&t, 1, "n1");
    return 0;
}

int test_fsm_teardown(void **state)
{
    (void)state;
    test_fsm_close(&t);
    return 0;
}
