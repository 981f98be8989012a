# make fuzz builds the fuzzers, fuzz-check gives each a million inputs, fuzz-smoke 20 s in all.
FUZZ_FILES = $(libcore_a_SOURCES) $(GOLDEN_SOURCES) $(FUZZ_TARGETS) \
	tests/lib/testlib.c $(MEMFS) tests/lib/testfsm.c tests/lib/testcluster.c tests/lib/testrec.c \
	tests/lib/testrequest.c tests/lib/testclock.c tests/fuzz/entry.c

fuzz: tests/unit/golden_test
	@$(MAKE) -f $(top_srcdir)/tests/fuzz/fuzz.mk OUT=fuzzing SRC='$(top_srcdir)' \
		DEFS='$(DEFS) $(AM_CPPFLAGS) $(RAFT_CFLAGS) $(MSGPACK_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS) -DBX_ALLOC_FAULTS' \
		FILES='$(FUZZ_FILES)' LIBS='$(LIBCORE_LIBS) $(CMOCKA_LIBS) $(CRYPTO_LIBS)'
	@rm -rf fuzzing/seeds
	@BLIXARD_SRC='$(abs_top_srcdir)' ./tests/unit/golden_test --seeds fuzzing/seeds
fuzz-check: fuzz
	@$(SHELL) $(top_srcdir)/tests/fuzz/fuzz.sh fuzzing -runs=1000000
fuzz-smoke: fuzz
	@$(SHELL) $(top_srcdir)/tests/fuzz/fuzz.sh fuzzing 20

EXTRA_DIST += tests/fuzz/entry.c tests/fuzz/fuzz.mk
dist_noinst_SCRIPTS += tests/fuzz/fuzz.sh
clean-local:
	rm -rf fuzzing
