/* promtext: the text of each type of metric, byte by byte, and that its size is that of the
 * registry. */
#include "lib/testlib.h"

#include "diag/memory.h"
#include "diag/promtext.h"
#include "err.h"
#include "mem/alloc.h"

#include <string.h>

struct door {
    uint64_t opened, moved_ns;
    uint32_t open;
};

static const struct bx_field door_fields[] = {
    BX_FIELD(door, opened, BX_T_U64),
    BX_FIELD(door, moved_ns, BX_T_U64),
    BX_FIELD(door, open, BX_T_U32),
};
static const struct bx_schema door_schema = BX_SCHEMA("door", 0, door, door_fields);
static const struct bx_metric door_rows[] = {
    {"blixard_door_opened_total", NULL, BX_COUNTER, "times that \\ it\nwas \"opened\""},
    {"blixard_door_moved_seconds_total", "ns", BX_COUNTER, "time of moving"},
    {"blixard_door_open", NULL, BX_GAUGE, "doors that are open"},
};
BX_METRIC_EACH(door_fields, door_rows);
static const struct bx_metric_set door_set = {&door_schema, door_rows, "side"};

static const uint64_t bounds[] = {100000, 2500000, 1000000000};
static const struct bx_histogram_info slam = {
    {"blixard_slam_seconds", "ns", BX_HISTOGRAM, "time of a slam"}, bounds, 3};

static void expect(const struct bx_metrics *m, const char *text)
{
    struct bx_buf b = {0};

    assert_int_equal(bx_promtext(m, &b), BX_OK);
    assert_int_equal(bx_buf_append(&b, "", 1), BX_OK);
    assert_string_equal(b.data, text);
    bx_buf_release(&b);
}

TEST(each_metric_has_one_head_and_its_samples_follow)
{
    const struct door left = {7, 1500000000, 1}, right = {UINT64_MAX, 1, 0};
    struct bx_metrics m = {0};

    assert_int_equal(
        bx_metrics_add(&m,
                       &(struct bx_metric_source){.set = &door_set, .value = "l", .ctx = &left}),
        BX_OK);
    assert_int_equal(
        bx_metrics_add(
            &m, &(struct bx_metric_source){.set = &door_set, .value = "r\\\"\n", .ctx = &right}),
        BX_OK);
    expect(&m, "# HELP blixard_door_opened_total times that \\\\ it\\nwas \"opened\"\n"
               "# TYPE blixard_door_opened_total counter\n"
               "blixard_door_opened_total{side=\"l\"} 7\n"
               "blixard_door_opened_total{side=\"r\\\\\\\"\\n\"} 18446744073709551615\n"
               "# HELP blixard_door_moved_seconds_total time of moving\n"
               "# TYPE blixard_door_moved_seconds_total counter\n"
               "blixard_door_moved_seconds_total{side=\"l\"} 1.5\n"
               "blixard_door_moved_seconds_total{side=\"r\\\\\\\"\\n\"} 0.000000001\n"
               "# HELP blixard_door_open doors that are open\n"
               "# TYPE blixard_door_open gauge\n"
               "blixard_door_open{side=\"l\"} 1\n"
               "blixard_door_open{side=\"r\\\\\\\"\\n\"} 0\n");
}

TEST(the_buckets_of_a_histogram_add_up)
{
    struct bx_histogram h = {.counts = {2, 0, 3, 1}, .sum = 4000000001};
    struct bx_metrics m = {0};

    assert_int_equal(bx_metrics_add(&m, &(struct bx_metric_source){.histogram = &slam, .ctx = &h}),
                     BX_OK);
    expect(&m, "# HELP blixard_slam_seconds time of a slam\n"
               "# TYPE blixard_slam_seconds histogram\n"
               "blixard_slam_seconds_bucket{le=\"0.0001\"} 2\n"
               "blixard_slam_seconds_bucket{le=\"0.0025\"} 2\n"
               "blixard_slam_seconds_bucket{le=\"1\"} 5\n"
               "blixard_slam_seconds_bucket{le=\"+Inf\"} 6\n"
               "blixard_slam_seconds_sum 4.000000001\n"
               "blixard_slam_seconds_count 6\n");
}

TEST(a_number_is_written_exactly)
{
    static const struct {
        uint64_t value;
        uint32_t per;
        const char *text;
    } cases[] = {{0, 1, "0"},       {0, 1000000000, "0"},
                 {10, 1, "10"},     {1050, 1000, "1.05"},
                 {1000, 1000, "1"}, {UINT64_MAX, 1000000000, "18446744073.709551615"}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bx_buf b = {0};

        bx_promtext_number(&b, cases[i].value, cases[i].per);
        assert_int_equal(bx_buf_append(&b, "", 1), BX_OK);
        assert_string_equal(b.data, cases[i].text);
        bx_buf_release(&b);
    }
}

static void write_all(void *ctx)
{
    struct bx_buf b = {0};
    int rc = bx_promtext(ctx, &b);

    assert_true(rc == BX_OK || rc == BX_NO_MEMORY);
    bx_buf_release(&b);
    bx_buf_thread_close();
}

TEST(no_memory_is_an_error)
{
    struct bx_metrics m = {0};

    assert_int_equal(bx_memory_metrics(&m), BX_OK);
    bx_buf_thread_close(); /* frees what the tests before have left to be reused */
    assert_true(test_fail_each_allocation(write_all, &m) > 0);
}

TEST(a_part_of_a_unit_names_the_member_and_the_unit_the_metric)
{
    static const struct bx_metric rows[] = {
        {"blixard_door_moved_ns_total", "ns", BX_COUNTER, "the part"},
        {"blixard_door_moved_seconds_total", "ms", BX_COUNTER, "another part"},
        {"blixard_door_shut_seconds_total", "ns", BX_COUNTER, "member"},
        {"blixard_door_moved_seconds", "ns", BX_COUNTER, "no _total"},
        {"blixard_door_moved_ratio_total", "ns", BX_COUNTER, "another unit's"},
    };
    const struct door d = {0};
    struct bx_metrics m = {0};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bx_metric bad[] = {door_rows[0], rows[i], door_rows[2]};
        struct bx_metric_set set = {&door_schema, bad, NULL};

        assert_int_equal(bx_metrics_add(&m, &(struct bx_metric_source){.set = &set, .ctx = &d}),
                         BX_INVALID);
    }
}

int main(void)
{
    return test_run(NULL, NULL);
}
