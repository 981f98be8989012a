/* Records in MessagePack: there and back, and what is refused with the key in the message. */
#include "lib/testlib.h"

#include "codec/pack.h"
#include "mem/alloc.h"
#include "unit/codec_record.h"

#include <stdlib.h>
#include <string.h>

static int write_record(struct bx_buf *b, const struct record *r)
{
    int rc = bx_pw_map(b, bx_pack_fields(&record_schema, r));

    return rc == BX_OK ? bx_pack_write(b, &record_schema, r) : rc;
}

TEST(record_there_and_back)
{
    struct record r = record_sample(), back = {0};
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    struct bx_err err = {0};
    struct bx_str s;
    bx_val v;

    assert_int_equal(write_record(&b, &r), BX_OK);
    v = bx_pack_parse(p, b.data, b.len, 1000, &err);
    assert_int_equal(bx_val_len(v), 12);
    assert_true(bx_val_str(bx_val_get(v, "mode"), &s) && bx_str_eq(s, bx_str("on-failure")));
    assert_true(bx_val_str(bx_val_get(v, "digest"), &s) &&
                bx_str_eq(s, bx_str("0000000000abcdef")));
    assert_int_equal(bx_val_type(bx_val_get(v, "blob")), BX_V_BIN);
    assert_int_equal(bx_pack_read(&record_schema, v, &back, &arena, &err), BX_OK);
    assert_true(record_equal(&r, &back));

    r = (struct record){0};
    b.len = 0;
    assert_int_equal(write_record(&b, &r), BX_OK);
    v = bx_pack_parse(p, b.data, b.len, 1000, &err);
    assert_int_equal(bx_val_len(v), 11); /* without the UUID */
    assert_int_equal(bx_pack_read(&record_schema, v, &back, &arena, &err), BX_OK);
    assert_memory_equal(back.id, record_sample().id, 16);
    assert_int_equal(back.tags.n, 0);
    bx_buf_release(&b);
    bx_arena_close(&arena);
    bx_pack_destroy(p);
}

static const struct {
    const char *message;
    size_t n;
    const char *says;
} refusals[] = {
#define CASE(bytes, says)                                                                          \
    {                                                                                              \
        bytes, sizeof bytes - 1, says                                                              \
    }
    CASE("\x81\xa3wat\x01", "wat: unknown field"),
    CASE("\x81\x01\x01", "a key is not a string"),
    CASE("\x81\xa1\xff\x01", "a key is not a string"),
    CASE("\x90", "record: must be a map"),
    CASE("\x81\xa4"
         "flag\x01",
         "flag: must be true or false"),
    CASE("\x81\xa5small\xcd\x01\x00", "small: must be a whole number from 0 to 255"),
    CASE("\x81\xa4port\xff", "port: must be a whole number from 0 to 65535"),
    CASE("\x81\xa4port\xa1"
         "1",
         "port: must be a whole number from 0 to 65535"),
    CASE("\x81\xa4mode\xa1x", "mode: must be one of never, on-failure, always"),
    CASE("\x81\xa4mode\x01", "mode: must be one of never, on-failure, always"),
    CASE("\x81\xa2id\xa1x", "id: must be a UUID of 36 characters"),
    CASE("\x81\xa6"
         "digest\xb0"
         "0x00000000000000",
         "digest: must be 16 hexadecimal digits"),
    CASE("\x81\xa4name\xa1\xff", "name: must be UTF-8 without NUL"),
    CASE("\x81\xa4name\xa2"
         "a\0",
         "name: must be UTF-8 without NUL"),
    CASE("\x81\xa4name\xc4\x01x", "name: must be a string"),
    CASE("\x81\xa4name\xb5"
         "012345678901234567890",
         "name: longer than 20 bytes"),
    CASE("\x81\xa4"
         "blob\x01",
         "blob: must be binary"),
    CASE("\x81\xa4tags\xa1x", "tags: must be a list of strings"),
    CASE("\x81\xa4tags\x92\xa1x\x01", "tags: item 2: must be a string"),
    CASE("\x81\xa4tags\x95\xa0\xa0\xa0\xa0\xa0", "tags: more than 4 items"),
    CASE("\x81\xa6labels\x81\x01\xa0", "labels: key 1: must be a string"),
    CASE("\x81\xa6labels\x81\xa1k\x01", "labels: k: must be a string"),
    CASE("\x81\xa6labels\x82\xa1k\xa0\xa1k\xa0", "labels: duplicate key"),
    CASE("\x82\xa4"
         "flag\xc2\xa4"
         "flag\xc2",
         "flag: duplicate key"),
#undef CASE
};

