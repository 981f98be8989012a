/* result: answers in, what each format prints of them and the exit code out. */
#include "lib/testlib.h"

#include "build.h"
#include "result.h"
#include "unit/cli_capture.h"

#include <string.h>

#define VMS "[{\"name\": \"a\", \"node\": \"n1\", \"size\": {\"disk\": 1}}, {\"name\": \"b,c\"}]"

static const struct column columns[] = {
    {.title = "NAME", .key = "name"},
    {.title = "DISK", .key = "size.disk", .format = VALUE_GIB},
    {.title = "NODE", .key = "node", .wide = true},
    {0},
};
static const struct command command = {.name = "vm list", .columns = columns};
static struct run run;

static void prepare(enum output_format format, const struct column *all, const char *names)
{
    memset(&run, 0, sizeof run);
    run.command = &command;
    run.out.format = format;
    run.out.headers = true;
    assert_int_equal(output_choose_columns(&run.out, all, names, &run.err), BX_OK);
}

static void prints(const char *json, const char *want)
{
    int code;

    capture_begin(stdout);
    code = result_print(&run, capture_value(json));
    assert_string_equal(capture_end(stdout), want);
    assert_int_equal(code, 0);
}

/* ---- lists ---- */

TEST(a_list_is_a_table_for_people)
{
    prepare(OUTPUT_TABLE, columns, NULL);
    prints(VMS, "NAME DISK\na    1GiB\nb,c     -\n");
    prepare(OUTPUT_WIDE, columns, NULL);
    prints(VMS, "NAME DISK NODE\na    1GiB n1\nb,c     - -\n");
    prepare(OUTPUT_TABLE, columns, "node");
    prints(VMS, "NODE\nn1\n-\n");
}

TEST(a_list_is_the_object_of_the_api_as_json)
{
    prepare(OUTPUT_JSON, columns, NULL);
    prints("[{\"name\": \"a\", \"n\": 1}]", "[\n  {\n    \"name\": \"a\",\n    \"n\": 1\n  }\n]\n");
}

TEST(a_list_is_the_object_of_the_api_as_yaml)
{
    prepare(OUTPUT_YAML, columns, NULL);
    prints("[{\"name\": \"yes\", \"vcpus\": 1}]", "- name: \"yes\"\n  vcpus: 1\n");
}

TEST(a_list_is_its_columns_as_csv)
{
    prepare(OUTPUT_CSV, columns, NULL);
    prints(VMS, "name,size.disk,node\na,1,n1\n\"b,c\",,\n");
    run.out.headers = false;
    prints(VMS, "a,1,n1\n\"b,c\",,\n");
    prepare(OUTPUT_CSV, columns, "node,name");
    prints("[{\"name\": \"say \\\"so\\\"\", \"node\": \"two\\nlines\"}]",
           "node,name\n\"two\nlines\",\"say \"\"so\"\"\"\n");
}

TEST(a_list_is_names_one_a_line)
{
    prepare(OUTPUT_NAME, columns, NULL);
    prints(VMS, "a\nb,c\n");
    prints("[{\"index\": 7}]", "-\n");
    prepare(OUTPUT_NAME, columns + 1, NULL);
    prints("[{\"size\": {\"disk\": 7}}]", "7\n");
    prepare(OUTPUT_NAME, NULL, NULL);
    prints("[{\"index\": 7}]", "7\n");
}

TEST(an_empty_list_is_empty_in_every_format)
{
    static const char *const want[OUTPUT__FORMATS] = {
        [OUTPUT_TABLE] = "NAME DISK\n",
        [OUTPUT_WIDE] = "NAME DISK NODE\n",
        [OUTPUT_CSV] = "name,size.disk,node\n",
        [OUTPUT_JSON] = "[]\n",
        [OUTPUT_YAML] = "[]\n",
        [OUTPUT_NAME] = "",
    };

    for (unsigned f = 0; f < OUTPUT__FORMATS; f++) {
        prepare((enum output_format)f, columns, NULL);
        prints("[]", want[f]);
    }
}

/* ---- one object ---- */

TEST(a_map_is_fields_or_with_columns_a_row)
{
    prepare(OUTPUT_TABLE, columns, NULL);
    prints("{\"name\": \"a\", \"n\": 1}", "name             a\nn                1\n");
    prepare(OUTPUT_TABLE, columns, "name");
    prints("{\"name\": \"a\", \"n\": 1}", "NAME\na\n");
    prepare(OUTPUT_CSV, columns, "name");
    prints("{\"name\": \"a\", \"n\": 1}", "name\na\n");
}

TEST(a_map_without_columns_is_paths_as_csv)
{
    prepare(OUTPUT_CSV, NULL, NULL);
    prints("{\"a\": 1, \"b\": {\"c\": \"x,y\", \"d\": [1]}}",
           "key,value\na,1\nb.c,\"x,y\"\nb.d,[1]\n");
}

TEST(nil_is_no_row)
{
    prepare(OUTPUT_NAME, columns, NULL);
    prints("null", "");
    prepare(OUTPUT_JSON, columns, NULL);
    prints("null", "null\n");
}

