# Scripts for users.
dist_noinst_SCRIPTS += contrib/make-test-guest.sh
