/* recquery: what a query selects, and the texts it is made from. */
#include "lib/testlib.h"

#include "rec/recquery.h"

#include <string.h>

#define S 1000000000ull

static struct bx_site site = {.target = "raft",
                              .message = "entry applied",
                              .level = BX_LEVEL_DEBUG,
                              .id = 5,
                              .n = 5,
                              .fields = {{"vm", BX_ARG_STR},
                                         {"ms", BX_ARG_U64},
                                         {"delta", BX_ARG_I64},
                                         {"share", BX_ARG_F64},
                                         {"ok", BX_ARG_BOOL}}};
static struct bx_site line = {
    .target = "node", .level = BX_LEVEL_INFO, .id = 6, .n = 1, .fields = {{"msg", BX_ARG_STR}}};

static struct bx_recevent event(void)
{
    struct bx_recevent e = {
        .site = &site, .level = site.level, .n = 5, .time_ns = 100 * S, .trace = 0xabcd};

    e.args[0] = bx_arg_text("web1");
    e.args[1] = bx_arg_u64(250);
    e.args[2] = bx_arg_i64(-7);
    e.args[3] = bx_arg_f64(0.5);
    e.args[4] = bx_arg_u64(true);
    return e;
}

/* By the head first, as a reader of files does; with and without a place in the scan. */
static bool selects(const struct bx_recquery *q, struct bx_recevent e)
{
    uint64_t words[BX_RECEVENT_HEADER] = {0, e.time_ns, 0, e.trace};
    struct bx_site far = *e.site;
    struct bx_recscan scan;
    bool wanted;

    assert_int_equal(bx_recscan_open(&scan, q), BX_OK);
    wanted = bx_recscan_event(&scan, &e);
    assert_true(bx_recscan_event(&scan, &e) == wanted);
    assert_true(!wanted || bx_recscan_head(&scan, e.site, words));
    far.id = UINT32_MAX;
    e.site = &far;
    assert_true(bx_recscan_event(&scan, &e) == wanted);
    bx_recscan_close(&scan);
    return wanted;
}

static bool where(const char *text)
{
    struct bx_recquery q;
    struct bx_err err;

    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_where(&q, text, &err), BX_OK);
    return selects(&q, event());
}

TEST(a_condition_compares_a_field_with_a_value)
{
    static const char *const yes[] = {
        "vm=web1", "vm==web1",  "vm!=web2",   "vm~eb",       "ms=250",           "ms>=250",
        "ms<=250", "ms>249",    "ms<250.5",   "ms=250.0",    "ms!=251",          "delta=-7",
        "delta<0", "delta>-8",  "delta<-6.5", "share=0.5",   "share>0",          "share<=5e-1",
        "ok=true", "ok!=false", "ms~5",       "msg~applied", "msg=entry applied"};
    static const char *const no[] = {"vm=web",
                                     "vm=web10",
                                     "vm!=web1",
                                     "vm~x",
                                     "ms=251",
                                     "ms>250",
                                     "ms<250",
                                     "ms=abc",
                                     "delta=7",
                                     "delta>0",
                                     "delta>=18446744073709551609",
                                     "share=0.50001",
                                     "ok=false",
                                     "disk=1",
                                     "disk!=1",
                                     "vm>5",
                                     "msg~lost",
                                     "ms=0250x"};

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        if (!where(yes[i]))
            fail_msg("%s does not hold", yes[i]);
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++)
        if (where(no[i]))
            fail_msg("%s holds", no[i]);
}

TEST(large_numbers_are_compared_exactly)
{
    struct bx_recevent e = event();
    struct bx_recquery q;
    struct bx_err err;

    e.args[1] = bx_arg_u64((1ull << 60) + 1);
    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_where(&q, "ms=1152921504606846976", &err), BX_OK);
    assert_false(selects(&q, e));
    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_where(&q, "ms>1152921504606846976", &err), BX_OK);
    assert_true(selects(&q, e));
}

TEST(all_conditions_must_hold_but_of_one_key_any_value)
{
    struct bx_recquery q;
    struct bx_err err;

    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_where(&q, "vm=web2", &err), BX_OK);
    assert_int_equal(bx_recquery_where(&q, "vm=web1", &err), BX_OK);
    assert_int_equal(bx_recquery_where(&q, "ms>1", &err), BX_OK);
    assert_true(selects(&q, event()));
    assert_int_equal(bx_recquery_where(&q, "ms<9", &err), BX_OK);
    assert_false(selects(&q, event()));
}