TEST(a_part_is_printed_but_of_json_the_whole)
{
    prepare(OUTPUT_NAME, columns, NULL);
    capture_begin(stdout);
    assert_int_equal(result_print_part(&run, capture_value("{\"l\": [{\"name\": \"a\"}]}"), "l"),
                     0);
    assert_string_equal(capture_end(stdout), "a\n");
    prepare(OUTPUT_YAML, columns, NULL);
    capture_begin(stdout);
    assert_int_equal(result_print_part(&run, capture_value("{\"l\": []}"), "l"), 0);
    assert_string_equal(capture_end(stdout), "l: []\n");
}

TEST(what_was_built_here_is_printed_alike)
{
    struct bx_buf b = {0};

    prepare(OUTPUT_YAML, columns, NULL);
    build_map(&b, 3);
    build_pair_str(&b, "name", "a");
    build_pair_str(&b, "none", NULL);
    build_pair_bool(&b, "on", true);
    capture_begin(stdout);
    assert_int_equal(result_print_built(&run, &b), 0);
    assert_string_equal(capture_end(stdout), "name: a\nnone: null\n\"on\": true\n");
    assert_null(b.data);
}

/* ---- rows one by one ---- */

TEST(rows_one_by_one_make_the_same_text)
{
    static const struct {
        enum output_format format;
        const char *want;
    } cases[] = {
        {OUTPUT_CSV, "name,size.disk,node\na,,\nb,,\n"},
        {OUTPUT_JSON, "{\"name\":\"a\"}\n{\"name\":\"b\"}\n"},
        {OUTPUT_YAML, "- name: a\n- name: b\n"},
        {OUTPUT_NAME, "a\nb\n"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        prepare(cases[i].format, columns, NULL);
        capture_begin(stdout);
        result_begin(&run);
        assert_int_equal(result_next(&run, capture_value("{\"name\": \"a\"}")), 0);
        assert_int_equal(result_next(&run, capture_value("{\"name\": \"b\"}")), 0);
        assert_string_equal(capture_end(stdout), cases[i].want);
    }
}

TEST(a_sentence_will_do_unless_columns_or_a_format_are_asked_for)
{
    prepare(OUTPUT_TABLE, columns, NULL);
    assert_true(result_is_for_people(&run));
    prepare(OUTPUT_WIDE, columns, NULL);
    assert_true(result_is_for_people(&run));
    prepare(OUTPUT_TABLE, columns, "name");
    assert_false(result_is_for_people(&run));
    prepare(OUTPUT_CSV, columns, NULL);
    assert_false(result_is_for_people(&run));
}

/* ---- errors ---- */

TEST(an_error_is_two_lines_and_its_exit_code)
{
    static const struct {
        int code, exit;
    } cases[] = {
        {BX_FAILED, 1},    {BX_INVALID, 2}, {BX_UNREACHABLE, 3}, {BX_DENIED, 4},
        {BX_NOT_FOUND, 5}, {BX_EXISTS, 6},  {BX_CONFLICT, 6},    {BX_NO_LEADER, 7},
        {BX_BUSY, 7},      {BX_TIMEOUT, 8}, {BX_UNPLACEABLE, 9}, {BX_IO, 1},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&run, 0, sizeof run);
        capture_begin(stderr);
        assert_int_equal(run_fail_with(&run, cases[i].code, "do that", "no %s", "VM"),
                         cases[i].exit);
        assert_string_equal(capture_end(stderr), "error: no VM\nhint: do that\n");
    }
}

TEST(an_error_without_a_hint_is_one_line_without_control_characters)
{
    memset(&run, 0, sizeof run);
    bx_err_set(&run.err, BX_FAILED, "a\nb\033");
    capture_begin(stderr);
    assert_int_equal(run_fail(&run), 1);
    assert_string_equal(capture_end(stderr), "error: a?b?\n");
}

TEST(an_interrupted_write_tells_its_id)
{
    memset(&run, 0, sizeof run);
    bx_err_set(&run.err, BX_INTERRUPTED, "interrupted");
    capture_begin(stderr);
    assert_int_equal(run_fail(&run), 130);
    assert_string_equal(capture_end(stderr), "");
    snprintf(run.request_id, sizeof run.request_id, "00112233445566778899aabbccddeeff");
    capture_begin(stderr);
    assert_int_equal(run_fail(&run), 130);
    assert_non_null(strstr(capture_end(stderr), "--request-id 00112233445566778899aabbccddeeff\n"));
}

TEST(what_json_can_not_express_is_an_error)
{
    static const uint8_t not_a_number[] = {0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0};
    struct bx_buf b = {0};
    int code;

    prepare(OUTPUT_JSON, columns, NULL);
    build_bytes(&b, not_a_number, sizeof not_a_number);
    capture_begin(stderr);
    code = result_print_built(&run, &b);
    assert_non_null(strstr(capture_end(stderr), "not representable"));
    assert_int_equal(code, 1);
}

static int tear_down(void **state)
{
    (void)state;
    capture_close();
    return 0;
}

int main(void)
{
    return test_run(NULL, tear_down);
}
