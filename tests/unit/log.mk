# Unit tests of log.
check_PROGRAMS += tests/unit/log_slots_test tests/unit/log_wal_test

tests_unit_log_slots_test_SOURCES = tests/unit/log_slots_test.c
tests_unit_log_slots_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_slots_test_LDADD = $(TEST_LIBS)

tests_unit_log_wal_test_SOURCES = tests/unit/log_wal_test.c tests/unit/log_help.h
tests_unit_log_wal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_wal_test_LDADD = $(TEST_LIBS)
