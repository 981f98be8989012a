/* recagg: groups, their bound, and what is computed of a field. */
#include "lib/testlib.h"

#include "rec/recagg.h"

#include <string.h>

static struct bx_site started = {.target = "vm",
                                 .message = "started",
                                 .file = "vm.c",
                                 .line = 7,
                                 .level = BX_LEVEL_INFO,
                                 .id = 1,
                                 .n = 2,
                                 .fields = {{"vm", BX_ARG_STR}, {"ms", BX_ARG_U64}}};
static struct bx_site stopped = {.target = "vm",
                                 .message = "stopped",
                                 .file = "vm.c",
                                 .line = 9,
                                 .level = BX_LEVEL_WARNING,
                                 .id = 2,
                                 .n = 2,
                                 .fields = {{"ms", BX_ARG_I64}, {"vm", BX_ARG_STR}}};
static struct bx_site line = {.target = "node",
                              .level = BX_LEVEL_INFO,
                              .id = UINT32_MAX,
                              .n = 1,
                              .fields = {{"msg", BX_ARG_STR}}};

static struct bx_recagg agg;

static void begin(const char *by, const char *field)
{
    struct bx_err err;

    assert_int_equal(bx_recagg_open(&agg, by, field, &err), BX_OK);
}

static void add(const struct bx_site *s, const char *vm, uint64_t ms)
{
    bool first = s == &started;
    struct bx_recevent e = {.site = s, .level = s->level, .n = s->n, .thread = 3, .origin = "n1"};

    e.args[first ? 1 : 0] = bx_arg_u64(ms);
    e.args[first ? 0 : 1] = bx_arg_text(vm);
    if (s == &line)
        e.args[0] = bx_arg_text(vm);
    assert_int_equal(bx_recagg_add(&agg, &e), BX_OK);
}

static void add_some(void)
{
    for (uint64_t i = 1; i <= 100; i++)
        add(&started, i % 2 == 0 ? "a" : "b", i);
    add(&stopped, "a", 1000);
    add(&line, "hello", 0);
}

static const struct bx_recagg_group *group(uint32_t i)
{
    assert_true(i < agg.n);
    return agg.groups[i];
}

TEST(without_terms_there_is_one_group)
{
    begin("", "ms");
    add_some();
    assert_int_equal(agg.n, 1);
    assert_int_equal(group(0)->n, 102);
    assert_int_equal(group(0)->dist.n, 101);
    assert_true(group(0)->dist.sum == 5050 + 1000);
    assert_true(bx_rechist_percentile(&group(0)->dist, 0.5) == 51);
    bx_recagg_close(&agg);
}

TEST(groups_are_by_what_the_place_tells_and_by_fields_of_any_place)
{
    begin("target,msg", NULL);
    add_some();
    bx_recagg_sort(&agg);
    assert_int_equal(agg.n, 3);
    assert_int_equal(group(0)->n, 100);
    assert_string_equal(group(0)->by[0], "vm");
    assert_string_equal(group(0)->by[1], "started");
    assert_string_equal(group(1)->by[1], "hello");
    assert_string_equal(group(2)->by[1], "stopped");
    bx_recagg_close(&agg);

    begin("vm", "ms");
    add_some();
    bx_recagg_sort(&agg);
    assert_int_equal(agg.n, 3);
    assert_int_equal(group(0)->n, 51);
    assert_string_equal(group(0)->by[0], "a");
    assert_true(group(0)->dist.max == 1000 && group(0)->dist.min == 2);
    assert_int_equal(group(1)->n, 50);
    assert_string_equal(group(2)->by[0], "");
    bx_recagg_close(&agg);

    begin("level,site,thread,origin", NULL);
    add_some();
    bx_recagg_sort(&agg);
    assert_string_equal(group(0)->by[0], "info");
    assert_string_equal(group(0)->by[1], "vm.c:7");
    assert_string_equal(group(0)->by[2], "3");
    assert_string_equal(group(0)->by[3], "n1");
    bx_recagg_close(&agg);
}

TEST(a_number_is_one_group_whatever_its_type)
{
    begin("ms", NULL);
    add(&started, "a", 5);
    add(&stopped, "a", 5);
    add(&stopped, "a", (uint64_t)-5);
    bx_recagg_sort(&agg);
    assert_int_equal(agg.n, 2);
    assert_int_equal(group(0)->n, 2);
    assert_string_equal(group(0)->by[0], "5");
    assert_string_equal(group(1)->by[0], "-5");
    bx_recagg_close(&agg);
}

TEST(more_groups_than_there_is_room_for_are_counted_together)
{
    begin("ms", "ms");
    for (uint64_t i = 0; i < BX_RECAGG_GROUPS + 10; i++)
        add(&started, "a", i);
    add(&started, "a", 1);
    assert_int_equal(agg.n, BX_RECAGG_GROUPS);
    assert_int_equal(agg.other.n, 10);
    assert_int_equal(agg.other.dist.n, 10);
    bx_recagg_close(&agg);
}

TEST(sites_of_another_file_are_told_apart)
{
    struct bx_site same_id = stopped;

    begin("msg", NULL);
    add(&started, "a", 1);
    same_id.id = started.id;
    bx_recagg_reset(&agg);
    add(&same_id, "a", 1);
    assert_int_equal(agg.n, 2);
    bx_recagg_close(&agg);
}

TEST(what_cannot_be_grouped_by_is_refused_with_a_hint)
{
    static const char *const bad[] = {
        ",", "a,", "a,,b", "a,b,c,d,e",
        "0123456789012345678901234567890123456789012345678901234567890123"};
    struct bx_err err;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        err.hint[0] = '\0';
        assert_int_equal(bx_recagg_open(&agg, bad[i], NULL, &err), BX_INVALID);
        assert_true(err.hint[0] != '\0');
        bx_recagg_close(&agg);
    }
    assert_int_equal(bx_recagg_open(&agg, "", "", &err), BX_INVALID);
    bx_recagg_close(&agg);
}

static void use(void *ctx)
{
    struct bx_recevent e = {.site = &started, .n = 2};
    struct bx_err err;

    (void)ctx;
    e.args[0] = bx_arg_text("a");
    if (bx_recagg_open(&agg, "vm", "ms", &err) == BX_OK)
        (void)bx_recagg_add(&agg, &e);
    bx_recagg_close(&agg);
}

TEST(exhausted_memory_is_told)
{
    test_fail_each_allocation(use, NULL);
}

int main(void)
{
    return test_run(NULL, NULL);
}