TEST(levels_targets_and_fields_are_those_of_a_filter)
{
    struct bx_recquery q;
    struct bx_err err;

    bx_recquery_init(&q);
    assert_true(selects(&q, event()));
    assert_int_equal(bx_recquery_filter(&q, "info", &err), BX_OK);
    assert_false(selects(&q, event()));
    assert_int_equal(bx_recquery_filter(&q, "info,raft=debug,vm=web1", &err), BX_OK);
    assert_true(selects(&q, event()));
    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_filter(&q, "trace,vm=web9", &err), BX_OK);
    assert_false(selects(&q, event()));
}

TEST(the_message_of_a_line_is_its_field)
{
    struct bx_recevent e = {.site = &line, .level = line.level, .n = 1};
    struct bx_recquery q;
    struct bx_err err;

    e.args[0] = bx_arg_text("leader of term 3");
    bx_recquery_init(&q);
    assert_int_equal(bx_recquery_where(&q, "msg~term 3", &err), BX_OK);
    assert_true(selects(&q, e));
    e.args[0] = bx_arg_text("leader of term 4");
    assert_false(selects(&q, e));
}

TEST(time_and_trace_select)
{
    struct bx_recquery q;
    struct bx_err err;

    bx_recquery_init(&q);
    q.since_ns = 100 * S;
    assert_true(selects(&q, event()));
    q.until_ns = 100 * S;
    assert_false(selects(&q, event()));
    q.until_ns++;
    assert_true(selects(&q, event()));
    assert_int_equal(bx_recquery_trace(&q, "0000000000000000000000000000ABCD", &err), BX_OK);
    assert_true(selects(&q, event()));
    assert_int_equal(bx_recquery_trace(&q, "00000000-0000-0000-0000-00000000abce", &err), BX_OK);
    assert_false(selects(&q, event()));
}

TEST(what_is_no_query_is_refused_with_a_hint)
{
    static const char *const bad[] = {"",       "vm", "=1",  "!=",    "a<b", "ms>0x10",
                                      "ms>nan", "a~", "ms>", "ms>1 ", ">5"};
    static const char *const traces[] = {"",
                                         "0",
                                         "abcd",
                                         "0000000000000000",
                                         "000000000000000g",
                                         "00000000000000000000000000000000a"};
    struct bx_recquery q;
    struct bx_err err;
    char text[100];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.hint[0] = '\0';
        bx_recquery_init(&q);
        if (bx_recquery_where(&q, bad[i], &err) != BX_INVALID || err.hint[0] == '\0')
            fail_msg("%s is taken", bad[i]);
    }
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++)
        if (bx_recquery_trace(&q, traces[i], &err) != BX_INVALID || err.hint[0] == '\0')
            fail_msg("%s is taken", traces[i]);
    err.hint[0] = '\0';
    assert_int_equal(bx_recquery_filter(&q, "info,vm=", &err), BX_INVALID);
    assert_true(err.hint[0] != '\0');
    bx_recquery_init(&q);
    for (unsigned i = 0; i < BX_RECQUERY_CONDITIONS; i++) {
        snprintf(text, sizeof text, "k%u=1", i);
        assert_int_equal(bx_recquery_where(&q, text, &err), BX_OK);
    }
    assert_int_equal(bx_recquery_where(&q, "more=1", &err), BX_INVALID);
}

TEST(a_point_in_time_is_a_date_or_a_duration_ago)
{
    static const struct {
        const char *text;
        uint64_t ns;
    } good[] = {{"1970-01-01", 0},
                {"2026-11-29T13:00:00Z", 1795957200 * S},
                {"2026-11-29 13:00", 1795957200 * S},
                {"2028-02-29", 1835395200 * S},
                {"2026-11-29T13:00:00.250Z", 1795957200 * S + S / 4},
                {"2024-02-29", 1709164800 * S},
                {"5m", 700 * S},
                {"2d", 0},
                {"10ms", 1000 * S - S / 100}};
    static const char *const bad[] = {"",
                                      "now",
                                      "5",
                                      "5x",
                                      "2026",
                                      "2026-13-01",
                                      "2026-02-29",
                                      "2026-04-31",
                                      "2026-11-29T25:00",
                                      "2026-11-29T13:00:00+01:00",
                                      "9999-01-01",
                                      "-5m",
                                      "m"};
    struct bx_err err;
    uint64_t ns;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(bx_recquery_time(good[i].text, 1000 * S, &ns, &err), BX_OK);
        assert_int_equal(ns, good[i].ns);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (bx_recquery_time(bad[i], 1000 * S, &ns, &err) != BX_INVALID || err.hint[0] == '\0')
            fail_msg("%s is taken", bad[i]);
}

int main(void)
{
    return test_run(NULL, NULL);
}
