/* output and value: values in, tables, rows and fields out. */
#include "lib/testlib.h"

#include "output.h"
#include "unit/cli_capture.h"

#include <string.h>

static const struct column columns[] = {
    {.title = "NAME", .key = "name", .width = 8},
    {.title = "MEMORY", .key = "capacity.memory_mib", .format = VALUE_MIB},
    {.title = "HIGH WATER", .key = "high", .format = VALUE_NUMBER, .wide = true},
    {0},
};
static struct output out;
static struct bx_err err;

/* ---- values ---- */

static void is_written(const char *json, enum value_format format, const char *want)
{
    char text[128];

    value_text(capture_value(json), format, text, sizeof text);
    assert_string_equal(text, want);
}

TEST(each_format_writes_its_kind_of_value)
{
    is_written("\"web\"", VALUE_TEXT, "web");
    is_written("17", VALUE_NUMBER, "17");
    is_written("-3", VALUE_NUMBER, "-3");
    is_written("0.5", VALUE_TEXT, "0.5");
    is_written("-2.25", VALUE_NUMBER, "-2.25");
    is_written("true", VALUE_TEXT, "yes");
    is_written("false", VALUE_TEXT, "no");
    is_written("null", VALUE_TEXT, "-");
    is_written("512", VALUE_MIB, "512MiB");
    is_written("4096", VALUE_MIB, "4GiB");
    is_written("1536", VALUE_MIB, "1536MiB");
    is_written("67108864", VALUE_MIB, "64TiB");
    is_written("0", VALUE_MIB, "0MiB");
    is_written("10", VALUE_GIB, "10GiB");
    is_written("1048576", VALUE_GIB, "1PiB");
    is_written("400", VALUE_RATIO, "4.0");
    is_written("150", VALUE_RATIO, "1.5");
    is_written("105", VALUE_RATIO, "1.05");
    is_written("1763712900123", VALUE_TIME, "2025-11-21T08:15:00.123Z");
    is_written("{\"app\": \"web\", \"tier\": \"\"}", VALUE_LABELS, "app=web,tier=");
    is_written("{}", VALUE_LABELS, "-");
    is_written("\"running\"", VALUE_STATE, "running");
    is_written("0", VALUE_LIMIT, "unlimited");
    is_written("8", VALUE_LIMIT, "8");
    is_written("0", VALUE_LIMIT_MIB, "unlimited");
    is_written("4096", VALUE_LIMIT_MIB, "4GiB");
    is_written("10", VALUE_LIMIT_GIB, "10GiB");
}

TEST(an_age_is_in_the_largest_unit)
{
    char json[32], text[32];

    is_written("9000000000000000", VALUE_AGE, "0s"); /* of a clock that is ahead */
    snprintf(json, sizeof json, "%llu", 1000ull);
    value_text(capture_value(json), VALUE_AGE, text, sizeof text);
    assert_int_equal(text[strlen(text) - 1], 'd');
}

TEST(a_time_to_come_is_in_the_largest_unit)
{
    char text[32];

    is_written("1000", VALUE_UNTIL, "now");
    value_text(capture_value("9000000000000000"), VALUE_UNTIL, text, sizeof text);
    assert_int_equal(strncmp(text, "in 1", 4), 0);
    assert_int_equal(text[strlen(text) - 1], 'd');
}

TEST(a_value_of_another_type_is_written_as_it_is)
{
    is_written("\"lots\"", VALUE_MIB, "lots");
    is_written("null", VALUE_AGE, "-");
    is_written("{\"a\": \"b\"}", VALUE_TEXT, "-");
    is_written("[1]", VALUE_LABELS, "-");
}

TEST(control_characters_are_replaced)
{
    is_written("\"a\\u001b[2Jb\\nc\\u007f\"", VALUE_TEXT, "a?[2Jb?c?");
    is_written("{\"k\": \"\\u001b\"}", VALUE_LABELS, "k=?");
}

TEST(a_long_value_is_cut)
{
    char text[8];

    value_text(capture_value("\"0123456789\""), VALUE_TEXT, text, sizeof text);
    assert_string_equal(text, "0123456");
    value_text(capture_value("{\"app\": \"web\", \"b\": \"c\"}"), VALUE_LABELS, text, sizeof text);
    assert_string_equal(text, "app=web");
}

