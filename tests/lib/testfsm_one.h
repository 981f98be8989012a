/* testfsm_one - the state machine of a test that has one: a new one for each test, with the node
 * n1.
 */
#ifndef BX_TESTFSM_ONE_H
#define BX_TESTFSM_ONE_H

#include "lib/testfsm.h"

extern struct test_fsm t;

/* For test_run, or at the beginning of a setup that adds to it. */
int test_fsm_setup(void **state);
int test_fsm_teardown(void **state);

#endif
