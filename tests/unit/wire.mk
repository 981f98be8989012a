# Unit tests of wire.
check_PROGRAMS += tests/unit/command_test tests/unit/batch_test
tests_unit_batch_test_SOURCES = tests/unit/batch_test.c
tests_unit_batch_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_batch_test_LDADD = $(TEST_LIBS)

tests_unit_command_test_SOURCES = tests/unit/command_test.c tests/unit/command_samples.h
tests_unit_command_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_command_test_LDADD = $(TEST_LIBS)

RAFTMSG_HELP = tests/unit/raftmsg_help.c tests/unit/raftmsg_help.h
check_PROGRAMS += tests/unit/raftmsg_test tests/unit/raftmsg_install_test
tests_unit_raftmsg_test_SOURCES = tests/unit/raftmsg_test.c $(RAFTMSG_HELP)
tests_unit_raftmsg_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raftmsg_test_LDADD = $(TEST_LIBS)
tests_unit_raftmsg_install_test_SOURCES = tests/unit/raftmsg_install_test.c $(RAFTMSG_HELP)
tests_unit_raftmsg_install_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_raftmsg_install_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/refusal_test
tests_unit_refusal_test_SOURCES = tests/unit/refusal_test.c
tests_unit_refusal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_refusal_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/frame_test
tests_unit_frame_test_SOURCES = tests/unit/frame_test.c
tests_unit_frame_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_frame_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/secret_test
tests_unit_secret_test_SOURCES = tests/unit/secret_test.c
tests_unit_secret_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_secret_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/logquery_test
tests_unit_logquery_test_SOURCES = tests/unit/logquery_test.c
tests_unit_logquery_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_logquery_test_LDADD = $(TEST_LIBS)
