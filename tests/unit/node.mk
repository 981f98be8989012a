# Unit tests of node, and of what state computes: sched, plan, sql.
check_PROGRAMS += tests/unit/sched_test tests/unit/plan_test tests/unit/sql_test

tests_unit_sched_test_SOURCES = tests/unit/sched_test.c
tests_unit_sched_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sched_test_LDADD = $(TEST_LIBS)

tests_unit_plan_test_SOURCES = tests/unit/plan_test.c
tests_unit_plan_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_plan_test_LDADD = $(TEST_LIBS)

tests_unit_sql_test_SOURCES = tests/unit/sql_test.c
tests_unit_sql_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_sql_test_LDADD = $(TEST_LIBS)
