# Scripts for users, and the papers.
dist_noinst_SCRIPTS += \
	.ci/run \
	contrib/bootstrap-cluster.sh \
	contrib/install-deps.sh \
	contrib/test.sh
dist_noinst_DATA += \
	CONTRIBUTING.md \
	LICENSE \
	debian/control
