/* args: command lines in, what a command finds of them out. */
#include "lib/testlib.h"

#include "args.h"

#include <string.h>

static const char *const colors[] = {"always", "never", NULL};
static const struct flag own[] = {
    {.name = "memory", .value = "SIZE"},
    {.name = "label", .value = "K=V"},
    {.name = "force"},
    {.name = "cmdline", .value = "TEXT"},
    {.name = "color", .value = "WHEN", .choices = colors},
    {.name = "image", .letter = 'i', .value = "I", .planned = true},
    {0},
};
static const struct flag common[] = {
    {.name = "addr", .value = "ADDR"},
    {.name = "output", .letter = 'o', .value = "FORMAT"},
    {.name = "quiet", .letter = 'q'},
    {.name = "yes", .letter = 'y'},
    {.name = "verbose", .letter = 'v'},
    {.name = "force", .value = "N"}, /* the command has one of its own, which takes no value */
    {0},
};
static const struct flag *const tables[] = {own, common, NULL};
static struct args args;
static struct bx_err err;

static int parse(char *a, char *b, char *c, char *d, char *e)
{
    char *argv[] = {"blixardctl", a, b, c, d, e, NULL};
    int argc = 1;

    while (argv[argc] != NULL)
        argc++;
    memset(&err, 0, sizeof err);
    return args_parse(&args, argc, argv, tables, &err);
}

/* ---- flags ---- */

TEST(flags_may_precede_and_follow_the_words)
{
    assert_int_equal(parse("--addr", "h:1", "vm", "show", "a"), BX_OK);
    assert_int_equal(args.n_words, 3);
    assert_string_equal(args.words[2], "a");
    assert_string_equal(args_get(&args, "addr", NULL), "h:1");
    assert_int_equal(parse("vm", "show", "a", "--addr=h:2", NULL), BX_OK);
    assert_int_equal(args.n_words, 3);
    assert_string_equal(args_get(&args, "addr", NULL), "h:2");
}

TEST(a_letter_is_short_for_a_flag)
{
    assert_int_equal(parse("-o", "json", "-q", "-y", NULL), BX_OK);
    assert_string_equal(args_get(&args, "output", NULL), "json");
    assert_true(args_has(&args, "quiet"));
    assert_true(args_has(&args, "yes"));
    assert_false(args_has(&args, "verbose"));
    assert_int_equal(parse("-output", "json", NULL, NULL, NULL), BX_INVALID);
}

TEST(the_last_value_of_a_flag_counts_and_all_are_kept)
{
    assert_int_equal(parse("--label", "a=1", "--label=b=2=3", NULL, NULL), BX_OK);
    assert_string_equal(args_get(&args, "label", NULL), "b=2=3");
    assert_string_equal(args_nth(&args, "label", 0), "a=1");
    assert_string_equal(args_nth(&args, "label", 1), "b=2=3");
    assert_null(args_nth(&args, "label", 2));
    assert_string_equal(args_get(&args, "memory", "none"), "none");
}

