/* filter: the text of a filter, and what passes it. */
#include "lib/testlib.h"

#include "rec/filter.h"

#include <string.h>

static struct bx_site site = {.target = "raft",
                              .message = "m",
                              .level = BX_LEVEL_DEBUG,
                              .n = 2,
                              .fields = {{"vm", BX_ARG_STR}, {"node", BX_ARG_U64}}};

static bool passes(const char *spec, const char *vm, uint64_t node)
{
    struct bx_filter f;
    struct bx_recevent e = {.site = &site, .level = site.level, .n = 2};

    e.args[0] = bx_arg_text(vm);
    e.args[1] = bx_arg_u64(node);
    assert_int_equal(bx_filter_parse(&f, spec, NULL), BX_OK);
    return bx_filter_event(&f, &e);
}

TEST(a_level_is_for_all_targets_but_those_named)
{
    assert_false(passes("", "a", 1));
    assert_false(passes("info", "a", 1));
    assert_true(passes("debug", "a", 1));
    assert_true(passes("DEBUG", "a", 1));
    assert_true(passes("info,raft=debug,api=warn", "a", 1));
    assert_false(passes("info,raft=warn", "a", 1));
    assert_false(passes("trace,raft=off", "a", 1));
    assert_true(passes("off,raft=trace", "a", 1));
}

TEST(a_field_selects_by_its_value)
{
    assert_true(passes("debug,vm=web1", "web1", 1));
    assert_false(passes("debug,vm=web1", "web10", 1));
    assert_false(passes("debug,vm=web10", "web1", 1));
    assert_true(passes("debug,node=3", "web1", 3));
    assert_true(passes("debug,vm=web1,vm=web2", "web2", 1));
    assert_false(passes("debug,vm=web1,node=3", "web1", 4));
    assert_false(passes("debug,disk=1", "web1", 4));
}

TEST(what_is_no_filter_is_refused)
{
    static const char *const bad[] = {
        "loud", "info,,debug", "=info", "vm=", "raft=", "info,x", ",info", "info;debug"};
    struct bx_filter f;
    char text[200];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct bx_err err = {0};

        assert_int_equal(bx_filter_parse(&f, bad[i], &err), BX_INVALID);
        assert_true(err.msg[0] != '\0');
    }
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    memcpy(text + 100, "=1", 2);
    assert_int_equal(bx_filter_parse(&f, text, NULL), BX_INVALID);
}

TEST(rules_are_bounded)
{
    struct bx_filter f;
    char spec[BX_FILTER_RULES * 8 + 8] = "vm=a";
    size_t at = 4;

    for (uint32_t i = 1; i < BX_FILTER_RULES; i++, at += 5)
        memcpy(spec + at, ",vm=a", 6);
    assert_int_equal(bx_filter_parse(&f, spec, NULL), BX_OK);
    memcpy(spec + at, ",vm=b", 6);
    assert_int_equal(bx_filter_parse(&f, spec, NULL), BX_INVALID);
}

TEST(a_filter_reads_back_as_it_is_written)
{
    static const char *const specs[] = {"info", "off", "warning,raft=trace,api=off",
                                        "debug,node=error,vm=web1,vm=db"};
    char text[BX_FILTER_SPEC];
    struct bx_filter f;

    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        assert_int_equal(bx_filter_parse(&f, specs[i], NULL), BX_OK);
        bx_filter_format(&f, text);
        assert_string_equal(text, specs[i]);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
