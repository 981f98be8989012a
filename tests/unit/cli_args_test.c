#include "lib/testlib.h"

#include "args.h"

#include <string.h>

static const struct flag own[] = {
    {"memory", "SIZE", "", NULL}, {"label", "K=V", "", NULL},
    {"force", NULL, "", NULL},    {"cmdline", "TEXT", "", NULL},
    {"image", "I", NULL, NULL}, /* not supported yet */
    {"i", "I", NULL, "image"},    {0},
};
static struct args args;
static struct bx_err err;

static int parse(char *a, char *b, char *c, char *d, char *e)
{
    char *argv[] = {"blixardctl", a, b, c, d, e, NULL};
    int argc = 1;

    while (argv[argc] != NULL)
        argc++;
    memset(&err, 0, sizeof err);
    return args_parse(&args, argc, argv, own, &err);
}

/* ---- flags ---- */

static void flags_stand_before_and_after_the_words(void **state)
{
    (void)state;
    assert_int_equal(parse("--addr", "h:1", "vm", "show", "a"), BX_OK);
    assert_int_equal(args.n_words, 3);
    assert_string_equal(args.words[2], "a");
    assert_string_equal(args_get(&args, "addr", NULL), "h:1");
    assert_int_equal(parse("vm", "show", "a", "--addr=h:2", NULL), BX_OK);
    assert_int_equal(args.n_words, 3);
    assert_string_equal(args_get(&args, "addr", NULL), "h:2");
}

static void short_flags_mean_the_long_ones(void **state)
{
    (void)state;
    assert_int_equal(parse("-o", "json", "-q", "-y", NULL), BX_OK);
    assert_string_equal(args_get(&args, "output", NULL), "json");
    assert_true(args_has(&args, "quiet"));
    assert_true(args_has(&args, "yes"));
    assert_false(args_has(&args, "verbose"));
    assert_int_equal(parse("-output", "json", NULL, NULL, NULL), BX_INVALID);
}

static void the_last_of_a_flag_counts_and_all_are_kept(void **state)
{
    (void)state;
    assert_int_equal(parse("--label", "a=1", "--label=b=2=3", NULL, NULL), BX_OK);
    assert_string_equal(args_get(&args, "label", NULL), "b=2=3");
    assert_string_equal(args_nth(&args, "label", 0), "a=1");
    assert_string_equal(args_nth(&args, "label", 1), "b=2=3");
    assert_null(args_nth(&args, "label", 2));
    assert_string_equal(args_get(&args, "memory", "none"), "none");
}

