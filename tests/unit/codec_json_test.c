/* json: the same objects as MessagePack, for people. */
#include "lib/testlib.h"

#include "codec/json.h"
#include "mem/alloc.h"

#include <string.h>

/* Read text, write it back; the caller releases out. */
static int convert(const char *text, unsigned indent, struct bx_buf *out, struct bx_err *err)
{
    struct bx_pack *p = bx_pack_create();
    struct bx_buf packed = {0};
    int rc = BX_NO_MEMORY;
    bx_val v;

    if (p == NULL)
        goto fail;
    rc = bx_json_read(&packed, text, strlen(text), 4096, err);
    if (rc != BX_OK)
        goto fail;
    v = bx_pack_parse(p, packed.data, packed.len, 8192, err);
    assert_non_null(v);
    rc = bx_json_write(out, v, indent);

fail:
    bx_buf_release(&packed);
    bx_pack_destroy(p);
    return rc;
}

static void assert_becomes(const char *text, unsigned indent, const char *expected)
{
    struct bx_buf out = {0};
    struct bx_err err = {0};

    assert_int_equal(convert(text, indent, &out, &err), BX_OK);
    assert_int_equal(bx_buf_append(&out, "", 1), BX_OK);
    assert_string_equal((char *)out.data, expected);
    bx_buf_release(&out);
}

TEST(json_there_and_back)
{
    static const char *const same[] = {
        "null",
        "true",
        "-1",
        "0",
        "9223372036854775807",
        "-9223372036854775808",
        "2.5",
        "\"\"",
        "[]",
        "{}",
        "[[],{}]",
        "{\"z\":1,\"a\":[null,false],\"m\":{\"x\":\"y\"}}",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\"",
        "\"gr\xc3\xbcn \xf0\x9f\x90\xa7/\"",
    };

    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
        assert_becomes(same[i], 0, same[i]);
    assert_becomes(" {\"a\" :1, \"b\": [1,2] , \"c\":[]}", 2,
                   "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    2\n  ],\n  \"c\": []\n}");
    assert_becomes("\"\\u00fc\\/\"", 0, "\"\xc3\xbc/\"");
    assert_becomes("1.0", 0, "1.0"); /* stays a number with a fraction */
    assert_becomes("\"\x7f\"", 0, "\"\\u007f\"");
    assert_becomes("\"a\xc2\x80\xc2\x9b\"", 0, "\"a\\u0080\\u009b\"");
    assert_becomes("\"\xc2\xa0\xc3\x9b\"", 0, "\"\xc2\xa0\xc3\x9b\"");
}

static int write_value(struct bx_buf *out, const char *message, size_t n)
{
    struct bx_pack *p = bx_pack_create();
    bx_val v = bx_pack_parse(p, message, n, 1000, NULL);
    int rc;

    assert_non_null(v);
    rc = bx_json_write(out, v, 0);
    bx_pack_destroy(p);
    return rc;
}
#define WRITE(out, bytes) write_value(out, bytes, sizeof bytes - 1)

TEST(json_never_rounds_an_integer)
{
    static const char message[] = "\x93\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
                                  "\xcf\x80\0\0\0\0\0\0\0\xd3\x80\0\0\0\0\0\0\1";
    static const char text[] = "[18446744073709551615,9223372036854775808,-9223372036854775807]";
    struct bx_buf b = {0};
    struct bx_err err = {0};

    assert_int_equal(WRITE(&b, message), BX_OK);
    assert_int_equal(b.len, sizeof text - 1);
    assert_memory_equal(b.data, text, b.len);
    b.len = 0;
    assert_int_equal(bx_json_read(&b, text, sizeof text - 1, 1000, &err), BX_MALFORMED);
    assert_int_equal(b.len, 0);
    bx_buf_release(&b);
}

TEST(json_writes_bin_as_hex)
{
    struct bx_buf b = {0};

    assert_int_equal(WRITE(&b, "\x92\xc4\x03\x00\xff\x1a\xc4\x00"), BX_OK);
    assert_int_equal(b.len, 13);
    assert_memory_equal(b.data, "[\"00ff1a\",\"\"]", 13);
    b.len = 0;
    assert_int_equal(bx_json_write(&b, NULL, 0), BX_OK);
    assert_memory_equal(b.data, "null", 4);
    bx_buf_release(&b);
}

