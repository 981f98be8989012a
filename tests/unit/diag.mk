# Unit tests of diag.
check_PROGRAMS += tests/unit/diag_metric_test
tests_unit_diag_metric_test_SOURCES = tests/unit/diag_metric_test.c
tests_unit_diag_metric_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_metric_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/diag_promtext_test
tests_unit_diag_promtext_test_SOURCES = tests/unit/diag_promtext_test.c
tests_unit_diag_promtext_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_diag_promtext_test_LDADD = $(TEST_LIBS)
