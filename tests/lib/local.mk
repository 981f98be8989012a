# A disk in memory: the simulator and the fuzzers have it without the rest.
MEMFS = tests/lib/memfs.c tests/lib/memfs.h tests/lib/memfs_damage.c tests/lib/memfs_disk.c \
	tests/lib/memfs_disk.h

# What several tests share: link a test with $(TEST_LIBS). It brings an allocator that can be told to
# fail, which is taken instead of the one in libcore.a, as it comes first.
check_LIBRARIES += libtest.a
libtest_a_SOURCES = tests/lib/testlib.c tests/lib/testlib.h tests/lib/rng.h \
	$(MEMFS) \
	tests/lib/testfsm.c tests/lib/testfsm.h \
	tests/lib/testfsm_one.c tests/lib/testfsm_one.h \
	tests/lib/testfsm_random.c tests/lib/testfsm_random.h \
	tests/lib/testclock.c tests/lib/testclock.h \
	tests/lib/testcluster.c tests/lib/testcluster.h tests/lib/testrequest.c \
	tests/lib/testrec.c tests/lib/testrec.h \
	tests/lib/testloop.c tests/lib/testloop.h \
	tests/lib/rpc.c tests/lib/rpc.h libcore/mem/alloc.c
libtest_a_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -DBX_ALLOC_FAULTS

TEST_LIBS = libtest.a $(LIBCORE_LIBS) $(CMOCKA_LIBS)

EXTRA_DIST += tests/lib/tap.sh
