# Integration tests: real daemons, real files.

# Scripts against real daemons with the simulated driver.
dist_check_SCRIPTS += tests/integration/surface.sh tests/integration/crash.sh
dist_noinst_DATA += tests/lib/cluster.sh
dist_noinst_SCRIPTS += tests/integration/snapshot.sh
tests/integration/surface.log tests/integration/crash.log: blixardd blixardctl tests/bench/create
