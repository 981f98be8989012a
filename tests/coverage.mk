# `make coverage`: run the tests in a build of their own under coverage/ and print what they reached.
# COVERAGE_TESTS is what runs. A daemon that is killed leaves no counts: of the tests with real ones
# those are left out that kill.
dist_noinst_SCRIPTS += tests/coverage.sh
COVERAGE_TESTS = $(check_PROGRAMS) tests/sim/check.sh tests/integration/cli.sh
coverage:
	$(MKDIR_P) coverage
	test -f coverage/config.status || (cd coverage && '$(abs_top_srcdir)/configure' -q --enable-coverage CC='$(CC)')
	find coverage -name '*.gcda' -exec rm -f {} +
	cd coverage && $(MAKE) $(AM_MAKEFLAGS) all && \
	  BLIXARD_SIM_SEEDS=20 $(MAKE) $(AM_MAKEFLAGS) check TESTS='$(COVERAGE_TESTS)'
	$(SHELL) '$(srcdir)/tests/coverage.sh' coverage
.PHONY: coverage