TEST(only_a_text_may_be_empty)
{
    assert_int_equal(parse("--cmdline=", NULL, NULL, NULL, NULL), BX_OK);
    assert_string_equal(args_get(&args, "cmdline", NULL), "");
    assert_int_equal(parse("--memory=", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--memory requires a value");
    assert_int_equal(parse("--memory", "", NULL, NULL, NULL), BX_INVALID);
    assert_int_equal(parse("-o", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "-o requires a value");
    assert_string_equal(err.hint, "-o FORMAT");
}

TEST(everything_after_two_dashes_is_a_word)
{
    assert_int_equal(parse("--force", "--", "--memory", "-", NULL), BX_OK);
    assert_int_equal(args.n_words, 2);
    assert_string_equal(args.words[0], "--memory");
    assert_string_equal(args.words[1], "-");
}

TEST(an_error_has_a_hint)
{
    assert_int_equal(parse("--memroy", "1", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "unknown flag --memroy");
    assert_string_equal(err.hint, "did you mean --memory?");
    assert_int_equal(parse("--colour=yes", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "unknown flag --colour");
    assert_int_equal(parse("--completelyelse", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "did you mean"));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(parse("vm", "--memory", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--memory requires a value");
    assert_int_equal(parse("--force=1", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--force takes no value");
}

TEST(the_first_table_that_has_a_flag_decides)
{
    assert_int_equal(parse("--force", "vm", NULL, NULL, NULL), BX_OK);
    assert_int_equal(args.n_words, 1);
    assert_ptr_equal(args.flags[0], flag_find(own, "force", 5));
}

TEST(a_planned_flag_is_refused_as_not_supported_yet)
{
    assert_int_equal(parse("vm", "create", "--image", "debian", NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("--image=debian", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("-i", "debian", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("--imag", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "image"));
}

TEST(too_many_flags_or_words_are_refused)
{
    char *argv[ARGS_MAX + 3];
    int n = ARGS_MAX + 1;

    for (int i = 0; i <= n; i++)
        argv[i] = "-q";
    assert_int_equal(args_parse(&args, n, argv, tables, &err), BX_OK);
    assert_int_equal(args_parse(&args, n + 1, argv, tables, &err), BX_INVALID);
    for (int i = 0; i <= n; i++)
        argv[i] = "word";
    assert_int_equal(args_parse(&args, n, argv, tables, &err), BX_OK);
    assert_int_equal(args_parse(&args, n + 1, argv, tables, &err), BX_INVALID);
}

TEST(a_very_long_flag_resembles_none)
{
    char longer[200];

    memset(longer, 'x', sizeof longer);
    longer[0] = longer[1] = '-';
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(parse(longer, NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "did you mean"));
}

/* ---- values ---- */

TEST(the_value_of_a_flag_is_read_and_named)
{
    uint64_t n = 7;
    uint8_t choice = 9;

    assert_int_equal(parse("--memory", "2GiB", "--color=never", NULL, NULL), BX_OK);
    assert_int_equal(args_size(&args, "memory", 1 << 20, &n, &err), BX_OK);
    assert_int_equal(n, 2048);
    assert_int_equal(args_choice(&args, "color", &choice, &err), BX_OK);
    assert_int_equal(choice, 1);
    assert_int_equal(parse("--memory", "lots", "--color=pink", NULL, NULL), BX_OK);
    assert_int_equal(args_size(&args, "memory", 1 << 20, &n, &err), BX_INVALID);
    assert_string_equal(err.msg, "--memory: invalid value \"lots\"");
    assert_int_equal(args_number(&args, "memory", 0, 9, &n, &err), BX_INVALID);
    assert_int_equal(args_duration(&args, "memory", &n, &err), BX_INVALID);
    assert_int_equal(args_choice(&args, "color", &choice, &err), BX_INVALID);
    assert_string_equal(err.hint, "available values: always, never");
    assert_int_equal(n, 2048);
    assert_int_equal(choice, 1);
}

TEST(a_flag_that_is_not_given_leaves_the_value_as_it_is)
{
    uint64_t n = 7;
    uint8_t choice = 9;

    assert_int_equal(parse("vm", NULL, NULL, NULL, NULL), BX_OK);
    assert_int_equal(args_number(&args, "memory", 0, 9, &n, &err), BX_OK);
    assert_int_equal(args_size(&args, "memory", 1, &n, &err), BX_OK);
    assert_int_equal(args_duration(&args, "memory", &n, &err), BX_OK);
    assert_int_equal(args_choice(&args, "color", &choice, &err), BX_OK);
    assert_int_equal(n, 7);
    assert_int_equal(choice, 9);
}

TEST(two_flags_may_exclude_each_other)
{
    assert_int_equal(parse("--force", "--memory=1", NULL, NULL, NULL), BX_OK);
    assert_int_equal(args_exclude(&args, "force", "memory", &err), BX_INVALID);
    assert_string_equal(err.msg, "--force and --memory are mutually exclusive");
    assert_int_equal(args_exclude(&args, "force", "label", &err), BX_OK);
}

int main(void)
{
    return test_run(NULL, NULL);
}
