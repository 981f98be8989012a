# Unit tests of cli.
check_PROGRAMS += tests/unit/cli_args_test tests/unit/cli_client_test

tests_unit_cli_args_test_SOURCES = tests/unit/cli_args_test.c
tests_unit_cli_args_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_unit_cli_args_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_cli_args_test_LDADD = libcli.a $(TEST_LIBS)

tests_unit_cli_client_test_SOURCES = tests/unit/cli_client_test.c
tests_unit_cli_client_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_unit_cli_client_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_cli_client_test_LDADD = libcli.a $(TEST_LIBS)

check_PROGRAMS += tests/unit/cli_format_test
tests_unit_cli_format_test_SOURCES = tests/unit/cli_format_test.c
tests_unit_cli_format_test_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_unit_cli_format_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_cli_format_test_LDADD = libcli.a $(TEST_LIBS)
