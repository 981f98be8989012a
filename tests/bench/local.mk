# Benchmarks; `make bench` runs them, and `blixardctl bench` against a cluster.
noinst_PROGRAMS += tests/bench/bench

# What is measured against, where the compiler's own vectorising would hide the difference.
noinst_LIBRARIES += tests/bench/libplain.a
tests_bench_libplain_a_SOURCES = tests/bench/sched_plain.c tests/bench/sched_plain.h
tests_bench_libplain_a_CFLAGS = $(AM_CFLAGS) -fno-tree-vectorize

tests_bench_bench_SOURCES = tests/bench/bench.c tests/bench/bench.h tests/bench/heap.c \
	tests/bench/heap.h tests/bench/mem.c tests/bench/mem_names.c tests/bench/sched.c \
	tests/bench/frame.c \
	tests/bench/codec.c tests/bench/codec_forms.h tests/bench/codec_ours.c \
	tests/bench/codec_json.h tests/bench/codec_jansson.c tests/bench/state.c \
	tests/bench/replica.c tests/bench/replica.h tests/bench/replica_plain.c \
	tests/bench/diag.c tests/bench/diag_plain.c tests/bench/diag_plain.h \
	tests/bench/rec.c tests/bench/metrics.c
# Both variables are empty where libcjson is missing; flags stay out of the condition.
tests_bench_bench_CFLAGS = $(AM_CFLAGS) $(CJSON_CFLAGS)
tests_bench_bench_LDADD = tests/bench/libplain.a $(LIBDAEMON_LIBS) $(CJSON_LIBS)
if HAVE_CJSON
tests_bench_bench_SOURCES += tests/bench/codec_cjson.c
endif

# Each layer against its references, then creates per second on a fresh local cluster of three. The
# figures also go to bench/ in the build directory.
bench: all
	$(MKDIR_P) bench
	tests/bench/bench --json bench/layers.json
	tests/bench/recorder --json bench/recorder.json
	BLIXARD_BUILD='$(abs_top_builddir)' BENCH_JSON=bench/create.json \
	  $(SHELL) $(top_srcdir)/tests/bench/create.sh
.PHONY: bench
# What an operation of the key cases takes in instructions, beside the figures that were noted. It
# needs valgrind. After a change that is worth its price: tests/bench/instructions.sh --write.
bench-instructions: tests/bench/bench
	BLIXARD_BUILD='$(abs_top_builddir)' BLIXARD_SRC='$(abs_top_srcdir)' CC='$(CC)' CFLAGS='$(CFLAGS)' \
	  bash '$(top_srcdir)/tests/bench/instructions.sh' $(INSTRUCTIONS)
.PHONY: bench-instructions
dist_noinst_SCRIPTS += tests/bench/api_tls.sh tests/bench/create.sh tests/bench/instructions.sh tests/bench/pairs.sh
dist_noinst_DATA += tests/bench/instructions.txt
dist_noinst_DATA += docs/BENCHMARKS.md
# That they still run, and still agree with their references; nothing is timed.
dist_check_SCRIPTS += tests/bench/smoke.sh

# make soak-hostile: hostile clients beside a probe (tests/bench/hostile.sh says what it takes).
if HAVE_CMOCKA
EXTRA_PROGRAMS += tests/bench/hostile
tests_bench_hostile_SOURCES = tests/bench/hostile.c
tests_bench_hostile_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_hostile_LDADD = $(TEST_LIBS)
endif
soak-hostile: all tests/bench/hostile
	BLIXARD_BUILD='$(abs_top_builddir)' bash '$(top_srcdir)/tests/bench/hostile.sh'
.PHONY: soak-hostile
dist_noinst_SCRIPTS += tests/bench/hostile.sh

# make bench-storm: how long writes stop when the leader dies and its clients come back over TLS.
bench-storm: all
	BLIXARD_BUILD='$(abs_top_builddir)' bash '$(top_srcdir)/tests/bench/storm.sh'
.PHONY: bench-storm
dist_noinst_SCRIPTS += tests/bench/storm.sh
dist_noinst_DATA += tests/bench/storm.py

# make bench-list: a list of 100,000 virtual machines, by turns of the loop.
if HAVE_CMOCKA
EXTRA_PROGRAMS += tests/bench/list
tests_bench_list_SOURCES = tests/bench/list.c tests/unit/api_node_help.c tests/unit/api_node_help.h
tests_bench_list_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_list_LDADD = $(API_TEST_LIBS)
endif
bench-list: tests/bench/list
	tests/bench/list
.PHONY: bench-list
CLEANFILES += tests/bench/list

# A file of ten million events, for blixardctl log query and agg (docs/BENCHMARKS.md).
noinst_PROGRAMS += tests/bench/events
tests_bench_events_SOURCES = tests/bench/events.c tests/lib/rng.h
tests_bench_events_CFLAGS = $(AM_CFLAGS)
tests_bench_events_LDADD = $(LIBCORE_LIBS)

# make bench-recorder: memory, rates and latencies of the flight recorder; `make bench` has it, too.
noinst_PROGRAMS += tests/bench/recorder
tests_bench_recorder_SOURCES = tests/bench/recorder.c tests/bench/recorder.h \
	tests/bench/recorder_file.c tests/bench/bench.h
tests_bench_recorder_LDADD = $(LIBDAEMON_LIBS)
bench-recorder: tests/bench/recorder
	tests/bench/recorder
.PHONY: bench-recorder

# What was made faster gives what the plain way gives.
if HAVE_CMOCKA
check_PROGRAMS += tests/bench/sched_same_test
tests_bench_sched_same_test_SOURCES = tests/bench/sched_same_test.c
tests_bench_sched_same_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_sched_same_test_LDADD = tests/bench/libplain.a $(TEST_LIBS)

# What make soak runs beside the simulator.
EXTRA_PROGRAMS += tests/bench/codec_soak
CLEANFILES += tests/bench/codec_soak
tests_bench_codec_soak_SOURCES = tests/bench/codec_soak.c $(GOLDEN_SOURCES)
tests_bench_codec_soak_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_bench_codec_soak_LDADD = $(TEST_LIBS)
endif

# make bench-tls: what TLS takes beside TCP.
EXTRA_PROGRAMS += tests/bench/tls
tests_bench_tls_SOURCES = tests/bench/tls.c tests/bench/bench.h
tests_bench_tls_CFLAGS = $(AM_CFLAGS)
tests_bench_tls_LDADD = $(LIBDAEMON_LIBS)
# make bench-api-tls: what TLS takes from creates, in turns with a cluster without.
bench-api-tls: blixardd blixardctl
	@BLIXARD_BUILD='$(abs_top_builddir)' $(SHELL) $(top_srcdir)/tests/bench/api_tls.sh
.PHONY: bench-api-tls
bench-tls: tests/bench/tls
	tests/bench/tls
.PHONY: bench-tls
CLEANFILES += tests/bench/tls
