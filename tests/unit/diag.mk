# Unit tests of diag.
check_PROGRAMS += tests/unit/diag_metric_test
tests_unit_diag_metric_test_SOURCES = tests/unit/diag_metric_test.c
tests_unit_diag_metric_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_metric_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_promtext_test
tests_unit_diag_promtext_test_SOURCES = tests/unit/diag_promtext_test.c
tests_unit_diag_promtext_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_promtext_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_weight_test
tests_unit_diag_weight_test_SOURCES = tests/unit/diag_weight_test.c
tests_unit_diag_weight_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_weight_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_scope_test
tests_unit_diag_scope_test_SOURCES = tests/unit/diag_scope_test.c
tests_unit_diag_scope_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_scope_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_report_test
tests_unit_diag_report_test_SOURCES = tests/unit/diag_report_test.c
tests_unit_diag_report_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_report_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_envelope_test
tests_unit_diag_envelope_test_SOURCES = tests/unit/diag_envelope_test.c
tests_unit_diag_envelope_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_envelope_test_LDADD = $(TEST_LIBS)
