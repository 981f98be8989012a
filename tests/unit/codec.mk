# Unit tests of codec.
check_PROGRAMS += tests/unit/codec_head_test tests/unit/codec_head_table_test \
	tests/unit/codec_flat_test tests/unit/codec_pack_test tests/unit/codec_json_test

tests_unit_codec_head_test_SOURCES = tests/unit/codec_head_test.c
tests_unit_codec_head_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_head_test_LDADD = $(TEST_LIBS)

tests_unit_codec_head_table_test_SOURCES = tests/unit/codec_head_test.c libcore/codec/head.c
tests_unit_codec_head_table_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) -DBX_CRC32C_TABLE_ONLY
tests_unit_codec_head_table_test_LDADD = $(TEST_LIBS)

tests_unit_codec_flat_test_SOURCES = tests/unit/codec_flat_test.c tests/unit/codec_record.h
tests_unit_codec_flat_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_flat_test_LDADD = $(TEST_LIBS)

tests_unit_codec_pack_test_SOURCES = tests/unit/codec_pack_test.c tests/unit/codec_record.h
tests_unit_codec_pack_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_pack_test_LDADD = $(TEST_LIBS)

tests_unit_codec_json_test_SOURCES = tests/unit/codec_json_test.c
tests_unit_codec_json_test_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_unit_codec_json_test_LDADD = $(TEST_LIBS)
