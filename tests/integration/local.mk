# Integration tests: real daemons, real files.

# Scripts against real daemons with the simulated driver.
dist_check_SCRIPTS += tests/integration/surface.sh tests/integration/crash.sh \
	tests/integration/cli.sh tests/integration/snapshot.sh
dist_noinst_DATA += tests/lib/cluster.sh
tests/integration/surface.log tests/integration/crash.log tests/integration/cli.log \
tests/integration/snapshot.log: blixardd blixardctl blixard-vm

# What mem stats and mem sites show, and that a normal build tracks nothing.
dist_check_SCRIPTS += tests/integration/memory.sh
tests/integration/memory.log: blixardd blixardctl tests/integration/memory_churn

noinst_PROGRAMS += tests/integration/memory_churn
tests_integration_memory_churn_SOURCES = tests/integration/memory_churn.c cli/client.c cli/client.h
tests_integration_memory_churn_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_integration_memory_churn_LDADD = $(LIBCORE) $(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) \
	-lpthread