TEST(a_path_leads_into_maps)
{
    bx_val v = capture_value("{\"a\": {\"b\": {\"c\": 1}}}");
    uint64_t n = 0;

    assert_true(bx_val_u64(value_at(v, "a.b.c"), &n));
    assert_int_equal(n, 1);
    assert_null(value_at(v, "a.x.c"));
    assert_null(value_at(v, "a.b.c.d"));
}

/* ---- columns ---- */

static int choose(enum output_format format, const char *names)
{
    memset(&err, 0, sizeof err);
    out = (struct output){.format = format, .headers = true};
    return output_choose_columns(&out, columns, names, &err);
}

static unsigned count_chosen(void)
{
    unsigned n = 0;

    while (out.columns[n].title != NULL)
        n++;
    return n;
}

TEST(a_format_shows_its_columns)
{
    assert_int_equal(choose(OUTPUT_TABLE, NULL), BX_OK);
    assert_int_equal(count_chosen(), 2);
    assert_int_equal(choose(OUTPUT_WIDE, NULL), BX_OK);
    assert_int_equal(count_chosen(), 3);
    assert_int_equal(choose(OUTPUT_CSV, NULL), BX_OK);
    assert_int_equal(count_chosen(), 3);
    assert_false(out.chosen);
}

TEST(columns_are_named_by_title_or_key)
{
    static const char *const names[] = {"HIGH WATER", "high-water", "high_water", "high", "High"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(choose(OUTPUT_TABLE, names[i]), BX_OK);
        assert_int_equal(count_chosen(), 1);
        assert_string_equal(out.columns[0].title, "HIGH WATER");
        assert_true(out.chosen);
    }
    assert_int_equal(choose(OUTPUT_TABLE, "capacity.memory_mib,name"), BX_OK);
    assert_string_equal(out.columns[0].title, "MEMORY");
    assert_string_equal(out.columns[1].title, "NAME");
}

TEST(an_unknown_column_is_refused_with_a_hint)
{
    assert_int_equal(choose(OUTPUT_TABLE, "foo"), BX_INVALID);
    assert_string_equal(err.msg, "--columns: unknown column \"foo\"");
    assert_string_equal(err.hint, "available columns: NAME,MEMORY,HIGH WATER");
    assert_int_equal(choose(OUTPUT_TABLE, "name,memroy"), BX_INVALID);
    assert_string_equal(err.hint, "did you mean MEMORY?");
    assert_int_equal(choose(OUTPUT_TABLE, ""), BX_INVALID);
    assert_int_equal(choose(OUTPUT_TABLE, "name,"), BX_INVALID);
    assert_int_equal(choose(OUTPUT_JSON, "name"), BX_INVALID);
    assert_int_equal(output_choose_columns(&out, NULL, "name", &err), BX_INVALID);
    assert_int_equal(output_choose_columns(&out, NULL, NULL, &err), BX_OK);
}

TEST(there_are_at_most_so_many_columns)
{
    char names[5 * COLUMNS_MAX + 8];
    size_t at = 0;

    for (unsigned i = 0; i < COLUMNS_MAX; i++)
        at += (size_t)snprintf(names + at, sizeof names - at, "%sname", i == 0 ? "" : ",");
    assert_int_equal(choose(OUTPUT_TABLE, names), BX_OK);
    snprintf(names + at, sizeof names - at, ",name");
    assert_int_equal(choose(OUTPUT_TABLE, names), BX_INVALID);
}

/* ---- tables ---- */

static const char *table(const char *json)
{
    capture_begin(stdout);
    output_table(&out, capture_value(json), out.columns);
    return capture_end(stdout);
}

TEST(a_table_aligns_its_columns)
{
    choose(OUTPUT_TABLE, NULL);
    assert_string_equal(table("[{\"name\": \"a\", \"capacity\": {\"memory_mib\": 512}},"
                              " {\"name\": \"longer\", \"capacity\": {\"memory_mib\": 1024}}]"),
                        "NAME   MEMORY\na      512MiB\nlonger   1GiB\n");
}

TEST(one_map_is_a_table_of_one_row)
{
    choose(OUTPUT_TABLE, NULL);
    assert_string_equal(table("{\"name\": \"a\"}"), "NAME MEMORY\na         -\n");
}

