# Scripts for users, and the papers.
dist_noinst_SCRIPTS += \
	.ci/run \
	contrib/install-deps.sh \
	contrib/test.sh
dist_noinst_DATA += \
	LICENSE \
	debian/control
