# Benchmarks; `make bench` runs them. The create client also serves the integration tests.
noinst_PROGRAMS += tests/bench/create
tests_bench_create_SOURCES = tests/bench/create.c cli/client.c cli/client.h
tests_bench_create_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_bench_create_LDADD = $(LIBCORE) $(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) -lpthread

# Creates per second on a fresh local cluster of three, at 1, 64 and 256 in flight.
bench: all
	BLIXARD_BUILD='$(abs_top_builddir)' $(SHELL) $(top_srcdir)/tests/bench/create.sh
.PHONY: bench
dist_noinst_SCRIPTS += tests/bench/create.sh