TEST(json_refuses_what_it_can_not_say)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_buf_append(&b, "x", 1), BX_OK);
    assert_int_equal(WRITE(&b, "\x81\x01\x01"), BX_INVALID);
    assert_int_equal(WRITE(&b, "\x81\xc4\x01k\x01"), BX_INVALID);
    assert_int_equal(WRITE(&b, "\x92\xa1"
                               "a\xa1\xff"),
                     BX_INVALID);
    assert_int_equal(WRITE(&b, "\xa1\0"), BX_INVALID);
    assert_int_equal(WRITE(&b, "\xcb\x7f\xf0\0\0\0\0\0\0"), BX_INVALID);
    assert_int_equal(WRITE(&b, "\xcb\x7f\xf8\0\0\0\0\0\0"), BX_INVALID);
    assert_int_equal(WRITE(&b, "\xd4\x01x"), BX_INVALID);
    assert_int_equal(b.len, 1);
    bx_buf_release(&b);
}

TEST(json_says_where_it_is_wrong)
{
    static const struct {
        const char *text;
        int code;
        const char *says;
    } cases[] = {
        {"{\"a\": 1,\n \"a\": 2}", BX_MALFORMED, "line 2, column "},
        {"{\"a\": }", BX_MALFORMED, "line 1, column 7: "},
        {"", BX_MALFORMED, "line 1, column 0: "},
        {"1 2", BX_MALFORMED, "line 1, column 3: "},
        {"\"\xff\"", BX_MALFORMED, "line 1, column "},
        {"\"\\u0000\"", BX_MALFORMED, "line 1, column "},
        {"1e999", BX_MALFORMED, "line 1, column "},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", BX_TOO_LARGE,
         "JSON is nested deeper than 16 levels"},
    };
    struct bx_buf b = {0};
    struct bx_err err;
    char deep[4000];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        err = (struct bx_err){0};
        assert_int_equal(bx_json_read(&b, cases[i].text, strlen(cases[i].text), 1000, &err),
                         cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(strncmp(err.msg, cases[i].says, strlen(cases[i].says)), 0);
        assert_int_equal(b.len, 0);
    }
    memset(deep, '[', sizeof deep);
    assert_int_equal(bx_json_read(&b, deep, sizeof deep, 4000, &err), BX_TOO_LARGE);
    assert_int_equal(bx_json_read(&b, "[1,2]", 5, 4, &err), BX_TOO_LARGE);
    assert_becomes("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", 0, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
    bx_buf_release(&b);
}

static void use_json(void *ctx)
{
    static const char whole[] =
        "{\"name\":\"web-1\",\"labels\":{\"a\":\"b\",\"c\":[1,2.5,null,true]},"
        "\"long\":\"0123456789012345678901234567890123\"}";
    struct bx_buf out = {0};
    struct bx_err err = {0};
    int rc;

    (void)ctx;
    rc = convert(whole, 0, &out, &err);
    if (rc == BX_OK) /* all of it, or an answer that says why not */
        assert_true(out.len == sizeof whole - 1 && memcmp(out.data, whole, out.len) == 0);
    else
        assert_int_equal(rc, BX_NO_MEMORY);
    bx_buf_release(&out);
    bx_buf_thread_close();
}

TEST(json_says_when_memory_is_out)
{
    bx_buf_thread_close(); /* what earlier tests left there would save allocations */
    assert_true(test_fail_each_allocation(use_json, NULL) > 20);
}

/* Text is copied in words where nothing in it needs an escape: every byte at every place. */
TEST(every_byte_at_every_place_comes_back)
{
    struct bx_pack *pack = bx_pack_create();

    for (unsigned byte = 1; byte < 128; byte++) {
        for (size_t at = 0; at < 20; at++) {
            struct bx_buf packed = {0}, text = {0}, again = {0};
            char s[20];

            memset(s, 'a', sizeof s);
            s[at] = (char)byte;
            bx_pw_strn(&packed, s, sizeof s);
            assert_int_equal(
                bx_json_write(&text, bx_pack_parse(pack, packed.data, packed.len, 99, NULL), 0),
                BX_OK);
            for (size_t i = 0; i < text.len; i++)
                assert_true(text.data[i] >= 0x20 && text.data[i] < 0x7f);
            assert_int_equal(bx_json_read(&again, (char *)text.data, text.len, 999, NULL), BX_OK);
            assert_int_equal(again.len, packed.len);
            assert_memory_equal(again.data, packed.data, packed.len);
            bx_buf_release(&packed);
            bx_buf_release(&text);
            bx_buf_release(&again);
        }
    }
    bx_pack_destroy(pack);
}

int main(void)
{
    return test_run(NULL, NULL);
}
