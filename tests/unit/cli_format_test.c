/* format: JSON in, what YAML and CSV readers must find out. */
#include "lib/testlib.h"

#include "codec/json.h"
#include "format.h"

#include <string.h>

static struct bx_buf packed, text;
static struct bx_pack *pack;

static bx_val value_of(const char *json)
{
    packed.len = 0;
    text.len = 0;
    assert_int_equal(bx_json_read(&packed, json, strlen(json), SIZE_MAX, NULL), BX_OK);
    return bx_pack_parse(pack, packed.data, packed.len, SIZE_MAX, NULL);
}

static void is_text(const char *want)
{
    assert_int_equal(bx_buf_append(&text, "", 1), BX_OK);
    assert_string_equal((const char *)text.data, want);
}

static void yaml(const char *json, const char *want)
{
    assert_int_equal(format_yaml(&text, value_of(json), 0), BX_OK);
    is_text(want);
}

static void csv(const char *json, const char *want)
{
    assert_int_equal(format_csv(&text, value_of(json)), BX_OK);
    is_text(want);
}

TEST(yaml_keeps_the_shape)
{
    yaml("{\"name\": \"web-1\", \"vcpus\": 2, \"labels\": {\"app\": \"web\"}, \"list\": [1, true]}",
         "name: web-1\nvcpus: 2\nlabels:\n  app: web\nlist:\n  - 1\n  - true\n");
    yaml("[{\"a\": 1, \"b\": {\"c\": null}}, {\"a\": 2}]", "- a: 1\n  b:\n    c: null\n- a: 2\n");
    yaml("[[1, 2], []]", "-\n  - 1\n  - 2\n- []\n");
    yaml("[]", "[]\n");
    yaml("{\"labels\": {}}", "labels: {}\n");
    yaml("[18446744073709551, -5]", "- 18446744073709551\n- -5\n");
}

TEST(yaml_takes_no_string_for_something_else)
{
    static const char *const words[] = {"yes", "No", "null", "TRUE", "1",    "1e5", "0x10",
                                        "",    "~",  "- a",  "a: b", "a #b", "a:",  "&a",
                                        "*a",  "!a", "|",    "%a",   "@a",   " a",  "2026-11-21"};
    char json[64], want[64];

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        snprintf(json, sizeof json, "{\"k\": \"%s\"}", words[i]);
        snprintf(want, sizeof want, "k: \"%s\"\n", words[i]);
        yaml(json, want);
    }
    yaml("[\"two\\nlines \\\"quoted\\\"\"]", "- \"two\\nlines \\\"quoted\\\"\"\n");
    yaml("{\"no\": \"/a/b\"}", "\"no\": /a/b\n");
}

TEST(csv_quotes_what_would_break_a_row)
{
    csv("\"plain text\"", "plain text");
    csv("\"a,b\"", "\"a,b\"");
    csv("\"say \\\"so\\\"\"", "\"say \"\"so\"\"\"");
    csv("\"two\\nlines\"", "\"two\nlines\"");
    csv("\" edge\"", "\" edge\"");
    csv("17", "17");
    csv("true", "true");
    csv("null", "");
    csv("{\"app\": \"web\"}", "\"{\"\"app\"\":\"\"web\"\"}\"");
}

static int setup(void **state)
{
    (void)state;
    pack = bx_pack_create();
    return pack == NULL;
}

static int teardown(void **state)
{
    (void)state;
    bx_pack_destroy(pack);
    bx_buf_release(&packed);
    bx_buf_release(&text);
    return 0;
}

int main(void)
{
    return test_run(setup, teardown);
}