TEST(an_empty_cell_is_a_dash)
{
    choose(OUTPUT_TABLE, "name");
    assert_string_equal(table("[{\"name\": \"\"}, {}]"), "NAME\n-\n-\n");
}

TEST(letters_of_several_bytes_are_one_cell_wide)
{
    choose(OUTPUT_TABLE, "name,high");
    assert_string_equal(
        table("[{\"name\": \"\u00fcn\u00ef\"}, {\"name\": \"abcd\"}, {\"name\": \"\u65e5\"}]"),
        "NAME HIGH WATER\n\u00fcn\u00ef           -\nabcd          -\n\u65e5            -\n");
}

TEST(an_empty_list_has_titles_only)
{
    choose(OUTPUT_TABLE, NULL);
    assert_string_equal(table("[]"), "NAME MEMORY\n");
    out.headers = false;
    assert_string_equal(table("[]"), "");
}

TEST(a_sparse_column_appears_where_a_row_has_a_value)
{
    static const struct column sparse[] = {{.title = "NAME", .key = "name"},
                                           {.title = "SINCE", .key = "since", .sparse = true},
                                           {.title = "NODE", .key = "node"},
                                           {0}};

    memset(&err, 0, sizeof err);
    out = (struct output){.headers = true};
    assert_int_equal(output_choose_columns(&out, sparse, NULL, &err), BX_OK);
    assert_string_equal(table("[{\"name\": \"a\", \"node\": \"n\", \"since\": null}]"),
                        "NAME NODE\na    n\n");
    assert_string_equal(table("[]"), "NAME NODE\n");
    assert_string_equal(table("[{\"name\": \"a\"}, {\"name\": \"b\", \"since\": 7}]"),
                        "NAME SINCE NODE\na    -     -\nb    7     -\n");
    assert_int_equal(output_choose_columns(&out, sparse, "name,since", &err), BX_OK);
    assert_string_equal(table("[{\"name\": \"a\"}]"), "NAME SINCE\na    -\n");
}

TEST(a_table_may_have_no_titles)
{
    choose(OUTPUT_TABLE, "name");
    out.headers = false;
    assert_string_equal(table("[{\"name\": \"a\"}, {\"name\": \"b\"}]"), "a\nb\n");
}

TEST(rows_may_come_with_their_titles)
{
    choose(OUTPUT_TABLE, NULL);
    capture_begin(stdout);
    {
        bx_val v = capture_value("[[\"name\", \"n\"], [[\"a\", 1], [\"bc\", null]]]");

        output_rows(&out, bx_val_at(v, 0), bx_val_at(v, 1));
    }
    assert_string_equal(capture_end(stdout), "name n\na    1\nbc   -\n");
}

TEST(a_line_is_as_wide_as_its_columns)
{
    choose(OUTPUT_TABLE, NULL);
    capture_begin(stdout);
    output_line(out.columns, NULL);
    output_line(out.columns, capture_value("{\"name\": \"a\", \"capacity\": {\"memory_mib\": 1}}"));
    assert_string_equal(capture_end(stdout), "NAME     MEMORY\na        1MiB\n");
}

/* Bytes are not columns: letters beyond ASCII have several bytes, and some take two columns. */
TEST(a_line_is_padded_by_what_is_seen)
{
    choose(OUTPUT_TABLE, NULL);
    capture_begin(stdout);
    output_line(out.columns,
                capture_value("{\"name\": \"J\u00fcrgen\", \"capacity\": {\"memory_mib\": 1}}"));
    output_line(out.columns,
                capture_value("{\"name\": \"\u4e2d\u6587\", \"capacity\": {\"memory_mib\": 1}}"));
    assert_string_equal(capture_end(stdout),
                        "J\xc3\xbcrgen   1MiB\n\xe4\xb8\xad\xe6\x96\x87     1MiB\n");
}

TEST(fields_are_a_line_a_key)
{
    capture_begin(stdout);
    output_fields(
        capture_value("{\"name\": \"web\", \"created_ms\": 1763712900123, \"empty\": \"\","
                      " \"labels\": {\"app\": \"web\"}, \"list\": [1, 2]}"));
    assert_string_equal(capture_end(stdout), "name             web\n"
                                             "created          2025-11-21T08:15:00.123Z\n"
                                             "labels           {\"app\":\"web\"}\n"
                                             "list             [1,2]\n");
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
