# Unit tests of mem.
check_PROGRAMS += tests/unit/mem_test tests/unit/mem_buf_test

tests_unit_mem_test_SOURCES = tests/unit/mem_test.c
tests_unit_mem_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_test_LDADD = $(TEST_LIBS)

tests_unit_mem_buf_test_SOURCES = tests/unit/mem_buf_test.c
tests_unit_mem_buf_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_buf_test_LDADD = $(TEST_LIBS)

# Skipped where nothing is tracked.
check_PROGRAMS += tests/unit/mem_track_test tests/unit/mem_scope_test
tests_unit_mem_scope_test_SOURCES = tests/unit/mem_scope_test.c tests/unit/mem_track_help.h
tests_unit_mem_scope_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_scope_test_LDADD = $(TEST_LIBS)
tests_unit_mem_track_test_SOURCES = tests/unit/mem_track_test.c tests/unit/mem_track_help.h
tests_unit_mem_track_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_track_test_LDADD = $(TEST_LIBS) $(UV_LIBS)

check_PROGRAMS += tests/unit/mem_oom_test tests/unit/mem_threads_test

tests_unit_mem_oom_test_SOURCES = tests/unit/mem_oom_test.c
tests_unit_mem_oom_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_oom_test_LDADD = $(TEST_LIBS)

tests_unit_mem_threads_test_SOURCES = tests/unit/mem_threads_test.c
tests_unit_mem_threads_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_threads_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/mem_slab_test
tests_unit_mem_slab_test_SOURCES = tests/unit/mem_slab_test.c
tests_unit_mem_slab_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_slab_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/mem_block_test
tests_unit_mem_block_test_SOURCES = tests/unit/mem_block_test.c
tests_unit_mem_block_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_block_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/mem_rc_test
tests_unit_mem_rc_test_SOURCES = tests/unit/mem_rc_test.c
tests_unit_mem_rc_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_rc_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/mem_sorted_test
tests_unit_mem_sorted_test_SOURCES = tests/unit/mem_sorted_test.c
tests_unit_mem_sorted_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_mem_sorted_test_LDADD = $(TEST_LIBS)