TEST(record_refuses_with_the_key_in_the_message)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};

    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        struct record r = {0};
        struct bx_err err = {0};
        bx_val v = bx_pack_parse(p, refusals[i].message, refusals[i].n, 1000, &err);

        assert_non_null(v);
        assert_int_equal(bx_pack_read(&record_schema, v, &r, &arena, &err), BX_INVALID);
        assert_string_equal(err.msg, refusals[i].says);
        assert_int_equal(err.code, BX_INVALID);
        assert_int_equal(bx_pack_read(&record_schema, v, &r, &arena, NULL), BX_INVALID);
    }
    bx_arena_close(&arena);
    bx_pack_destroy(p);
}

TEST(record_sorts_pairs_and_skips_nil)
{
    static const char message[] = "\x82\xa6labels\x83\xa2zz\xa1"
                                  "3\xa1z\xa1"
                                  "2\xa1"
                                  "a\xa1"
                                  "1"
                                  "\xa4name\xc0";
    struct record r = {.name = {"kept", 4}};
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};
    bx_val v = bx_pack_parse(p, message, sizeof message - 1, 1000, NULL);

    assert_int_equal(bx_pack_read(&record_schema, v, &r, &arena, NULL), BX_OK);
    assert_true(bx_str_eq(r.name, bx_str("kept")));
    assert_int_equal(r.labels.n, 3);
    assert_true(bx_str_eq(r.labels.v[0].key, bx_str("a")));
    assert_true(bx_str_eq(r.labels.v[1].value, bx_str("2")));
    assert_true(bx_str_eq(r.labels.v[2].key, bx_str("zz")));
    bx_arena_close(&arena);
    bx_pack_destroy(p);
}

static void use_pack(void *ctx)
{
    struct record r = record_sample(), back = {0};
    struct bx_pack *p = bx_pack_create();
    struct bx_arena arena = {0};
    struct bx_buf b = {0};
    struct bx_err err = {0};
    bx_val v;

    (void)ctx;
    if (p != NULL && write_record(&b, &r) == BX_OK) {
        v = bx_pack_parse(p, b.data, b.len, 1000, &err);
        assert_non_null(v);
        if (bx_pack_read(&record_schema, v, &back, &arena, &err) != BX_OK)
            assert_int_equal(err.code, BX_NO_MEMORY);
    }
    bx_buf_release(&b);
    bx_arena_close(&arena);
    bx_pack_destroy(p);
    bx_buf_thread_close();
}

/* A buffer that is just too small each time: a string's head fits and its body does not. */
TEST(nothing_half_written_stays)
{
    struct bx_buf b = {0};

    bx_buf_thread_close(); /* what earlier tests left there would save allocations */
    assert_true(test_fail_each_allocation(use_pack, NULL) >= 3);
    for (size_t fill = 240; fill <= 256; fill++) {
        struct record r = record_sample();
        assert_int_equal(bx_buf_reserve(&b, 256), BX_OK);
        memset(bx_buf_extend(&b, fill), 0, fill);
        bx_buf_thread_close(); /* or a kept block would do */
        test_fail_allocations(true);
        assert_int_equal(bx_pw_strn(&b, "0123456789abcdef", 16), BX_NO_MEMORY);
        assert_int_equal(b.len, fill);
        assert_int_equal(bx_pack_write(&b, &record_schema, &r), BX_NO_MEMORY);
        assert_int_equal(b.len, fill);
        test_fail_allocations(false);
        bx_buf_release(&b);
    }
    bx_buf_thread_close();
}

int main(void)
{
    return test_run(NULL, NULL);
}
