# The rules of the house, run as a test.
if PLAIN_BUILD
dist_check_SCRIPTS += tests/tidy.sh
endif
EXTRA_DIST += tests/tidy_build.sh
