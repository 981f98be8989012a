# The bootstrap script on real daemons.
dist_check_SCRIPTS += tests/integration/bootstrap.sh
