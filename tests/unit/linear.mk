# The simulator's checkers of histories.
check_PROGRAMS += tests/unit/linear_test

LINEAR_CHECK = tests/unit/linear_help.h \
	tests/sim/linear.c tests/sim/linear.h \
	tests/sim/model.c tests/sim/model.h \
	tests/sim/history.c tests/sim/history.h
tests_unit_linear_test_SOURCES = tests/unit/linear_test.c $(LINEAR_CHECK)
tests_unit_linear_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_linear_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/linear_lapse_test
tests_unit_linear_lapse_test_SOURCES = tests/unit/linear_lapse_test.c $(LINEAR_CHECK)
tests_unit_linear_lapse_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_linear_lapse_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/history_test

tests_unit_history_test_SOURCES = tests/unit/history_test.c \
	tests/sim/history.c tests/sim/history.h \
	tests/sim/model.c tests/sim/model.h
tests_unit_history_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_history_test_LDADD = $(TEST_LIBS)
