# `make check-features`: build and test without each part that configure can leave out, below
# features/. Not part of continuous integration: it builds everything five times.
dist_noinst_SCRIPTS += tests/features.sh
check-features:
	$(SHELL) '$(srcdir)/tests/features.sh' features
.PHONY: check-features
