# Unit tests of model.
check_PROGRAMS += tests/unit/model_test

tests_unit_model_test_SOURCES = tests/unit/model_test.c
tests_unit_model_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_model_test_LDADD = $(TEST_LIBS)
