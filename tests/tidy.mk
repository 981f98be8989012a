# The rules of the house, run as a test.
dist_check_SCRIPTS += tests/tidy.sh
