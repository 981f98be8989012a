# Unit tests of log, and of the file functions on the kernel that stand under it.
check_PROGRAMS += tests/unit/log_dualcopy_test tests/unit/log_wal_test tests/unit/log_crash_test \
	tests/unit/log_flip_test tests/unit/log_snapfile_test tests/unit/disk_fs_test

tests_unit_log_dualcopy_test_SOURCES = tests/unit/log_dualcopy_test.c
tests_unit_log_dualcopy_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_dualcopy_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/log_fault_test
tests_unit_log_fault_test_SOURCES = tests/unit/log_fault_test.c tests/unit/log_help.h
tests_unit_log_fault_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_fault_test_LDADD = $(TEST_LIBS)
tests_unit_log_wal_test_SOURCES = tests/unit/log_wal_test.c tests/unit/log_help.h
tests_unit_log_wal_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_wal_test_LDADD = $(TEST_LIBS)

tests_unit_log_crash_test_SOURCES = tests/unit/log_crash_test.c tests/unit/log_help.h
tests_unit_log_crash_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_crash_test_LDADD = $(TEST_LIBS)

tests_unit_log_flip_test_SOURCES = tests/unit/log_flip_test.c tests/unit/log_help.h
tests_unit_log_flip_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_flip_test_LDADD = $(TEST_LIBS)

tests_unit_log_snapfile_test_SOURCES = tests/unit/log_snapfile_test.c
tests_unit_log_snapfile_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_log_snapfile_test_LDADD = $(TEST_LIBS)

tests_unit_disk_fs_test_SOURCES = tests/unit/disk_fs_test.c tests/unit/log_help.h
tests_unit_disk_fs_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_disk_fs_test_LDADD = libdaemon_disk.a $(TEST_LIBS)
