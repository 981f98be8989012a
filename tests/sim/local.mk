# The simulator: the product's node logic on virtual time.
noinst_PROGRAMS += blixard-sim
blixard_sim_SOURCES = \
	tests/sim/main.c \
	tests/sim/run.c tests/sim/run.h \
	tests/sim/shrink.c \
	tests/sim/world.c \
	tests/sim/queue.c tests/sim/queue.h \
	tests/sim/host.c \
	tests/sim/member.c \
	tests/sim/disk.c \
	tests/sim/db.c \
	tests/sim/net.c \
	tests/sim/client.c tests/sim/history.h \
	tests/sim/check.c \
	tests/sim/nemesis.c \
	tests/sim/sim.h \
	tests/lib/memfs.c tests/lib/memfs.h tests/lib/rng.h
blixard_sim_LDADD = $(LIBCORE_LIBS)
