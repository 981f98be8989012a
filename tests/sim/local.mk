# The simulator: the product's node logic on virtual time.
noinst_PROGRAMS += blixard-sim
blixard_sim_SOURCES = \
	tests/sim/main.c \
	tests/sim/run.c tests/sim/run.h \
	tests/sim/shrink.c \
	tests/sim/world.c tests/sim/record.c \
	tests/sim/queue.c tests/sim/queue.h \
	tests/sim/host.c \
	tests/sim/member.c \
	tests/sim/disk.c \
	tests/sim/db.c tests/sim/db_file.c tests/sim/db_file.h \
	tests/sim/net.c \
	tests/sim/client.c tests/sim/client_session.c tests/sim/client.h tests/sim/verdict.c \
	tests/sim/idle.c tests/sim/nemesis_member.c \
	tests/sim/request.c tests/sim/name.c \
	tests/sim/history.c tests/sim/history.h \
	tests/sim/model.c tests/sim/model.h \
	tests/sim/linear.c tests/sim/linear.h \
	tests/sim/check.c tests/sim/chain.c \
	tests/sim/safety.c tests/sim/catchup.c \
	tests/sim/deadline.c tests/sim/nemesis_guest.c \
	tests/sim/nemesis.c tests/sim/nemesis.h tests/sim/nemesis_conf.c tests/sim/nemesis_forge.c tests/sim/nemesis_disk.c \
	tests/sim/nemesis_level.c tests/sim/nemesis_crowd.c tests/sim/nemesis_copy.c tests/sim/nemesis_net.c \
	tests/sim/sim.h \
	$(MEMFS) tests/lib/rng.h
blixard_sim_LDADD = $(LIBCORE_LIBS)

dist_check_SCRIPTS += tests/sim/check.sh
dist_noinst_DATA += tests/sim/seeds.txt
tests/sim/check.log: blixard-sim

# make soak-seeds: as many as the claims in docs/TESTING.md are about; make check runs a fifth of them.
soak-seeds: blixard-sim
	@BLIXARD_SRC='$(abs_top_srcdir)' BLIXARD_BUILD='$(abs_top_builddir)' BLIXARD_SIM_SEEDS=500 \
	  $(srcdir)/tests/sim/check.sh
.PHONY: soak-seeds

# make soak HOURS=n [SEED=s]: new seeds, and all codecs, until n hours have passed. Without SEED it
# goes on after the last seed of the run before.
dist_noinst_SCRIPTS += tests/sim/soak.sh
soak: blixard-sim tests/bench/codec_soak
	@BLIXARD_BUILD='$(abs_top_builddir)' $(srcdir)/tests/sim/soak.sh $${HOURS:-1} $$SEED
.PHONY: soak

# make soak-sessions [WRITES=n]: the unit test of that name with a million calls.
soak-sessions: tests/unit/session_soak_test
	@BLIXARD_SOAK_WRITES=$${WRITES:-1000000} tests/unit/session_soak_test
.PHONY: soak-sessions

# The same with mistakes put in, which it has to find (libcore/mutant.h). Built for its test only.
EXTRA_LIBRARIES += tests/sim/libcore_mutants.a
tests_sim_libcore_mutants_a_SOURCES = $(libcore_a_SOURCES)
tests_sim_libcore_mutants_a_CPPFLAGS = $(AM_CPPFLAGS) -DBX_MUTANTS
tests_sim_libcore_mutants_a_CFLAGS = $(AM_CFLAGS) $(CRYPTO_CFLAGS)
EXTRA_PROGRAMS += tests/sim/blixard-sim-mutants
tests_sim_blixard_sim_mutants_SOURCES = $(blixard_sim_SOURCES) \
	tests/sim/mutants.c tests/sim/mutants.h
tests_sim_blixard_sim_mutants_CPPFLAGS = $(AM_CPPFLAGS) -DBX_MUTANTS
tests_sim_blixard_sim_mutants_LDADD = tests/sim/libcore_mutants.a $(RAFT_LIBS) $(SQLITE_LIBS) \
	$(MSGPACK_LIBS) $(JANSSON_LIBS) $(XXHASH_LIBS) $(LZ4_LIBS) $(ZSTD_LIBS) $(CRYPTO_LIBS) -lpthread
CLEANFILES += tests/sim/libcore_mutants.a tests/sim/blixard-sim-mutants
if PLAIN_BUILD
dist_check_SCRIPTS += tests/sim/mutants.sh
endif
tests/sim/mutants.log: tests/sim/blixard-sim-mutants blixard-sim blixardd blixardctl
