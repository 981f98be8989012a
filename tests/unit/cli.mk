# Unit tests of cli.
check_PROGRAMS += tests/unit/cli_args_test tests/unit/cli_client_test tests/unit/cli_command_test \
	tests/unit/cli_format_test tests/unit/cli_list_test tests/unit/cli_output_test \
	tests/unit/cli_parse_test tests/unit/cli_result_test tests/unit/cli_mapped_test tests/unit/cli_trace_test \
	tests/unit/cli_record_test tests/unit/cli_log_merge_test tests/unit/cli_log_test
CLI_TEST_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
CLI_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
CLI_TEST_LIBS = libtest.a $(CLI_LIBS) $(CMOCKA_LIBS)

tests_unit_cli_args_test_SOURCES = tests/unit/cli_args_test.c
tests_unit_cli_args_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_args_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_args_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_client_test_SOURCES = tests/unit/cli_client_test.c tests/unit/cli_fake.c \
	tests/unit/cli_fake.h
tests_unit_cli_client_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_client_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_client_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_trace_test_SOURCES = tests/unit/cli_trace_test.c
tests_unit_cli_trace_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_trace_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_trace_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_record_test_SOURCES = tests/unit/cli_record_test.c tests/unit/cli_fake.c \
	tests/unit/cli_fake.h tests/unit/cli_capture.c tests/unit/cli_capture.h
tests_unit_cli_record_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_record_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_record_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_command_test_SOURCES = tests/unit/cli_command_test.c
tests_unit_cli_command_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_command_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_command_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_format_test_SOURCES = tests/unit/cli_format_test.c
tests_unit_cli_format_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_format_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_format_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_output_test_SOURCES = tests/unit/cli_output_test.c tests/unit/cli_capture.c \
	tests/unit/cli_capture.h
tests_unit_cli_output_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_output_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_output_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_list_test_SOURCES = tests/unit/cli_list_test.c tests/unit/cli_fake.c \
	tests/unit/cli_fake.h tests/unit/cli_capture.c tests/unit/cli_capture.h
tests_unit_cli_list_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_list_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_list_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_parse_test_SOURCES = tests/unit/cli_parse_test.c
tests_unit_cli_parse_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_parse_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_parse_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_result_test_SOURCES = tests/unit/cli_result_test.c tests/unit/cli_capture.c \
	tests/unit/cli_capture.h
tests_unit_cli_result_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_result_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_result_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_mapped_test_SOURCES = tests/unit/cli_mapped_test.c
tests_unit_cli_mapped_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_mapped_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_mapped_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_log_merge_test_SOURCES = tests/unit/cli_log_merge_test.c
tests_unit_cli_log_merge_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_log_merge_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_log_merge_test_LDADD = $(CLI_TEST_LIBS)

tests_unit_cli_log_test_SOURCES = tests/unit/cli_log_test.c tests/unit/cli_fake.c \
	tests/unit/cli_fake.h tests/unit/cli_capture.c \
	tests/unit/cli_capture.h
tests_unit_cli_log_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_log_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_log_test_LDADD = $(CLI_TEST_LIBS)

CLI_TLS_HELP = tests/unit/cli_tls_help.c tests/unit/cli_tls_help.h tests/unit/pki_help.c tests/unit/pki_help.h
check_PROGRAMS += tests/unit/cli_tls_test tests/unit/cli_tls_files_test
tests_unit_cli_tls_test_SOURCES = tests/unit/cli_tls_test.c $(CLI_TLS_HELP)
tests_unit_cli_tls_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_tls_test_CFLAGS = $(CLI_TEST_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_cli_tls_test_LDADD = $(CLI_TEST_LIBS)
tests_unit_cli_tls_files_test_SOURCES = tests/unit/cli_tls_files_test.c $(CLI_TLS_HELP)
tests_unit_cli_tls_files_test_CPPFLAGS = $(CLI_TEST_CPPFLAGS)
tests_unit_cli_tls_files_test_CFLAGS = $(CLI_TEST_CFLAGS)
tests_unit_cli_tls_files_test_LDADD = $(CLI_TEST_LIBS)
