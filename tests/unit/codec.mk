# Unit tests of codec.
check_PROGRAMS += tests/unit/codec_header_test tests/unit/codec_head_table_test \
	tests/unit/codec_flat_test tests/unit/codec_pack_test tests/unit/codec_json_test

tests_unit_codec_header_test_SOURCES = tests/unit/codec_header_test.c
tests_unit_codec_header_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_header_test_LDADD = $(TEST_LIBS)

tests_unit_codec_head_table_test_SOURCES = tests/unit/codec_header_test.c libcore/codec/header.c
tests_unit_codec_head_table_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -DBX_CRC32C_TABLE_ONLY
tests_unit_codec_head_table_test_LDADD = $(TEST_LIBS)

tests_unit_codec_flat_test_SOURCES = tests/unit/codec_flat_test.c tests/unit/codec_record.h
tests_unit_codec_flat_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_flat_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/codec_pack_record_test
tests_unit_codec_pack_record_test_SOURCES = tests/unit/codec_pack_record_test.c tests/unit/codec_record.h
tests_unit_codec_pack_record_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_pack_record_test_LDADD = $(TEST_LIBS)

tests_unit_codec_pack_test_SOURCES = tests/unit/codec_pack_test.c tests/unit/codec_record.h
tests_unit_codec_pack_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_pack_test_LDADD = $(TEST_LIBS)

tests_unit_codec_json_test_SOURCES = tests/unit/codec_json_test.c
tests_unit_codec_json_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_json_test_LDADD = $(TEST_LIBS)

CODEC_TREE_HELP = tests/unit/codec_tree.h tests/unit/codec_tree_help.h
check_PROGRAMS += tests/unit/codec_nested_test tests/unit/codec_damage_test
tests_unit_codec_damage_test_SOURCES = tests/unit/codec_damage_test.c $(CODEC_TREE_HELP)
tests_unit_codec_damage_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_damage_test_LDADD = $(TEST_LIBS)
tests_unit_codec_nested_test_SOURCES = tests/unit/codec_nested_test.c $(CODEC_TREE_HELP)
tests_unit_codec_nested_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_nested_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/codec_random_test
tests_unit_codec_random_test_SOURCES = tests/unit/codec_random_test.c
tests_unit_codec_random_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_random_test_LDADD = $(TEST_LIBS)

# The golden vectors, and every decoder on them with each byte changed.
GOLDEN_SOURCES = tests/unit/golden.c tests/unit/golden.h tests/unit/golden_samples.c tests/unit/golden_api.c tests/unit/golden_proof.c \
	tests/unit/golden_items.c tests/unit/golden_diag.c tests/unit/golden_priv.h tests/unit/golden_raft.c tests/unit/golden_rec.c tests/unit/golden_audit.c \
	tests/unit/codec_record.h tests/unit/codec_tree.h
FUZZ_TARGETS = tests/fuzz/targets.c tests/fuzz/targets.h tests/fuzz/targets_codec.c tests/fuzz/targets_diag.c \
	tests/fuzz/targets_wire.c tests/fuzz/targets_log.c tests/fuzz/targets_node.c \
	tests/fuzz/targets_rec.c tests/fuzz/targets_audit.c tests/fuzz/targets_http.c \
	daemon/http/route.c daemon/http/pages.c daemon/http/live.c daemon/http/json.c \
	daemon/diagnose/dsn.c daemon/diagnose/answer.c \
	tests/fuzz/targets_pki.c pki/openssl_log.c pki/pki.c pki/read.c
if DIAGNOSTICS
FUZZ_TARGETS += tests/fuzz/targets_spool.c daemon/diagnose/outgoing.c daemon/diagnose/crashed.c \
	daemon/diagnose/contexts.c daemon/diagnose/notes.c daemon/diagnose/scrub.c
endif
EXTRA_DIST += tests/unit/golden.txt
check_PROGRAMS += tests/unit/golden_test
tests_unit_golden_test_SOURCES = tests/unit/golden_test.c $(GOLDEN_SOURCES) $(FUZZ_TARGETS)
tests_unit_golden_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(CRYPTO_CFLAGS)
tests_unit_golden_test_LDADD = $(TEST_LIBS) $(CRYPTO_LIBS)

check_PROGRAMS += tests/unit/codec_hybrid_test tests/unit/codec_count_test
tests_unit_codec_count_test_SOURCES = tests/unit/codec_count_test.c tests/unit/codec_hybrid_help.h \
	$(GOLDEN_SOURCES)
tests_unit_codec_count_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_count_test_LDADD = $(TEST_LIBS)
tests_unit_codec_hybrid_test_SOURCES = tests/unit/codec_hybrid_test.c tests/unit/codec_hybrid_help.h \
	$(GOLDEN_SOURCES)
tests_unit_codec_hybrid_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_hybrid_test_LDADD = $(TEST_LIBS)

check_PROGRAMS += tests/unit/codec_lz_test
tests_unit_codec_lz_test_SOURCES = tests/unit/codec_lz_test.c
tests_unit_codec_lz_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_lz_test_LDADD = $(TEST_LIBS)
