# Unit tests of rec.
check_PROGRAMS += tests/unit/rec_test tests/unit/rec_ring_test tests/unit/rec_text_test \
	tests/unit/rec_filter_test tests/unit/rec_file_test tests/unit/rec_query_test \
	tests/unit/rec_hist_test tests/unit/rec_agg_test

tests_unit_rec_test_SOURCES = tests/unit/rec_test.c
tests_unit_rec_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_test_LDADD = $(TEST_LIBS)

tests_unit_rec_ring_test_SOURCES = tests/unit/rec_ring_test.c
tests_unit_rec_ring_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_ring_test_LDADD = $(TEST_LIBS)

tests_unit_rec_text_test_SOURCES = tests/unit/rec_text_test.c
tests_unit_rec_text_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_text_test_LDADD = $(TEST_LIBS)

tests_unit_rec_filter_test_SOURCES = tests/unit/rec_filter_test.c
tests_unit_rec_filter_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_filter_test_LDADD = $(TEST_LIBS)

tests_unit_rec_file_test_SOURCES = tests/unit/rec_file_test.c
tests_unit_rec_file_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_file_test_LDADD = $(TEST_LIBS)

tests_unit_rec_query_test_SOURCES = tests/unit/rec_query_test.c
tests_unit_rec_query_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_query_test_LDADD = $(TEST_LIBS)

tests_unit_rec_hist_test_SOURCES = tests/unit/rec_hist_test.c
tests_unit_rec_hist_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_hist_test_LDADD = $(TEST_LIBS)

tests_unit_rec_agg_test_SOURCES = tests/unit/rec_agg_test.c
tests_unit_rec_agg_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_agg_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/rec_journal_test
tests_unit_rec_journal_test_SOURCES = tests/unit/rec_journal_test.c
tests_unit_rec_journal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_rec_journal_test_LDADD = $(TEST_LIBS)
