# The tests of what threads share, alone: for a build with --enable-tsan, where all would take long.
THREAD_TESTS = tests/unit/mem_test tests/unit/mem_buf_test tests/unit/mem_threads_test \
	tests/unit/rec_ring_test tests/unit/sys_clock_test tests/unit/sys_log_test \
	tests/unit/sys_sink_test tests/unit/sys_sink_file_test tests/unit/sys_sink_node_test \
	tests/unit/api_log_test
check-threads: $(THREAD_TESTS)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(THREAD_TESTS)'
.PHONY: check-threads
