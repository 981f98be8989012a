# Scripts for users, and the papers.
dist_noinst_SCRIPTS += \
	.ci/run \
	contrib/bootstrap-cluster.sh \
	contrib/clean-room.sh \
	contrib/demo.sh \
	contrib/install-deps.sh \
	contrib/make-test-guest.sh \
	contrib/test.sh
dist_noinst_DATA += \
	.github/workflows/ci.yml \
	CHANGELOG.md \
	CONTRIBUTING.md \
	LICENSE \
	README.md \
	SECURITY.md \
	contrib/grafana/blixard.json \
	contrib/prometheus/blixard-rules.test.yml \
	contrib/prometheus/blixard-rules.yml \
	contrib/prometheus/prometheus.yml \
	debian/control \
	docs/ARCHITECTURE.md \
	docs/dashboard.png \
	docs/API.md \
	docs/GLOSSARY.md \
	docs/HACKING.md \
	docs/OPERATING.md \
	docs/TESTING.md

# Held to the programs by tests/integration/man.sh.
dist_man_MANS = docs/man/blixardctl.1 docs/man/blixardd.8