static void only_a_text_may_be_empty(void **state)
{
    (void)state;
    assert_int_equal(parse("--cmdline=", NULL, NULL, NULL, NULL), BX_OK);
    assert_string_equal(args_get(&args, "cmdline", NULL), "");
    assert_int_equal(parse("--memory=", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--memory wants a value");
    assert_int_equal(parse("--memory", "", NULL, NULL, NULL), BX_INVALID);
    assert_int_equal(parse("-o", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "-o wants a value");
    assert_string_equal(err.hint, "-o FORMAT");
}

static void after_two_dashes_all_are_words(void **state)
{
    (void)state;
    assert_int_equal(parse("--force", "--", "--memory", "-", NULL), BX_OK);
    assert_int_equal(args.n_words, 2);
    assert_string_equal(args.words[0], "--memory");
    assert_string_equal(args.words[1], "-");
}

static void what_is_wrong_is_said_with_a_way_out(void **state)
{
    (void)state;
    assert_int_equal(parse("--memroy", "1", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "unknown flag --memroy");
    assert_string_equal(err.hint, "did you mean --memory?");
    assert_int_equal(parse("--colour=yes", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "unknown flag --colour");
    assert_int_equal(parse("--completelyelse", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "did you mean"));
    assert_true(err.hint[0] != '\0');
    assert_int_equal(parse("vm", "--memory", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--memory wants a value");
    assert_int_equal(parse("--force=1", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--force takes no value");
}

static void what_is_not_supported_yet_is_said_to_be(void **state)
{
    (void)state;
    assert_int_equal(parse("vm", "create", "--image", "debian", NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("--image=debian", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("-i", "debian", NULL, NULL, NULL), BX_INVALID);
    assert_string_equal(err.msg, "--image is not supported yet");
    assert_int_equal(parse("--imag", NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "image"));
}

static void too_many_are_refused(void **state)
{
    char *argv[ARGS_MAX + 3];
    int n = ARGS_MAX + 1;

    (void)state;
    for (int i = 0; i <= n; i++)
        argv[i] = "-q";
    assert_int_equal(args_parse(&args, n, argv, own, &err), BX_OK);
    assert_int_equal(args_parse(&args, n + 1, argv, own, &err), BX_INVALID);
    for (int i = 0; i <= n; i++)
        argv[i] = "word";
    assert_int_equal(args_parse(&args, n, argv, own, &err), BX_OK);
    assert_int_equal(args_parse(&args, n + 1, argv, own, &err), BX_INVALID);
}

static void a_word_far_too_long_is_near_nothing(void **state)
{
    char longer[200];

    (void)state;
    memset(longer, 'x', sizeof longer);
    longer[0] = longer[1] = '-';
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(parse(longer, NULL, NULL, NULL, NULL), BX_INVALID);
    assert_null(strstr(err.hint, "did you mean"));
}

/* ---- values ---- */

static void sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t mib; /* UINT64_MAX: refused */
    } cases[] = {
        {"512", 512},
        {"512MiB", 512},
        {"512M", 512},
        {"4GiB", 4096},
        {"1TiB", 1u << 20},
        {"64TiB", 64u << 20},
        {"1024KiB", 1},
        {"0", 0},
        {"0MiB", 0},
        {"1048576B", 1},
        {"1PiB", 1u << 30},
        {"1KiB", UINT64_MAX},
        {"1025KiB", UINT64_MAX},
        {"", UINT64_MAX},
        {"MiB", UINT64_MAX},
        {"-1", UINT64_MAX},
        {"+1", UINT64_MAX},
        {" 1", UINT64_MAX},
        {"1.5GiB", UINT64_MAX},
        {"1 GiB", UINT64_MAX},
        {"1gib", UINT64_MAX},
        {"1GiBx", UINT64_MAX},
        {"0x10", UINT64_MAX},
        {"99999999999999999999", UINT64_MAX},
        {"17179869184PiB", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t n = UINT64_MAX;
        int rc = parse_size(cases[i].text, "--memory", 1 << 20, &n, &err);

        if (rc != (cases[i].mib == UINT64_MAX ? BX_INVALID : BX_OK) ||
            (rc == BX_OK && n != cases[i].mib))
            fail_msg("\"%s\": code %d, %llu MiB", cases[i].text, rc, (unsigned long long)n);
        if (rc != BX_OK) {
            assert_non_null(strstr(err.msg, "--memory"));
            assert_true(err.hint[0] != '\0');
        }
    }
}

static void durations_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t ms;
    } cases[] = {
        {"60", 60000},
        {"60s", 60000},
        {"5m", 300000},
        {"500ms", 500},
        {"2h", 7200000},
        {"1d", 86400000},
        {"0", 0},
        {"", UINT64_MAX},
        {"s", UINT64_MAX},
        {"-5s", UINT64_MAX},
        {"5 s", UINT64_MAX},
        {"5sec", UINT64_MAX},
        {"1.5s", UINT64_MAX},
        {"18446744073709551615d", UINT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t ms = UINT64_MAX;
        int rc = parse_duration(cases[i].text, "--timeout", &ms, &err);

        if (rc != (cases[i].ms == UINT64_MAX ? BX_INVALID : BX_OK) || ms != cases[i].ms)
            fail_msg("\"%s\": code %d, %llu ms", cases[i].text, rc, (unsigned long long)ms);
    }
}

static void numbers_have_a_bound(void **state)
{
    uint64_t n = 0;

    (void)state;
    assert_int_equal(parse_number("512", "--vcpus", 512, &n, &err), BX_OK);
    assert_int_equal(n, 512);
    assert_int_equal(parse_number("513", "--vcpus", 512, &n, &err), BX_INVALID);
    assert_string_equal(err.msg, "--vcpus: must be at most 512, not 513");
    assert_int_equal(parse_number("4x", "--vcpus", 512, &n, &err), BX_INVALID);
    assert_int_equal(parse_number("", "--vcpus", 512, &n, &err), BX_INVALID);
    assert_int_equal(parse_number("-1", "--vcpus", 512, &n, &err), BX_INVALID);
}

static void a_choice_names_the_others(void **state)
{
    static const char *const names[] = {"stay", "restart", NULL};
    uint8_t at = 9;

    (void)state;
    assert_int_equal(parse_choice("restart", "--on-lost", names, &at, &err), BX_OK);
    assert_int_equal(at, 1);
    assert_int_equal(parse_choice("Restart", "--on-lost", names, &at, &err), BX_INVALID);
    assert_string_equal(err.hint, "choose from: stay, restart");
    assert_int_equal(at, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_stand_before_and_after_the_words),
        cmocka_unit_test(short_flags_mean_the_long_ones),
        cmocka_unit_test(the_last_of_a_flag_counts_and_all_are_kept),
        cmocka_unit_test(only_a_text_may_be_empty),
        cmocka_unit_test(after_two_dashes_all_are_words),
        cmocka_unit_test(what_is_wrong_is_said_with_a_way_out),
        cmocka_unit_test(what_is_not_supported_yet_is_said_to_be),
        cmocka_unit_test(too_many_are_refused),
        cmocka_unit_test(a_word_far_too_long_is_near_nothing),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(durations_are_read),
        cmocka_unit_test(numbers_have_a_bound),
        cmocka_unit_test(a_choice_names_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
