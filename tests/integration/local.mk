# Integration tests: real daemons, real files.

# Scripts against real daemons with the simulated driver.
dist_check_SCRIPTS += tests/integration/surface.sh tests/integration/crash.sh \
	tests/integration/cli.sh tests/integration/levels.sh tests/integration/snapshot.sh tests/integration/kill.sh \
	tests/integration/remove.sh tests/integration/address.sh tests/integration/down.sh tests/integration/sessions.sh tests/integration/users.sh tests/integration/tenants.sh tests/integration/select.sh \
	tests/integration/recorder.sh tests/integration/http.sh tests/integration/log.sh tests/integration/diag.sh \
	tests/integration/diag_send.sh
dist_noinst_DATA += tests/integration/diag_server.py tests/integration/secret_hunt.py
dist_noinst_DATA += tests/lib/cluster.sh
tests/integration/surface.log tests/integration/crash.log tests/integration/cli.log \
tests/integration/snapshot.log tests/integration/kill.log \
tests/integration/remove.log tests/integration/address.log tests/integration/down.log tests/integration/sessions.log tests/integration/users.log tests/integration/tenants.log tests/integration/select.log \
tests/integration/recorder.log tests/integration/http.log tests/integration/log.log tests/integration/diag.log tests/integration/diag_send.log: blixardd blixardctl blixard-vm

# Who did what, and whether the record of it is whole.
dist_check_SCRIPTS += tests/integration/audit.sh
dist_noinst_DATA += tests/integration/audit_tamper.py
tests/integration/audit.log: blixardd blixardctl blixard-vm

# Daemons that die under load, on a disk of their own if root runs it. make soak-crash [CRASHES=n]: 100 of them.
dist_check_SCRIPTS += tests/integration/crash_load.sh tests/integration/log_snapshot.sh
tests/integration/crash_load.log tests/integration/log_snapshot.log: blixardd blixardctl blixard-vm
soak-crash: blixardd blixardctl blixard-vm
	@BLIXARD_SRC='$(abs_top_srcdir)' BLIXARD_BUILD='$(abs_top_builddir)' BLIXARD_CRASHES=$${CRASHES:-100} \
	  BLIXARD_CRASH_AGE=10 \
	  $(srcdir)/tests/integration/crash_load.sh
.PHONY: soak-crash

# A hostile peer on the link, what can go wrong with the keys, hosts on a network that fails, and a hunt for secrets in
# all that is written: they take long, and say nothing of how the programs are built.
if PLAIN_BUILD
dist_check_SCRIPTS += tests/integration/hostile_link.sh tests/integration/keys.sh tests/integration/hosts.sh \
	tests/integration/api_tls.sh tests/integration/ca.sh tests/integration/secrets.sh
endif
dist_noinst_DATA += tests/integration/hostile_link.py tests/integration/hostile_api.py tests/integration/relay.py
noinst_PROGRAMS += tests/integration/hostile_certs
tests_integration_hostile_certs_SOURCES = tests/integration/hostile_certs.c
tests_integration_hostile_certs_LDADD = $(LIBDAEMON_LIBS)
noinst_PROGRAMS += tests/integration/history
tests_integration_history_SOURCES = tests/integration/history.c \
	tests/sim/linear.c tests/sim/linear.h tests/sim/model.c tests/sim/model.h \
	tests/sim/history.c tests/sim/history.h
tests_integration_history_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/cli
tests_integration_history_LDADD = $(CLI_LIBS)
tests/integration/hostile_link.log tests/integration/ca.log: blixardd blixardctl blixard-vm tests/integration/hostile_certs
tests/integration/keys.log tests/integration/api_tls.log tests/integration/secrets.log: blixardd blixardctl blixard-vm
tests/integration/hosts.log: blixardd blixardctl blixard-vm tests/integration/history

# Where the log goes.
dist_check_SCRIPTS += tests/integration/sinks.sh tests/integration/sink_node.sh
tests/integration/sinks.log tests/integration/sink_node.log: blixardd blixardctl blixard-vm

# A data directory that is an older copy of itself, or damaged.
dist_check_SCRIPTS += tests/integration/old-copy.sh tests/integration/repairs.sh
tests/integration/old-copy.log tests/integration/repairs.log: blixardd blixardctl blixard-vm

# The manual pages against the programs.
dist_check_SCRIPTS += tests/integration/man.sh
tests/integration/man.log: blixardd blixardctl

# One trace id through all of a cluster; with QEMU, where there is one.
dist_check_SCRIPTS += tests/integration/trace.sh
tests/integration/trace.log: blixardd blixardctl blixard-vm

# What mem stats and mem sites show, and that a normal build tracks nothing.
dist_check_SCRIPTS += tests/integration/memory.sh
tests/integration/memory.log: blixardd blixardctl

# The HTTP server, with programs that other tests do not need; http.sh is the one for every build.
if PLAIN_BUILD
dist_check_SCRIPTS += tests/integration/prometheus.sh tests/integration/dashboard.sh
endif
tests/integration/prometheus.log tests/integration/dashboard.log: blixardd blixardctl blixard-vm
dist_noinst_DATA += tests/integration/dashboard.py
# The same as prometheus.sh for five minutes.
soak-prometheus: all
	@BLIXARD_SRC='$(abs_top_srcdir)' BLIXARD_BUILD='$(abs_top_builddir)' BLIXARD_SCRAPE_SECONDS=300 \
	  $(srcdir)/tests/integration/prometheus.sh
.PHONY: soak-prometheus

# make check-upgrade OLD=DIR: this build on the data of an earlier one, DIR being its build directory.
dist_noinst_SCRIPTS += tests/integration/upgrade.sh
check-upgrade: all
	@BLIXARD_SRC='$(abs_top_srcdir)' BLIXARD_BUILD='$(abs_top_builddir)' \
	  $(srcdir)/tests/integration/upgrade.sh '$(OLD)'
.PHONY: check-upgrade

# A small file system that fills up; needs root.
dist_check_SCRIPTS += tests/integration/disk_full.sh
tests/integration/disk_full.log: blixardd blixardctl blixard-vm
